//! Problems of case files.

use super::{case::NAMES_SHOWN_MAX, *};
use crate::{
    authoring::suite,
    testing::{set, source},
};

#[test]
fn a_hint_names_the_policies_of_the_set_if_they_are_few() {
    let problems = |count: usize| {
        let policies: Vec<String> = (0..count)
            .map(|n| format!("  a-policy-{n:02}: {{require: [verified_within: 1d]}}\n"))
            .collect();
        let set = set(&format!("version: 1\npolicies:\n{}", policies.concat()));
        let case = "cases: [{name: n, policy: nothing-like-it, at: \"2026-01-31T00:00:00Z\", upstream: down}]";
        read(&[source("c.yaml", case)], &set)
            .unwrap_err()
            .to_string()
    };
    let few = problems(NAMES_SHOWN_MAX);
    assert!(
        few.contains("there are: a-policy-00, ") && few.contains("a-policy-11"),
        "{few}"
    );
    let many = problems(NAMES_SHOWN_MAX + 1);
    assert!(!many.contains("there are"), "{many}");
}

const POLICY: &str = "version: 1
policies:
  p:
    require: [{verified_within: 30d, otherwise: step_up}]
    evidence: {fresh_for: 5m, stale_for: 1h}
    reuse: {allow: 10m}
";

fn read_of(file: &str) -> Result<Vec<Case>, String> {
    let read = read(&[source("c.yaml", file)], &set(POLICY));
    read.map_err(|problems| problems.to_string())
}

/// The mismatches of a case with these keys, which is at 2026-01-31.
fn mismatches(keys: &str) -> Vec<String> {
    let file = format!("at: 2026-01-31T00:00:00Z\ncases: [{{name: n, policy: p, {keys}}}]");
    let cases = read_of(&file).unwrap_or_else(|problems| panic!("{problems}"));
    // Written and read again, it is the same case.
    let again = read_of(&suite::write(&cases).0).unwrap();
    let set = set(POLICY);
    let of = |cases: &[Case]| -> Vec<String> {
        let mut report = suite::run(&set, cases);
        let mismatches = report.results.remove(0).mismatches.into_iter();
        mismatches
            .map(|m| format!("{}: {} is {}", m.what, m.expected, m.actual))
            .collect()
    };
    assert_eq!(of(&cases), of(&again));
    of(&cases)
}

#[test]
fn a_case_that_expects_nothing_is_a_mistake_with_its_place() {
    let case = |rest: &str| {
        format!(
            "cases:\n  - {{name: n, policy: p, at: \"2026-01-31T00:00:00Z\", upstream: down{rest}}}"
        )
    };
    for nothing in ["", ", expect: {}"] {
        let problems = read_of(&case(nothing)).unwrap_err();
        assert!(problems.contains("the case expects nothing"), "{problems}");
        assert!(problems.contains("c.yaml:2:5"), "{problems}");
    }
    assert!(read_of(&case(", expect: {reasons: []}")).is_ok());
    let situations = read_situations(&[source("c.yaml", &case(""))], &set(POLICY));
    assert_eq!(situations.unwrap().len(), 1);
}

#[test]
fn two_cases_of_one_name_are_a_mistake_also_in_two_files() {
    let case = "{name: twice, policy: p, at: \"2026-01-31T00:00:00Z\", upstream: down, expect: {decision: deny}}";
    let other = case.replace("twice", "once");
    let file = |cases: &[&str]| format!("cases:\n  - {}\n", cases.join("\n  - "));
    let files = [
        source("a.yaml", &file(&[case, &other])),
        source("b.yaml", &file(&[case])),
    ];
    let problems = read(&files, &set(POLICY)).unwrap_err().to_string();
    assert!(
        problems.contains("duplicate case name `twice`"),
        "{problems}"
    );
    assert!(
        problems.contains("b.yaml:2:12") && problems.contains("the first is at a.yaml:2"),
        "{problems}"
    );
    let files = [
        source("a.yaml", &file(&[case])),
        source("b.yaml", &file(&[&other])),
    ];
    assert_eq!(read(&files, &set(POLICY)).unwrap().len(), 2);
}

