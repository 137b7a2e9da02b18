//! The page for doors: its table for ONVIF has every reason code of the product, its examples are accepted, and its numbers are those of the defaults.

use std::{collections::BTreeMap, process::Command};

use verigate::{config::DEFAULTS, proto::v1::ReasonCode};

const PAGE: &str = include_str!("../../docs/doors.md");

/// The reasons that the standard has for a denial.
const ONVIF: [&str; 7] = [
    "CredentialNotEnabled",
    "CredentialNotActive",
    "CredentialExpired",
    "InvalidPIN",
    "NotPermittedAtThisTime",
    "Unauthorized",
    "Other",
];

fn table() -> BTreeMap<&'static str, &'static str> {
    let (_, section) = PAGE.split_once("## Reasons for ONVIF").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, code, reason, _] = cells[..] else {
            return None;
        };
        let is_code =
            code.contains('_') && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        is_code.then_some((code, reason))
    });
    rows.collect()
}

/// The block of this language.
fn example(language: &str) -> &'static str {
    let begin = ["```", language, "\n"].concat();
    let (_, rest) = PAGE.split_once(&begin).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn every_reason_code_has_a_reason_of_onvif() {
    // Numbers of the enum are not reused; far beyond the last one.
    let codes = (1..1000).filter_map(|number| ReasonCode::try_from(number).ok());
    let names = codes.map(|code| code.as_str_name().strip_prefix("REASON_CODE_").unwrap());
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 22);
    let table = table();
    for name in &names {
        let reason = table
            .get(name)
            .unwrap_or_else(|| panic!("docs/doors.md has no row for {name}"));
        assert!(ONVIF.contains(reason), "{name}: {reason}");
    }
    for code in table.keys() {
        assert!(names.contains(code), "{code} is no reason code");
    }
}

/// Runs the program; what it prints if it fails.
fn succeeds(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(arguments)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {printed}");
}

#[test]
fn the_examples_for_doors_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("doors.yaml"), example("yaml")).unwrap();
    succeeds(&["policy", "check", &path("doors.yaml")]);
    let config = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{}'\n[journal]\npath = '{}'\n\
         [incode]\nurl = 'http://127.0.0.1:9'\napi_key = 'x'\nintegration_id = 'x'\nsecret = 'x'\n{}",
        path("doors.yaml"),
        path("journal.jsonl"),
        example("toml")
    );
    std::fs::write(path("verigate.toml"), config).unwrap();
    succeeds(&["serve", "--check", "--config", &path("verigate.toml")]);
}

#[test]
fn the_page_for_doors_has_the_numbers_of_the_defaults() {
    for (setting, default, shown) in [
        ("deadline", "\"2s\"", "`grpc.deadline` (2 s)"),
        ("deadline_max", "\"2500ms\"", "`grpc.deadline_max` (2.5 s)"),
        (
            "streams_per_connection",
            "32",
            "`limits.streams_per_connection` (32)",
        ),
        (
            "connection_age",
            "\"10m\"",
            "`limits.connection_age` (10 minutes",
        ),
        (
            "connection_grace",
            "\"30s\"",
            "`limits.connection_grace` (30 s)",
        ),
        ("drain", "\"8s\"", "`limits.drain` (8 s)"),
        (
            "connections_per_address",
            "1_000",
            "`limits.connections_per_address` (1,000)",
        ),
    ] {
        let line = format!("\n{setting} = {default}\n");
        assert!(DEFAULTS.contains(&line), "{setting}");
        assert!(PAGE.contains(shown), "docs/doors.md does not say {shown}");
    }
}
