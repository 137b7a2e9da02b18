//! The journal's file is moved, deleted or replaced while checks are made.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

/// Makes checks until this is done; the ids of their decisions.
pub(super) async fn under_load(program: &Program, rotate: impl Future<Output = ()>) -> Vec<String> {
    let mut given = Vec::new();
    let mut rotate = std::pin::pin!(rotate);
    loop {
        tokio::select! {
            biased;
            () = &mut rotate => return given,
            answer = program.check("ada-fresh") => given.push(answer.unwrap().decision_id),
        }
    }
}

/// Waits until the file that the path names now is the one that the program has open.
pub(super) async fn until_reopened(program: &Program) {
    let descriptors = PathBuf::from(format!("/proc/{}/fd", program.process.0.id()));
    until("the journal is opened again", async || {
        let Ok(named) = fs::metadata(&program.journal) else {
            return false;
        };
        let open = fs::read_dir(&descriptors).unwrap().flatten();
        let mut open = open.filter_map(|entry| fs::metadata(entry.path()).ok());
        open.any(|open| (open.dev(), open.ino()) == (named.dev(), named.ino()))
    })
    .await;
}

/// No decision that was given is missing or doubled. Those of checks that were abandoned may be there too.
pub(super) fn assert_whole(mut given: Vec<String>, mut recorded: Vec<String>) {
    recorded.sort();
    let all = recorded.len();
    recorded.dedup();
    assert_eq!(recorded.len(), all, "a decision is recorded twice");
    given.retain(|id| recorded.binary_search(id).is_err());
    assert_eq!(given, Vec::<String>::new(), "decisions are not recorded");
}

#[tokio::test]
async fn a_renamed_journal_is_followed_by_a_new_one_with_and_without_a_signal() {
    let program = Program::start(Start::default()).await;
    let at = |n: usize| program.folder.path().join(format!("journal.{n}"));
    let mut given = Vec::new();
    for n in 1..=6 {
        let rotation = async {
            fs::rename(&program.journal, at(n)).unwrap();
            if n % 2 == 0 {
                program.process.signal("-HUP");
            }
            until_reopened(&program).await;
        };
        given.extend(under_load(&program, rotation).await);
    }
    given.push(program.check("ada-fresh").await.unwrap().decision_id);
    let mode = fs::metadata(&program.journal).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let old: Vec<PathBuf> = (1..=6).map(at).collect();
    let journal = program.journal.clone();
    let (log, _folder) = program.stop_and_keep().await;
    // A signal may come just after the change was noticed, and open it once more.
    assert!(events(&log, "journal_reopened").len() >= 6);
    let mut files: Vec<&Path> = old.iter().map(PathBuf::as_path).collect();
    files.push(&journal);
    assert_whole(given, recorded(&files));
}

#[tokio::test]
async fn a_deleted_journal_is_made_again() {
    let program = Program::start(Start::default()).await;
    program.check("ada-fresh").await.unwrap();
    fs::remove_file(&program.journal).unwrap();
    until_reopened(&program).await;
    let given = program.check("ada-fresh").await.unwrap().decision_id;
    let journal = program.journal.clone();
    let (_, _folder) = program.stop_and_keep().await;
    assert_eq!(recorded(&[&journal]), [given]);
}

#[tokio::test]
async fn a_folder_that_is_away_for_a_moment_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    fs::create_dir(&here).unwrap();
    let journal = here.join("journal.jsonl");
    let mut program = Program::start(Start {
        journal: Some(journal.clone()),
        ..Start::default()
    })
    .await;
    let mut given = vec![program.check("ada-fresh").await.unwrap().decision_id];
    fs::rename(&here, &away).unwrap();
    program = program.until_logged("journal_reopen_failed").await;
    // The old file is still there, so that decisions go on.
    program.until_ready(true).await;
    given.push(program.check("ada-fresh").await.unwrap().decision_id);
    fs::rename(&away, &here).unwrap();
    given.push(program.check("ada-fresh").await.unwrap().decision_id);
    program.stop().await;
    assert_eq!(recorded(&[&journal]), given);
}

#[tokio::test]
async fn a_journal_that_was_deleted_with_its_folder_makes_it_unready() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    fs::create_dir(&here).unwrap();
    let journal = here.join("journal.jsonl");
    let program = Program::start(Start {
        journal: Some(journal.clone()),
        ..Start::default()
    })
    .await;
    fs::remove_dir_all(&here).unwrap();
    program.until_ready(false).await;
    assert_eq!(program.check("ada-fresh").await, Err(Code::Unavailable));
    fs::create_dir(&here).unwrap();
    program.until_ready(true).await;
    let given = program.check("ada-fresh").await.unwrap().decision_id;
    program.stop().await;
    assert_eq!(recorded(&[&journal]), [given]);
}

#[tokio::test]
async fn what_cannot_take_the_journals_place_is_refused_and_the_old_one_stays() {
    let mut program = Program::start(Start::default()).await;
    let old = program.folder.path().join("old");
    fs::rename(&program.journal, &old).unwrap();
    fs::create_dir(&program.journal).unwrap();
    program = program.until_logged("journal_reopen_failed").await;
    program.until_ready(true).await;
    let mut given = vec![program.check("ada-fresh").await.unwrap().decision_id];
    fs::remove_dir(&program.journal).unwrap();
    until_reopened(&program).await;
    given.push(program.check("ada-fresh").await.unwrap().decision_id);
    let journal = program.journal.clone();
    let (_, _folder) = program.stop_and_keep().await;
    assert_eq!(recorded(&[&old, &journal]), given);
}

#[tokio::test]
async fn a_file_of_another_user_is_refused_and_the_old_one_stays() {
    let mut program = Program::start(Start::default()).await;
    let at = |name: &str| program.folder.path().join(name);
    // Only root can give a file to somebody else.
    if fs::metadata(at("")).unwrap().uid() != 0 {
        return;
    }
    let (old, foreign) = (at("old"), at("foreign"));
    fs::write(&foreign, "").unwrap();
    std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
    fs::hard_link(&program.journal, &old).unwrap();
    fs::rename(&foreign, &program.journal).unwrap();
    program.process.signal("-HUP");
    program = program.until_logged("journal_reopen_failed").await;
    program.until_ready(true).await;
    let given = program.check("ada-fresh").await.unwrap().decision_id;
    let journal = program.journal.clone();
    let (_, _folder) = program.stop_and_keep().await;
    assert_eq!(recorded(&[&old]), [given]);
    assert_eq!(fs::read_to_string(&journal).unwrap(), "");
}
