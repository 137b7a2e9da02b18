//! What keeps a compressed segment from being less than the plain one.

use std::os::unix::fs::MetadataExt as _;

use super::{compression::create_unfinished, *};

#[tokio::test]
async fn a_segment_takes_another_form_while_retention_waits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    closed(folder).await;
    let changing = Mutex::default();
    let mut held = Vec::new();
    compress(folder, 0, &changing, |step| {
        held.push((step, changing.is_locked()));
        Ok(())
    })
    .unwrap();
    for (step, is_held) in held {
        let is_change = matches!(step, Step::Renamed | Step::Named | Step::Removed);
        assert_eq!(is_held, is_change, "{step:?}");
    }
}

#[tokio::test]
async fn a_closed_segment_with_more_behind_its_end_is_not_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let torn = [&*before[0].1, b"{\"v\":2"].concat();
    fs::write(plain(folder, 0), &torn).unwrap();
    compression(folder).compress_all();
    assert_eq!(fs::read(plain(folder, 0)).unwrap(), torn);
    assert!(packed(folder, before[1].0).exists());
}

/// Its target is none of ours, and would stay while the link is removed.
#[tokio::test]
async fn a_link_is_not_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    closed(folder).await;
    let target = folder.join("elsewhere");
    fs::rename(plain(folder, 0), &target).unwrap();
    std::os::unix::fs::symlink(&target, plain(folder, 0)).unwrap();
    compression(folder).compress_all();
    assert!(plain(folder, 0).is_symlink() && !packed(folder, 0).exists());
}

#[tokio::test]
async fn what_a_kill_has_left_is_replaced_and_that_of_a_segment_that_is_gone_removed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let left = |first| folder.join(format!("{}.tmp", compressed_name(first)));
    fs::write(left(0), "half").unwrap();
    compress(folder, 0, &Mutex::default(), |_| Ok(())).unwrap();
    assert_eq!(content(folder, 0), before[0].1);
    let foreign = folder.join("notes.tmp");
    for path in [&left(9_999), &foreign] {
        fs::write(path, "half").unwrap();
    }
    compression(folder).compress_all();
    assert!(foreign.exists() && !left(9_999).exists());
}

/// What a disk changes later is an error of the decoder, in every decoder.
#[tokio::test]
async fn a_compressed_segment_has_a_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    closed(folder).await;
    compression(folder).compress_all();
    let bytes = fs::read(packed(folder, 0)).unwrap();
    // The descriptor follows the magic number (RFC 8878, 3.1.1.1.1).
    assert_eq!(bytes[4] & 0b100, 0b100);
}

/// Else all of it would be read every minute. Here it could not be read again.
#[tokio::test]
async fn a_segment_that_is_not_closed_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let lines = before[0].1.split_inclusive(|byte| *byte == b'\n');
    let first = lines.take(1).collect::<Vec<_>>().concat();
    fs::write(plain(folder, 0), first).unwrap();
    let mut compression = compression(folder);
    compression.compress_all();
    fs::set_permissions(plain(folder, 0), fs::Permissions::from_mode(0o000)).unwrap();
    without_privileges(|| compression.compress_all());
    assert_eq!(compression.metrics.failures.get(), 0);
}

#[tokio::test]
async fn no_segment_is_looked_at_once_the_service_stops() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    closed(folder).await;
    fs::write(plain(folder, 0), "no line").unwrap();
    for stops in [true, false] {
        let mut compression = compression(folder);
        if stops {
            compression.health.stop();
        }
        compression.compress_all();
        assert_eq!(compression.not_closed.is_empty(), stops);
    }
}

#[test]
fn what_fails_while_the_service_stops_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    for stops in [true, false] {
        let mut compression = compression(&folder.path().join("gone"));
        if stops {
            compression.health.stop();
        }
        compression.compress_all();
        assert_eq!(compression.metrics.failures.get() > 0, !stops);
    }
}

/// It has the mode of the plain file before it has a line.
#[test]
fn a_file_that_is_being_compressed_is_created_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tmp");
    fs::write(&path, "half").unwrap();
    let mode = create_unfinished(&path).unwrap().metadata().unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

/// The priorities of the threads of this name.
#[cfg(target_os = "linux")]
pub(super) fn niceness(name: &str) -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let threads = threads.map(|entry| entry.unwrap().path());
    // One that has ended meanwhile cannot be read.
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.join("stat")).ok());
    let named = stats.filter_map(|stat| {
        let (before, after) = stat.rsplit_once(") ")?;
        let nice = after.split(' ').nth(16)?.parse().unwrap();
        before.ends_with(&format!("({name}")).then_some(nice)
    });
    named.collect()
}
