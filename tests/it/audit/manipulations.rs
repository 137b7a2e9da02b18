//! Thousands of manipulations of a journal after a clean stop: each is found, the first bad line is named, and a verifier that was written by
//! the page alone says the same.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use fastrand::Rng;
use serde_json::{Value, json};
use verigate::{
    audit::{
        JournalFiles,
        verify::{Options, Report, verify},
    },
    journal::signed_note::VerifierKey,
};

use super::naive::{Writer, journal};
use crate::{components::has, longer::tries, program::journal_of_a_killed_program};

/// How many are tried of all kinds together, unless `VERIGATE_TEST_MANIPULATIONS` asks for another number: half of them on a journal by the
/// naive writer, half on one by the program.
const TRIED: usize = 2_000;

/// What is done to a journal.
type Kind = fn(Folder, &mut Rng) -> Manipulated;

const KINDS: [(&str, Kind); 10] = [
    ("flip", flip),
    ("flip a checkpoint", flip_checkpoint),
    ("cut", cut),
    ("remove a line", remove_line),
    ("swap lines", swap_lines),
    ("splice", splice),
    ("drop a file", drop_file),
    ("swap files", swap_files),
    ("roll back", roll_back),
    ("cut the checkpoints", cut_checkpoints),
];

type Folder = BTreeMap<String, Vec<u8>>;

/// A manipulated journal, and what is known of its first bad line.
struct Manipulated {
    folder: Folder,
    /// Whether the second place of checkpoints is needed.
    needs_copy: bool,
    /// The file and the line, where they are known.
    expected: Option<(String, u64)>,
}

