//! What the fuzz targets run on a text: it is read, or its problems are reported, and what was read is used in every way. Fuzzing
//! calls this with new texts, and a test of the service with the corpus.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use verigate_policy::{
    Authentication, Change, ClaimedIdentity, Datum, Effect, Evidence, Explanation, Facts, Finding,
    ParseError, Policy, PolicyName, PolicySet, Request, Scope, SourceText, Timeline, Timestamp,
    Verification, VerificationId, before, diff, from_millis, lint, parse, suite,
};

/// Separates the two files of a comparison.
const OLD_FROM_NEW: &str = "\n---\n";
/// The first and the last instant, 2026-01-31T00:00:00Z, a leap day, and the millisecond before the offset of Berlin changes.
const INSTANTS_MS: [i64; 5] = [
    i64::MIN,
    1_769_817_600_000,
    1_709_164_800_000,
    1_774_745_999_999,
    i64::MAX,
];
const MS: Duration = Duration::from_millis(1);

/// The policies of cases: those that document the language.
static DOCUMENTED: LazyLock<PolicySet> = LazyLock::new(|| {
    let files = [
        include_str!("../tests/policies/ages.yaml"),
        include_str!("../tests/policies/any-of-all-of.yaml"),
        include_str!("../tests/policies/attribute.yaml"),
        include_str!("../tests/policies/authenticated.yaml"),
        include_str!("../tests/policies/evidence.yaml"),
        include_str!("../tests/policies/guards.yaml"),
        include_str!("../tests/policies/identity-lists.yaml"),
        include_str!("../tests/policies/identity.yaml"),
        include_str!("../tests/policies/phone-prefix.yaml"),
        include_str!("../tests/policies/project.yaml"),
        include_str!("../tests/policies/reuse.yaml"),
        include_str!("../tests/policies/schedules.yaml"),
        include_str!("../tests/policies/scopes.yaml"),
        include_str!("../tests/policies/status.yaml"),
        include_str!("../tests/policies/verified-within.yaml"),
        include_str!("../tests/policies/whole.yaml"),
    ];
    parse(&files.map(file), &list).expect("these are policies")
});

/// A file of policies: what compiles decides, is explained, and passes the cases that are generated from it.
pub fn policies(text: &str) {
    let set = match parse(&[file(text)], &list) {
        Ok(set) => set,
        Err(error) => return assert_reported(text, &error),
    };
    for warning in lint(&set).warnings {
        let location = warning.location.as_ref();
        assert!(location.is_some_and(|location| location.position.line >= 1));
        assert!(!warning.message.is_empty() && !warning.hint.is_empty());
    }
    for (name, policy) in set.iter() {
        let needs = policy.needs();
        assert!(needs.zones.iter().all(|zone| !zone.is_empty()));
        for (request, finding) in situations(name) {
            for now in INSTANTS_MS.map(from_millis) {
                decided(policy, &request, &finding, now);
            }
        }
    }
    let generated = suite::generate(&set, &[]);
    if !generated.cases.is_empty() {
        let read_back = written_and_read(&generated.cases, &set);
        assert_eq!(suite::run(&set, &read_back).failed(), 0);
    }
    let same = compare(&set, &set);
    assert!(same.is_empty());
}

