//! `verigate audit search`, `show`, `stats` and `export` on journals of a naive writer.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::{
    audit, ended,
    naive::{Writer, journal, key},
};

fn parsed(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

fn decisions(writer: &Writer) -> Vec<Value> {
    let lines = writer.files.iter().flat_map(|file| &file.lines);
    let lines = lines.map(|line| parsed(line));
    lines
        .filter(|line| line.get("decision").is_some())
        .collect()
}

fn ids(printed: &str) -> BTreeSet<String> {
    let lines = printed.lines().map(|line| parsed(line.as_bytes()));
    lines
        .map(|line| line["decision_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Which lines a search is about.
type Meant<'m> = Box<dyn Fn(&Value) -> bool + 'm>;

#[test]
fn a_search_finds_exactly_what_is_meant() {
    let writer = journal();
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let all = decisions(&writer);
    let at = |index: usize| all[index]["at"].as_str().unwrap();
    let (since, until) = (at(7), at(20));
    let reason = |line: &Value| line["reasons"].to_string().contains("VERIFICATION_TOO_OLD");
    let cases: Vec<(Vec<&str>, Meant<'_>)> = vec![
        (vec![], Box::new(|_| true)),
        (
            vec!["--decision", "deny"],
            Box::new(|l| l["decision"] == "deny"),
        ),
        (
            vec!["--policy", "sso-admin"],
            Box::new(|l| l["policy"] == "sso-admin"),
        ),
        (
            vec!["--caller", "door-1"],
            Box::new(|l| l["caller"] == "door-1"),
        ),
        (
            vec!["--verification", "ada-3"],
            Box::new(|l| l["verification_id"] == "ada-3"),
        ),
        (vec!["--reason", "VERIFICATION_TOO_OLD"], Box::new(reason)),
        (
            vec!["--since", since, "--until", until, "--decision", "allow"],
            Box::new(|l| {
                let at = l["at"].as_str().unwrap();
                l["decision"] == "allow" && at >= since && at < until
            }),
        ),
    ];
    for (arguments, meant) in cases {
        let mut given = vec!["search", path, "--json"];
        given.extend(&arguments);
        let (code, printed, message) = ended(&audit(&given));
        let expected = all.iter().filter(|line| meant(line));
        let expected: BTreeSet<String> = expected
            .map(|line| line["decision_id"].as_str().unwrap().to_owned())
            .collect();
        assert!(!expected.is_empty(), "{arguments:?}");
        assert_eq!(
            (code, ids(&printed)),
            (0, expected),
            "{arguments:?} {message}"
        );
    }
    let (code, printed, _) = ended(&audit(&["search", path, "--identity", "nobody"]));
    assert_eq!((code, printed.as_str()), (1, ""));
    let (code, printed, _) = ended(&audit(&["search", path, "--limit", "3"]));
    assert_eq!((code, printed.lines().count()), (0, 3));
    let (code, _, message) = ended(&audit(&["search", path, "--since", "yesterday"]));
    assert_eq!(
        (code, message.contains("`yesterday` is no time")),
        (2, true)
    );
}

#[test]
fn a_verification_is_found_by_each_of_its_ids() {
    let mut writer = Writer::new(key());
    writer.open();
    for (id, successor, trace) in [
        ("first", None, "trace-1"),
        ("first", Some("second"), "trace-2"),
        ("third", None, "second"),
    ] {
        writer.line(&json!({
            "decision_id": super::naive::uuid(1_769_860_800_000, writer.next_index()),
            "caller": "door-1", "policy": "front-door", "decision": "allow",
            "verification_id": id, "successor_id": successor, "request_id": "other",
            "evidence": { "source": "cache", "trace_id": trace },
        }));
    }
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let found = |id: &str| {
        let (_, printed, _) = ended(&audit(&["search", path, "--json", "--verification", id]));
        printed.lines().count()
    };
    let counts = ["first", "second", "third", "trace-1", "trace-2", "other"].map(found);
    assert_eq!(counts, [2, 2, 1, 1, 1, 0]);
}

/// Long enough for a binary search, and with times that are a little out of order.
#[test]
fn a_time_range_of_a_long_file_is_found_without_its_other_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decisions.log");
    let mut text = String::new();
    let start = 1_769_860_800_000_i64;
    for number in 0..20_000_i64 {
        let millis = start + number * 1000 - (number % 7) * 900;
        let at = verigate::policy::from_millis(millis);
        let id = super::naive::uuid(millis, usize::try_from(number).unwrap());
        let line = json!({ "at": format!("{at:.3}"), "decision": "deny", "decision_id": id, "padding": "x".repeat(100) });
        text += &line.to_string();
        text.push('\n');
    }
    // What is before and behind the range is not even read.
    let broken = text.replacen("{\"at\"", "\0\0\0\0\0", 1);
    fs::write(&path, &broken).unwrap();
    let path = path.to_str().unwrap();
    for (from, to) in [(0_i64, 10), (9_990, 10_010), (19_990, 30_000), (5, 5)] {
        let instant = |n: i64| verigate::policy::from_millis(start + n * 1000).to_string();
        let (since, until) = (instant(from), instant(to));
        let found = ended(&audit(&[
            "search", path, "--json", "--since", &since, "--until", &until,
        ]));
        let expected = broken
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let expected = expected.filter(|line| {
            let at: jiff::Timestamp = line["at"].as_str().unwrap().parse().unwrap();
            at >= since.parse().unwrap() && at < until.parse().unwrap()
        });
        let expected: BTreeSet<String> = expected
            .map(|line| line["decision_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids(&found.1), expected, "{from} to {to}");
        // The broken first line is reported only where it was read.
        assert_eq!(
            found.2.contains("were passed over"),
            from < 1_000,
            "{from}: {}",
            found.2
        );
    }
}

#[test]
fn a_past_decision_is_shown_as_a_picture_and_as_its_line() {
    let mut writer = Writer::new(key());
    writer.open();
    writer.line(&json!({
        "decision_id": "0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f",
        "caller": "door-1", "policy": "front-door", "policy_revision": "0123456789abcdef",
        "verification_id": "ada-month-old", "identity_id": "id-ada", "decision": "step_up",
        "reasons": [
            { "code": "VERIFICATION_TOO_OLD", "rule": "verified_within: 30d" },
            { "code": "OUTSIDE_SCHEDULE", "rule": "schedule" },
        ],
        "next_change": { "at": "2026-02-15T12:00:00.000Z", "to": "deny" },
        "remedies": [{ "reverify": { "maxAge": "2592000s" } }],
        "verdicts": [
            { "requirement": "status: VERIFIED", "holds": true, "until": "2026-03-01T00:00:00.000Z" },
            { "requirement": "verified_within: 30d", "holds": false },
            { "requirement": "older_than: 18", "holds": "unknown" },
        ],
        "shadow": { "revision": "fedcba9876543210", "decision": "deny", "reasons": [] },
        "evidence": { "source": "cache", "status": "VERIFIED" }, "degraded": false,
    }));
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let id = "0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f";
    let (code, printed, message) = ended(&audit(&["show", id, path]));
    assert_eq!(code, 0, "{message}");
    for expected in [
        "STEP_UP by `front-door` at ",
        "  met       status: VERIFIED, until 2026-03-01T00:00:00.000Z\n",
        "  STEP_UP   verified_within: 30d (VERIFICATION_TOO_OLD)\n",
        "  unknown   older_than: 18\n",
        "  because   OUTSIDE_SCHEDULE: ",
        "  needed    verify again",
        "(policies 0123456789abcdef)",
        "  shadow    DENY (policies fedcba9876543210)\n",
        "●  DENY      2026-02-15T12:00:00Z, in ",
    ] {
        assert!(printed.contains(expected), "{expected}\n{printed}");
    }
    let (code, printed, _) = ended(&audit(&["show", id, path, "--json"]));
    assert_eq!((code, printed.as_bytes()), (0, &*writer.files[0].lines[1]));
    let other = "0198c5a0-1b2c-7d3e-8f40-000000000000";
    let (code, printed, message) = ended(&audit(&["show", other, path]));
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(message.contains("there is no decision"), "{message}");
    assert_eq!(ended(&audit(&["show", "r-1", path])).0, 2);
}

#[test]
fn decisions_are_counted_by_policy_and_by_caller() {
    let writer = journal();
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let all = decisions(&writer);
    let (code, printed, _) = ended(&audit(&["stats", path, "--json"]));
    assert_eq!(code, 0);
    let counted = parsed(printed.as_bytes());
    for (table, member) in [("policies", "policy"), ("callers", "caller")] {
        for (name, counts) in counted[table].as_object().unwrap() {
            for outcome in ["allow", "step_up", "deny"] {
                let expected = all
                    .iter()
                    .filter(|l| l[member] == **name && l["decision"] == outcome);
                assert_eq!(counts[outcome], expected.count(), "{name} {outcome}");
            }
        }
    }
    let (_, printed, _) = ended(&audit(&["stats", path]));
    assert!(
        printed.contains("by policy") && printed.contains('█'),
        "{printed}"
    );
    assert!(printed.ends_with(&format!("{} decisions, 0 of them degraded\n", all.len())));
}

#[test]
fn an_export_has_each_decision_in_each_form() {
    let writer = journal();
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let all = decisions(&writer);
    let export = |format: &str| {
        let (code, printed, message) = ended(&audit(&["export", path, "--format", format]));
        assert_eq!(code, 0, "{message}");
        printed
    };
    let lines = |printed: &str| printed.lines().map(str::to_owned).collect::<Vec<_>>();
    let jsonl: Vec<Value> = lines(&export("jsonl"))
        .iter()
        .map(|l| parsed(l.as_bytes()))
        .collect();
    assert_eq!(jsonl, all);
    let csv = lines(&export("csv"));
    assert_eq!(csv.len(), all.len() + 1);
    assert!(csv[0].starts_with("at,index,decision_id,decision,policy,"));
    for format in ["ocsf", "ecs", "purview", "syslog"] {
        let exported = lines(&export(format));
        assert_eq!(exported.len(), all.len(), "{format}");
        for (line, decision) in exported.iter().zip(&all) {
            let allowed = decision["decision"] == "allow";
            match format {
                "ocsf" => {
                    let event = parsed(line.as_bytes());
                    assert_eq!(event["type_uid"], 600_302);
                    assert_eq!(event["action_id"] == 1, allowed);
                    assert_eq!(event["metadata"]["uid"], decision["decision_id"]);
                }
                "ecs" => {
                    let event = parsed(line.as_bytes());
                    assert_eq!(event["event"]["outcome"] == "success", allowed);
                    assert_eq!(event["event"]["id"], decision["decision_id"]);
                }
                "purview" => {
                    let event = parsed(line.as_bytes());
                    assert_eq!(event["AccessStatus"] == "Success", allowed);
                    assert_eq!(event["UserId"], decision["identity_id"]);
                }
                _ => {
                    let is_notice = line.starts_with("<85>1 ");
                    assert_eq!(is_notice, decision["decision"] == "deny", "{line}");
                    let id = decision["decision_id"].as_str().unwrap();
                    assert!(line.contains(&format!(" id=\"{id}\"")), "{line}");
                }
            }
        }
    }
}

#[test]
fn what_a_journal_says_is_never_obeyed_by_a_terminal() {
    let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}\u{2028}b";
    let id = "0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f";
    let mut writer = Writer::new(key());
    writer.open();
    writer.line(&json!({
        "decision_id": id, "caller": hostile, "policy": hostile, "policy_revision": hostile,
        "verification_id": hostile, "request_id": hostile, "decision": hostile,
        "reasons": [{ "code": hostile, "rule": hostile }],
        "verdicts": [{ "requirement": hostile, "holds": true, "until": hostile }],
        "evidence": { "source": hostile, "status": hostile }, "degraded": true,
    }));
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    for arguments in [
        vec!["verify", path],
        vec!["search", path],
        vec!["search", path, "--json"],
        vec!["show", id, path],
        vec!["show", id, path, "--json"],
        vec!["stats", path],
        vec!["stats", path, "--json"],
        vec!["export", path, "--format", "jsonl"],
        vec!["export", path, "--format", "csv"],
        vec!["export", path, "--format", "ocsf"],
        vec!["export", path, "--format", "ecs"],
        vec!["export", path, "--format", "purview"],
        vec!["export", path, "--format", "syslog"],
    ] {
        let (code, printed, message) = ended(&audit(&arguments));
        assert_eq!(code, 0, "{arguments:?} {message}");
        let all = printed + &message;
        assert!(!all.is_empty());
        let harmful = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}'];
        assert!(!all.contains(harmful), "{arguments:?} {all:?}");
    }
}