impl Manipulated {
    fn of(folder: Folder, expected: Option<(String, u64)>) -> Self {
        Self {
            folder,
            needs_copy: false,
            expected,
        }
    }
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn line_of(bytes: &[u8], at: usize) -> u64 {
    let newlines = bytes[..at].split(|b| *b == b'\n').skip(1).count();
    u64::try_from(newlines).unwrap() + 1
}

fn segment(folder: &Folder, rng: &mut Rng) -> String {
    let names: Vec<&String> = folder
        .keys()
        .filter(|name| *name != "checkpoints")
        .collect();
    names[rng.usize(..names.len())].clone()
}

fn flip(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let name = segment(&folder, rng);
    let bytes = folder.get_mut(&name).unwrap();
    let at = rng.usize(..bytes.len());
    let line = line_of(bytes, at);
    bytes[at] ^= 1 << rng.u8(..8);
    Manipulated::of(folder, Some((name, line)))
}

fn flip_checkpoint(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let bytes = folder.get_mut("checkpoints").unwrap();
    let at = rng.usize(..bytes.len());
    bytes[at] ^= 1 << rng.u8(..8);
    Manipulated::of(folder, None)
}

fn cut(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let name = segment(&folder, rng);
    let bytes = folder.get_mut(&name).unwrap();
    let from = rng.usize(..bytes.len());
    let to = rng.usize(from + 1..=bytes.len());
    bytes.drain(from..to);
    Manipulated::of(folder, None)
}

fn remove_line(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let name = segment(&folder, rng);
    let bytes = folder.get_mut(&name).unwrap();
    let mut all = lines(bytes);
    let at = rng.usize(..all.len());
    all.remove(at);
    let is_inside = at < all.len();
    *bytes = all.concat();
    let line = u64::try_from(at).unwrap() + 1;
    Manipulated::of(folder, is_inside.then_some((name, line)))
}

fn swap_lines(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let name = segment(&folder, rng);
    let bytes = folder.get_mut(&name).unwrap();
    let mut all = lines(bytes);
    let one = rng.usize(..all.len() - 1);
    let other = rng.usize(one + 1..all.len());
    all.swap(one, other);
    *bytes = all.concat();
    let line = u64::try_from(one).unwrap() + 1;
    Manipulated::of(folder, Some((name, line)))
}

fn splice(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let from = segment(&folder, rng);
    let line = {
        let all = lines(&folder[&from]);
        all[rng.usize(..all.len())].clone()
    };
    let name = segment(&folder, rng);
    let bytes = folder.get_mut(&name).unwrap();
    let mut all = lines(bytes);
    let at = rng.usize(..=all.len());
    if rng.bool() && at < all.len() && all[at] != line {
        all[at] = line;
    } else {
        all.insert(at, line);
    }
    *bytes = all.concat();
    Manipulated::of(folder, None)
}

fn drop_file(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let names: Vec<String> = folder.keys().cloned().collect();
    let name = &names[rng.usize(..names.len())];
    folder.remove(name);
    Manipulated::of(folder, None)
}

fn swap_files(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let one = segment(&folder, rng);
    let mut other = segment(&folder, rng);
    while one == other {
        other = segment(&folder, rng);
    }
    let (first, second) = (folder[&one].clone(), folder[&other].clone());
    let earlier = one.clone().min(other.clone());
    folder.insert(one, second);
    folder.insert(other, first);
    Manipulated::of(folder, Some((earlier, 1)))
}

/// Both the lines and the checkpoints beside them are cut to what they were earlier.
fn roll_back(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let bytes = folder.get_mut("checkpoints").unwrap();
    let mut all = lines(bytes);
    // Five lines to each note.
    let kept = rng.usize(1..all.len() / 5);
    all.truncate(kept * 5);
    let size: usize = String::from_utf8_lossy(&all[kept * 5 - 4])
        .trim()
        .parse()
        .unwrap();
    *bytes = all.concat();
    let mut count = 0;
    let names: Vec<String> = folder
        .keys()
        .filter(|n| *n != "checkpoints")
        .cloned()
        .collect();
    for name in names {
        let mut all = lines(&folder[&name]);
        all.truncate(size.saturating_sub(count));
        count += all.len();
        if all.is_empty() {
            folder.remove(&name);
        } else {
            folder.insert(name, all.concat());
        }
    }
    Manipulated {
        folder,
        needs_copy: true,
        expected: None,
    }
}

/// Only the checkpoints are cut.
fn cut_checkpoints(mut folder: Folder, rng: &mut Rng) -> Manipulated {
    let bytes = folder.get_mut("checkpoints").unwrap();
    let length = rng.usize(..bytes.len());
    bytes.truncate(length);
    Manipulated::of(folder, None)
}

/// The verifier that was written by the page alone, as a process.
struct Other {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Other {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/verify.py");
        let mut child = Command::new("python3")
            .args([script, "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            requests,
            answers,
        }
    }