/// A file of cases: cases that are read can be run, and are the same after they are written and read again. A case without
/// expectations is a mistake only when it is run.
pub fn cases(text: &str) {
    let cases = match suite::read_situations(&[file(text)], &DOCUMENTED) {
        Ok(cases) => cases,
        Err(error) => return assert_reported(text, &error),
    };
    match suite::read(&[file(text)], &DOCUMENTED) {
        Ok(strict) => assert_eq!(strict.len(), cases.len()),
        Err(error) => {
            assert_reported(text, &error);
            assert!(cases.iter().any(|case| case.expect.is_empty()));
        }
    }
    // Only the policies of these cases, because the others take time and are not used.
    let asked: BTreeMap<PolicyName, Policy> = cases
        .iter()
        .filter_map(|case| DOCUMENTED.find(&case.request.policy).map(|p| (case, p)))
        .map(|(case, policy)| (case.request.policy.clone(), policy.clone()))
        .collect();
    let set = PolicySet::new(asked);
    let report = suite::run(&set, &cases);
    assert_eq!(report.passed() + report.failed(), cases.len());
    let (rules, whole) = report.coverage.rules();
    let (edges, tried) = report.coverage.edges();
    assert!(whole <= rules && tried <= edges);
    let again = written_and_read(&cases, &set);
    for (result, other) in report.results.iter().zip(suite::run(&set, &again).results) {
        assert_eq!(result.decision, other.decision);
        assert_eq!(result.mismatches, other.mismatches);
    }
    for case in &cases {
        let policy = set.find(&case.request.policy).expect("it was read");
        decided(policy, &case.request, &case.evidence.finding, case.now);
    }
    let generated = suite::generate(&set, &cases);
    assert_eq!(suite::run(&set, &generated.cases).failed(), 0);
}

/// Two files of policies: each difference has an example that is decided so.
pub fn differences(text: &str) {
    let Some((old, new)) = text.split_once(OLD_FROM_NEW) else {
        return;
    };
    let (Ok(old), Ok(new)) = (parse(&[file(old)], &list), parse(&[file(new)], &list)) else {
        return;
    };
    let there = compare(&old, &new);
    for error in &there.failed {
        // Too large to be compared is no mistake.
        assert_eq!(error.source, diff::CompareError::TooLarge, "{error}");
    }
    for (name, changes) in &there.changed {
        for cell in &changes.cells {
            assert_ne!(cell.old, cell.new);
            assert!(!cell.when().is_empty());
            let case = format!("cases:\n{}", cell.as_case());
            let case = suite::read(&[file(&case)], &new).expect("it is a case");
            assert_eq!(
                suite::run(&new, &case).failed(),
                0,
                "{name}: {}",
                cell.when()
            );
            let decided_before = suite::run(&old, &case).results.remove(0).decision;
            assert_eq!(decided_before.expect("both have it").effect(), cell.old);
        }
    }
    let back = compare(&new, &old);
    if there.failed.is_empty() && back.failed.is_empty() && there.renamed.is_empty() {
        let names = |c: &diff::Comparison| c.changed.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&there), names(&back));
        let cells = |c: &diff::Comparison, loosens| c.cells().any(|cell| cell.loosens() == loosens);
        assert_eq!(cells(&there, true), cells(&back, false));
        assert_eq!(cells(&there, false), cells(&back, true));
    }
}

fn compare(old: &PolicySet, new: &PolicySet) -> diff::Comparison {
    diff::Comparison::of(old, new, None)
}

fn file(text: &str) -> Arc<SourceText> {
    let (path, text) = ("thrown.yaml".to_owned(), text.to_owned());
    Arc::new(SourceText { path, text })
}

/// A list of this name. A name that is not known is the list itself, so that fuzzing reaches lists.
fn list(_: &str, name: &str) -> Result<String, String> {
    match name {
        "people.txt" => Ok("id-ada\nid-ben\n".to_owned()),
        "blocked.txt" => Ok("id-mallory\n".to_owned()),
        "nowhere.txt" => Err("there is none".to_owned()),
        other => Ok(other.to_owned()),
    }
}

/// Asserts that there are problems, that each has a position in the text, and that each can be shown.
fn assert_reported(text: &str, problems: &ParseError) {
    assert!(problems.count() > 0);
    // A carriage return may end a line too.
    let lines = text.split(['\n', '\r']).count();
    for problem in problems.iter() {
        let position = problem.location.position;
        assert!(position.line >= 1 && position.column >= 1 && position.width >= 1);
        assert!(position.line <= lines + 1, "{position:?} of {lines} lines");
        assert!(!problem.message.is_empty());
    }
    assert!(!problems.to_string().is_empty());
    assert!(!problems.in_short().is_empty());
}

