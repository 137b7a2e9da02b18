//! `verigate audit tail`: the last decisions, and those that are added while it runs.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use verigate::audit::{Follow, FollowError, JournalFiles};

use super::{
    audit,
    compressed::compress_file,
    ended,
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

fn followed(path: &Path) -> Follow {
    let paths = [path.to_owned()];
    let journal = JournalFiles::find(&paths).unwrap();
    Follow::open(&paths, &journal).unwrap()
}

fn new_lines(follow: &mut Follow) -> String {
    let mut lines = Vec::new();
    let mut take = |line: verigate::audit::RawLine| {
        lines.push(line.bytes);
        Ok::<_, FollowError>(())
    };
    follow.read_new(&mut take).unwrap();
    String::from_utf8(lines.concat()).unwrap()
}

/// The lines of the segments from this one on.
fn lines_from(writer: &Writer, segment: usize) -> String {
    let lines = writer.files[segment..].iter().flat_map(|file| &file.lines);
    String::from_utf8(lines.flatten().copied().collect()).unwrap()
}

#[test]
fn nothing_is_lost_of_segments_that_are_compressed_while_they_are_followed() {
    // Compressed after it was read in part, and before anything was read of it.
    for is_read_before in [true, false] {
        let mut writer = journal();
        let folder = writer.folder();
        let mut follow = followed(folder.path());
        let mut read = String::new();
        if is_read_before {
            read = new_lines(&mut follow);
            assert_eq!(read, lines_from(&writer, 3));
        }
        writer.decision();
        writer.close();
        // One that begins and ends between two looks, and one that is being written.
        for _ in 0..2 {
            writer.open();
            writer.decision();
            writer.close();
        }
        writer.open();
        writer.decision();
        for file in &writer.files[3..] {
            fs::write(folder.path().join(&file.name), file.lines.concat()).unwrap();
        }
        for file in &writer.files[3..6] {
            compress_file(folder.path(), &file.name);
        }
        read += &new_lines(&mut follow);
        assert_eq!(read, lines_from(&writer, 3), "{is_read_before}");
        assert_eq!(new_lines(&mut follow), "");
    }
}

#[test]
fn what_was_added_to_a_file_before_it_was_moved_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decisions.jsonl");
    fs::write(&path, "{\"first\":1}\n").unwrap();
    let mut follow = followed(&path);
    assert_eq!(new_lines(&mut follow), "{\"first\":1}\n");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"second\":2}\n").unwrap();
    fs::rename(&path, folder.path().join("decisions.jsonl.1")).unwrap();
    assert_eq!(new_lines(&mut follow), "{\"second\":2}\n");
    // As logrotate makes the next one, which the service does not write yet.
    fs::write(&path, "").unwrap();
    assert_eq!(new_lines(&mut follow), "");
    // It is longer than what was read of the one before.
    let next = "{\"third\":3}\n".repeat(5);
    fs::write(&path, &next).unwrap();
    file.write_all(b"{\"late\":4}\n").unwrap();
    assert_eq!(new_lines(&mut follow), format!("{{\"late\":4}}\n{next}"));
}
