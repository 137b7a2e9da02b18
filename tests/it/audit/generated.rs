//! Decisions of the real gate on generated facts, journaled and read back. By the policies that made them they are made again, with their reasons; by
//! others they are what those decide, wherever that is said to be known, and the rest is counted.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod naively;

use std::{cell::Cell, collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::Value;
use verigate::{
    audit::{changes::Changes, decision::DecisionLine, replay::Replay, shadows::Shadows},
    clock::OffsetRange,
    journal::AuditorKey,
    policy::{
        DataKinds, Decision, Facts, Finding, Flaw, Policy, PolicyName, PolicySet, Request,
        SourceText, from_millis, parse,
        recompute::{Requirements, SameLists},
    },
    provenance::Timings,
};

use self::naively::as_the_naive_one;
use super::{
    audit,
    auditor::again_by_the_auditor,
    ended,
    gate::{Checked, Judge},
};
use crate::{
    differential::{asked, cases_or},
    naive::{
        model::{self, Case},
        render::policy_file,
        strategy::{case_near, near, policy_near},
    },
    recompute::lists,
};

/// How many journals are written, each of [`CHECKS`] checks, unless `PROPTEST_CASES` asks for another number.
const ROUNDS: u32 = 100;
const CHECKS: usize = 40;
/// The policies that can be asked for. Those of other sets may lack some.
const NAMES: [&str; 3] = ["p-1", "p-2", "p-3"];
/// Which of a person's data evidence has kept.
const KEPT: [DataKinds; 5] = [
    DataKinds::ALL,
    DataKinds::ALL,
    DataKinds::NONE,
    DataKinds::PHONE,
    DataKinds::BIRTH.and(DataKinds::IDENTITY),
];

/// What the vendor's answer is.
#[derive(Debug, Clone, Copy)]
enum Answer {
    AsItIs,
    AboutAnother,
    Unusable,
}

#[derive(Debug, Clone)]
struct Asked {
    case: Case,
    policy: &'static str,
    kept: DataKinds,
    answer: Answer,
}

#[derive(Debug, Clone)]
struct Round {
    in_force: Vec<model::Policy>,
    shadow: Vec<model::Policy>,
    new: Vec<model::Policy>,
    asked: Vec<Asked>,
    /// How far the vendor's clock is from ours, in milliseconds.
    apart: Option<i64>,
    attributes: Vec<String>,
}

fn round() -> BoxedStrategy<Round> {
    let parts = near().prop_flat_map(|near| {
        let policies = |least| prop::collection::vec(policy_near(&near, lists()), least..=NAMES.len());
        let answer = prop_oneof![
            18 => Just(Answer::AsItIs), 1 => Just(Answer::AboutAnother), 1 => Just(Answer::Unusable),
        ];
        let names = proptest::sample::select(NAMES.to_vec());
        let asked = (case_near(&near), names, proptest::sample::select(KEPT.to_vec()), answer);
        let asked = asked.prop_map(|(case, policy, kept, answer)| Asked { case, policy, kept, answer });
        let apart = prop_oneof![3 => Just(None), 1 => (-300_000_i64..300_000).prop_map(Some)];
        let attributes = prop_oneof![Just(Vec::new()), Just(vec!["site".to_owned()])];
        let sets = (policies(NAMES.len()), policies(0), policies(1));
        (sets, prop::collection::vec(asked, CHECKS), apart, attributes)
    });
    let round = parts.prop_map(|((in_force, shadow, new), mut asked, apart, attributes)| {
        // The clock goes forward only.
        asked.sort_by_key(|asked| asked.case.at);
        Round {
            in_force,
            shadow,
            new,
            asked,
            apart,
            attributes,
        }
    });
    round.boxed()
}

fn text_of(policies: &[model::Policy]) -> String {
    let named: Vec<_> = NAMES.into_iter().zip(policies).collect();
    policy_file(&named)
}

fn set_of(policies: &[model::Policy]) -> PolicySet {
    if policies.is_empty() {
        return PolicySet::new(BTreeMap::new());
    }
    let source = SourceText {
        path: "p.yaml".to_owned(),
        text: text_of(policies),
    };
    parse(&[Arc::new(source)], &|_, _| Err("no file".to_owned())).unwrap()
}

async fn ask(judge: &Judge, asked_for: &Asked) -> Checked {
    let (request, mut evidence) = asked(&asked_for.case);
    if let Finding::Present(verification) = &mut evidence.finding {
        let whole = std::mem::take(verification);
        *verification = whole.keeping(asked_for.kept);
        match asked_for.answer {
            Answer::AsItIs => {}
            Answer::AboutAnother => verification.id = Some("v-2".into()),
            Answer::Unusable => evidence.finding = Finding::Unusable(Flaw::Unreadable),
        }
    }
    judge.at(from_millis(asked_for.case.at));
    let request = Request {
        policy: PolicyName::parse(asked_for.policy).unwrap(),
        ..request
    };
    judge.check(request, evidence, Timings::default()).await
}

/// What a policy decides on the facts of a check.
pub fn decided(policy: &Policy, checked: &Checked) -> Decision {
    let ruling = &checked.ruling;
    let facts = Facts {
        request: &checked.request,
        evidence: &ruling.evidence,
        now: ruling.decision.decided_at(),
    };
    match ruling.vendor_at {
        None => policy.decide(&facts),
        Some(other) => policy.decide_for_both(&facts, other),
    }
}

/// How many decisions by other policies were made again, and how many of them are known.
#[derive(Debug, Default)]
struct Known {
    rounds: Cell<u32>,
    decisions: Cell<u64>,
    others: Cell<u64>,
    effects: Cell<u64>,
    reasons: Cell<u64>,
    /// Those of the known effects that the naive evaluator was asked for, too.
    naive: Cell<u64>,
}

fn add(cell: &Cell<u64>, count: impl TryInto<u64>) {
    cell.set(cell.get() + count.try_into().unwrap_or_default());
}

fn unknown<'c>(groups: impl Iterator<Item = (&'c str, &'c Changes)>) -> u64 {
    let changes = groups.flat_map(|(_, changes)| changes.others());
    changes
        .filter(|(change, _)| change.is_unknown())
        .map(|(_, count)| count)
        .sum()
}

