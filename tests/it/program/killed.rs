//! The program is killed while it answers: every decision that was given is in the journal, and the chain goes on at the next start.

#![expect(
    clippy::print_stdout,
    reason = "how many were tried is shown where a test is run for long"
)]

use std::sync::Arc;

use parking_lot::Mutex;
use verigate::journal::merkle::leaf_hash;

use super::{rotation::assert_whole, *};

/// Connections that ask at once.
const ASKING: usize = 8;

/// Starts a program on this journal, kills it at a random time under load; the ids of the decisions that were given.
pub(super) async fn killed_under_load(journal: &Path, before: &'static str) -> Vec<String> {
    let program = Program::start(Start {
        journal: Some(journal.to_owned()),
        before,
        ..Start::default()
    })
    .await;
    // The cache has it from here on.
    let first = program.check("ada-fresh").await.unwrap().decision_id;
    let given = Arc::new(Mutex::new(vec![first]));
    let asking = (0..ASKING).map(|_| {
        let (client, given) = (program.client.clone(), Arc::clone(&given));
        tokio::spawn(async move {
            let mut client = client;
            while let Ok(answer) = client
                .check_access(check_request("front-door", "ada-fresh"))
                .await
            {
                given.lock().push(answer.into_inner().decision_id);
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    tokio::time::sleep(Duration::from_millis(fastrand::u64(20..300))).await;
    program.process.signal("-KILL");
    for asked in asking {
        asked.await.unwrap();
    }
    Arc::into_inner(given).unwrap().into_inner()
}

/// The files of a journal, in their order.
pub(super) fn files(journal: &Path) -> Vec<PathBuf> {
    if journal.is_file() {
        return vec![journal.to_owned()];
    }
    let entries = fs::read_dir(journal).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Asserts that each line follows the one before, across all files.
pub(super) fn assert_chained(files: &[PathBuf]) {
    let (mut index, mut previous) = (0_u64, "0".repeat(64));
    for file in files {
        let text = fs::read(file).unwrap();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let value: Value = serde_json::from_slice(line).unwrap();
            assert_eq!(value["index"], index, "{}", file.display());
            assert_eq!(value["previous"], *previous, "{}", file.display());
            previous = verigate::journal::hex(&leaf_hash(line));
            index += 1;
        }
    }
}

async fn survives(kills: usize, is_folder: bool, before: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    if is_folder {
        fs::create_dir(&journal).unwrap();
    }
    let mut given = Vec::new();
    for _ in 0..kills {
        given.extend(killed_under_load(&journal, before).await);
    }
    // The tail of the last one is cut as it starts.
    let program = Program::start(Start {
        journal: Some(journal.clone()),
        before,
        ..Start::default()
    })
    .await;
    program.stop().await;
    let files = files(&journal);
    assert_chained(&files);
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let count = given.len();
    assert_whole(given, recorded(&files));
    println!("{count} decisions, {kills} kills, {} files", files.len());
}

/// How many kills the environment asks for: for longer runs.
pub(super) fn kills() -> usize {
    let asked = option_env!("VERIGATE_TEST_KILLS");
    asked.map_or(2, |kills| kills.parse().unwrap())
}

#[tokio::test]
async fn a_killed_program_has_recorded_in_a_file_what_it_has_answered() {
    survives(kills(), false, ":").await;
}

#[tokio::test]
async fn a_killed_program_has_recorded_in_segments_what_it_has_answered() {
    survives(kills(), true, "export VERIGATE_JOURNAL__SEGMENT_SIZE=64KiB").await;
}

#[tokio::test]
async fn a_killed_program_has_synced_what_it_has_answered() {
    let before = "export VERIGATE_JOURNAL__DURABILITY=synced VERIGATE_JOURNAL__SEGMENT_SIZE=64KiB";
    survives(kills(), true, before).await;
}
