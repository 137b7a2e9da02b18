//! Closed segments that are compressed: what a kill leaves, what a restart and retention make of them, and what fails.

mod guards;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
};

use rustix::thread::CapabilitySet;

use super::{
    chained::Reader,
    compression::{Step, compress},
    files::Running,
    folders::{content, events, run},
    segment_file::{compressed_name, segment_name, segments},
    *,
};

fn compression(folder: &Path) -> Compression {
    Compression {
        folder: folder.to_owned(),
        changing: Arc::default(),
        health: Health::new(),
        clock: Arc::new(SystemClock),
        log: LogThrottle::default(),
        metrics: CompressionMetrics::register(&prometheus::Registry::new()).unwrap(),
        not_closed: HashSet::new(),
    }
}

fn plain(folder: &Path, first: u64) -> PathBuf {
    folder.join(segment_name(first))
}

fn packed(folder: &Path, first: u64) -> PathBuf {
    folder.join(compressed_name(first))
}

/// Reads the journal, and asserts that each line follows the one before.
fn read(folder: &Path) -> Reader {
    let mut reader = Reader::default();
    for first in segments(folder).unwrap() {
        reader.read(&content(folder, first));
    }
    reader
}

/// A folder with some closed segments; their first indexes, and what they have.
async fn closed(folder: &Path) -> Vec<(u64, Vec<u8>)> {
    run(folder, 0..12).await;
    let mut all = segments(folder).unwrap();
    all.pop();
    assert!(all.len() > 3);
    let contents = all.into_iter().map(|first| (first, content(folder, first)));
    contents.collect()
}

#[tokio::test]
async fn closed_segments_are_compressed_and_the_chain_goes_on_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let open = *segments(folder).unwrap().last().unwrap();
    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(plain(folder, 0), mode.clone()).unwrap();
    let mut compression = compression(folder);
    compression.compress_all();
    assert_eq!(compression.metrics.failures.get(), 0);
    assert_eq!(compression.metrics.compressed.get(), before.len() as u64);
    for (first, bytes) in &before {
        assert!(!plain(folder, *first).exists());
        assert_eq!(content(folder, *first), *bytes);
    }
    let metadata = fs::metadata(packed(folder, 0)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, mode.mode());
    // The one that is written stays.
    assert!(plain(folder, open).exists());
    run(folder, 12..24).await;
    compression.compress_all();
    let read = read(folder);
    assert_eq!(read.ids(), (0..24).collect::<Vec<_>>());
    assert_eq!(events(folder, "gap").len(), 0);
    let previous: Vec<_> = read
        .lines
        .iter()
        .filter_map(|line| line.get("previous_file"))
        .collect();
    for (previous, first) in previous.iter().zip(segments(folder).unwrap()) {
        assert_eq!(previous["name"], segment_name(first));
        assert_eq!(previous["size"], content(folder, first).len());
    }
}

/// As a kill does: nothing is cleaned up, and the next process begins with what is left.
#[tokio::test]
async fn a_kill_at_any_step_leaves_one_whole_file_and_the_next_process_compresses_it() {
    let steps = [
        Step::Chunk,
        Step::Synced,
        Step::Verified,
        Step::Renamed,
        Step::Named,
        Step::Removed,
    ];
    for kill in steps {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let before = closed(folder).await;
        for (first, _) in &before {
            let killed = compress(folder, *first, &Mutex::default(), |step| {
                if step == kill {
                    return Err(io::Error::other("a kill"));
                }
                Ok(())
            });
            assert!(killed.is_err());
        }
        let is_gone = !plain(folder, 0).exists();
        assert_eq!(is_gone, kill == Step::Removed, "{kill:?}");
        assert!(!is_gone || packed(folder, 0).exists());
        for (first, bytes) in &before {
            assert_eq!(content(folder, *first), *bytes, "{kill:?}");
        }
        run(folder, 12..13).await;
        assert_eq!(events(folder, "gap").len(), 0, "{kill:?}");
        compression(folder).compress_all();
        for (first, bytes) in &before {
            assert!(!plain(folder, *first).exists(), "{kill:?}");
            assert_eq!(content(folder, *first), *bytes, "{kill:?}");
        }
        assert_eq!(read(folder).ids(), (0..13).collect::<Vec<_>>());
        let names = fs::read_dir(folder).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        let left = names
            .iter()
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "tmp"));
        assert_eq!(left.count(), 0, "{kill:?}");
    }
}

