//! Decisions that are made again from what a journal says of them: by the same policies always as they were made, and by others as those
//! would have decided, wherever that is said to be known.

mod cells;

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use verigate::policy::{
    Assessment, DataKinds, Evidence, Facts, Finding, Policy, Request, RequirementVerdict,
    Timestamp, Window, after, before,
    recompute::{Recorded, RecordedFinding, RecordedVerdict, Requirements, SameLists, Truth},
    verdicts,
};

use crate::{
    differential::{asked, cases_or, compiled},
    naive::{
        model::{self, Case, IdList},
        render::policy_file,
        strategy::{case_near, near, policy_near},
    },
};

/// Which of a person's data evidence has kept.
const KEPT: [DataKinds; 6] = [
    DataKinds::ALL,
    DataKinds::ALL,
    DataKinds::NONE,
    DataKinds::PHONE,
    DataKinds::BIRTH.and(DataKinds::IDENTITY),
    DataKinds::IDENTITY.and(DataKinds::NAME),
];

#[derive(Debug, Clone)]
struct Scene {
    in_force: model::Policy,
    shadow: Option<model::Policy>,
    new: model::Policy,
    case: Case,
    kept: DataKinds,
    /// How far the other clock is from ours, in milliseconds.
    apart: Option<i64>,
    /// The attributes that are recorded.
    attributes: Vec<String>,
}

pub fn lists() -> BoxedStrategy<IdList> {
    let ids = ["id-1", "id-2", "id-3"].map(str::to_owned).to_vec();
    let ids = proptest::sample::subsequence(ids, 1..=2);
    ids.prop_map(IdList::Inline).boxed()
}

fn scene() -> BoxedStrategy<Scene> {
    let parts = near().prop_flat_map(|near| {
        let policy = || policy_near(&near, lists());
        let apart = prop_oneof![3 => Just(None), 1 => (-300_000_i64..300_000).prop_map(Some)];
        let attributes = prop_oneof![Just(Vec::new()), Just(vec!["site".to_owned()])];
        (
            policy(),
            proptest::option::of(policy()),
            policy(),
            case_near(&near),
            proptest::sample::select(KEPT.to_vec()),
            apart,
            attributes,
        )
    });
    let scene = parts.prop_map(
        |(in_force, shadow, new, case, kept, apart, attributes)| Scene {
            in_force,
            shadow,
            new,
            case,
            kept,
            apart,
            attributes,
        },
    );
    scene.boxed()
}

/// What the journal says of a window: the precision is a millisecond.
fn truth(window: Option<Window>) -> Truth {
    window.map_or(Truth::Unknown, |window| match window.unmet {
        None => Truth::Met,
        code => Truth::Unmet(code),
    })
}

fn recorded_verdict(
    verdict: &RequirementVerdict<'_>,
    requirements: &mut Requirements,
) -> RecordedVerdict {
    let at = truth(verdict.window);
    RecordedVerdict {
        requirement: requirements.read(verdict.requirement),
        at,
        other: verdict.other.map_or(at, |other| truth(Some(other))),
    }
}

/// What a journal would say of these facts, judged by these policies.
fn recorded(
    policies: &[&Policy],
    facts: &Facts<'_>,
    other: Option<Timestamp>,
    attributes: &[String],
) -> Recorded {
    let mut requirements = Requirements::default();
    let verdicts = verdicts(policies.iter().copied(), facts, other);
    let verdicts = verdicts
        .iter()
        .map(|v| recorded_verdict(v, &mut requirements));
    let asked = &facts.request.verification;
    let recorded = facts.request.attributes.iter();
    let recorded = recorded.filter(|(name, _)| attributes.contains(name));
    Recorded {
        at: facts.now,
        other,
        finding: match &facts.evidence.finding {
            Finding::Present(verification) if verification.is_about(asked) => {
                RecordedFinding::Present {
                    status: verification.status.as_deref().map(Into::into),
                    verified_at: verification.verified_at,
                }
            }
            Finding::Present(_) | Finding::Unusable(_) => RecordedFinding::Invalid,
            Finding::Absent => RecordedFinding::Absent,
            Finding::Unknown => RecordedFinding::Unknown,
        },
        attributes: recorded
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect::<BTreeMap<_, _>>(),
        verdicts: verdicts.collect(),
    }
}

fn only(policy: &model::Policy) -> Policy {
    let set = compiled(policy);
    let (_, policy) = set.iter().next().unwrap();
    policy.clone()
}

/// How often another policy's effect, and its reasons, were known.
#[derive(Debug, Default)]
struct Known {
    cases: Cell<u32>,
    effects: Cell<u32>,
    reasons: Cell<u32>,
}

