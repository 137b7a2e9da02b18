//! How problems are shown, and what is read again.

use std::fs;

use super::*;
use crate::{clock::SystemClock, live::load_all};

#[test]
fn what_was_read_at_the_start_is_not_parsed_again_until_it_changes() {
    let policy = "version: 1\npolicies: {p: {require: [verified_within: 90d]}}\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    fs::write(&file, policy).unwrap();
    let loaded = load_all(folder.path()).unwrap();
    let live = Arc::new(Live::new(loaded.set));
    let deps = Deps::new(Arc::new(SystemClock));
    let (redirects, reading) = (BTreeSet::new(), Some(loaded.reading));
    let reloader = Reloader::new(folder.path(), redirects, Arc::clone(&live), reading, &deps);
    let reloader = reloader.unwrap();
    let parsed = || reloader.last.lock().parsed.times;
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    assert_eq!(parsed(), 1);
    // The first reading has found where a change shows.
    assert_ne!(
        format!("{:?}", reloader.last_watch_paths()),
        format!("{:?}", WatchPaths::default())
    );
    fs::write(&file, policy.replace("90d", "30d")).unwrap();
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
    assert_eq!(parsed(), 2);
    fs::remove_file(&file).unwrap();
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Failed);
    assert_eq!(live.current().len(), 1);
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    assert_eq!(truncated("a\nb\n", 2, 10), "a\nb");
    assert_eq!(truncated("a\nb\nc", 2, 10), "a\nb\n…");
    assert_eq!(truncated("äöü", 2, 2), "äö\n…");
}
