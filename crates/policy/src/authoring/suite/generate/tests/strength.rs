//! Generated cases detect changes of a policy: tested by changing each limit of random policies. The exact comparison says which
//! changes are visible at all.

use std::time::Duration;

use super::{
    super::{candidate::Candidate, generate},
    made_up::{MadeUp, Random},
};
use crate::{
    Authentication, ClaimedIdentity, Datum, Effect, Evidence, Facts, Finding, Policy, PolicyName,
    PolicySet, Position, Request, Scope, Verification,
    authoring::{
        diff::Comparison,
        suite::{
            self, Case, EdgeCoverage, EdgeState, Expect,
            case::verification_id,
            edge::{Anchor, Edge, MS},
            placed::placed_edges,
        },
    },
    before, from_millis,
    testing::{set, source},
};

/// How many policies are tried; more by `VERIGATE_RANDOM_POLICIES` when the tests are compiled.
const POLICIES: u64 = match option_env!("VERIGATE_RANDOM_POLICIES") {
    Some(count) => match u64::from_str_radix(count, 10) {
        Ok(count) => count,
        Err(_) => panic!("VERIGATE_RANDOM_POLICIES is not a number"),
    },
    None => 150,
};
const FIRST_SEED: u64 = match option_env!("VERIGATE_RANDOM_SEED") {
    Some(seed) => match u64::from_str_radix(seed, 10) {
        Ok(seed) => seed,
        Err(_) => panic!("VERIGATE_RANDOM_SEED is not a number"),
    },
    None => 1,
};

const LAST_SEED: u64 = FIRST_SEED + POLICIES - 1;

/// Whether some check is decided differently; `None` if that is not known.
fn differ(old: &PolicySet, new: &PolicySet) -> Option<bool> {
    let comparison = Comparison::of(old, new, None);
    comparison
        .failed
        .is_empty()
        .then(|| comparison.cells().next().is_some())
}

/// Whether one of the cases is decided differently.
fn is_noticed(new: &PolicySet, cases: &[suite::Case]) -> bool {
    let (_, policy) = new.iter().next().unwrap();
    cases
        .iter()
        .any(|case| Some(policy.effect(&case.facts())) != case.expect.effect)
}

#[test]
fn a_limit_cannot_be_moved_without_a_generated_case_noticing() {
    let (mut visible, mut cases_count, mut unknown) = (0, 0, 0);
    let mut missed = Vec::new();
    for seed in FIRST_SEED..=LAST_SEED {
        let policy = MadeUp::new(&mut Random::new(seed));
        let old = set(&policy.text());
        let generated = generate(&old, &[]);
        let cases = if generated.cases.is_empty() {
            Vec::new()
        } else {
            let file = suite::write(&generated.cases).0;
            suite::read(&[source("generated.yaml", &file)], &old).unwrap()
        };
        assert_eq!(suite::run(&old, &cases).failed(), 0, "{}", policy.text());
        cases_count += cases.len();
        for (what, changed) in policy.changed() {
            let new = set(&changed.text());
            match differ(&old, &new) {
                Some(false) => {}
                Some(true) if is_noticed(&new, &cases) => visible += 1,
                Some(true) => missed.push(format!("seed {seed}: {what}\n{}", policy.text())),
                None => unknown += 1,
            }
        }
    }
    println!(
        "{visible} visible changes noticed, {} missed, {unknown} unknown, {cases_count} cases",
        missed.len()
    );
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed[..missed.len().min(5)].join("\n")
    );
    assert!(visible > usize::try_from(POLICIES).unwrap());
    assert!(unknown * 100 < visible, "{unknown} of {visible}");
}

/// The settings of a policy.
#[derive(Debug, Clone, Copy)]
struct Settings {
    fresh_for: u64,
    stale_for: u64,
    unavailable: &'static str,
    reuse: u64,
}

impl Settings {
    fn new(random: &mut Random) -> Self {
        Self {
            fresh_for: random.one(&[0, 1, 30, 300, 3_600, 2_592_000]),
            stale_for: random.one(&[0, 1, 3_600, 86_400, 31_536_000]),
            unavailable: random.one(&["deny", "step_up"]),
            reuse: random.one(&[0, 1, 60, 600]),
        }
    }

    fn text(self) -> String {
        let Self {
            fresh_for,
            stale_for,
            unavailable,
            reuse,
        } = self;
        format!(
            "    evidence: {{fresh_for: {fresh_for}s, stale_for: {stale_for}s, unavailable: {unavailable}}}\n    reuse: {{allow: {reuse}s}}\n"
        )
    }

