//! Cases at every edge that a policy has in time: a millisecond before, at, and after it. They expect what the policy says
//! today, so that they pass until somebody changes a limit, on purpose or not.

mod made_up;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{
    Case, Expect, Next,
    edge::{Edge, MS, Turn, edges},
};
use crate::{
    decision::Decision,
    evidence::{Datum, Finding, Verification},
    limits::SKEW,
    reason::ReasonCode,
    request::PolicyName,
    rule::{Given, Requirement},
    set::{Policy, PolicySet},
    time::{Timestamp, after, before, from_millis},
    yaml::{Place, SourceText},
};

/// How many cases of a policy are tried as a beginning, before a made-up one is.
const CASES_TRIED_MAX: usize = 16;

/// Cases that try edges, and the edges that none was found for.
#[derive(Debug)]
pub struct Proposals {
    /// Three for each edge.
    pub cases: Vec<Case>,
    /// Edges that no plausible verification comes to, each in words.
    pub unreached: Vec<String>,
}

/// Proposes cases at every edge of every rule. Each begins as one of these cases, or as a made-up one, whose facts are moved
/// until the edge is where the case is; of several, the one whose decision the edge changes.
pub fn propose(policies: &PolicySet, cases: &[Case]) -> Proposals {
    let mut known: BTreeMap<&PolicyName, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        let of_policy = known.entry(&case.request.policy).or_default();
        if of_policy.len() < CASES_TRIED_MAX {
            of_policy.push(case);
        }
    }
    let source = Arc::new(SourceText {
        path: "proposed".to_owned(),
        text: String::new(),
    });
    let mut proposals = Proposals {
        cases: Vec::new(),
        unreached: Vec::new(),
    };
    for (name, policy) in policies.iter() {
        let made_up = made_up::cases(name, policy, &source);
        let known = known.get(name).into_iter().flatten().copied();
        let beginnings: Vec<&Case> = known.chain(&made_up).collect();
        for edge in policy.rules().iter().flat_map(edges) {
            match best(policy, &edge, &beginnings) {
                Some(trial) => proposals.cases.extend(trial.cases(policy, &edge, &source)),
                None => {
                    let (requirement, turn) = (edge.requirement, edge.turn);
                    let words = format!("{name}: `{requirement}` {turn}");
                    proposals.unreached.push(words);
                }
            }
        }
    }
    proposals
}

/// A case that was moved to an edge.
struct Trial {
    case: Case,
    edge: Timestamp,
}

/// How well a trial shows an edge, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// The rules are asked, but other ones hide what this edge does.
    Hidden,
    /// The reasons change there.
    Told,
    /// The decision changes there.
    Decides,
}

fn best(policy: &Policy, edge: &Edge<'_>, beginnings: &[&Case]) -> Option<Trial> {
    let mut best: Option<(Worth, Trial)> = None;
    for beginning in beginnings {
        for trial in [facts_moved(edge, beginning), time_moved(edge, beginning)] {
            let Some((worth, trial)) = trial.and_then(|t| Some((t.worth(policy)?, t))) else {
                continue;
            };
            if worth == Worth::Decides {
                return Some(trial);
            }
            if best.as_ref().is_none_or(|(other, _)| worth > *other) {
                best = Some((worth, trial));
            }
        }
    }
    best.map(|(_, trial)| trial)
}

impl Trial {
    /// How well it shows the edge; nothing if a guard keeps the rules from being asked.
    fn worth(&self, policy: &Policy) -> Option<Worth> {
        let judge = |now| {
            let case = self.at(now);
            policy.judged(&case.facts())?;
            let decision = policy.decide(&case.facts());
            Some((decision.effect(), codes(&decision)))
        };
        let last_before = judge(before(self.edge, MS))?;
        let at = judge(self.edge)?;
        judge(after(self.edge, MS))?;
        Some(if last_before.0 != at.0 {
            Worth::Decides
        } else if last_before.1 != at.1 {
            Worth::Told
        } else {
            Worth::Hidden
        })
    }

    fn at(&self, now: Timestamp) -> Case {
        let mut case = self.case.clone();
        case.now = now;
        case.evidence.seen_at = now;
        case
    }