/// By the policies that decided: all is as it was, and all of it is known.
fn again_by_the_same(
    set: &PolicySet,
    checked: &[Checked],
    lines: &[DecisionLine],
) -> Result<(), TestCaseError> {
    let (mut replay, mut requirements) = (Replay::new(set), Requirements::default());
    for (checked, line) in checked.iter().zip(lines) {
        let decision = &checked.ruling.decision;
        prop_assert_eq!(line.decision(), decision.effect().as_str());
        let policy = set.find(&checked.request.policy).unwrap();
        let again = policy.recompute(
            &line.recorded(&mut requirements).unwrap(),
            SameLists::InForce,
        );
        prop_assert_eq!(again.effect, Some(decision.effect()), "{:?}", line);
        prop_assert_eq!(
            again.reasons.as_deref(),
            Some(decision.reasons()),
            "{:?}",
            line
        );
        prop_assert!(replay.add(line).unwrap().is_none(), "{:?}", line);
    }
    let report = replay.finish();
    prop_assert_eq!(report.all(), u64::try_from(checked.len()).unwrap());
    let counts = [
        report.other_reasons,
        report.unknown_reasons,
        report.not_recorded,
    ];
    prop_assert_eq!(counts, [0, 0, 0]);
    Ok(())
}

/// By other policies: what they decide, or unknown, which is counted. Returns how many are unknown.
fn again_by_others(
    set: &PolicySet,
    lists: SameLists,
    checked: &[Checked],
    lines: &[DecisionLine],
    known: &Known,
) -> Result<u64, TestCaseError> {
    let (mut replay, mut requirements) = (Replay::new(set), Requirements::default());
    let mut unknowns = 0;
    for (checked, line) in checked.iter().zip(lines) {
        let change = replay.add(line).unwrap().to_string();
        let Some(policy) = set.find(&checked.request.policy) else {
            prop_assert_eq!(change, format!("{}->absent", line.decision()));
            continue;
        };
        let expected = decided(policy, checked);
        let again = policy.recompute(&line.recorded(&mut requirements).unwrap(), lists);
        add(&known.others, 1_u64);
        add(&known.effects, u8::from(again.effect.is_some()));
        add(&known.reasons, u8::from(again.reasons.is_some()));
        match again.effect {
            None => {
                unknowns += 1;
                prop_assert_eq!(change, format!("{}->unknown", line.decision()));
            }
            Some(effect) => {
                prop_assert_eq!(effect, expected.effect(), "{:?}\n{:?}", line, policy);
                prop_assert_eq!(change, format!("{}->{}", line.decision(), effect.as_str()));
            }
        }
        if let Some(reasons) = again.reasons {
            prop_assert_eq!(&*reasons, expected.reasons(), "{:?}\n{:?}", line, policy);
        }
    }
    let report = replay.finish();
    prop_assert_eq!(unknown(report.policies.iter()), unknowns);
    Ok(unknowns)
}

/// The program says the same of the file.
fn by_the_program(
    round: &Round,
    journal: &Path,
    folder: &Path,
    unknowns: u64,
) -> Result<(), TestCaseError> {
    let (same, new) = (folder.join("same.yaml"), folder.join("new.yaml"));
    fs::write(&same, text_of(&round.in_force)).unwrap();
    fs::write(&new, text_of(&round.new)).unwrap();
    let run = |policies: &Path, fail_on: &[&str]| {
        let given = [
            "replay",
            journal.to_str().unwrap(),
            "--json",
            "--policies",
            policies.to_str().unwrap(),
        ];
        let (code, stdout, stderr) = ended(&audit(&[&given, fail_on].concat()));
        let report: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
        (code, report)
    };
    let (code, report) = run(&same, &["--fail-on", "any,reasons,unknown"]);
    prop_assert_eq!(
        (code, &report["decisions"]),
        (0, &CHECKS.into()),
        "{}",
        report
    );
    let (code, report) = run(&new, &[]);
    let policies = report["policies"].as_object().unwrap().values();
    let changes = policies.flat_map(|policy| policy["changes"].as_object().unwrap());
    let counted = changes.filter(|(change, _)| change.ends_with("->unknown"));
    let counted: u64 = counted.map(|(_, count)| count.as_u64().unwrap()).sum();
    prop_assert_eq!((code, counted), (0, unknowns), "{}", report);
    Ok(())
}

