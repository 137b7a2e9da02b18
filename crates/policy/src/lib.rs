//! The policy language: what the rest of the crate may use of it.
//!
//! Pure and total: nothing in here asks the time, waits, or fails on any input. A policy is data; with the facts fixed its
//! decision is a step function of time, so the next change is computed, not searched for.

mod limits;
mod decide;
mod judgement;
mod rule;
mod horizon;
mod effect;
mod reason;
mod decision;
mod remedy;
mod remedies;
mod request;
mod evidence;
mod set;
mod parse;
pub mod yaml;
mod text;
mod when;
mod schedule;
mod week;
mod phone;
mod time;
mod authoring;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use self::{
    authoring::{
        diff,
        explain::{Explanation, Verdict},
        lint::{Warning, lint},
        needs::Needs,
        schema::{CASES_SCHEMA, POLICY_SCHEMA},
        suite,
    },
    decide::Facts,
    decision::Decision,
    effect::{Change, Effect, Refusal},
    evidence::{Datum, Evidence, Finding, Flaw, Scope, Verification, are_modest},
    limits::{POLICY_FILE_BYTES_MAX, SKEW},
    parse::{Drafts, ListFile, ListTexts, Lists, parse},
    reason::{Reason, ReasonCode},
    remedy::Remedy,
    request::{Authentication, InvalidNameError, PolicyName, Request, VerificationId},
    rule::{Authenticated, Given, Identities, Requirement, Rule},
    schedule::{DAYS, Schedule, TimeOfDay, Zone},
    set::{EvidenceTerms, Policy, PolicySet, Revision},
    time::{
        InvalidDurationError, Shown, Timestamp, after, before, between, from_millis,
        parse_duration, parse_instant, whole_millis,
    },
    when::{When, Window},
    yaml::{Diagnostic, Diagnostics, Location, ParseError, Position, SourceText, did_you_mean},
};