    /// The same settings with one of them changed in each way that there is.
    fn changed(self) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        for by in [1, 60, 3_600, 86_400, 31_536_000] {
            let around = |value: u64| {
                [Some(value + by), value.checked_sub(by)]
                    .into_iter()
                    .flatten()
            };
            let fresh = around(self.fresh_for);
            all.extend(fresh.map(|fresh_for| ("fresh_for", Self { fresh_for, ..self })));
            let stale = around(self.stale_for);
            all.extend(stale.map(|stale_for| ("stale_for", Self { stale_for, ..self })));
            let reuse = around(self.reuse);
            all.extend(reuse.map(|reuse| ("reuse", Self { reuse, ..self })));
        }
        let unavailable = match self.unavailable {
            "deny" => "step_up",
            _ => "deny",
        };
        all.push((
            "unavailable",
            Self {
                unavailable,
                ..self
            },
        ));
        all
    }
}

/// Whether some check is allowed.
fn is_allowed(rules: &str) -> bool {
    let nothing = "    require:\n      - project: [n-1]\n      - project: [n-2]\n";
    let nobody = set(&rules.replace("    require:\n", nothing));
    let comparison = Comparison::of(&set(rules), &nobody, None);
    comparison.cells().any(|cell| cell.old == Effect::Allow)
}

#[test]
fn a_setting_cannot_be_changed_without_a_generated_case_noticing() {
    let (mut noticed, mut never_allowed) = (0, 0);
    let mut missed = Vec::new();
    for seed in FIRST_SEED..=LAST_SEED {
        let mut random = Random::new(seed);
        let rules = MadeUp::new(&mut random).text();
        let settings = Settings::new(&mut random);
        let old = set(&format!("{rules}{}", settings.text()));
        let generated = generate(&old, &[]);
        let file = suite::write(&generated.cases).0;
        let cases = suite::read(&[source("generated.yaml", &file)], &old).unwrap();
        let report = suite::run(&old, &cases);
        assert_eq!(report.failed(), 0, "{:?}\n{rules}", report.results);
        let is_allowed = is_allowed(&rules);
        never_allowed += usize::from(!is_allowed);
        for (what, changed) in settings.changed() {
            let new = set(&format!("{rules}{}", changed.text()));
            if suite::run(&new, &cases).failed() > 0 {
                noticed += 1;
            } else if what != "reuse" || is_allowed {
                missed.push(format!(
                    "seed {seed}: {what}: {settings:?} {changed:?}\n{rules}"
                ));
            }
        }
    }
    println!(
        "{noticed} noticed, {} missed, {never_allowed} never allowed",
        missed.len()
    );
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed[..missed.len().min(8)].join("\n")
    );
    assert!(never_allowed * 2 < usize::try_from(POLICIES).unwrap());
}

#[test]
fn an_edge_that_is_called_hidden_or_unreachable_turns_on_no_facts() {
    let (mut hidden, mut tried, mut untried) = (0, 0, 0);
    for seed in FIRST_SEED..=LAST_SEED {
        let mut random = Random::new(seed);
        let made_up = MadeUp::new(&mut random);
        let old = set(&made_up.text());
        let (_, policy) = old.iter().next().unwrap();
        let cases = generate(&old, &[]).cases;
        let mut coverage = suite::run(&old, &cases).coverage;
        coverage.find_hidden_edges(&old);
        let states = coverage.policies.values().flat_map(|policy| &policy.rules);
        let states = states.flat_map(|rule| rule.edges.iter().map(EdgeCoverage::state));
        for (placed, state) in placed_edges(policy).iter().zip(states) {
            match state {
                EdgeState::Tried => tried += 1,
                EdgeState::Untried => {
                    untried += 1;
                    println!(
                        "untried: seed {seed}: {} {}\n{}",
                        placed.edge.requirement,
                        placed.edge.turn,
                        made_up.text()
                    );
                }
                EdgeState::Hidden | EdgeState::Unreachable => {
                    hidden += 1;
                    for _ in 0..200 {
                        let facts = facts(&mut random, &placed.edge);
                        let turn = turn_at(policy, &placed.edge, &facts);
                        assert_eq!(
                            turn,
                            None,
                            "seed {seed}: {} {}\n{}",
                            placed.edge.requirement,
                            placed.edge.turn,
                            made_up.text()
                        );
                    }
                }
            }
        }
    }
    println!("{tried} tried, {untried} untried, {hidden} hidden");
    assert!(hidden > 10);
    assert!(untried * 100 < tried, "{untried} of {tried}");
}