    /// The three cases of the edge, which expect what the policy decides today.
    fn cases(&self, policy: &Policy, edge: &Edge<'_>, source: &Arc<SourceText>) -> [Case; 3] {
        [
            ("1 ms before", before(self.edge, MS)),
            ("when", self.edge),
            ("1 ms after", after(self.edge, MS)),
        ]
        .map(|(when, now)| {
            let case = self.at(now);
            let decision = policy.decide(&case.facts());
            Case {
                name: format!("{when} `{}` {}", edge.requirement, edge.turn),
                source: Arc::clone(source),
                place: Place::START,
                expect: Expect {
                    effect: Some(decision.effect()),
                    reasons: Some(codes(&decision)),
                    next_change: Some(Next::from(decision.next_change())),
                },
                ..case
            }
        })
    }
}

fn codes(decision: &Decision) -> Vec<ReasonCode> {
    decision
        .reasons()
        .iter()
        .map(|reason| reason.code)
        .collect()
}

/// The case with the fact that the edge is about moved, so that the edge is at its instant or as near as a birthday can
/// be. The rest of the case stays, so that other rules say what they said.
fn facts_moved(edge: &Edge<'_>, beginning: &Case) -> Option<Trial> {
    let mut case = beginning.clone();
    let now = case.now;
    let verification = verification_of(&mut case)?;
    match edge.requirement {
        Requirement::VerifiedWithin(age_max) => {
            verification.verified_at = Some(before(now, *age_max));
        }
        Requirement::AgeAtLeast(years) | Requirement::AgeBelow(years) => {
            verification.born = Datum::Known(years_before(now, *years)?);
        }
        Requirement::Authenticated(wanted) => {
            case.request.authentication.as_mut()?.auth_time = Some(match edge.turn {
                Turn::Begins => after(now, SKEW),
                Turn::Ends => before(now, wanted.within),
            });
        }
        _ => return None,
    }
    found(edge, case)
}

/// The case at the instant of the edge. A schedule does not move, so what is as old as it was moves with the case.
fn time_moved(edge: &Edge<'_>, beginning: &Case) -> Option<Trial> {
    let mut trial = found(edge, beginning.clone())?;
    if let Requirement::Schedule(_) = edge.requirement {
        let later = Duration::try_from(trial.edge.duration_since(trial.case.now)).ok()?;
        let move_on = |at: &mut Timestamp| *at = after(*at, later);
        if let Some(session) = &mut trial.case.request.authentication {
            session.auth_time.as_mut().map(move_on);
        }
        let verification = verification_of(&mut trial.case)?;
        verification.verified_at.as_mut().map(move_on);
    }
    Some(trial)
}

fn found(edge: &Edge<'_>, case: Case) -> Option<Trial> {
    let Finding::Present(verification) = &case.evidence.finding else {
        return None;
    };
    let given = Given {
        request: &case.request,
        verification,
    };
    let edge = edge.find(&given, case.now)?;
    Some(Trial { case, edge })
}

fn verification_of(case: &mut Case) -> Option<&mut Verification> {
    match &mut case.evidence.finding {
        Finding::Present(verification) => Some(verification),
        Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
    }
}

