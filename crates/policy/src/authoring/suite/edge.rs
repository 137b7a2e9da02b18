//! The edges of a rule in time: the instants at which one of its requirements begins or ends to hold, the facts being given.
//! Mistakes in a policy live there, an off-by-one first of all.

use std::{fmt, time::Duration};

use crate::{
    limits::{AGE_YEARS_MAX, YEARS_AHEAD},
    rule::{Given, Requirement, Rule},
    time::{Timestamp, after, anniversary, before},
};

/// The smallest step of time.
pub(super) const MS: Duration = Duration::from_millis(1);

/// Which way a requirement turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// From this instant on it holds.
    Begins,
    /// From this instant on it does not hold.
    Ends,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begins => "begins",
            Self::Ends => "ends",
        })
    }
}

/// One edge of a rule: a requirement of it, and which way that turns. Where in time it is depends on the facts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<'r> {
    pub(super) requirement: &'r Requirement,
    pub(super) turn: Turn,
}

/// The edges that a rule can have, those of the requirements inside it included.
pub(super) fn edges(rule: &Rule) -> Vec<Edge<'_>> {
    let mut edges = Vec::new();
    gather(rule.requirement(), &mut edges);
    edges
}

fn gather<'r>(requirement: &'r Requirement, edges: &mut Vec<Edge<'r>>) {
    let turns: &[Turn] = match requirement {
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            for part in parts {
                gather(part, edges);
            }
            return;
        }
        // Nobody is older than that, so that an age of as many years is never reached.
        Requirement::AgeAtLeast(0..AGE_YEARS_MAX) => &[Turn::Begins],
        Requirement::VerifiedWithin(_) | Requirement::AgeBelow(1..) => &[Turn::Ends],
        // A session begins to count when it is no further in the future than another clock may be.
        Requirement::Authenticated(_) => &[Turn::Begins, Turn::Ends],
        Requirement::Schedule(schedule) if !schedule.week().is_full() => {
            &[Turn::Begins, Turn::Ends]
        }
        Requirement::Schedule(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::Status(_)
        | Requirement::Scopes(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityAsRequested
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::Project(_)
        | Requirement::Attribute(..) => &[],
    };
    edges.extend(turns.iter().map(|&turn| Edge { requirement, turn }));
}

impl Edge<'_> {
    /// Whether it is at one of these instants, and at which: the first at which the requirement turns this way.
    pub(super) fn at_one_of(
        &self,
        given: &Given<'_>,
        instants: impl IntoIterator<Item = Timestamp>,
    ) -> Option<Timestamp> {
        let when = self.requirement.holds(given);
        let begins = self.turn == Turn::Begins;
        instants.into_iter().find(|instant| {
            when.contains(*instant) == begins && when.contains(before(*instant, MS)) != begins
        })
    }

    /// The edge, or for a schedule the first one after this instant.
    pub(super) fn find(&self, given: &Given<'_>, now: Timestamp) -> Option<Timestamp> {
        let when = self.requirement.holds(given);
        let (first, last) = match self.requirement {
            Requirement::Schedule(_) => (now, anniversary(now, YEARS_AHEAD)),
            _ => (Timestamp::MIN, Timestamp::MAX),
        };
        let begins = self.turn == Turn::Begins;
        let other_side = when.next(!begins, first, last)?;
        when.next(begins, other_side, last)
            .filter(|at| before(*at, MS) < *at && after(*at, MS) > *at)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Authentication, PolicyName, PolicySet, Request, SourceText, Verification,
        authoring::suite::read::verification_id, parse,
    };

    fn policies(rule: &str) -> PolicySet {
        let text = format!("version: 1\npolicies: {{p: {{require: [{{{rule}}}]}}}}");
        let path = "p.yaml".to_owned();
        let no_lists = |_: &str, _: &str| Err("no file".to_owned());
        parse(&[Arc::new(SourceText { path, text })], &no_lists).unwrap()
    }

    /// The edges of this rule, and of each whatever `look` says.
    fn edges_of<T>(rule: &str, look: impl Fn(&Edge<'_>) -> T) -> Vec<T> {
        let set = policies(rule);
        let name = PolicyName::parse("p").unwrap();
        // The first is about the status, which no time changes.
        let rule = set.find(&name).unwrap().rules().last().unwrap();
        edges(rule).iter().map(look).collect()
    }

    /// Asked with a session, and with a verification, of these times.
    fn asked(at: Timestamp) -> (Request, Verification) {
        let name = PolicyName::parse("p").unwrap();
        let mut request = Request::bare(name, verification_id().unwrap());
        request.authentication = Some(Authentication {
            acr: String::new(),
            amr: Vec::new(),
            auth_time: Some(at),
        });
        let verification = Verification {
            verified_at: Some(at),
            ..Verification::default()
        };
        (request, verification)
    }

    #[test]
    fn what_time_turns_has_an_edge_for_each_way_that_it_turns() {
        let day =
            |from, to| format!("schedule: {{days: [mon], from: '{from}', to: '{to}', zone: UTC}}");
        let week = "schedule: {days: [mon, tue, wed, thu, fri, sat, sun], from: '00:00', to: '24:00', zone: UTC}";
        let (begins, ends) = (Turn::Begins, Turn::Ends);
        for (rule, turns) in [
            (&*day("07:00", "08:00"), &[begins, ends][..]),
            (week, &[]),
            ("verified_within: 1d", &[ends]),
            ("age_at_least: 0", &[begins]),
            ("age_at_least: 149", &[begins]),
            ("age_at_least: 150", &[]),
            ("age_below: 0", &[]),
            ("age_below: 1", &[ends]),
            ("authenticated: {within: 1h}", &[begins, ends]),
            (
                "any_of: [age_at_least: 18, all_of: [age_below: 21]]",
                &[begins, ends],
            ),
            ("project: [p]", &[]),
        ] {
            assert_eq!(edges_of(rule, |edge| edge.turn), turns, "{rule}");
        }
    }

    #[test]
    fn an_edge_is_where_the_requirement_turns_and_nowhere_after() {
        let at: Timestamp = "2026-01-31T00:00:00Z".parse().unwrap();
        let ended = after(at, Duration::from_hours(24));
        let (request, verification) = asked(at);
        let found = edges_of("verified_within: 1d", |edge| {
            let given = Given {
                request: &request,
                verification: &verification,
            };
            let steps = [before(ended, MS), ended, after(ended, MS)];
            (
                edge.find(&given, at),
                steps.map(|instant| edge.at_one_of(&given, [instant]).is_some()),
            )
        });
        assert_eq!(found, [(Some(ended), [false, true, false])]);
    }

    #[test]
    fn the_ends_of_time_are_no_edges() {
        for (end, rule) in [
            (Timestamp::MIN, "authenticated: {within: 1h}"),
            (Timestamp::MAX, "verified_within: 1h"),
        ] {
            let (request, verification) = asked(end);
            let found = edges_of(rule, |edge| {
                let given = Given {
                    request: &request,
                    verification: &verification,
                };
                edge.find(&given, end)
            });
            let inside = |at: &Timestamp| Timestamp::MIN < *at && *at < Timestamp::MAX;
            assert!(found.iter().flatten().all(inside), "{rule}: {found:?}");
        }
    }
}