/// Neither half of a compressed file, in the place where it is put together, counts, nor a whole one with other lines.
#[tokio::test]
async fn what_is_not_read_back_as_it_was_does_not_take_the_place_of_a_segment() {
    for is_whole in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let before = closed(folder).await;
        let result = compress(folder, 0, &Mutex::default(), |step| {
            if step == Step::Synced {
                let tmp = folder.join(format!("{}.tmp", compressed_name(0)));
                let mut bytes = fs::read(&tmp).unwrap();
                if is_whole {
                    bytes = zstd::encode_all(&*before[1].1, 3).unwrap();
                } else {
                    bytes.truncate(bytes.len() / 2);
                }
                fs::write(tmp, bytes).unwrap();
            }
            Ok(())
        });
        assert!(result.is_err(), "{is_whole}");
        assert!(!packed(folder, 0).exists(), "{is_whole}");
        assert_eq!(fs::read(plain(folder, 0)).unwrap(), before[0].1);
    }
}

#[tokio::test]
async fn what_cannot_be_compressed_stays_as_it_is_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    // A folder in its place, which is no segment of ours, cannot be replaced.
    fs::create_dir(packed(folder, 0)).unwrap();
    let mut compression = compression(folder);
    compression.compress_all();
    assert_eq!(compression.metrics.failures.get(), 1);
    assert_eq!(
        compression.metrics.compressed.get(),
        before.len() as u64 - 1
    );
    assert_eq!(fs::read(plain(folder, 0)).unwrap(), before[0].1);
    fs::remove_dir(packed(folder, 0)).unwrap();
    compression.compress_all();
    assert!(!plain(folder, 0).exists());
    assert_eq!(content(folder, 0), before[0].1);
}

/// As an operator does who forbids it: for root too, but in this thread alone.
fn without_privileges<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut sets = rustix::thread::capabilities(None).unwrap();
            sets.effective = CapabilitySet::empty();
            rustix::thread::set_capabilities(None, sets).unwrap();
            run()
        });
        thread.join().unwrap()
    })
}

#[tokio::test]
async fn a_segment_that_cannot_be_read_does_not_hold_up_the_others_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let unreadable = before[1].0;
    let set_mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(plain(folder, unreadable), mode).unwrap();
    };
    set_mode(0);
    let mut compression = compression(folder);
    without_privileges(|| compression.compress_all());
    assert_eq!(compression.metrics.failures.get(), 1);
    for (first, _) in &before {
        assert_eq!(plain(folder, *first).exists(), *first == unreadable);
    }
    set_mode(0o600);
    compression.compress_all();
    assert_eq!(compression.metrics.failures.get(), 1);
    assert!(packed(folder, unreadable).exists());
    read(folder);
}

#[tokio::test]
async fn a_segment_that_is_gone_before_it_is_opened_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    fs::remove_file(plain(folder, before[1].0)).unwrap();
    let gone = compress(folder, before[1].0, &Mutex::default(), |_| Ok(()));
    assert_eq!(gone.unwrap(), None);
}

#[tokio::test]
async fn a_service_that_stops_ends_a_compression_and_the_next_one_finishes_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let mut stopping = compression(folder);
    stopping.health.stop();
    // Between two segments, and in the middle of one.
    stopping.compress_all();
    let middle = stopping.compress(before[0].0).unwrap_err();
    assert_eq!(middle.kind(), io::ErrorKind::Interrupted);
    assert_eq!(stopping.metrics.failures.get(), 0);
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let changed: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_none_or(|end| end != "jsonl"))
        .collect();
    assert_eq!(changed, Vec::<String>::new());
    compression(folder).compress_all();
    for (first, bytes) in &before {
        assert!(!plain(folder, *first).exists());
        assert_eq!(content(folder, *first), *bytes);
    }
}

#[tokio::test]
async fn a_closed_segment_waits_until_the_next_one_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let last = before.last().unwrap().0;
    let open = *segments(folder).unwrap().last().unwrap();
    fs::write(plain(folder, open), "").unwrap();
    compression(folder).compress_all();
    assert!(plain(folder, last).exists() && !plain(folder, before[0].0).exists());
}

#[tokio::test]
async fn a_segment_that_is_not_closed_is_not_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    let mut lines = before[0].1.split_inclusive(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap().len();
    fs::write(plain(folder, 0), &before[0].1[..before[0].1.len() - last]).unwrap();
    compression(folder).compress_all();
    assert!(plain(folder, 0).exists() && !packed(folder, 0).exists());
    assert!(!plain(folder, before[1].0).exists());
}

