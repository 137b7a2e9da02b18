//! `verigate audit verify` on journals of a naive writer: what holds, what does not, and which line is named.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    audit, ended,
    naive::{Writer, hex, journal, key},
};

/// The exit code and the report.
pub fn verified(folder: &Path, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec!["verify", folder.to_str().unwrap(), "--json"];
    arguments.extend(more);
    let (code, printed, message) = ended(&audit(&arguments));
    let report = serde_json::from_str(&printed);
    (
        code,
        report.unwrap_or_else(|_| panic!("{message}{printed}")),
    )
}

fn with_key(writer: &Writer, folder: &TempDir) -> (i32, Value) {
    verified(folder.path(), &["--key", &writer.verifier()])
}

fn kinds(report: &Value) -> Vec<&str> {
    let notes = report["notes"].as_array().unwrap();
    notes
        .iter()
        .map(|note| note["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn a_journal_as_it_was_written_holds() {
    let writer = journal();
    let folder = writer.folder();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["lines"], writer.leaves.len());
    assert_eq!(report["files"], 4);
    assert_eq!(report["checkpoints"]["matched"], writer.checkpoints.len());
    assert_eq!(report["checkpoints"]["covered_lines"], writer.leaves.len());
    assert_eq!(report["notes"], serde_json::json!([]));
    let text = ended(&audit(&["verify", folder.path().to_str().unwrap()]));
    assert_eq!(text.0, 0);
    assert!(text.1.contains("signatures were not checked"), "{}", text.1);
    let copy = folder.path().join("copy");
    fs::write(&copy, writer.checkpoints.last().unwrap()).unwrap();
    let (code, report) = verified(folder.path(), &["--checkpoint", copy.to_str().unwrap()]);
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn a_key_may_be_in_a_file_and_a_wrong_one_is_found() {
    let writer = journal();
    let folder = writer.folder();
    let file = folder.path().join("keys");
    fs::write(&file, format!("{}\n", writer.verifier())).unwrap();
    let (code, report) = verified(folder.path(), &["--key", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{report:#}");
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let (code, report) = verified(folder.path(), &["--key", other]);
    assert_eq!(code, 1);
    assert_eq!(report["first_bad"]["file"], "checkpoints");
    for (arguments, expected) in [
        (vec!["--key", "no-key"], "is no verifier key"),
        (vec!["--checkpoint", "/no/such/file"], "/no/such/file"),
    ] {
        let mut all = vec!["verify", folder.path().to_str().unwrap()];
        all.extend(arguments);
        let (code, _, message) = ended(&audit(&all));
        assert_eq!(code, 2);
        assert!(message.contains(expected), "{message}");
    }
    let (code, _, message) = ended(&audit(&["verify", "/no/such/journal"]));
    assert_eq!((code, message.contains("/no/such/journal")), (2, true));
    let empty = tempfile::tempdir().unwrap();
    let (code, _, message) = ended(&audit(&["verify", empty.path().to_str().unwrap()]));
    assert_eq!((code, message.contains("there is no journal")), (2, true));
}

#[test]
fn a_line_that_is_being_written_is_no_fault_unless_a_checkpoint_covers_it() {
    let mut writer = journal();
    let folder = writer.folder();
    let last = folder.path().join(&writer.files[3].name);
    let mut bytes = fs::read(&last).unwrap();
    bytes.extend(b"{\"v\":2,\"ind");
    fs::write(&last, &bytes).unwrap();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!((code, kinds(&report)), (0, vec!["torn_line"]), "{report:#}");
    let length = bytes.len();
    fs::write(&last, &bytes[..length - 20]).unwrap();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(code, 1);
    assert_eq!(report["first_bad"]["index"], writer.leaves.len() - 1);
    // Lines that no checkpoint covers yet, and a checkpoint that is being written.
    writer.decision();
    let half = writer.checkpoints[0][..60].to_owned();
    writer.checkpoints.push(half);
    let folder = writer.folder();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(
        (code, kinds(&report)),
        (0, vec!["torn_checkpoint"]),
        "{report:#}"
    );
}

#[test]
fn a_segment_that_retention_removed_is_explained_and_another_one_is_not() {
    let mut writer = journal();
    writer.remove_first();
    writer.remove_first();
    writer.stop();
    let folder = writer.folder();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(
        (code, kinds(&report)),
        (0, vec!["segment_removed"]),
        "{report:#}"
    );
    assert_ne!(report["checkpoints"]["not_comparable"], 0);
    let first = folder.path().join(&writer.files[0].name);
    fs::remove_file(first).unwrap();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(code, 1);
    assert_eq!(report["first_bad"]["file"], writer.files[1].name.as_str());
    let writer = journal();
    let folder = writer.folder();
    fs::remove_file(folder.path().join(&writer.files[0].name)).unwrap();
    let (code, report) = verified(folder.path(), &[]);
    assert_eq!(
        (code, &report["first_bad"]["line"]),
        (1, &1.into()),
        "{report:#}"
    );
}

#[test]
fn missing_lines_that_a_gap_explains_are_a_note() {
    let mut writer = journal();
    writer.close();
    let lost = writer.files.last().unwrap().clone();
    let first = writer.next_index() - lost.lines.len();
    writer.open();
    let gap = serde_json::json!({
        "event": "gap", "reason": "file_missing", "file": lost.name,
        "first_index": first, "last_index": writer.next_index() - 2,
    });
    writer.line(&gap);
    writer.stop();
    let folder = writer.folder();
    fs::remove_file(folder.path().join(&lost.name)).unwrap();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!((code, kinds(&report)), (0, vec!["gap"]), "{report:#}");
    let name = &writer.files[4].name;
    let other = fs::read_to_string(folder.path().join(name)).unwrap();
    fs::write(
        folder.path().join(name),
        other.replace("\"gap\"", "\"gab\""),
    )
    .unwrap();
    assert_eq!(with_key(&writer, &folder).0, 1);
}

#[test]
fn lines_that_were_not_confirmed_are_recorded_again_in_the_next_file() {
    let mut writer = Writer::new(key());
    writer.open();
    writer.start();
    writer.decision();
    let kept = writer.leaves.len();
    let mut forked = Writer::new(key());
    forked.open();
    forked.start();
    for _ in 0..4 {
        forked.decision();
    }
    writer.open();
    let gap = serde_json::json!({
        "event": "gap", "reason": "sync_failed", "file": writer.files[0].name,
        "first_index": kept, "last_index": kept + 2,
    });
    writer.line(&gap);
    for _ in 0..5 {
        writer.decision();
    }
    writer.stop();
    let folder = writer.folder();
    let first = folder.path().join(&writer.files[0].name);
    for junk in [&b""[..], b"\0\0\0\n{", b"\0\0"] {
        let mut bytes = forked.files[0].lines.concat();
        bytes.truncate(writer.files[0].lines.concat().len());
        bytes.extend(if junk.is_empty() {
            forked.files[0].lines[kept..].concat()
        } else {
            junk.to_vec()
        });
        fs::write(&first, bytes).unwrap();
        let (code, report) = with_key(&writer, &folder);
        assert_eq!(code, 0, "{report:#}");
        assert!(kinds(&report).contains(&"gap"), "{report:#}");
    }
}

#[test]
fn lines_of_the_first_format_are_reported_as_unchained_where_they_may_stand() {
    let mut writer = Writer::new(key());
    writer.files.push(super::naive::File {
        name: "decisions.log".to_owned(),
        lines: Vec::new(),
    });
    writer.start();
    writer.decision();
    writer.stop();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decisions.log");
    let old = "{\"at\":\"2026-01-01T00:00:00.000Z\",\"decision\":\"allow\"}\n";
    let lines = String::from_utf8(writer.files[0].lines.concat()).unwrap();
    fs::write(&path, old.repeat(3) + &lines).unwrap();
    let checkpoints = folder.path().join("decisions.log.checkpoints");
    fs::write(&checkpoints, writer.checkpoints.concat()).unwrap();
    let (code, report) = verified(&path, &["--key", &writer.verifier()]);
    assert_eq!((code, kinds(&report)), (0, vec!["unchained"]), "{report:#}");
    assert_eq!(report["unchained_lines"], 3);
    fs::write(&path, lines.clone() + old).unwrap();
    assert_eq!(verified(&path, &[]).1["first_bad"]["line"], 4);
    // What a service writes to stdout begins again with each process.
    fs::remove_file(&checkpoints).unwrap();
    fs::write(&path, lines.clone() + &lines).unwrap();
    let (code, report) = verified(&path, &[]);
    assert_eq!(
        (code, kinds(&report)),
        (0, vec!["journal_started_again"]),
        "{report:#}"
    );
}

#[test]
fn a_compressed_segment_is_read_as_its_content_and_one_that_is_damaged_is_named() {
    let writer = journal();
    let folder = writer.folder();
    let name = &writer.files[1].name;
    let path = folder.path().join(name);
    let compressed = folder.path().join(format!("{name}.zst"));
    let bytes = zstd::encode_all(&*writer.files[1].lines.concat(), 3).unwrap();
    fs::write(&compressed, &bytes[..20]).unwrap();
    assert_eq!(with_key(&writer, &folder).0, 0, "the plain one counts");
    fs::write(&compressed, &bytes).unwrap();
    fs::remove_file(&path).unwrap();
    let (code, report) = with_key(&writer, &folder);
    assert_eq!(code, 0, "{report:#}");
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    for damaged in [
        damaged,
        bytes[..bytes.len() / 2].to_vec(),
        b"no zstd".to_vec(),
    ] {
        fs::write(&compressed, damaged).unwrap();
        let (code, report) = with_key(&writer, &folder);
        assert_eq!(code, 1, "{report:#}");
        assert_eq!(report["first_bad"]["file"], format!("{name}.zst"));
    }
}

#[test]
fn the_hash_of_a_line_is_what_the_page_computes() {
    let writer = journal();
    let folder = writer.folder();
    let file = folder.path().join(&writer.files[0].name);
    let command = format!("(printf '\\000'; sed -n 5p {}) | sha256sum", file.display());
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with(&hex(&writer.leaves[4])), "{printed}");
}

#[test]
fn nothing_of_a_journal_is_obeyed_by_a_terminal() {
    let mut writer = Writer::new(key());
    writer.open();
    writer.line(&serde_json::json!({ "event": "gap", "reason": "\u{1b}[2J\u{9b}\u{202e}" }));
    let folder = writer.folder();
    let (_, printed, message) = ended(&audit(&["verify", folder.path().to_str().unwrap()]));
    let all = printed + &message;
    assert!(
        all.contains("gap") || all.contains("lines are missing"),
        "{all}"
    );
    assert!(!all.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{all:?}");
}
