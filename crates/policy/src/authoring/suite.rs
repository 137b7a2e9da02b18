//! Tests of policies as data: cases in, a report out. A case says what is known, asked and expected; running it is one
//! decision, so ten thousand take no time worth waiting for. Pure: who may read files hands the texts in.

mod read;
mod run;
mod edge;
mod coverage;
mod propose;
mod write;

use std::{fmt, sync::Arc};

use crate::{
    effect::{Change, Effect},
    evidence::Evidence,
    reason::ReasonCode,
    request::Request,
    time::Timestamp,
    yaml::{Position, SourceText},
};

pub use self::{
    coverage::{Coverage, EdgeCoverage, PolicyCoverage, RuleCoverage},
    edge::Turn,
    propose::{Proposals, propose},
    read::read,
    run::{Difference, Outcome, Report, run},
    write::{one, write},
};
pub use crate::yaml::{list, scalar};

/// The largest case file that is read: tens of thousands of cases.
pub const CASES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One case: a situation, and what a policy shall say about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, for people.
    pub name: String,
    /// The file that has it.
    pub source: Arc<SourceText>,
    /// Where in the file it begins.
    pub place: Position,
    /// The question, which names the policy.
    pub request: Request,
    /// What is known, seen at the instant of the case: how fresh evidence is cannot be said.
    pub evidence: Evidence,
    /// The instant of the case.
    pub now: Timestamp,
    /// What shall come out.
    pub expect: Expect,
}

/// What shall come out of a case. Nothing is checked that is not said.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The decision.
    pub effect: Option<Effect>,
    /// The reasons, in any order.
    pub reasons: Option<Vec<ReasonCode>>,
    /// What time alone shall bring.
    pub next_change: Option<Next>,
}

/// What time alone brings, with the evidence, the question and the policy as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The decision stays, for as far ahead as is looked.
    Never,
    /// The decision changes.
    Change(Change),
}

impl From<Option<Change>> for Next {
    fn from(change: Option<Change>) -> Self {
        change.map_or(Self::Never, Self::Change)
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Change(Change { at, to }) => write!(f, "{{ at: {at}, to: {to} }}"),
        }
    }
}