/// The midnight (in UTC) that many calendar years before; a 29 February that is none becomes the day before.
fn years_before(now: Timestamp, years: u16) -> Option<Timestamp> {
    let date = TimeZone::UTC.to_datetime(now).date();
    let year = date.year().checked_sub(i16::try_from(years).ok()?)?;
    let date = date.with().year(year).build();
    let date = date.or_else(|_| jiff::civil::Date::new(year, 2, 28)).ok()?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(from_millis(midnight.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, parse, suite};

    fn source(path: &str, text: String) -> [Arc<SourceText>; 1] {
        let path = path.to_owned();
        [Arc::new(SourceText { path, text })]
    }

    fn policies(rules: &str) -> PolicySet {
        let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
        let no_lists = |_: &str, _: &str| Err("no file".to_owned());
        parse(&source("p.yaml", text), &no_lists).unwrap()
    }

    /// A case of the policy whose verification is so.
    fn case(verification: &str, rest: &str) -> String {
        format!(
            "{{name: mine, policy: p, at: \"2026-01-31T12:00:00Z\", verification: {{{verification}}}{rest}}}"
        )
    }

    fn read(set: &PolicySet, cases: &[String]) -> Vec<Case> {
        let text = format!("cases: [{}]", cases.join(", "));
        suite::read(&source("c.yaml", text), set).unwrap()
    }

    #[test]
    fn a_proposed_case_tells_of_its_edge_and_nothing_of_the_case_that_it_began_as() {
        let set = policies("verified_within: 30d");
        let mine = case(
            "verified_at: 2026-01-30T00:00:00Z, identity_id: ada",
            ", expect: {decision: step_up}",
        );
        let proposed = propose(&set, &read(&set, &[mine])).cases;
        // The verification is moved, and not the case.
        assert_eq!(proposed[1].now.to_string(), "2026-01-31T12:00:00Z");
        let told = proposed.iter().map(|case| {
            let expected = case.expect.effect.unwrap();
            assert_eq!(case.source.path, "proposed");
            assert_eq!(case.place, Place::START);
            assert!(case.expect.reasons.is_some() && case.expect.next_change.is_some());
            let Finding::Present(verification) = &case.evidence.finding else {
                panic!("nothing is known");
            };
            assert_eq!(verification.identity(), Ok("ada"));
            assert_eq!(case.evidence.seen_at, case.now);
            (case.name.as_str(), expected)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("1 ms before `verified_within: 30d` ends", Effect::Allow),
                ("when `verified_within: 30d` ends", Effect::Deny),
                ("1 ms after `verified_within: 30d` ends", Effect::Deny),
            ]
        );
    }

    #[test]
    fn of_several_beginnings_the_one_whose_decision_changes_is_taken() {
        let set = policies("verified_within: 30d, {age_at_least: 18, otherwise: deny}");
        let at = "verified_at: 2026-01-30T00:00:00Z, scopes: [DATE_OF_BIRTH]";
        let young = case(
            &format!("{at}, date_of_birth: 2020-01-01, identity_id: young"),
            "",
        );
        let old = case(
            &format!("{at}, date_of_birth: 1990-01-01, identity_id: old"),
            "",
        );
        for beginnings in [[young.clone(), old.clone()], [old, young]] {
            let proposed = propose(&set, &read(&set, &beginnings)).cases;
            for case in &proposed[..3] {
                let Finding::Present(verification) = &case.evidence.finding else {
                    panic!("nothing is known");
                };
                assert_eq!(verification.identity(), Ok("old"), "{}", case.name);
            }
        }
    }

    #[test]
    fn where_no_decision_changes_the_case_whose_reasons_do_is_taken() {
        let set = policies(
            "{any_of: [verified_within: 30d, scopes: [NAME]]}, age_at_least: 18, age_below: 18",
        );
        let at = "verified_at: 2026-01-30T00:00:00Z";
        let hidden = case(
            &format!("{at}, scopes: [NAME], full_name: Ada, identity_id: hidden"),
            "",
        );
        let told = case(&format!("{at}, identity_id: told"), "");
        for beginnings in [[hidden.clone(), told.clone()], [told, hidden]] {
            let proposed = propose(&set, &read(&set, &beginnings)).cases;
            for case in &proposed[..3] {
                let Finding::Present(verification) = &case.evidence.finding else {
                    panic!("nothing is known");
                };
                assert_eq!(verification.identity(), Ok("told"), "{}", case.name);
            }
            // The verification is moved, and not the case.
            assert_eq!(proposed[1].now.to_string(), "2026-01-31T12:00:00Z");
        }
    }

    #[test]
    fn an_edge_that_no_plausible_verification_comes_to_is_told() {
        let set = policies("verified_within: 10000000d");
        let proposals = propose(&set, &[]);
        assert_eq!(
            proposals.unreached,
            ["p: `verified_within: 10000000d` ends"]
        );
        assert!(proposals.cases.is_empty());
    }

    #[test]
    fn the_birthday_of_a_29_february_is_the_day_before_where_there_is_none() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, years, born) in [
            ("2024-02-29T12:00:00Z", 18, Some("2006-02-28T00:00:00Z")),
            ("2024-02-29T12:00:00Z", 20, Some("2004-02-29T00:00:00Z")),
            ("2026-01-31T12:00:00Z", 18, Some("2008-01-31T00:00:00Z")),
            ("2026-01-31T12:00:00Z", u16::MAX, None),
        ] {
            assert_eq!(years_before(at(now), years), born.map(at), "{now} {years}");
        }
    }
}