    fn verify(&mut self, arguments: &[&str]) -> Value {
        writeln!(self.requests, "{}", json!(arguments)).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn write(folder: &Folder, path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in folder {
        fs::write(path.join(name), bytes).unwrap();
    }
}

fn ours(path: &Path, key: &VerifierKey, copy: Option<&Path>) -> Report {
    let journal = JournalFiles::find(&[path.to_owned()]).unwrap();
    let keys = [key.clone()];
    let options = Options { keys: &keys, copy };
    verify(&journal, options, &mut |_| {}).unwrap()
}

/// How many are tried of each kind on each journal.
fn each() -> usize {
    tries("VERIGATE_TEST_MANIPULATIONS", TRIED) / KINDS.len() / 2
}

fn original(writer: &Writer) -> Folder {
    let files = writer.files.iter();
    let mut folder: Folder = files
        .map(|file| (file.name.clone(), file.lines.concat()))
        .collect();
    folder.insert(
        "checkpoints".to_owned(),
        writer.checkpoints.concat().into_bytes(),
    );
    folder
}

/// Tries each kind of manipulation on a journal whose first checkpoints a second place has, too. Returns how many were tried.
fn manipulate(original: &Folder, vkey: &str, rng: &mut Rng) -> usize {
    let (key, place) = (
        VerifierKey::parse(vkey).unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let path = place.path().join("journal");
    fs::create_dir(&path).unwrap();
    let copy = place.path().join("copy");
    fs::write(&copy, &original["checkpoints"]).unwrap();
    let mut other = Other::start();
    write(original, &path);
    let said = other.verify(&[path.to_str().unwrap(), "--key", vkey]);
    assert_eq!(said["holds"], true, "{said}");
    assert_eq!(said["matched"], lines(&original["checkpoints"]).len() / 5);
    let mut tried = 0;
    for (name, kind) in KINDS {
        for number in 0..each() {
            let manipulated = kind(original.clone(), rng);
            if manipulated.folder == *original {
                continue;
            }
            tried += 1;
            write(&manipulated.folder, &path);
            let mut arguments = vec![path.to_str().unwrap(), "--key", vkey];
            let copy = manipulated.needs_copy.then_some(&*copy);
            if let Some(copy) = copy {
                arguments.extend(["--checkpoint", copy.to_str().unwrap()]);
            }
            let report = ours(&path, &key, copy);
            let said = other.verify(&arguments);
            assert_found(&manipulated, &report, &said, &format!("{name} {number}"));
        }
    }
    tried
}

/// Both verifiers name the same first bad line, and it is the one that is known to be the first.
fn assert_found(manipulated: &Manipulated, report: &Report, said: &Value, what: &str) {
    let shown = || format!("{what}: ours {:?}\nthe other's {said}", report.bad);
    let bad = report.bad.as_ref().unwrap_or_else(|| panic!("{}", shown()));
    let named = (bad.position.file.to_string(), bad.position.line);
    assert_eq!(said["first_bad"]["file"], named.0, "{}", shown());
    if named.0 != "checkpoints" {
        assert_eq!(said["first_bad"]["line"], named.1, "{}", shown());
        let index = json!(bad.position.index);
        assert_eq!(said["first_bad"]["index"], index, "{}", shown());
    }
    if let Some(expected) = &manipulated.expected {
        assert_eq!(named, *expected, "{}", shown());
    }
}

#[test]
fn each_manipulation_is_found_and_both_verifiers_name_the_same_line() {
    if !has(&["python3", "openssl"]) {
        return;
    }
    let writer = journal();
    let tried = manipulate(
        &original(&writer),
        &writer.verifier(),
        &mut Rng::with_seed(13),
    );
    println!("{tried} manipulations of a journal by the naive writer");
}

/// With what only the service writes: it was killed, and goes on.
#[tokio::test]
async fn each_manipulation_of_what_the_program_has_written_is_found() {
    if !has(&["python3", "openssl"]) {
        return;
    }
    let (place, journal, vkey) = journal_of_a_killed_program().await;
    let entries = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap());
    let original: Folder = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    drop(place);
    let tried = manipulate(&original, &vkey, &mut Rng::with_seed(31));
    println!(
        "{tried} manipulations of a journal by the program, in {} files",
        original.len()
    );
}

/// Who can write the files but not sign can compute hashes: what was signed shows it.
#[test]
fn a_chain_that_was_written_again_behind_a_changed_line_is_found_by_what_is_signed() {
    let writer = journal();
    let key = VerifierKey::parse(&writer.verifier()).unwrap();
    for changed in [0, 7, 20, writer.leaves.len() - 2] {
        let mut forged = journal();
        let mut previous = [0; 32];
        let mut index = 0;
        for file in &mut forged.files {
            for line in &mut file.lines {
                let text = String::from_utf8(line.clone()).unwrap();
                let (start, rest) = text.split_once("\"previous\":\"").unwrap();
                let mut rest = rest[64..].to_owned();
                if index == changed {
                    rest = rest
                        .replace("front-door", "back-door")
                        .replace("\"v", "\"w");
                    rest = rest.replace("\"at\":\"2026", "\"at\":\"2025");
                }
                *line = format!(
                    "{start}\"previous\":\"{}{rest}",
                    super::naive::hex(&previous)
                )
                .into_bytes();
                previous = super::naive::leaf(line);
                index += 1;
            }
        }
        let folder = forged.folder();
        let report = ours(folder.path(), &key, None);
        assert!(report.bad.is_some(), "{changed}");
    }
}