/// A random case, as a seed that can be moved to an edge.
fn facts(random: &mut Random, edge: &Edge<'_>) -> Case {
    let scopes = ["NAME", "PHONE", "BADGE", "DATE_OF_BIRTH"]
        .into_iter()
        .filter(|_| random.below(4) > 0);
    let scopes: Vec<Scope> = scopes.map(Scope::from).collect();
    // In some years a clock was set that is not set any more.
    let start_ms = random.one(&[1_767_614_400_000, 1_767_614_400_000, 1_546_300_800_000]);
    let now_ms = start_ms + i64::try_from(random.below(366 * 24 * 60)).unwrap() * 60_000;
    let now = from_millis(now_ms);
    let ago = |random: &mut Random| {
        let hours = random.one(&[0, 1, 5, 13, 24, 30, 720, 722, 2_000, 3_000, 80_000]);
        let seconds = u64::try_from(random.below(3_000)).unwrap() + 7;
        before(now, Duration::from_secs(hours * 3_600 + seconds))
    };
    // Nobody is born in the year of the check: at the birth itself the date becomes readable.
    let years = i64::try_from(random.below(70)).unwrap() + 2;
    let born = now_ms - now_ms.rem_euclid(900_000) - years * 31_556_952_000 / 900_000 * 900_000;
    let verification = Verification {
        id: verification_id().map(|id| id.as_str().into()),
        status: Some(
            random
                .one(&["VERIFIED", "VERIFIED", "VERIFIED", "EXPIRED"])
                .into(),
        ),
        verified_at: (random.below(8) > 0).then(|| ago(random)),
        scopes: scopes.into_iter().collect(),
        identity: Datum::text(random.one(&["id-1", "id-2", "id-3"])).as_identity(),
        project: Some(random.one(&["p-1", "p-2", "p-3"]).into()),
        name: Datum::Known(()),
        phone: Datum::Known(
            random
                .one(&["+12025550101", "+4915112345678", "+447700900123"])
                .into(),
        ),
        born: Datum::birth(born),
        ..Verification::default()
    };
    let mut request = Request::bare(PolicyName::parse("p").unwrap(), verification_id().unwrap());
    request.identity = ClaimedIdentity::parse(random.one(&["id-1", "id-2", "id-3", ""]));
    for (name, values) in [
        ("site", ["hq", "lab", "x"]),
        ("door", ["north", "south", "x"]),
    ] {
        request
            .attributes
            .insert(name.to_owned(), random.one(&values).to_owned());
    }
    if random.below(6) > 0 || matches!(edge.anchor, Anchor::AuthTime(_)) {
        let amr = ["hwk", "pwd", "face"]
            .into_iter()
            .filter(|_| random.below(2) == 0);
        request.authentication = Some(Authentication {
            amr: amr.map(str::to_owned).collect(),
            acr: random.one(&["a", "b", "c", "d"]).to_owned(),
            auth_time: Some(ago(random)),
        });
    }
    Case {
        name: "made up".to_owned(),
        source: source("made up", ""),
        position: Position::START,
        request,
        evidence: Evidence {
            finding: Finding::Present(verification),
            seen_at: now,
        },
        cached: None,
        now,
        expect: Expect::default(),
    }
}

/// What changes for this case at the edge; `None` if another requirement changes at the same instant.
fn turn_at(policy: &Policy, edge: &Edge<'_>, case: &Case) -> Option<String> {
    let candidates = Candidate::of_seed(edge, case).map(Candidate::into_parts);
    let mut alone = candidates.filter(|(case, edge_at)| {
        let given = policy.judged(&case.facts());
        let others = placed_edges(policy).into_iter().filter(|placed| {
            placed.edge.anchor.axis() != edge.anchor.axis()
                && given.is_some_and(|given| placed.edge.is_at_one_of(&given, [*edge_at]))
        });
        others.count() == 0
    });
    alone.find_map(|(case, edge_at)| {
        let decide = |now| {
            let decision = policy.decide(&Facts {
                now,
                ..case.facts()
            });
            format!("{:?} {:?}", decision.effect(), decision.reasons())
        };
        let (earlier, later) = (decide(before(edge_at, MS)), decide(edge_at));
        (earlier != later).then(|| format!("at {edge_at}: {earlier} becomes {later}"))
    })
}
