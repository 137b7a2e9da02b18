//! The folder of a journal is moved away, and another one takes its place, as after a disk was repaired.

use std::{fs, path::PathBuf};

use super::{
    files::Running,
    folders::{files, run},
    *,
};

#[tokio::test]
async fn a_folder_that_takes_the_place_of_another_is_written_and_no_other_process_writes_it() {
    let root = tempfile::tempdir().unwrap();
    let (path, away) = (root.path().join("journal"), root.path().join("away"));
    fs::create_dir(&path).unwrap();
    let running = Running::start(&path, SegmentTerms::default());
    running.record(0..2).await;
    fs::rename(&path, &away).unwrap();
    fs::create_dir(&path).unwrap();
    running.state.reopen();
    while files(&path).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.record(2..4).await;
    let other = open(&path, SegmentTerms::default(), from_millis(0));
    let error = other.err().expect("it is locked");
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    // The old one is nobody's any more.
    run(&away, 9..10).await;
    running.stop().await;
    let all: Vec<PathBuf> = files(&path);
    let [only] = &*all else { panic!("{all:?}") };
    let text = fs::read_to_string(only).unwrap();
    for said in ["\"file_missing\"", "-000000000002\"", "-000000000003\""] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_folder_that_another_process_writes_takes_the_place_of_none() {
    let root = tempfile::tempdir().unwrap();
    let (path, away) = (root.path().join("journal"), root.path().join("away"));
    fs::create_dir(&path).unwrap();
    let running = Running::start(&path, SegmentTerms::default());
    running.record(0..1).await;
    fs::rename(&path, &away).unwrap();
    fs::create_dir(&path).unwrap();
    let others = Running::start(&path, SegmentTerms::default());
    others.record(5..6).await;
    running.state.reopen();
    // The old file is still there.
    running.record(1..3).await;
    others.stop().await;
    running.stop().await;
    let ids = |folder| super::folders::read(folder).ids();
    assert_eq!(ids(&path), [5]);
    assert_eq!(ids(&away), [0, 1, 2]);
}
