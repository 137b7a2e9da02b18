//! What verdicts say of requirements, and what they do not reveal.

use super::*;
use crate::{
    evidence::{BirthDate, Datum, Evidence, Scope},
    identity::Identity,
    request::{ClaimedIdentity, PolicyName, Request, VerificationId},
    testing::policy,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-01-31T12:00:00Z";

fn request() -> Request {
    let id = VerificationId::parse("v-1").unwrap();
    let mut request = Request::bare(PolicyName::parse("p").unwrap(), id);
    request.identity = ClaimedIdentity::parse("id-1");
    request.attributes.insert("site".into(), "hq".into());
    request
}

fn verification() -> Verification {
    Verification {
        id: Some("v-1".into()),
        status: Some("VERIFIED".into()),
        verified_at: Some(at("2026-01-01T12:00:00Z")),
        scopes: [Scope::DateOfBirth, Scope::Phone].into(),
        identity: Datum::Known(Identity::parse("id-1").unwrap()),
        phone: Datum::Known("+12025550101".into()),
        born: BirthDate::at(at("1990-05-17T00:00:00Z")).map_or(Datum::Missing, Datum::Known),
        ..Verification::default()
    }
}

fn shown(rules: &str, finding: Finding, other: Option<&str>) -> Vec<String> {
    let policy = policy(rules);
    let evidence = Evidence {
        finding,
        seen_at: at(NOW),
    };
    let facts = Facts {
        request: &request(),
        evidence: &evidence,
        now: at(NOW),
    };
    let window = |window: Window| {
        let bound = |bound: Option<Timestamp>| bound.map_or(String::new(), |at| at.to_string());
        let met = window.unmet.map_or("met", ReasonCode::as_str);
        format!("{met} {}..{}", bound(window.from), bound(window.until))
    };
    let verdicts = verdicts([&policy], &facts, other.map(at));
    let lines = verdicts.into_iter().map(|verdict| {
        let now = verdict.window.map_or("unknown".to_owned(), window);
        let other = verdict.other.map(window);
        let other = other.map_or(String::new(), |other| format!(" or {other}"));
        format!("{} -> {now}{other}", verdict.requirement)
    });
    lines.collect()
}

#[test]
fn a_verdict_has_the_instants_between_which_it_stays_so() {
    let rules = "status: [VERIFIED], verified_within: 30d, any_of: [verified_within: 90d, \
        attribute: {name: site, in: [lab]}], schedule: {days: [sat], from: \"07:00\", to: \"19:00\", zone: UTC}";
    let expected = [
        "status: [VERIFIED] -> met ..",
        "verified_within: 30d -> VERIFICATION_TOO_OLD 2026-01-31T12:00:00Z..",
        "verified_within: 90d -> met ..2026-04-01T12:00:00Z",
        "attribute: {name: site, in: [lab]} -> ATTRIBUTE_NOT_ACCEPTED ..",
        "schedule: {days: [sat], from: \"07:00\", to: \"19:00\", zone: UTC} -> met 2026-01-31T12:00:00Z..2026-01-31T19:00:00Z",
    ];
    assert_eq!(
        shown(rules, Finding::Present(verification()), None),
        expected
    );
}

#[test]
fn a_window_does_not_reveal_a_birthday() {
    let rules = "status: [VERIFIED], age_at_least: 18, age_at_least: 40, age_below: 65, scopes: [DATE_OF_BIRTH]";
    for line in shown(rules, Finding::Present(verification()), None) {
        let is_about_birth = !line.starts_with("status");
        let window = "2026-01-31T12:00:00Z..2026-01-31T12:00:00.001Z";
        assert_eq!(line.ends_with(window), is_about_birth, "{line}");
    }
}

#[test]
fn what_the_evidence_does_not_say_is_unknown_and_what_the_request_says_is_not() {
    let rules = "status: [VERIFIED], phone_prefix: [\"+1\"], attribute: {name: site, in: [hq]}, identity: same_as_request";
    let another = Verification {
        id: Some("v-2".into()),
        ..verification()
    };
    for finding in [
        Finding::Absent,
        Finding::Unknown,
        Finding::Unusable(crate::evidence::Flaw::Unreadable),
        Finding::Present(another),
    ] {
        let lines = shown(rules, finding, None);
        assert_eq!(lines[2], "attribute: {name: site, in: [hq]} -> met ..");
        for line in [&lines[0], &lines[1], &lines[3]] {
            assert!(line.ends_with("-> unknown"), "{line}");
        }
    }
    // What was not kept is not missing.
    let kept = verification().keeping(DataKinds::IDENTITY);
    let lines = shown(rules, Finding::Present(kept), None);
    assert_eq!(lines[1], "phone_prefix: [\"+1\"] -> unknown");
    assert_eq!(lines[3], "identity: same_as_request -> met ..");
}

#[test]
fn each_of_two_instants_has_its_verdict() {
    let rules = "status: [VERIFIED], verified_within: 30d";
    let lines = shown(
        rules,
        Finding::Present(verification()),
        Some("2026-01-31T11:59:00Z"),
    );
    let expected = "verified_within: 30d -> VERIFICATION_TOO_OLD 2026-01-31T12:00:00Z.. or met ..2026-01-31T12:00:00Z";
    assert_eq!(lines, ["status: [VERIFIED] -> met ..", expected]);
}

#[test]
fn lists_of_the_same_text_each_have_a_verdict_and_equal_requirements_have_one() {
    let rules = "identity_in: [id-1, id-2], identity_not_in: [id-1, id-3], any_of: [identity_in: [id-3, id-4], identity_in: [id-2, id-1]]";
    let lines = shown(rules, Finding::Present(verification()), None);
    let about_lists: Vec<&String> = lines.iter().filter(|l| l.contains("identities]")).collect();
    assert_eq!(
        about_lists,
        [
            "identity_in: [2 identities] -> met ..",
            "identity_not_in: [2 identities] -> IDENTITY_BLOCKED ..",
            "identity_in: [2 identities] -> IDENTITY_NOT_LISTED ..",
        ]
    );
}
