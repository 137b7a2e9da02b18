//! Verigate's policy language: compiles policies, decides by them, and helps their authors.
//!
//! A policy is data, and deciding is a pure function of [`Facts`]: the request, the evidence and an instant. Nothing in this
//! crate reads a clock, waits, does I/O, or fails on any input. With the request and the evidence fixed, a decision is a step
//! function of time, so that its next change is computed and not searched for.
//!
//! # Example
//!
//! From a text to a [`PolicySet`], and from facts to a [`Decision`]:
//!
//! ```
//! use std::sync::Arc;
//! use verigate_policy::{
//!     Effect, Evidence, Facts, Finding, PolicyName, ReasonCode, Request, SourceText, Timestamp,
//!     Verification, VerificationId, parse,
//! };
//!
//! let text = "
//! version: 1
//! policies:
//!   front-door:
//!     description: Staff, verified within the last 90 days.
//!     require:
//!       - status: [VERIFIED]
//!       - verified_within: 90d
//!         otherwise: step_up
//! ";
//! let source = Arc::new(SourceText { path: "policies.yaml".into(), text: text.into() });
//! let no_lists = |_policy: &str, _name: &str| Err("no lists here".to_owned());
//! let set = parse(&[source], &no_lists)?;
//!
//! let name = PolicyName::parse("front-door")?;
//! let policy = set.find(&name).expect("it was parsed");
//!
//! let at = |text: &str| text.parse::<Timestamp>().expect("it is an instant");
//! let request = Request::bare(name, VerificationId::parse("v-1")?);
//! let verification = Verification {
//!     id: Some("v-1".into()),
//!     status: Some("VERIFIED".into()),
//!     verified_at: Some(at("2026-01-01T12:00:00Z")),
//!     ..Verification::default()
//! };
//! let now = at("2026-01-31T12:00:00Z");
//! let evidence = Evidence { finding: Finding::Present(verification), seen_at: now };
//!
//! let decision = policy.decide(&Facts { request: &request, evidence: &evidence, now });
//! assert_eq!(decision.effect(), Effect::Allow);
//!
//! // What time will bring: after 90 days a step-up.
//! let change = decision.next_change().expect("the verification grows old");
//! assert_eq!((change.at, change.to), (at("2026-04-01T12:00:00Z"), Effect::StepUp));
//!
//! let later = policy.decide(&Facts { request: &request, evidence: &evidence, now: change.at });
//! assert_eq!(later.reasons()[0].code, ReasonCode::VerificationTooOld);
//! assert_eq!(&*later.reasons()[0].rule, "verified_within: 90d");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Contents
//!
//! - Text to policies: [`parse()`] compiles files to a [`PolicySet`], which has a [`Revision`]; [`Drafts`] does it in two steps,
//!   for files that name lists. [`yaml`] reads YAML with positions; problems are [`Diagnostic`]s in a [`ParseError`].
//! - Policies: a [`Policy`] has [`Rule`]s, each a [`Requirement`] and a [`Refusal`], and [`EvidenceTerms`].
//! - Facts: a [`Request`] names a policy and a verification; [`Evidence`] is what the upstream said, at best a
//!   [`Verification`], whose personal data are [`Datum`]s that need a [`Scope`].
//! - Decisions: [`Policy::decide`] evaluates each rule once, to the instants at which it holds ([`When`]). A [`Decision`] has an
//!   [`Effect`], the [`Reason`]s of unmet rules, its next [`Change`], and [`Remedy`]s.
//! - Tools for authors: [`Policy::explain`], [`Policy::needs`], [`lint`](fn@lint), tests of policies ([`suite`]), exact
//!   comparison ([`diff`]), and JSON Schemas for editors ([`POLICY_SCHEMA`], [`CASES_SCHEMA`]).
//!
//! `yaml` imports nothing of the language, and the language imports nothing of the tools.

mod limits;
mod time;
mod effect;
mod reason;
mod identity;
mod request;
mod evidence;
mod phone;
mod week;
mod schedule;
mod when;
mod rule;
mod set;
mod freshness;
mod decide;
mod judgement;
mod horizon;
mod remedy;
mod remedies;
mod decision;
mod verdicts;
mod text;
mod parse;
pub mod yaml;
mod authoring;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use self::{
    authoring::{
        diff,
        explain::{Alternation, Cause, Explanation, Timeline, TimelineChange, Turn, Verdict},
        lint::{Lint, Warning, WarningCode, lint},
        needs::Needs,
        recompute,
        schema::{CASES_SCHEMA, POLICY_SCHEMA},
        suite,
    },
    decide::{Assessment, Facts},
    decision::Decision,
    effect::{Change, Effect, Refusal},
    evidence::{
        BirthDate, DataKinds, Datum, Evidence, Finding, Flaw, PersonalText, Scope, Scopes,
        Verification, are_within_bounds,
    },
    freshness::UNSETTLED_FOR,
    identity::{Identity, InvalidIdentityError},
    limits::{POLICY_FILE_BYTES_MAX, SKEW, UNAVAILABLE_RETRY},
    parse::{Drafts, ListFile, ListTexts, Lists, parse},
    reason::{Reason, ReasonCode},
    remedy::{NewSession, Remedy},
    request::{
        Authentication, ClaimedIdentity, InvalidNameError, PolicyName, Request, VerificationId,
    },
    rule::{Authenticated, Given, Identities, Requirement, Rule},
    schedule::{DAYS, LocalTime, Schedule, TimeOfDay, Written, Zone},
    set::{EvidenceTerms, Policy, PolicySet, Revision},
    time::{
        InvalidDurationError, Shown, Timestamp, after, before, between, from_millis,
        parse_duration, parse_instant, push_rfc3339, rfc3339, whole_millis,
    },
    verdicts::{RequirementVerdict, Window, verdicts},
    when::{Interval, When},
    yaml::{
        Diagnostic, Diagnostics, Location, ParseError, Position, ProblemCode, SourceText,
        did_you_mean,
    },
};
