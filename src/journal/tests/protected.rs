//! Facts that are sealed and identifiers that are keyed: what a journal says of its keys, and what it says of nobody.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    chained::Reader,
    files::Running,
    folders::{files, read},
    *,
};
use crate::{
    clock::{Clock, ManualClock},
    policy::{BirthDate, ClaimedIdentity, DataKinds, Datum, Identity, Scope, Verification},
};

const VERIFICATION: &str = "55a951eb-265c-4706-9ebf-99ae35c745ab";
const TRACE: &str = "trace-of-ada";
const IDENTITY: &str = "id-of-ada";
const PHONE: &str = "+12025550101";
const BORN: i64 = 642_902_400_000;
const SUCCESSOR: &str = "later-verification-of-ada";

fn identifier_key(byte: &str) -> IdentifierKey {
    IdentifierKey::parse(&byte.repeat(32)).unwrap()
}

/// An entry with all that a person can have.
fn entry_of_ada(id: u128) -> Entry {
    let mut entry = entry(id);
    let request = Arc::make_mut(&mut entry.request);
    request.verification = VerificationId::parse(VERIFICATION).unwrap();
    request.identity = ClaimedIdentity::parse(IDENTITY);
    request.attributes = [("home".to_owned(), "lane-of-ada-7".to_owned())].into();
    let identity = Datum::Known(Identity::parse(IDENTITY).unwrap());
    entry.ruling.successor = Some(VerificationId::parse(SUCCESSOR).unwrap());
    entry.ruling.evidence = Arc::new(Evidence {
        finding: Finding::Present(Verification {
            id: Some(SUCCESSOR.into()),
            trace_id: Some(TRACE.into()),
            scopes: [Scope::Phone, Scope::DateOfBirth].into(),
            identity,
            name: Datum::Known(()),
            phone: Datum::Known(PHONE.into()),
            born: Datum::Known(BirthDate::from_millis(BORN).unwrap()),
            kept: DataKinds::ALL,
            ..Verification::default()
        }),
        seen_at: from_millis(0),
    });
    entry
}

fn start_with(path: &Path, terms: SegmentTerms, keys: Keys, clock: Arc<dyn Clock>) -> Running {
    let output = open(path, terms, clock.now()).unwrap();
    Running::with_keys(output, keys, clock)
}

/// Records decisions about Ada in one file, with these keys.
async fn run(path: &Path, keys: Keys, ids: std::ops::Range<u128>) {
    let clock = Arc::new(SystemClock);
    let running = start_with(path, SegmentTerms::default(), keys, clock);
    for id in ids {
        running.journal.record(entry_of_ada(id)).await.unwrap();
    }
    running.stop().await;
}

fn keys(auditor: &AuditorKey, identifiers: Option<&str>) -> Keys {
    Keys {
        auditor: Some(auditor.recipient()),
        identifiers: identifiers.map(identifier_key),
        ..Keys::default()
    }
}

/// The data keys that lines say, each with the index of the first line that does.
fn data_keys(lines: &[Value]) -> Vec<(SealedDataKey, usize)> {
    let mut keys: Vec<(SealedDataKey, usize)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let said = line.get("facts_keys").cloned().unwrap_or_default();
        let said = serde_json::from_value::<Vec<SealedDataKey>>(said).unwrap_or_default();
        for key in said {
            if keys.iter().all(|(known, _)| *known != key) {
                keys.push((key, at));
            }
        }
    }
    keys
}

/// Opens the facts of every decision with the data keys that stand before it in its own file.
fn opened(path: &Path, auditor: &AuditorKey) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let keys = data_keys(&lines);
    let decisions = lines.iter().enumerate();
    let decisions = decisions.filter(|(_, line)| line.get("decision").is_some());
    let facts = decisions.map(|(at, line)| {
        let sealed: SealedFacts = serde_json::from_value(line["sealed_facts"].clone()).unwrap();
        let mut before = keys.iter().filter(|(_, said)| *said < at);
        let (key, _) = before.find(|(key, _)| key.key == sealed.key).unwrap();
        let key = DataKey::open(key, std::slice::from_ref(auditor)).unwrap();
        let id = line["decision_id"].as_str().unwrap();
        serde_json::from_slice(&key.open_facts(id, &sealed).unwrap()).unwrap()
    });
    facts.collect()
}

fn journal() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

