//! `verigate audit prove` and `check-proof`: each decision is proven to a stranger, and nothing else is.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    audit, ended,
    naive::{Writer, journal},
    verify::verified,
};

fn prove(folder: &Path, id: &str, key: &str) -> (i32, String, String) {
    ended(&audit(&[
        "prove",
        id,
        folder.to_str().unwrap(),
        "--key",
        key,
    ]))
}

fn check(proof: &str, key: &str) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proof.json");
    fs::write(&file, proof).unwrap();
    ended(&audit(&[
        "check-proof",
        file.to_str().unwrap(),
        "--key",
        key,
        "--json",
    ]))
}

fn decision_ids(writer: &Writer) -> Vec<(String, String)> {
    let lines = writer.files.iter().flat_map(|file| &file.lines);
    let lines = lines.map(|line| String::from_utf8(line.clone()).unwrap());
    let ids = lines.filter_map(|line| {
        let value: Value = serde_json::from_str(&line).unwrap();
        Some((value["decision_id"].as_str()?.to_owned(), line))
    });
    ids.collect()
}

#[test]
fn a_decision_is_proven_from_what_retention_has_left_and_checked_without_the_journal() {
    let mut writer = journal();
    writer.remove_first();
    writer.stop();
    let folder = writer.folder();
    let key = writer.verifier();
    assert_eq!(verified(folder.path(), &["--key", &key]).0, 0);
    let ids = decision_ids(&writer);
    for (id, line) in [&ids[0], &ids[ids.len() / 2], &ids[ids.len() - 1]] {
        let (code, proof, message) = prove(folder.path(), id, &key);
        assert_eq!(code, 0, "{message}");
        let parsed: Value = serde_json::from_str(&proof).unwrap();
        assert_eq!(parsed["line"], **line);
        let (code, printed, message) = check(&proof, &key);
        assert_eq!(code, 0, "{printed}{message}");
        let checked: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(checked["line"]["decision_id"], **id);
        assert_eq!(checked["origin"], "journal.example/test");
        // Nothing else of the journal is in it.
        for (other, _) in ids.iter().filter(|(other, _)| other != id) {
            assert!(!proof.contains(other), "{proof}");
        }
    }
}

#[test]
fn a_proof_that_was_changed_does_not_hold() {
    let writer = journal();
    let folder = writer.folder();
    let key = writer.verifier();
    let (id, _) = decision_ids(&writer).swap_remove(8);
    let (_, proof, _) = prove(folder.path(), &id, &key);
    let proof: Value = serde_json::from_str(&proof).unwrap();
    assert_eq!(check(&proof.to_string(), &key).0, 0);
    let text = |name: &str| proof[name].as_str().unwrap().to_owned();
    let path = proof["path"].as_array().unwrap();
    let mut changes = vec![
        ("line", Value::from(text("line").replace("ada-", "eve-"))),
        ("line", text("line").trim_end().into()),
        ("line", "{}\n".into()),
        ("index", 9.into()),
        (
            "checkpoint",
            text("checkpoint").replace("\n1", "\n2").into(),
        ),
        ("path", path[1..].to_vec().into()),
        ("path", [path.clone(), path.clone()].concat().into()),
    ];
    let mut swapped = path.clone();
    swapped.swap(0, 1);
    changes.push(("path", swapped.into()));
    for (member, value) in changes {
        let mut changed = proof.clone();
        assert_ne!(changed[member], value, "{member}");
        changed[member] = value;
        let (code, printed, message) = check(&changed.to_string(), &key);
        assert_eq!(code, 1, "{member} {printed}{message}");
    }
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(check(&proof.to_string(), other).0, 1);
    for broken in ["", "[]", "{}", "{\"index\":1}"] {
        assert_eq!(check(broken, &key).0, 2, "{broken}");
    }
}

#[test]
fn there_is_no_proof_of_what_no_checkpoint_covers_or_of_changed_lines() {
    let mut writer = journal();
    writer.decision();
    let folder = writer.folder();
    let key = writer.verifier();
    let ids = decision_ids(&writer);
    let (code, printed, message) = prove(folder.path(), &ids[ids.len() - 1].0, &key);
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(message.contains("no checkpoint"), "{message}");
    let file = folder.path().join(&writer.files[0].name);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("front-door", "back-doors", 1)).unwrap();
    let (code, printed, message) = prove(folder.path(), &ids[0].0, &key);
    assert_eq!((code, printed.as_str()), (1, ""), "{message}");
}

fn grown(folder: &Path, size: &str, key: &str) -> (i32, String, String) {
    let folder = folder.to_str().unwrap();
    ended(&audit(&[
        "prove",
        "--consistency",
        size,
        folder,
        "--key",
        key,
    ]))
}

/// The size that each checkpoint covers.
fn sizes(writer: &Writer) -> Vec<String> {
    let sizes = writer
        .checkpoints
        .iter()
        .map(|note| note.lines().nth(1).unwrap().to_owned());
    sizes.collect()
}

#[test]
fn that_a_journal_has_only_grown_is_proven_between_any_checkpoint_and_the_last_one() {
    let writer = journal();
    let folder = writer.folder();
    let key = writer.verifier();
    let sizes = sizes(&writer);
    for size in &sizes {
        let (code, proof, message) = grown(folder.path(), size, &key);
        assert_eq!(code, 0, "{size} {message}");
        assert!(!proof.contains("decision_id"), "no line is in it: {proof}");
        let (code, printed, message) = check(&proof, &key);
        assert_eq!(code, 0, "{size} {printed}{message}");
        let checked: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(checked["old_size"].to_string(), *size);
        assert_eq!(checked["size"].to_string(), *sizes.last().unwrap());
    }
    let (code, printed, message) = grown(folder.path(), "1", &key);
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(message.contains(&format!("over {}", sizes[0])), "{message}");
}

#[test]
fn a_journal_that_was_written_again_has_no_such_proof_and_none_holds_that_was_changed() {
    let writer = journal();
    let folder = writer.folder();
    let key = writer.verifier();
    let sizes = sizes(&writer);
    let size = &sizes[sizes.len() / 2];
    let (_, proof, _) = grown(folder.path(), size, &key);
    let proof: Value = serde_json::from_str(&proof).unwrap();
    let path = proof["path"].as_array().unwrap();
    let text = |name: &str| proof[name].as_str().unwrap().to_owned();
    let other_old = writer.checkpoints[0].clone();
    for (member, value) in [
        ("path", path[1..].to_vec().into()),
        ("path", [path.clone(), path.clone()].concat().into()),
        ("old", other_old.into()),
        ("old", text("new").into()),
        ("new", text("old").into()),
        ("new", text("new").replacen("\n4", "\n5", 1).into()),
    ] {
        let mut changed = proof.clone();
        assert_ne!(changed[member], value, "{member}");
        changed[member] = value;
        let (code, printed, message) = check(&changed.to_string(), &key);
        assert_eq!(code, 1, "{member} {printed}{message}");
    }
    // Another journal by the same key, whose first lines are others.
    let mut other = Writer::new(super::naive::key());
    other.open();
    other.start();
    for _ in 0..80 {
        other.decision();
    }
    other.checkpoint();
    let mut forged = proof.clone();
    forged["new"] = other.checkpoints[0].clone().into();
    let (code, printed, _) = check(&forged.to_string(), &key);
    assert_eq!(code, 1, "{printed}");
}
