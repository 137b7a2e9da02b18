//! Which events are changes, and which readings count.

use std::path::Path;

use notify::event::{CreateKind, Flag};

use super::*;

#[test]
fn reading_files_is_not_a_change_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("policies");
    std::fs::create_dir(&root).unwrap();
    let mut paths = WatchPaths::default();
    paths.add(&root);
    paths.add_folders([root.clone()].into());
    let happened = |kind, path: &Path| {
        let event = Event::new(kind).add_path(path.to_owned());
        may_be_a_change(&event, &paths)
    };
    let (file, beside) = (root.join("p.yaml"), folder.path().join("beside.yaml"));
    let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let created = EventKind::Create(CreateKind::Any);
    assert!(!happened(opened, &file));
    assert!(!happened(opened, &root));
    assert!(happened(written, &file));
    assert!(happened(created, &root));
    assert!(!happened(created, &beside));
    let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert!(may_be_a_change(&overflow, &paths));
}

#[test]
fn a_reading_counts_if_the_next_one_or_what_is_known_is_the_same() {
    let settled = |readings: &[u32], known: Option<u32>| {
        let mut all = readings.iter().copied();
        let read = read_settled(|| all.next().unwrap_or(99), |n| *n / 10, known.as_ref());
        (read, all.count())
    };
    // What was read, and how many readings were left over. Readings of the same ten are the same.
    assert_eq!(settled(&[10, 11, 20], None), (Ok(11), 1));
    assert_eq!(settled(&[10, 20, 30, 31, 40], None), (Ok(31), 1));
    assert_eq!(settled(&[10, 20, 30], Some(1)), (Ok(10), 2));
    assert_eq!(settled(&[10, 20, 30], Some(2)), (Ok(20), 1));
    assert_eq!(
        settled(&[10, 20, 10, 20, 10, 20, 10, 20, 30], None),
        (Err(20), 1)
    );
}