/// These cases, after they were written to a file and read from it.
fn written_and_read(cases: &[suite::Case], set: &PolicySet) -> Vec<suite::Case> {
    let (written, count) = suite::write(cases);
    assert_eq!(count, cases.len());
    suite::read_situations(&[file(&written)], set).expect("what was written can be read")
}

/// One decision: its parts agree with each other, and with decisions at later instants.
fn decided(policy: &Policy, request: &Request, finding: &Finding, now: Timestamp) {
    let evidence = Evidence {
        finding: finding.clone(),
        seen_at: now,
    };
    let at = |now| Facts {
        request,
        evidence: &evidence,
        now,
    };
    let explanation = policy.explain(&at(now));
    let decision = &explanation.decision;
    let reasons = decision.reasons().iter().map(|r| Effect::from(r.effect));
    assert_eq!(reasons.max().unwrap_or(Effect::Allow), decision.effect());
    let may_pass = decision.effect() == Effect::Allow;
    assert!(may_pass || decision.valid_until().is_none());
    assert!(!may_pass || decision.remedies().is_empty());
    if let Some(Change { at: then, to }) = decision.next_change() {
        assert!(then > now && to != decision.effect());
        assert_eq!(policy.decide(&at(then)).effect(), to);
        let last = policy.decide(&at(before(then, MS).max(now)));
        assert_eq!(last.effect(), decision.effect());
    }
    timeline(&explanation, |now| policy.effect(&at(now)));
}

/// A timeline: each entry changes the decision and has causes, and the next change is among the entries.
fn timeline(explanation: &Explanation, effect: impl Fn(Timestamp) -> Effect) {
    let Timeline {
        changes, weekly, ..
    } = &explanation.timeline;
    let all = changes.iter().chain(weekly);
    let next = explanation.decision.next_change().map(|change| change.at);
    assert_eq!(all.clone().map(|change| change.at).min(), next);
    for change in all {
        assert_eq!(effect(change.at), change.to);
        assert_ne!(effect(before(change.at, MS)), change.to);
        assert!(change.causes.iter().any(|cause| cause.since.is_none()));
    }
}

/// Requests and findings with all fields, some fields, and none.
fn situations(policy: &PolicyName) -> Vec<(Request, Finding)> {
    let [_, now, ..] = INSTANTS_MS.map(from_millis);
    let silent = Request {
        policy: policy.clone(),
        verification: VerificationId::parse("v-1").expect("it is one"),
        identity: ClaimedIdentity::None,
        authentication: None,
        attributes: BTreeMap::new(),
        id: "".into(),
    };
    let asked = Request {
        identity: ClaimedIdentity::parse("id-ada"),
        authentication: Some(Authentication {
            acr: "a".to_owned(),
            amr: vec!["hwk".to_owned(), "face".to_owned()],
            auth_time: Some(before(now, Duration::from_mins(5))),
        }),
        attributes: [("site".to_owned(), "hq".to_owned())].into(),
        ..silent.clone()
    };
    let scopes = ["NAME", "DATE_OF_BIRTH", "PHONE", "BADGE"].map(Scope::from);
    let whole = Verification {
        id: Some("v-1".into()),
        project: Some("p-1".into()),
        status: Some("VERIFIED".into()),
        verified_at: Some(before(now, Duration::from_hours(24))),
        scopes: scopes.into(),
        identity: Datum::text("id-ada").as_identity(),
        name: Datum::Known(()),
        phone: Datum::Known("+12025550101".into()),
        born: Datum::birth(951_782_400_000),
        ..Verification::default()
    };
    let old = Verification {
        verified_at: Some(from_millis(i64::MAX)),
        born: Datum::birth(-4_000_000_500_000),
        phone: Datum::Unreadable,
        name: Datum::Unreadable,
        ..whole.clone()
    };
    let bare = Verification {
        id: Some("v-1".into()),
        ..Verification::default()
    };
    vec![
        (asked.clone(), Finding::Present(whole)),
        (silent.clone(), Finding::Present(old)),
        (silent, Finding::Present(bare)),
        (asked, Finding::Unknown),
    ]
}
