//! Verdicts, and timelines with their causes.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{cause::just_before, *};
use crate::{
    Authentication, Evidence, Finding, PolicyName, Request, Verification, VerificationId, after,
    testing::policy,
};

const NOON: &str = "2026-01-31T12:00:00Z";
const WORK: &str =
    "schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: UTC}";

/// What is known and asked at an instant: verified a day before noon on Saturday, 31 January 2026, with a session as old.
fn with_facts<T>(now: Timestamp, use_them: impl FnOnce(&Facts<'_>) -> T) -> T {
    let day_before: Timestamp = "2026-01-30T12:00:00Z".parse().unwrap();
    let mut request = Request::bare(
        PolicyName::parse("p").unwrap(),
        VerificationId::parse("v-1").unwrap(),
    );
    request.authentication = Some(Authentication {
        acr: "high".into(),
        amr: vec!["hwk".into()],
        auth_time: Some(day_before),
    });
    let evidence = Evidence {
        finding: Finding::Present(Verification {
            id: Some("v-1".into()),
            status: Some("VERIFIED".into()),
            verified_at: Some(day_before),
            ..Verification::default()
        }),
        seen_at: now,
    };
    use_them(&Facts {
        request: &request,
        evidence: &evidence,
        now,
    })
}

fn explain_at(rules: &str, now: &str) -> Explanation {
    with_facts(now.parse().unwrap(), |facts| policy(rules).explain(facts))
}

/// The timeline on that Saturday, in lines.
fn check(rules: &str, now: &str, expected: &Expect) {
    let timeline = explain_at(rules, now).timeline;
    let mut text = String::new();
    let line = |change: &TimelineChange| {
        let cause = |cause: &Cause| match cause.since {
            Some(since) => format!("{cause} from {since} on"),
            None => cause.to_string(),
        };
        let causes: Vec<String> = change.causes.iter().map(cause).collect();
        format!("{} {}: {}\n", change.at, change.to, causes.join("; "))
    };
    text.extend(timeline.changes.iter().map(line));
    if let Some(alternation) = &timeline.schedules {
        let (inside, outside) = (alternation.inside, alternation.outside);
        let schedules = alternation.schedules.join(" and ");
        text.extend([format!("{schedules}: {inside} inside, {outside} outside\n")]);
    }
    text.extend(timeline.weekly.iter().map(line));
    let ended = timeline.ended.iter();
    text.extend(ended.map(|cause| format!("ended: {cause} from {} on\n", cause.since.unwrap())));
    text += if timeline.more { "more\n" } else { "" };
    expected.assert_eq(&text);
}

#[test]
fn each_rule_has_its_reason_and_how_long_that_holds() {
    let verdicts = explain_at("verified_within: 30d, identity: same_as_request", NOON).verdicts;
    let shown: Vec<_> = verdicts
        .iter()
        .map(|v| {
            (
                &*v.rule,
                v.otherwise,
                v.unmet,
                v.until.map(|at| at.to_string()),
            )
        })
        .collect();
    let until = Some("2026-03-01T12:00:00Z".to_owned());
    assert_eq!(
        shown,
        [
            ("status: [VERIFIED]", Effect::Deny, None, None),
            ("verified_within: 30d", Effect::Deny, None, until),
            (
                "identity: same_as_request",
                Effect::Deny,
                Some(ReasonCode::IdentityNotGiven),
                None
            ),
        ]
    );
}

#[test]
fn a_change_names_every_rule_that_turns_and_only_those_that_matter() {
    check(
        "verified_within: 30d, any_of: [verified_within: 30d, authenticated: {within: 30d}], any_of: [verified_within: 30d, status: [VERIFIED]]",
        NOON,
        &expect![[r#"
            2026-03-01T12:00:00Z deny: verified_within: 30d no longer holds; authenticated: {within: 30d} no longer holds
        "#]],
    );
    // The session is over first, which changes nothing.
    check(
        "any_of: [verified_within: 30d, all_of: [status: [VERIFIED], authenticated: {within: 7d}]]",
        NOON,
        &expect![[r#"
            2026-03-01T12:00:00Z deny: verified_within: 30d no longer holds
        "#]],
    );
}

#[test]
fn a_time_in_the_future_is_a_cause_too() {
    check(
        "verified_within: 30d",
        "2026-01-30T11:00:00Z",
        &expect![[r#"
            2026-01-30T11:59:00Z allow: the verification's time is no longer in the future
            2026-03-01T12:00:00Z deny: verified_within: 30d no longer holds
        "#]],
    );
}

#[test]
fn what_runs_out_comes_before_a_schedule_that_repeats() {
    check(
        &format!("{WORK}, verified_within: 33d"),
        NOON,
        &expect![[r#"
            2026-03-04T12:00:00Z deny: verified_within: 33d no longer holds
            mon-fri 07:00-19:00 UTC: allow inside, deny outside
            2026-02-02T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-02T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            2026-02-03T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-03T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            more
        "#]],
    );
    check(
        WORK,
        NOON,
        &expect![[r#"
            mon-fri 07:00-19:00 UTC: allow inside, deny outside
            2026-02-02T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-02T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            2026-02-03T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-03T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            more
        "#]],
    );
}

#[test]
fn what_runs_out_while_a_schedule_is_closed_shows_in_the_change_that_it_makes_another() {
    // On a Sunday: the next opening asks for more than the one before.
    check(
        &format!("{WORK}, any_of: [verified_within: 30d, identity: same_as_request]"),
        NOON,
        &expect![[r#"
            2026-02-27T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes; verified_within: 30d no longer holds from 2026-03-01T12:00:00Z on
            mon-fri 07:00-19:00 UTC: allow inside, deny outside
            2026-02-02T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-02T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            2026-02-03T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-03T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            more
        "#]],
    );
    let step_up = "{verified_within: 30d, otherwise: step_up}";
    check(
        &format!("{WORK}, {step_up}"),
        NOON,
        &expect![[r#"
            2026-03-02T07:00:00Z step_up: schedule mon-fri 07:00-19:00 UTC opens; verified_within: 30d no longer holds from 2026-03-01T12:00:00Z on
            mon-fri 07:00-19:00 UTC: allow inside, deny outside
            2026-02-02T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-02T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            2026-02-03T07:00:00Z allow: schedule mon-fri 07:00-19:00 UTC opens
            2026-02-03T19:00:00Z deny: schedule mon-fri 07:00-19:00 UTC closes
            more
        "#]],
    );
    // It runs out on Sunday, before any schedule opens again.
    check(
        &format!("{WORK}, verified_within: 2d"),
        NOON,
        &expect![[r#"
            ended: verified_within: 2d no longer holds from 2026-02-01T12:00:00Z on
        "#]],
    );
}

#[test]
fn the_zones_of_a_policy_are_listed_once_each() {
    let zones = |rules| {
        let zones = explain_at(rules, NOON).zones;
        zones
            .iter()
            .map(|zone| zone.name().to_owned())
            .collect::<Vec<_>>()
    };
    let berlin = "schedule: {days: [mon], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}";
    let both = format!("{WORK}, any_of: [{berlin}, all_of: [{berlin}]]");
    assert_eq!(zones(&both), ["Europe/Berlin", "UTC"]);
    let elsewhere =
        format!("{WORK}, any_of: [all_of: [project: [p], {berlin}], verified_within: 30d]");
    assert_eq!(zones(&elsewhere), ["UTC"], "the other does not matter here");
    let nowhere = format!("any_of: [all_of: [project: [p], {berlin}], verified_within: 30d]");
    assert_eq!(zones(&nowhere), ["Europe/Berlin"]);
    assert!(zones("verified_within: 30d").is_empty());
    let zone = Zone::named("Europe/Berlin").unwrap();
    let local = zone.local("2026-06-30T22:05:00.5Z".parse().unwrap());
    assert_eq!(
        format!("{local}, {local:#}"),
        "Wed 2026-07-01 00:05, Wed 00:05"
    );
    let local = zone.local("2026-01-31T22:05:09Z".parse().unwrap());
    assert_eq!(local.to_string(), "Sat 2026-01-31 23:05:09");
}

/// Policies from parts, in which things run out and schedules open at the same time and at others.
fn policies() -> Vec<String> {
    let parts = [
        WORK,
        "verified_within: 3d",
        "{verified_within: 5d, otherwise: step_up}",
        "{authenticated: {within: 3d}, otherwise: step_up}",
        "any_of: [verified_within: 2d, authenticated: {within: 10d, amr_any: [hwk]}]",
        "{any_of: [schedule: {days: [sat, sun], from: \"22:00\", to: \"06:00\", zone: America/New_York}, verified_within: 4d], otherwise: step_up}",
        "all_of: [any_of: [schedule: {days: [mon, thu], from: \"12:00\", to: \"24:00\", zone: UTC}, authenticated: {within: 6d}], verified_within: 9d]",
    ];
    let mut policies = Vec::new();
    for subset in 1_u32..128 {
        let chosen = parts
            .iter()
            .enumerate()
            .filter(|(i, _)| subset >> i & 1 == 1);
        let chosen: Vec<&str> = chosen.map(|(_, part)| *part).collect();
        policies.push(chosen.join(", "));
    }
    policies
}

#[test]
fn every_change_of_a_timeline_is_one_with_causes_that_turn_there() {
    let effect = |rules: &str, now| with_facts(now, |facts| policy(rules).effect(facts));
    let (mut changes, mut causes) = (0, 0);
    for rules in policies() {
        let explanation = explain_at(&rules, NOON);
        let timeline = &explanation.timeline;
        let both = timeline.changes.iter().chain(&timeline.weekly);
        let first = both.clone().map(|change| change.at).min();
        let next = explanation.decision.next_change().map(|change| change.at);
        assert_eq!(first, next, "{rules}");
        for change in both {
            changes += 1;
            let (old, new) = (
                effect(&rules, just_before(change.at)),
                effect(&rules, change.at),
            );
            assert!(old != new && new == change.to, "{rules} at {}", change.at);
            assert!(!change.causes.is_empty(), "{rules} at {}", change.at);
            for cause in change
                .causes
                .iter()
                .filter(|cause| !matches!(cause.turn, Turn::Opens | Turn::Closes))
            {
                causes += 1;
                let at = cause.since.unwrap_or(change.at);
                let alone = |now| effect(&cause.what, now) == Effect::Allow;
                let turns = (alone(just_before(at)), alone(at));
                let expected = (cause.turn == Turn::Ends, cause.turn == Turn::Begins);
                assert_eq!(turns, expected, "{rules}: {cause} at {at}");
            }
        }
    }
    assert!(changes > 300 && causes > 150, "{changes} {causes}");
}

#[test]
fn every_end_that_changes_the_decision_at_once_is_in_the_timeline() {
    let effect = |rules: &str, now| with_facts(now, |facts| policy(rules).effect(facts));
    let verified: Timestamp = "2026-01-30T12:00:00Z".parse().unwrap();
    let mut ends = 0;
    // No schedule of these opens or closes at noon.
    for rules in policies().iter().filter(|rules| !rules.contains("12:00")) {
        let changes = explain_at(rules, NOON).timeline.changes;
        for days in 2..=10 {
            let at = after(verified, Duration::from_hours(24 * days));
            if effect(rules, just_before(at)) != effect(rules, at) {
                ends += 1;
                assert!(
                    changes.iter().any(|change| change.at == at),
                    "{rules} at {at}"
                );
            }
        }
    }
    assert!(ends > 50, "{ends}");
}

#[test]
fn a_rule_with_parts_is_also_shown_in_lines() {
    let verdicts = explain_at(
        "any_of: [verified_within: 30d, all_of: [age_below: 18, any_of: [project: [p]]]]",
        NOON,
    )
    .verdicts;
    let lines = |verdict: &Verdict| {
        let line = |(depth, text): &(usize, String)| format!("{}{text}\n", "  ".repeat(*depth));
        verdict.lines.iter().map(line).collect::<String>()
    };
    let shown: String = verdicts.iter().map(lines).collect();
    expect![[r"
        status: [VERIFIED]
        any_of:
          - verified_within: 30d
          - all_of:
            - age_below: 18
            - any_of:
              - project: [p]
    "]]
    .assert_eq(&shown);
}