#[test]
fn a_time_may_be_given_as_so_long_before_the_check() {
    let made = "verification: {verified_ago: 29d23h59m}, expect:";
    assert_eq!(
        mismatches(&format!(
            "{made} {{decision: allow, valid_until: 2026-01-31T00:01:00Z}}"
        )),
        [""; 0]
    );
    let old = "verification: {verified_ago: 30d}, expect:";
    assert_eq!(
        mismatches(&format!(
            "{old} {{decision: allow, valid_until: 2026-01-31T00:10:00Z}}"
        )),
        [
            "decision: allow is step_up",
            "valid_until: 2026-01-31T00:10:00Z is none"
        ]
    );
    let session = "verification: {}, request: {authentication: {auth_ago: 1h30m}}, expect: {decision: step_up}";
    let file = format!("at: 2026-01-31T00:00:00Z\ncases: [{{name: n, policy: p, {session}}}]");
    let case = read_of(&file).unwrap().remove(0);
    let at = case
        .request
        .authentication
        .and_then(|session| session.auth_time);
    assert_eq!(
        at.map(|at| at.to_string()).as_deref(),
        Some("2026-01-30T22:30:00Z")
    );
    for (both, message) in [
        (
            "verification: {verified_ago: 1d, verified_at: 2026-01-30T00:00:00Z}",
            "both `verified_at` and `verified_ago`",
        ),
        (
            "verification: {verified_ago: soon}",
            "`verified_ago`: `soon` is not a duration",
        ),
    ] {
        let file = format!(
            "at: 2026-01-31T00:00:00Z\ncases: [{{name: n, policy: p, {both}, expect: {{decision: deny}}}}]"
        );
        let problems = read_of(&file).unwrap_err();
        assert!(problems.contains(message), "{problems}");
    }
}

#[test]
fn the_age_of_a_copy_says_what_the_service_does_with_it() {
    let known = "verification: {verified_ago: 1d}";
    for (situation, decision, used) in [
        ("", "allow", "fetched"),
        (", evidence: {seen_ago: 0s}", "allow", "cached"),
        (", evidence: {seen_ago: 4m59s999ms}", "allow", "cached"),
        (", evidence: {seen_ago: 5m}", "allow", "fetched"),
        (
            ", evidence: {seen_at: 2026-01-30T23:50:00Z}",
            "allow",
            "fetched",
        ),
        (
            ", upstream: down, evidence: {seen_ago: 4m}",
            "allow",
            "cached",
        ),
        (
            ", upstream: down, evidence: {seen_ago: 5m}",
            "allow",
            "stale",
        ),
        (
            ", upstream: down, evidence: {seen_ago: 1h4m59s999ms}",
            "allow",
            "stale",
        ),
        (
            ", upstream: down, evidence: {seen_ago: 1h5m}",
            "deny",
            "unavailable",
        ),
    ] {
        let expect = format!("expect: {{decision: {decision}, evidence: {used}}}");
        assert_eq!(
            mismatches(&format!("{known}{situation}, {expect}")),
            [""; 0],
            "{situation}"
        );
    }
}

#[test]
fn a_copy_of_what_may_change_at_any_moment_is_fetched_again_after_seconds() {
    for (status, age, used) in [
        ("PENDING", "3s", "cached"),
        ("PENDING", "4s", "fetched"),
        ("EXPIRED", "4s", "fetched"),
        ("VERIFIED", "4s", "cached"),
    ] {
        let facts = format!("verification: {{status: {status}}}, evidence: {{seen_ago: {age}}}");
        assert_eq!(
            mismatches(&format!("{facts}, expect: {{evidence: {used}}}")),
            [""; 0],
            "{status} {age}"
        );
    }
}

