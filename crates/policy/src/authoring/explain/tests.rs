//! Verdicts and timelines.

use std::sync::Arc;

use super::*;
use crate::{
    Evidence, Finding, PolicyName, Request, SourceText, Verification, VerificationId, parse,
};

/// Explained on Saturday, 31 January 2026, at noon; verified a day before.
fn explain(rules: &str) -> Explanation {
    let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
    let path = "p.yaml".to_owned();
    let no_lists = |_: &str, _: &str| Err("no file".to_owned());
    let set = parse(&[Arc::new(SourceText { path, text })], &no_lists).unwrap();
    let name = PolicyName::parse("p").unwrap();
    let now = "2026-01-31T12:00:00Z".parse().unwrap();
    set.find(&name).unwrap().explain(&Facts {
        request: &Request {
            policy: name.clone(),
            verification: VerificationId::parse("v-1").unwrap(),
            identity: None,
            authentication: None,
            attributes: std::collections::BTreeMap::new(),
            id: "".into(),
        },
        evidence: &Evidence {
            finding: Finding::Present(Verification {
                id: Some("v-1".into()),
                status: Some("VERIFIED".into()),
                verified_at: Some("2026-01-30T12:00:00Z".parse().unwrap()),
                ..Verification::default()
            }),
            seen_at: now,
        },
        now,
    })
}

#[test]
fn each_rule_has_its_reason_and_how_long_that_holds() {
    let verdicts = explain("verified_within: 30d, identity: same_as_request").verdicts;
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
fn a_timeline_is_of_changes_that_differ_and_ends_after_the_eighth() {
    let explained = explain(
        "schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: UTC}",
    );
    assert!(explained.goes_on, "it says that there is more");
    let timeline = explained.timeline.iter();
    let shown: Vec<_> = timeline.map(|c| format!("{} {}", c.at, c.to)).collect();
    assert_eq!(
        shown,
        [
            "2026-02-02T07:00:00Z allow",
            "2026-02-02T19:00:00Z deny",
            "2026-02-03T07:00:00Z allow",
            "2026-02-03T19:00:00Z deny",
            "2026-02-04T07:00:00Z allow",
            "2026-02-04T19:00:00Z deny",
            "2026-02-05T07:00:00Z allow",
            "2026-02-05T19:00:00Z deny",
        ]
    );
    let ends = explain("verified_within: 30d");
    assert_eq!((ends.timeline.len(), ends.goes_on), (1, false));
}
