//! The values in a line of a decision that say how its call came, how old its evidence was, and how long its steps took.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use verigate::{
    journal::AuditorKey,
    policy::{
        Evidence, Finding, PolicyName, PolicySet, Request, SourceText, Verification,
        VerificationId, parse,
    },
    provenance::Timings,
};

use super::gate::{DEADLINE, Judge};
use crate::world::{BEGINNING, at};

fn policies() -> PolicySet {
    let source = SourceText {
        path: "p.yaml".to_owned(),
        text: "version: 1\npolicies: {p: {require: [verified_within: 30d]}}".to_owned(),
    };
    parse(&[Arc::new(source)], &|_, _| Err(String::new())).unwrap()
}

fn request() -> Request {
    let attributes = [("door", "north \u{1b}[2J"), ("site", ""), ("colour", "red")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Request {
        attributes: attributes.into(),
        ..Request::bare(
            PolicyName::parse("p").unwrap(),
            VerificationId::parse("v-1").unwrap(),
        )
    }
}

/// Timings without those of the decision.
fn looked_up(queue: u64, token: u64, fetch: u64) -> Timings {
    Timings {
        queue: Duration::from_micros(queue),
        token: Duration::from_micros(token),
        fetch: Duration::from_micros(fetch),
        ..Timings::default()
    }
}

#[tokio::test]
async fn a_line_has_the_values_of_its_call_and_of_its_evidence() {
    let names = ["site", "door", "badge"].map(str::to_owned);
    let nothing = PolicySet::new(BTreeMap::new());
    let auditor = AuditorKey::generate().unwrap();
    let judge = Judge::new(policies(), nothing, at(BEGINNING), &names, &auditor);
    let found = Finding::Present(Verification {
        id: Some("v-1".into()),
        ..Verification::default()
    });
    for (finding, timings) in [
        (found, looked_up(3_999, 70_000, 210_001)),
        (Finding::Absent, looked_up(0, 0, 0)),
        (Finding::Unknown, looked_up(5, 0, 0)),
    ] {
        let seen_at = at("2026-01-31T11:59:58.766Z");
        let evidence = Evidence { finding, seen_at };
        judge.check(request(), evidence, timings).await;
    }
    let (lines, ..) = judge.stop().await;
    let expected = [
        (
            json!(1234),
            json!({"queue_us": 3999, "token_us": 70_000, "fetch_us": 210_001}),
        ),
        (json!(1234), json!({})),
        (Value::Null, json!({"queue_us": 5})),
    ];
    assert_eq!(lines.len(), expected.len());
    for (line, (age_ms, timings)) in lines.iter().zip(expected) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["evidence"]["age_ms"], age_ms, "{line}");
        assert_eq!(line["peer"], "127.0.0.1:4711");
        let deadline = line["deadline_ms"].as_u64().unwrap();
        assert_eq!(u128::from(deadline), DEADLINE.as_millis());
        // Those that are named and given. An empty value is one.
        let attributes = json!({"door": "north \u{1b}[2J", "site": ""});
        assert_eq!(line["attributes"], attributes);
        let taken = line["timings"].as_object_mut().unwrap();
        // It is measured.
        let decide = taken.remove("decide_us").unwrap();
        assert!(decide.is_u64(), "{decide}");
        assert_eq!(line["timings"], timings);
    }
}