fn count(cell: &Cell<u32>, counts: bool) {
    cell.set(cell.get() + u32::from(counts));
}

/// Evidence that has kept these data only.
fn kept(mut evidence: Evidence, kept: DataKinds) -> Evidence {
    if let Finding::Present(verification) = &mut evidence.finding {
        let whole = std::mem::take(verification);
        *verification = whole.keeping(kept);
    }
    evidence
}

fn facts_of<'f>(case: &Case, request: &'f Request, evidence: &'f Evidence) -> Facts<'f> {
    Facts {
        request,
        evidence,
        now: verigate::policy::from_millis(case.at),
    }
}

/// The instant of the other clock.
fn other_of(scene: &Scene, now: Timestamp) -> Option<Timestamp> {
    scene.apart.map(|apart| {
        let by = std::time::Duration::from_millis(apart.unsigned_abs());
        if apart < 0 {
            before(now, by)
        } else {
            after(now, by)
        }
    })
}

fn try_scene(scene: &Scene, known: &Known) -> Result<(), TestCaseError> {
    let (request, evidence) = asked(&scene.case);
    let evidence = kept(evidence, scene.kept);
    let facts = facts_of(&scene.case, &request, &evidence);
    let other = other_of(scene, facts.now);
    try_facts(scene, known, &facts, other)
}

fn try_facts(
    scene: &Scene,
    known: &Known,
    facts: &Facts<'_>,
    other: Option<Timestamp>,
) -> Result<(), TestCaseError> {
    let in_force = only(&scene.in_force);
    let shadow = scene.shadow.as_ref().map(only);
    let policies: Vec<&Policy> = std::iter::once(&in_force).chain(&shadow).collect();
    let journal = recorded(&policies, facts, other, &scene.attributes);
    let decided = |policy: &Policy| {
        let decision = match other {
            None => policy.decide(facts),
            Some(other) => policy.decide_for_both(facts, other),
        };
        Assessment {
            effect: decision.effect(),
            reasons: decision.reasons().to_vec(),
        }
    };
    let shown = |policy: &model::Policy| policy_file(&[("p", policy)]);

    // By the same policy: always, and all of it.
    let expected = decided(&in_force);
    prop_assert_eq!(&in_force.assess(facts, other), &expected);
    let again = in_force.recompute(&journal, SameLists::InForce);
    let text = shown(&scene.in_force);
    prop_assert!(again.missing.is_empty(), "{:?}\n{}", again.missing, text);
    prop_assert_eq!(again.effect, Some(expected.effect), "{}", text);
    prop_assert_eq!(again.reasons.as_ref(), Some(&expected.reasons), "{}", text);

    // By others: never otherwise than they would have decided.
    let new = only(&scene.new);
    let text = shown(&scene.new);
    let others = shadow.iter().map(|shadow| (shadow, SameLists::Shadow));
    for (policy, lists) in others.chain([(&new, SameLists::Unknown)]) {
        let expected = decided(policy);
        let again = policy.recompute(&journal, lists);
        count(&known.cases, true);
        count(&known.effects, again.effect.is_some());
        count(&known.reasons, again.reasons.is_some());
        if let Some(effect) = again.effect {
            prop_assert_eq!(effect, expected.effect, "{:?}\n{}", &journal, text);
        }
        if let Some(reasons) = again.reasons {
            prop_assert_eq!(reasons, expected.reasons, "{:?}\n{}", &journal, text);
        }
    }
    Ok(())
}

#[test]
fn a_journal_says_enough_to_decide_again_and_nothing_that_is_wrong() {
    let known = Known::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases_or(4_000))
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let tried = runner.run(&scene(), |scene| try_scene(&scene, &known));
    assert!(tried.is_ok(), "{}", tried.unwrap_err());
    let [cases, effects, reasons] = [&known.cases, &known.effects, &known.reasons].map(Cell::get);
    // Not by saying nothing.
    assert!(
        effects * 2 > cases,
        "{effects} of {cases} effects are known"
    );
    assert!(
        reasons * 4 > cases,
        "{reasons} of {cases} reasons are known"
    );
}

#[test]
fn a_requirement_reads_back_as_it_was_written_or_not_at_all() {
    let mut requirements = Requirements::default();
    for text in [
        "verified_within: 30d",
        "identity_in: [2 identities]",
        "no_such: thing",
        "",
        "]",
        "a: b, c: d",
    ] {
        let read = requirements.read(text);
        assert_eq!(read.text(), text);
        assert!(Arc::ptr_eq(&read, &requirements.read(text)));
    }
}