#[tokio::test]
async fn a_segment_that_retention_removes_meanwhile_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    closed(folder).await;
    let result = compress(folder, 0, &Mutex::default(), |step| {
        if step == Step::Verified {
            segment_file::remove_segment(folder, 0).unwrap();
        }
        Ok(())
    });
    assert_eq!(result.unwrap(), None);
    assert!(!plain(folder, 0).exists() && !packed(folder, 0).exists());
}

#[tokio::test]
async fn retention_counts_and_removes_compressed_segments() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    compression(folder).compress_all();
    let all = segments(folder).unwrap();
    let sizes = all
        .iter()
        .map(|first| segment_file::segment_size(folder, *first).unwrap());
    let total: u64 = sizes.sum();
    let running = Running::start(folder, folders::SMALL);
    let terms = RetentionTerms {
        size: Some(total - 1),
        ..RetentionTerms::default()
    };
    let clock = Arc::new(SystemClock);
    let changing = Arc::default();
    let retention = Retention::new(folder.to_owned(), terms, clock, running.queue(), changing);
    assert!(retention.remove_due().await.unwrap());
    running.stop().await;
    assert!(!packed(folder, 0).exists() && packed(folder, before[1].0).exists());
    let removed = events(folder, "segment_removed");
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0]["name"], segment_name(0));
    assert_eq!(removed[0]["last_index"], before[1].0 - 1);
    let mut lines = before[0].1.split_inclusive(|byte| *byte == b'\n');
    let hash = hex(&merkle::leaf_hash(lines.next_back().unwrap()));
    assert_eq!(removed[0]["last_hash"], hash);
    assert!(removed[0]["root"].is_string());
}

#[tokio::test]
async fn a_journal_whose_last_segment_is_compressed_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    compression(folder).compress_all();
    let open = *segments(folder).unwrap().last().unwrap();
    fs::remove_file(plain(folder, open)).unwrap();
    run(folder, 12..13).await;
    let opened = content(folder, open);
    let line = opened.split(|byte| *byte == b'\n').next().unwrap();
    let line: Value = serde_json::from_slice(line).unwrap();
    let (last, bytes) = before.last().unwrap();
    assert_eq!(line["previous_file"]["name"], segment_name(*last));
    assert_eq!(line["previous_file"]["size"], bytes.len());
    read(folder);
}

#[tokio::test]
async fn a_missing_segment_between_compressed_ones_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    compression(folder).compress_all();
    let (missing, next) = (before[1].0, before[2].0);
    fs::remove_file(packed(folder, missing)).unwrap();
    run(folder, 12..13).await;
    let gaps = events(folder, "gap");
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["reason"], "file_missing");
    assert_eq!(gaps[0]["file"], segment_name(missing));
    assert_eq!(gaps[0]["first_index"], missing);
    assert_eq!(gaps[0]["last_index"], next - 1);
}

#[tokio::test]
async fn a_damaged_compressed_segment_at_the_end_is_a_gap_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = closed(folder).await;
    compression(folder).compress_all();
    let open = *segments(folder).unwrap().last().unwrap();
    fs::remove_file(plain(folder, open)).unwrap();
    let last = before.last().unwrap().0;
    fs::write(packed(folder, last), b"no frame").unwrap();
    run(folder, 12..13).await;
    let aside = folder.join(format!("{}.damaged", compressed_name(last)));
    assert_eq!(fs::read(aside).unwrap(), b"no frame");
    let gaps = events(folder, "gap");
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["reason"], "file_unreadable");
    assert_eq!(gaps[0]["file"], compressed_name(last));
}

/// The thread does it by itself, as each one is closed.
#[tokio::test]
async fn a_running_journal_compresses_each_segment_as_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut running = Running::start(folder, folders::SMALL);
    let deps = Deps::new(Arc::new(SystemClock));
    running.writer.compress_closed(folder, &deps).unwrap();
    running.record(0..20).await;
    let is_done = || {
        let mut all = segments(folder).unwrap();
        all.pop();
        all.len() > 5 && all.iter().all(|first| !plain(folder, *first).exists())
    };
    while !is_done() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    #[cfg(target_os = "linux")]
    assert!(guards::niceness("compression").contains(&19));
    running.stop().await;
    assert_eq!(read(folder).ids(), (0..20).collect::<Vec<_>>());
}
