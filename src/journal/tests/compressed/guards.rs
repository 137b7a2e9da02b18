//! What keeps a compressed segment from being less than the plain one.

use super::*;

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