/// What is reported of the shadow is what the gate has judged.
fn the_shadow_is_reported(
    lines: &[DecisionLine],
    checked: &[Checked],
) -> Result<(), TestCaseError> {
    let mut shadows = Shadows::new(None, None);
    for line in lines {
        shadows.add(line);
    }
    let report = shadows.finish();
    let outcomes = checked
        .iter()
        .filter_map(|checked| checked.ruling.shadow.as_ref());
    let other = checked.iter().filter(|checked| {
        let outcome = checked
            .ruling
            .shadow
            .as_ref()
            .map(|shadow| shadow.outcome.as_str());
        outcome.is_some_and(|to| to != checked.ruling.decision.effect().as_str())
    });
    let all = report.last.map(|counts| counts.all).unwrap_or_default();
    prop_assert_eq!(all.all(), u64::try_from(outcomes.count()).unwrap());
    let reported: u64 = all.others().map(|(_, count)| count).sum();
    prop_assert_eq!(reported, u64::try_from(other.count()).unwrap());
    Ok(())
}

async fn try_round(round: &Round, known: &Known) -> Result<(), TestCaseError> {
    let [in_force, shadow, new] =
        [&round.in_force, &round.shadow, &round.new].map(|set| set_of(set));
    let began = from_millis(round.asked[0].case.at);
    let auditor = AuditorKey::generate().unwrap();
    let attributes = &round.attributes;
    let judge = Judge::new(
        in_force.clone(),
        shadow.clone(),
        began,
        attributes,
        &auditor,
    );
    if let Some(apart) = round.apart {
        let theirs = from_millis(round.asked[0].case.at + apart);
        let range = OffsetRange::new(theirs, theirs, Duration::ZERO, Duration::ZERO);
        judge.deps.anchored.confirm(range);
    }
    let mut checked = Vec::new();
    for asked in &round.asked {
        checked.push(ask(&judge, asked).await);
    }
    let (lines, path, folder) = judge.stop().await;
    let lines = lines
        .iter()
        .map(|line| DecisionLine::read(line.as_bytes()).unwrap().unwrap());
    let lines: Vec<DecisionLine> = lines.collect();
    prop_assert_eq!(lines.len(), checked.len());
    add(&known.decisions, lines.len());

    again_by_the_same(&in_force, &checked, &lines)?;
    if !shadow.is_empty() {
        again_by_others(&shadow, SameLists::Shadow, &checked, &lines, known)?;
    }
    let unknowns = again_by_others(&new, SameLists::Unknown, &checked, &lines, known)?;
    as_the_naive_one(
        (&in_force, &round.in_force),
        SameLists::InForce,
        round,
        &lines,
        known,
    )?;
    as_the_naive_one((&new, &round.new), SameLists::Unknown, round, &lines, known)?;

    for set in [&in_force, &shadow, &new] {
        again_by_the_auditor(set, &auditor, &path, &checked)?;
    }

    the_shadow_is_reported(&lines, &checked)?;
    if known
        .rounds
        .replace(known.rounds.get() + 1)
        .is_multiple_of(20)
    {
        by_the_program(round, &path, folder.path(), unknowns)?;
    }
    Ok(())
}

#[test]
fn what_the_gate_has_journaled_is_decided_again_and_nothing_is_guessed() {
    let (known, rounds) = (Known::default(), cases_or(ROUNDS));
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::with_cases(rounds)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let tried = runner.run(&round(), |round| {
        runtime.block_on(try_round(&round, &known))
    });
    assert!(tried.is_ok(), "{}", tried.unwrap_err());
    let [decisions, others, effects, reasons] = [
        &known.decisions,
        &known.others,
        &known.effects,
        &known.reasons,
    ]
    .map(Cell::get);
    assert!(decisions >= u64::from(rounds) * u64::try_from(CHECKS).unwrap());
    // Not by saying nothing.
    assert!(
        effects * 2 > others,
        "{effects} of {others} effects are known"
    );
    assert!(
        reasons * 4 > others,
        "{reasons} of {others} reasons are known"
    );
    assert!(
        known.naive.get() * 4 > decisions,
        "{known:?} of {decisions}"
    );
    // Nor by leaving nothing to be unknown.
    assert!(effects < others, "{effects} of {others} effects are known");
}
