//! The inputs of the naive evaluator as plain data: a policy, a case, and what comes out.
//! Instants are `i64` milliseconds since 1970 UTC, durations `u64` milliseconds.

use std::collections::BTreeMap;

pub use chrono::Weekday;

/// The answer, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Let in.
    Allow,
    /// Ask for more.
    StepUp,
    /// Keep out.
    Deny,
}

impl Decision {
    /// The name in a policy or case file.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::StepUp => "step_up",
            Decision::Deny => "deny",
        }
    }
}

/// What an unmet rule leads to, or a policy without usable evidence. There is no `allow` here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Otherwise {
    /// `step_up`
    StepUp,
    /// `deny`
    Deny,
}

impl Otherwise {
    /// The same as a decision.
    pub fn decision(self) -> Decision {
        match self {
            Otherwise::StepUp => Decision::StepUp,
            Otherwise::Deny => Decision::Deny,
        }
    }
}

/// One policy. Every `None` is a field left out of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `description`
    pub description: Option<String>,
    /// `require`, in the order of the file.
    pub rules: Vec<Rule>,
    /// `evidence.fresh_for`
    pub fresh_for: Option<u64>,
    /// `evidence.stale_for`
    pub stale_for: Option<u64>,
    /// `evidence.unavailable`; `deny` when left out.
    pub unavailable: Option<Otherwise>,
    /// `reuse.allow`; 0 when left out.
    pub reuse_allow: Option<u64>,
}

impl Policy {
    /// A policy of these rules and nothing else.
    pub fn of(rules: Vec<Rule>) -> Policy {
        Policy {
            description: None,
            rules,
            fresh_for: None,
            stale_for: None,
            unavailable: None,
            reuse_allow: None,
        }
    }
}

/// A requirement and what happens otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What has to hold.
    pub requirement: Requirement,
    /// `otherwise`; `deny` when left out.
    pub otherwise: Option<Otherwise>,
}

/// Every requirement of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `status: [A, B]`
    Status(Vec<String>),
    /// `verified_within: D`
    VerifiedWithin(u64),
    /// `scopes: [S, ..]`
    Scopes(Vec<String>),
    /// `age_at_least: N`
    AgeAtLeast(u32),
    /// `age_below: N`
    AgeBelow(u32),
    /// `phone_prefix: ["+1", ..]`
    PhonePrefix(Vec<String>),
    /// `identity: same_as_request`
    IdentitySameAsRequest,
    /// `identity_in: ..`
    IdentityIn(IdList),
    /// `identity_not_in: ..`
    IdentityNotIn(IdList),
    /// `project: [..]`
    Project(Vec<String>),
    /// `attribute: {name: N, in: [..]}`
    Attribute {
        /// The name of the request's attribute.
        name: String,
        /// The values that are accepted.
        accepted: Vec<String>,
    },
    /// `attribute: {name: N, not_in: [..], if_absent: ..}`
    AttributeNotIn {
        /// The name of the request's attribute.
        name: String,
        /// The values that are not accepted.
        refused: Vec<String>,
        /// Whether a request without the attribute is accepted.
        absent_holds: bool,
    },
    /// `authenticated: {within: D, amr_any: [..], acr_any: [..]}`
    Authenticated {
        /// How old the authentication may be.
        within: u64,
        /// Methods, one of which must have been used; empty when left out.
        amr_any: Vec<String>,
        /// Classes, one of which must have been reached; empty when left out.
        acr_any: Vec<String>,
    },
    /// `schedule: {..}`
    Schedule(Schedule),
    /// `any_of: [..]`
    AnyOf(Vec<Requirement>),
    /// `all_of: [..]`
    AllOf(Vec<Requirement>),
}

/// A list of identities, in the policy file or in one beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdList {
    /// `[id-1, id-2]`
    Inline(Vec<String>),
    /// `{file: people.txt}`
    File {
        /// The name of the file.
        name: String,
        /// What is in it.
        ids: Vec<String>,
    },
}

impl IdList {
    /// The ids, wherever they are written.
    pub fn ids(&self) -> &[String] {
        match self {
            IdList::Inline(ids) | IdList::File { ids, .. } => ids,
        }
    }
}

/// Days and hours by the wall clock of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// Minute of the day at which it begins, 0 to 1439.
    pub from: u32,
    /// Minute of the day at which it is over, 0 to 1440; before `from`: on the next day.
    pub to: u32,
    /// The IANA name of the zone.
    pub zone: String,
}

/// The facts at one instant, as in a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Now.
    pub at: i64,
    /// What the upstream said.
    pub upstream: Upstream,
    /// What the caller said.
    pub request: Request,
}

/// What is known from the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// It has the verification.
    Answered(Box<Verification>),
    /// It cannot be asked, and nothing usable is kept.
    Down,
    /// It knows no such verification.
    Absent,
}

/// The evidence. Every `None` is a field left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// `status`; VERIFIED when left out.
    pub status: Option<String>,
    /// `verified_at`
    pub verified_at: Option<i64>,
    /// The scopes that are granted.
    pub scopes: Vec<String>,
    /// `identity_id`
    pub identity_id: Option<String>,
    /// `project_id`
    pub project_id: Option<String>,
    /// `full_name`
    pub full_name: Option<String>,
    /// `first_name`
    pub first_name: Option<String>,
    /// `last_name`
    pub last_name: Option<String>,
    /// `phone`
    pub phone: Option<String>,
    /// `date_of_birth`, an instant.
    pub date_of_birth: Option<i64>,
}

/// The caller's side of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `identity_id`
    pub identity_id: Option<String>,
    /// `attributes`
    pub attributes: BTreeMap<String, String>,
    /// `authentication`
    pub authentication: Option<Authentication>,
}

/// What the person's session already proved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authentication {
    /// `acr`
    pub acr: Option<String>,
    /// `amr`
    pub amr: Vec<String>,
    /// `auth_time`
    pub auth_time: Option<i64>,
}

/// A reason's code, as in the contract without its prefix, and what it leads to.
pub type Reason = (&'static str, Decision);

/// Everything that the evaluator says about a policy and a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The decision at the case's instant.
    pub decision: Decision,
    /// One for each unmet rule: strictest first, then the implicit status rule, then in the order of the file.
    pub reasons: Vec<Reason>,
    /// The first instant within ten years at which the decision is another, and that decision.
    pub next_change: Option<(i64, Decision)>,
    /// Until when an ALLOW may be reused.
    pub valid_until: Option<i64>,
}
