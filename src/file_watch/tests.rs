//! Which events are changes.

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
