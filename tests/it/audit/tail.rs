//! `verigate audit tail`: the last decisions, and those that are added while it runs.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    audit, ended,
    naive::{Writer, journal},
};

fn last_id(writer: &Writer) -> String {
    let lines = writer.files.iter().flat_map(|file| &file.lines);
    let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    let mut ids = lines.filter_map(|line| Some(line["decision_id"].as_str()?.to_owned()));
    ids.next_back().unwrap()
}

#[test]
fn the_last_decisions_are_shown() {
    let writer = journal();
    let folder = writer.folder();
    let path = folder.path().to_str().unwrap();
    let (code, printed, message) = ended(&audit(&["tail", path, "-n", "3"]));
    assert_eq!((code, printed.lines().count()), (0, 3), "{message}");
    assert!(
        printed.lines().last().unwrap().contains(&last_id(&writer)),
        "{printed}"
    );
    let (code, printed, _) = ended(&audit(&["tail", path, "--decision", "deny", "--json"]));
    assert_eq!(code, 0);
    for line in printed.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["decision"], "deny");
    }
}

#[test]
fn what_is_added_follows_also_in_the_next_segment() {
    let mut writer = journal();
    let folder = writer.folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["audit", "tail", "-f", "-n", "1", "--json"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        line["decision_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), last_id(&writer));
    let path = folder.path().join(&writer.files[3].name);
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    writer.decision();
    let line = writer.files[3].lines.last().unwrap().clone();
    // Half a line is none yet.
    file.write_all(&line[..50]).unwrap();
    file.write_all(&line[50..]).unwrap();
    assert_eq!(next(), last_id(&writer));
    writer.close();
    let line = writer.files[3].lines.last().unwrap().clone();
    file.write_all(&line).unwrap();
    writer.open();
    writer.decision();
    let segment = &writer.files[4];
    fs::write(folder.path().join(&segment.name), segment.lines.concat()).unwrap();
    assert_eq!(next(), last_id(&writer));
    child.kill().unwrap();
    child.wait().unwrap();
}
