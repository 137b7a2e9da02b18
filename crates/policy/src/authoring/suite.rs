//! `policy test`: tests of policies as data. Cases go in, a report comes out. A case says what is known, what is asked and what
//! is expected; running one is one decision.
//!
//! An *edge* is an instant at which a requirement begins or ends to hold. [`Coverage`] says which rules and edges the cases
//! have tried, and [`generate()`] makes cases at each edge. Nothing in here reads files: the texts are given.

mod case;
mod remedies;
mod read;
mod run;
mod edge;
mod placed;
mod reach;
mod coverage;
mod generate;
mod write;

pub use self::{
    case::{CASES_BYTES_MAX, CachedCopy, Case, EvidenceUse, Expect, NextChange, ValidUntil},
    coverage::{Coverage, EdgeCoverage, EdgeState, PolicyCoverage, RuleCoverage},
    edge::Turn,
    generate::{GeneratedCases, generate},
    reach::Reach,
    read::{read, read_situations},
    run::{CaseResult, Mismatch, Report, run},
    write::{write, write_case},
};