#[test]
fn the_age_of_a_copy_that_cannot_be_is_a_mistake() {
    for (mistake, message) in [
        (
            "upstream: down, evidence: {seen_ago: 1m}",
            "`evidence` gives the age of a verification, and the case has none",
        ),
        (
            "verification: {}, upstream: absent, evidence: {seen_ago: 1m}",
            "does not go with `upstream: absent`",
        ),
        (
            "verification: {}, evidence: {}",
            "`evidence` without an age",
        ),
        (
            "verification: {}, evidence: {seen_at: 2026-02-01T00:00:00Z}",
            "`seen_at` is after the check",
        ),
        (
            "verification: {}, upstream: down",
            "both `verification` and `upstream`",
        ),
    ] {
        let file = format!(
            "at: 2026-01-31T00:00:00Z\ncases: [{{name: n, policy: p, {mistake}, expect: {{decision: deny}}}}]"
        );
        let problems = read_of(&file).unwrap_err();
        assert!(problems.contains(message), "{problems}");
    }
}

#[test]
fn what_cases_share_is_written_once_under_a_name() {
    let cases = read_of(
        "at: 2026-01-31T00:00:00Z
verifications:
  ada: {verified_at: 2026-01-30T00:00:00Z, identity_id: id-ada, scopes: [NAME], full_name: Ada Example}
requests:
  badge: {identity_id: id-ada, attributes: {site: hq}}
cases:
  - {name: as it is, policy: p, verification: ada, request: badge, expect: {decision: allow}}
  - name: with changes
    policy: p
    at: 2026-02-28T00:00:00Z
    verification: {from: ada, verified_ago: 40d, identity_id: ~}
    request: {from: badge, attributes: {site: lab}}
    expect: {decision: step_up}
",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    let report = suite::run(&set(POLICY), &cases);
    assert_eq!(report.failed(), 0, "{report:?}");
    let [plain, changed] = cases.as_slice() else {
        panic!("{cases:?}");
    };
    assert_eq!(plain.request.attributes["site"], "hq");
    assert_eq!(changed.request.attributes["site"], "lab");
    assert_eq!(changed.request.identity.as_text(), Some("id-ada"));
    let crate::Finding::Present(verification) = &changed.evidence.finding else {
        panic!("{changed:?}");
    };
    assert_eq!(
        verification.verified_at.unwrap().to_string(),
        "2026-01-19T00:00:00Z"
    );
    assert!(verification.identity().is_err() && verification.scopes.len() == 1);
}

#[test]
fn a_mistake_in_what_cases_share_is_reported_once_and_where_it_stands() {
    let use_of = |name: &str| {
        format!(
            "  - {{name: \"of {name}\", policy: p, at: 2026-01-31T00:00:00Z, verification: {name}, expect: {{decision: deny}}}}\n"
        )
    };
    let file = format!(
        "verifications: {{bad: {{verified_at: yesterday}}, good: {{}}}}\ncases:\n{}{}{}{}",
        use_of("bad"),
        use_of("{from: bad}"),
        use_of("goode"),
        use_of("good")
    );
    let problems = read_of(&file).unwrap_err();
    assert_eq!(problems.matches("error: ").count(), 2, "{problems}");
    assert!(problems.contains("c.yaml:1:36"), "{problems}");
    assert!(
        problems.contains("there is no verification `goode` in this file"),
        "{problems}"
    );
    assert!(problems.contains("did you mean `good`?"), "{problems}");
}

#[test]
fn remedies_are_expected_in_any_order_and_compared_as_sets() {
    let old = "verification: {verified_ago: 40d}";
    let young = "[{reverify: {max_age: 30d}}]";
    assert_eq!(
        mismatches(&format!(
            "{old}, expect: {{remedies: {young}, alternatives: [{young}]}}"
        )),
        [""; 0]
    );
    assert_eq!(
        mismatches(&format!(
            "{old}, expect: {{remedies: [{{reverify: {{max_age: 31d}}}}, {{identify: {{}}}}]}}"
        )),
        [
            "remedies: [{ identify: {} }, { reverify: { max_age: 31d } }] is [{ reverify: { max_age: 30d } }]"
        ]
    );
    assert_eq!(
        mismatches("verification: {verified_ago: 1d}, expect: {remedies: [], alternatives: []}"),
        [""; 0]
    );
}
