//! The program is killed while it answers: every decision that was given is in the journal, and the chain goes on at the next start.

#![expect(
    clippy::print_stdout,
    reason = "how many were tried is shown where a test is run for long"
)]

use std::sync::Arc;

use parking_lot::Mutex;
use verigate::{
    journal::merkle::leaf_hash,
    proto::v1::{BatchCheckAccessRequest, batch_check_access_result::Result as Wire},
};

use super::{rotation::assert_whole, *};
use crate::{audit::verify::verified, longer::tries};

/// Tasks that ask for one decision at a time.
const ASKING: usize = 6;
/// Tasks that ask for many at once.
const ASKING_MANY: usize = 2;
/// How many those ask for.
const MANY: usize = 32;
/// How often a program is killed, unless `VERIGATE_TEST_KILLS` asks for another number.
const KILLS: usize = 2;

type Client = AccessServiceClient<Channel>;

/// Asks until the program is gone; the ids of the decisions are kept.
async fn ask_one_by_one(mut client: Client, given: Arc<Mutex<Vec<String>>>) {
    while let Ok(answer) = client
        .check_access(check_request("front-door", "ada-fresh"))
        .await
    {
        given.lock().push(answer.into_inner().decision_id);
    }
}

/// The same, for many decisions at once.
async fn ask_for_many(mut client: Client, given: Arc<Mutex<Vec<String>>>) {
    let checks = vec![check_request("front-door", "ada-fresh"); MANY];
    while let Ok(answer) = client
        .batch_check_access(BatchCheckAccessRequest {
            checks: checks.clone(),
        })
        .await
    {
        let results = answer.into_inner().results.into_iter();
        let ids = results.filter_map(|result| match result.result {
            Some(Wire::Response(response)) => Some(response.decision_id),
            _ => None,
        });
        given.lock().extend(ids);
    }
}

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
    let again = || (program.client.clone(), Arc::clone(&given));
    let one_by_one = (0..ASKING).map(|_| {
        let (client, given) = again();
        tokio::spawn(ask_one_by_one(client, given))
    });
    let many = (0..ASKING_MANY).map(|_| {
        let (client, given) = again();
        tokio::spawn(ask_for_many(client, given))
    });
    let asking: Vec<_> = one_by_one.chain(many).collect();
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
    let (code, report) = verified(&journal, &[]);
    assert_eq!(code, 0, "{report:#}");
    let files = files(&journal);
    assert_chained(&files);
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let count = given.len();
    assert_whole(given, recorded(&files));
    println!("{count} decisions, {kills} kills, {} files", files.len());
}

/// How often a program is killed.
pub(super) fn kills() -> usize {
    tries("VERIGATE_TEST_KILLS", KILLS)
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
