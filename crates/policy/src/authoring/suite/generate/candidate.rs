//! A candidate for the cases of an edge: a seed with one of its facts, or its instant, moved to the edge.

use std::time::Duration;

use super::{
    super::{
        case::Case,
        edge::{Anchor, Edge, Turn},
    },
    dates::{PAST_THE_DOUBTFUL, midnight_years_before},
};
use crate::{
    evidence::{BirthDate, Datum, Finding, Verification},
    limits::SKEW,
    rule::Given,
    time::{Timestamp, after, before},
};

/// A case and the instant at which it has the edge.
pub(super) struct Candidate {
    case: Case,
    edge_at: Timestamp,
}

impl Candidate {
    /// The candidates that can be made from a seed, the better one first.
    pub(super) fn of_seed(edge: &Edge<'_>, seed: &Case) -> impl Iterator<Item = Self> {
        [move_fact(edge, seed), move_instant(edge, seed)]
            .into_iter()
            .flatten()
    }

    /// The case, if its facts have the edge.
    fn at_edge(edge: &Edge<'_>, case: Case) -> Option<Self> {
        let Finding::Present(verification) = &case.evidence.finding else {
            return None;
        };
        let given = Given {
            request: &case.request,
            verification,
        };
        let edge_at = edge.find(&given, case.now)?;
        Some(Self { case, edge_at })
    }

    /// The case, and the instant of the edge.
    pub(super) fn into_parts(self) -> (Case, Timestamp) {
        (self.case, self.edge_at)
    }
}

/// The seed with the fact of the edge moved, so that the edge is at the seed's instant, or as near as a birthday can be. The
/// other facts stay, so that other rules decide as before.
fn move_fact(edge: &Edge<'_>, seed: &Case) -> Option<Candidate> {
    let mut case = seed.clone();
    if let Anchor::DateOfBirth(years) = edge.anchor
        && BirthDate::at(midnight_years_before(case.now, years)?).is_none()
    {
        move_facts(&mut case, PAST_THE_DOUBTFUL)?;
        case.now = after(case.now, PAST_THE_DOUBTFUL);
    }
    let now = case.now;
    let verification = verification_of(&mut case)?;
    match edge.anchor {
        Anchor::VerifiedAt(age_max) => verification.verified_at = Some(before(now, age_max)),
        Anchor::DateOfBirth(years) => {
            let birth = BirthDate::at(midnight_years_before(now, years)?)?;
            verification.born = Datum::Known(birth);
        }
        Anchor::AuthTime(age_max) => {
            case.request.authentication.as_mut()?.auth_time = Some(match edge.turn {
                Turn::Begins => after(now, SKEW),
                Turn::Ends => before(now, age_max),
            });
        }
        Anchor::Weekly => return None,
    }
    Candidate::at_edge(edge, case)
}

/// The seed at the instant of the edge. Where that is a time of the week, ages move with the instant, so that they stay as old
/// as they were.
fn move_instant(edge: &Edge<'_>, seed: &Case) -> Option<Candidate> {
    let mut candidate = Candidate::at_edge(edge, seed.clone())?;
    match edge.anchor {
        Anchor::Weekly => {
            let case = &mut candidate.case;
            let later = Duration::try_from(candidate.edge_at.duration_since(case.now)).ok()?;
            move_facts(case, later)?;
        }
        Anchor::VerifiedAt(_) | Anchor::DateOfBirth(_) | Anchor::AuthTime(_) => {}
    }
    Some(candidate)
}

/// Moves the verification and the session, so that they are as old at a later instant.
fn move_facts(case: &mut Case, later: Duration) -> Option<()> {
    let session = case.request.authentication.as_mut();
    if let Some(at) = session.and_then(|session| session.auth_time.as_mut()) {
        *at = after(*at, later);
    }
    if let Some(at) = &mut verification_of(case)?.verified_at {
        *at = after(*at, later);
    }
    Some(())
}

fn verification_of(case: &mut Case) -> Option<&mut Verification> {
    match &mut case.evidence.finding {
        Finding::Present(verification) => Some(verification),
        Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
    }
}
