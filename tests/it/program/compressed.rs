//! The program compresses the closed files of its journal: kills at random times leave every decision in one whole file, and every reader reads it.

use super::{
    killed::{assert_chained, files, killed_under_load},
    rotation::assert_whole,
    *,
};
use crate::audit::verify::verified;

const SETTINGS: &str =
    "export VERIGATE_JOURNAL__COMPRESS=zstd VERIGATE_JOURNAL__SEGMENT_SIZE=32KiB";

fn is_compressed(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".jsonl.zst")
}

/// Unpacks every compressed file beside itself, as `zstd -d` does. A plain file that is still there has the same content.
fn unpack(journal: &Path) {
    for file in files(journal).iter().filter(|file| is_compressed(file)) {
        let text = zstd::decode_all(File::open(file).unwrap()).unwrap();
        let plain = file.with_extension("");
        if plain.exists() {
            assert_eq!(fs::read(&plain).unwrap(), text);
        }
        fs::write(&plain, text).unwrap();
        fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn a_program_that_is_killed_while_it_compresses_leaves_every_decision_in_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let mut given = Vec::new();
    for _ in 0..killed::kills() {
        given.extend(killed_under_load(&journal, SETTINGS).await);
        assert_eq!(verified(&journal, &[]).0, 0);
    }
    let program = Program::start(Start {
        journal: Some(journal.clone()),
        before: SETTINGS,
        ..Start::default()
    })
    .await;
    // All but the open one, also those of the processes that were killed.
    until("all closed files are compressed", async || {
        let files = files(&journal);
        let plain = files.iter().filter(|file| !is_compressed(file));
        files.len() > 2 && plain.count() == 1
    })
    .await;
    program.stop().await;
    let (code, report) = verified(&journal, &[]);
    assert_eq!(code, 0, "{report:#}");
    unpack(&journal);
    let files = files(&journal);
    assert_chained(&files);
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert_whole(given, recorded(&files));
}
