//! Every reader shows of a journal with compressed segments what it shows of the plain one.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{
    audit, ended,
    naive::{Writer, journal},
};
use crate::components::has;

/// Compresses all segments but the last one.
pub(super) fn compress(folder: &Path, writer: &Writer) {
    for file in &writer.files[..3] {
        compress_file(folder, &file.name);
    }
}

/// Compresses one segment.
pub(super) fn compress_file(folder: &Path, name: &str) {
    let path = folder.join(name);
    let bytes = zstd::encode_all(&*fs::read(&path).unwrap(), 3).unwrap();
    fs::write(folder.join(format!("{name}.zst")), bytes).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn every_command_prints_the_same_of_plain_and_of_compressed_segments() {
    let writer = journal();
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let key = writer.verifier();
    let lines = writer.files[0]
        .lines
        .iter()
        .map(|line| serde_json::from_slice(line));
    let mut ids = lines.filter_map(|line: Result<Value, _>| {
        Some(line.unwrap()["decision_id"].as_str()?.to_owned())
    });
    let id = ids.next().unwrap();
    let policies = folder.path().join("policies.yaml");
    fs::write(&policies, crate::world::POLICIES).unwrap();
    let policies = policies.to_str().unwrap();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["search", path, "--json"],
        vec![
            "search",
            path,
            "--since",
            "2026-01-01",
            "--decision",
            "deny",
        ],
        vec!["tail", path, "-n", "100", "--json"],
        vec!["show", &id, path],
        vec!["stats", path],
        vec!["prove", &id, path, "--key", &key],
        vec!["replay", path, "--policies", policies, "--json"],
        vec!["shadow", path],
    ];
    let forms = ["jsonl", "csv", "ocsf", "ecs", "purview", "syslog"];
    commands.extend(forms.map(|form| vec!["export", path, "--format", form]));
    let printed = |commands: &[Vec<&str>]| -> Vec<(i32, String)> {
        let all = commands.iter().map(|command| ended(&audit(command)));
        all.map(|(code, printed, _)| (code, printed)).collect()
    };
    let plain = printed(&commands);
    assert!(plain[0].1.contains(&id) && plain[5].0 == 0, "{plain:?}");
    compress(folder.path(), &writer);
    for (command, (plain, compressed)) in commands.iter().zip(plain.iter().zip(printed(&commands)))
    {
        assert_eq!(*plain, compressed, "{command:?}");
    }
    assert_eq!(ended(&audit(&["verify", path, "--key", &key])).0, 0);
}

#[test]
fn the_other_verifier_reads_compressed_segments() {
    if !has(&["python3", "zstd"]) {
        return;
    }
    let writer = journal();
    let folder = writer.folder();
    compress(folder.path(), &writer);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/verify.py");
    let verified = || {
        let output = Command::new("python3")
            .args([script, folder.path().to_str().unwrap()])
            .args(["--key", &writer.verifier()])
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, printed) = verified();
    assert_eq!(code, Some(0), "{printed}");
    let path = folder.path().join(format!("{}.zst", writer.files[1].name));
    let text = writer.files[1].lines.concat();
    let changed = String::from_utf8(text)
        .unwrap()
        .replacen("front-door", "back-door0", 1);
    fs::write(path, zstd::encode_all(changed.as_bytes(), 3).unwrap()).unwrap();
    assert_eq!(verified().0, Some(1));
}
