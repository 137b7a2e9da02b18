//! Which edges a rule has, and where they are.

use std::sync::Arc;

use super::*;
use crate::{
    Authentication, PolicyName, PolicySet, Request, SourceText, Verification,
    authoring::suite::case::verification_id, parse,
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
            steps.map(|instant| edge.is_at_one_of(&given, [instant])),
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