#[tokio::test]
async fn nothing_of_a_person_is_in_clear_and_the_auditor_reads_all_of_it() {
    let (_folder, path) = journal();
    let auditor = AuditorKey::generate().unwrap();
    run(&path, keys(&auditor, Some("07")), 0..3).await;
    let text = fs::read_to_string(&path).unwrap();
    let born = BORN.to_string();
    for clear in [
        VERIFICATION,
        TRACE,
        IDENTITY,
        SUCCESSOR,
        PHONE,
        &born,
        "lane-of-ada",
        "of-ada",
    ] {
        assert!(!text.contains(clear), "{clear} is in clear: {text}");
    }
    let facts = opened(&path, &auditor);
    assert_eq!(facts.len(), 3);
    for facts in facts {
        let verification = &facts["finding"]["present"];
        assert_eq!(verification["phone"]["known"], PHONE);
        assert_eq!(verification["born"]["known"], BORN);
        assert_eq!(verification["identity"]["known"], IDENTITY);
        assert_eq!(facts["verification_id"], SUCCESSOR);
        assert_eq!(facts["attributes"]["home"], "lane-of-ada-7");
    }
}

#[tokio::test]
async fn keyed_identifiers_are_those_of_the_key_and_plain_ones_are_the_default() {
    let (_folder, path) = journal();
    let identifiers = Some(identifier_key("07"));
    let keyed = Keys {
        identifiers,
        ..Keys::default()
    };
    run(&path, keyed, 0..1).await;
    let key = identifier_key("07");
    let verification = |id: &str| key.keyed(IdentifierKind::Verification, id);
    let read = Reader::of(&[&path]);
    let line = read
        .lines
        .iter()
        .find(|line| line.get("decision").is_some());
    let line = line.unwrap();
    assert_eq!(line["verification_id"], verification(VERIFICATION));
    assert_eq!(line["successor_id"], verification(SUCCESSOR));
    assert_eq!(line["evidence"]["trace_id"], verification(TRACE));
    let identity = key.keyed(IdentifierKind::Identity, IDENTITY);
    assert_eq!(line["identity_id"], identity);
    assert_eq!(line.get("sealed_facts"), None);
    let (_folder, path) = journal();
    run(&path, Keys::default(), 0..1).await;
    let text = fs::read_to_string(&path).unwrap();
    for clear in [VERIFICATION, TRACE, IDENTITY, SUCCESSOR] {
        assert!(text.contains(clear), "{clear}");
    }
    for other in [
        "sealed_facts",
        "facts_keys",
        "identifier_key",
        "hmac:",
        PHONE,
    ] {
        assert!(!text.contains(other), "{other}");
    }
}

#[tokio::test]
async fn another_identifier_key_after_a_restart_is_an_event_with_both_ids() {
    let (_folder, path) = journal();
    let [one, other] = ["07", "08"].map(|byte| identifier_key(byte).id().to_owned());
    for (at, key) in (0..).zip([Some("07"), Some("07"), Some("08"), None, None, Some("07")]) {
        let keys = Keys {
            identifiers: key.map(identifier_key),
            ..Keys::default()
        };
        run(&path, keys, at..at + 1).await;
    }
    let read = Reader::of(&[&path]);
    let changes = read
        .lines
        .iter()
        .filter(|line| line["event"] == "identifier_key_changed");
    let changes = changes.map(|line| (line.get("from").cloned(), line.get("to").cloned()));
    let text = |id: &str| Some(Value::from(id));
    let expected = [
        (text(&one), text(&other)),
        (text(&other), None),
        (None, text(&one)),
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
    let started = read
        .lines
        .iter()
        .filter(|line| line["event"] == "journal_started");
    let said: Vec<_> = started
        .map(|line| line.get("identifier_key").cloned())
        .collect();
    let expected = [text(&one), text(&one), text(&other), None, None, text(&one)];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn each_file_says_the_keys_of_its_lines_and_a_day_later_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let terms = SegmentTerms {
        size: 12_000,
        age: Duration::from_hours(1000),
    };
    let auditor = AuditorKey::generate().unwrap();
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let keys = keys(&auditor, Some("07"));
    let running = start_with(folder.path(), terms, keys, Arc::clone(&clock) as _);
    for id in 0..30 {
        running.journal.record(entry_of_ada(id)).await.unwrap();
        clock.advance(Duration::from_hours(9));
    }
    running.stop().await;
    let read = read(folder.path());
    assert!(files(folder.path()).len() > 3);
    let keys = data_keys(&read.lines);
    // 270 hours, and a key for each 27 of them: it is replaced by the first line after a day.
    assert!((9..=12).contains(&keys.len()), "{}", keys.len());
    let renewed = read.events();
    let renewed = renewed.iter().filter(|event| **event == "facts_key");
    assert_eq!(renewed.count(), keys.len() - 1);
    let mut facts = 0;
    for file in files(folder.path()) {
        facts += opened(&file, &auditor).len();
    }
    assert_eq!(facts, 30);
    let with_tree = read.lines.iter().filter(|line| line.get("tree").is_some());
    for line in with_tree {
        assert_eq!(line["identifier_key"], identifier_key("07").id());
    }
}
