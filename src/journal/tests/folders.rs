//! A journal in a folder: segments, restarts, and files that are damaged or missing.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use super::{
    chained::Reader,
    files::Running,
    folder::Folder,
    segment_file::{compressed_name, decompressed, segment_name, segments},
    *,
};
use crate::{
    clock::{Clock as _, ManualClock},
    policy::after,
};

/// A few lines.
pub(super) const SMALL: SegmentTerms = SegmentTerms {
    size: 2_000,
    age: Duration::from_hours(1),
};

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let segments = segments(folder).unwrap().into_iter();
    segments
        .map(|first| folder.join(segment_name(first)))
        .collect()
}

pub(super) fn read(folder: &Path) -> Reader {
    let files = files(folder);
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    Reader::of(&files)
}

pub(super) async fn run(folder: &Path, ids: std::ops::Range<u128>) {
    let running = Running::start(folder, SMALL);
    running.record(ids).await;
    running.stop().await;
}

#[tokio::test]
async fn segments_end_by_size_and_the_chain_goes_on_across_them_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..10).await;
    run(folder, 10..20).await;
    let read = read(folder);
    assert_eq!(read.ids(), (0..20).collect::<Vec<_>>());
    let files = files(folder);
    assert!(files.len() > 3, "{files:?}");
    let mut before: Option<(PathBuf, Value)> = None;
    for (at, file) in files.iter().enumerate() {
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["event"], "segment_opened");
        assert_eq!(
            file.file_name().unwrap().to_str().unwrap(),
            format!(
                "decisions-{:020}.jsonl",
                lines[0]["index"].as_u64().unwrap()
            )
        );
        let last = lines.last().unwrap();
        let is_last = at == files.len() - 1;
        assert_eq!(last["event"] == "segment_closed", !is_last, "{last}");
        if !is_last {
            assert_eq!(last["lines"], lines.len() - 1);
        }
        let previous = before.map(|(path, opened): (PathBuf, Value)| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let size = fs::metadata(&path).unwrap().len();
            json!({ "name": name, "size": size, "last_hash": opened })
        });
        assert_eq!(lines[0].get("previous_file"), previous.as_ref());
        let hash = crate::journal::hex(&merkle::leaf_hash(
            text.split_inclusive('\n').next_back().unwrap().as_bytes(),
        ));
        before = Some((file.clone(), hash.into()));
    }
}

#[tokio::test]
async fn a_segment_ends_by_age_once_it_has_a_decision() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let output = Folder::open(folder.path(), SMALL, from_millis(0)).unwrap();
    let running = Running::writing(
        Box::new(output),
        Durability::Written,
        Arc::clone(&clock) as _,
    );
    running.record(0..1).await;
    for _ in 0..2 {
        clock.advance(Duration::from_mins(61));
        running.record(1..2).await;
    }
    running.stop().await;
    assert_eq!(files(folder.path()).len(), 3);
    read(folder.path());
}

#[tokio::test]
async fn whatever_a_crash_leaves_the_folder_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..10).await;
    let first_lines = read(folder).lines.len();
    // A process was killed as it began a file.
    fs::write(folder.join(segment_name(first_lines as u64)), "").unwrap();
    run(folder, 10..11).await;
    assert_eq!(read(folder).ids(), (0..11).collect::<Vec<_>>());
    // In the middle of the first line of a file.
    let next = read(folder).lines.len() as u64;
    fs::write(folder.join(segment_name(next)), "{\"v\":2").unwrap();
    run(folder, 11..12).await;
    assert_eq!(read(folder).ids(), (0..12).collect::<Vec<_>>());
    // In the middle of another line.
    let last = files(folder).pop().unwrap();
    let mut file = OpenOptions::new().append(true).open(&last).unwrap();
    file.write_all(b"{\"v\":2").unwrap();
    run(folder, 12..13).await;
    let read = read(folder);
    assert_eq!(read.ids(), (0..13).collect::<Vec<_>>());
    assert_eq!(read.event("tail_cut")["bytes"], 6);
}

/// What a segment has, as a reader takes it: the plain file counts.
pub(super) fn content(folder: &Path, first: u64) -> Vec<u8> {
    fs::read(folder.join(segment_name(first))).unwrap_or_else(|_| {
        let file = fs::File::open(folder.join(compressed_name(first))).unwrap();
        let (mut reader, mut bytes) = (decompressed(file).unwrap(), Vec::new());
        // What is damaged has what comes before.
        let _ = io::Read::read_to_end(&mut reader, &mut bytes);
        bytes
    })
}

/// The lines of a text that can be read.
pub(super) fn events(folder: &Path, name: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for first in segments(folder).unwrap() {
        let text = content(folder, first);
        let text = String::from_utf8_lossy(&text);
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        found.extend(lines.filter(|line: &Value| line["event"] == name));
    }
    found
}

#[tokio::test]
async fn a_segment_that_cannot_be_gone_on_with_is_followed_by_another_and_a_gap() {
    for damage in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        run(folder, 0..10).await;
        let last = files(folder).pop().unwrap();
        let name = last.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&last).unwrap();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        lines[damage] = "damaged\n".to_owned();
        fs::write(&last, lines.concat()).unwrap();
        run(folder, 10..11).await;
        let gaps = events(folder, "gap");
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!(gaps[0]["reason"], "file_unreadable");
        assert_eq!(gaps[0]["file"], *name);
        let newest = fs::read_to_string(files(folder).pop().unwrap()).unwrap();
        assert!(newest.contains("00000000000a\""), "{newest}");
        let aside = folder.join(format!("{name}.damaged"));
        assert_eq!(aside.exists(), damage == 0);
    }
}

#[tokio::test]
async fn a_missing_segment_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..12).await;
    let all = segments(folder).unwrap();
    let (missing, next) = (all[1], all[2]);
    fs::remove_file(folder.join(segment_name(missing))).unwrap();
    run(folder, 12..13).await;
    let gaps = events(folder, "gap");
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["reason"], "file_missing");
    assert_eq!(gaps[0]["file"], segment_name(missing));
    assert_eq!(gaps[0]["first_index"], missing);
    assert_eq!(gaps[0]["last_index"], next - 1);
}

#[tokio::test]
async fn a_segment_that_is_deleted_while_it_is_written_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let running = Running::start(folder, SegmentTerms::default());
    running.record(0..2).await;
    let first = files(folder).pop().unwrap();
    let kept = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    running.record(2..4).await;
    running.stop().await;
    fs::write(&first, kept).unwrap();
    let read = read(folder);
    assert_eq!(read.ids(), [0, 1, 2, 3]);
    assert_eq!(read.event("gap")["reason"], "file_missing");
}

#[tokio::test]
async fn old_segments_are_removed_and_the_journal_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..12).await;
    let before = files(folder);
    let second = fs::read(&before[1]).unwrap();
    let lines = second.split_inclusive(|byte| *byte == b'\n');
    let hash = crate::journal::hex(&merkle::leaf_hash(lines.into_iter().next_back().unwrap()));
    let total: u64 = before
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    let running = Running::start(folder, SMALL);
    let terms = RetentionTerms {
        age: None,
        size: Some(total - fs::metadata(&before[0]).unwrap().len() - 1),
    };
    let clock = Arc::new(SystemClock);
    let retention = Retention::new(
        folder.to_owned(),
        terms,
        clock,
        running.queue(),
        Arc::default(),
    );
    assert!(retention.remove_due().await.unwrap());
    running.record(12..13).await;
    running.stop().await;
    let after = files(folder);
    assert_eq!(after[0], before[2]);
    let removed = events(folder, "segment_removed");
    let names: Vec<&str> = removed
        .iter()
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names, [name(&before[0]), name(&before[1])]);
    assert_eq!(removed[1]["last_hash"], hash);
    assert_eq!(removed[1]["last_index"], segments(folder).unwrap()[0] - 1);
    assert_eq!(
        removed[1]["first_index"],
        removed[0]["last_index"].as_u64().unwrap() + 1
    );
    assert!(removed[1]["root"].is_string());
    // Nothing is removed after the journal has ended.
    assert!(!retention.remove_due().await.unwrap());
    assert_eq!(files(folder), after);
}

#[tokio::test]
async fn a_process_that_begins_with_a_clock_far_ahead_removes_nothing_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let running = |clock: &Arc<ManualClock>| {
        let output = open(folder, SMALL, clock.now()).unwrap();
        Running::writing(output, Durability::Written, Arc::clone(clock) as _)
    };
    let first = running(&clock);
    first.record(0..12).await;
    first.stop().await;
    let before = files(folder);
    assert!(before.len() > 3);
    let terms = RetentionTerms {
        age: Some(Duration::from_hours(90 * 24)),
        size: None,
    };
    let ahead = Duration::from_hours(4000 * 24);
    let clock = Arc::new(ManualClock::at(after(from_millis(0), ahead)));
    // Also one that is started again, and finds the lines of the one before.
    for _ in 0..2 {
        let running = running(&clock);
        let now = Arc::clone(&clock) as _;
        let retention = Retention::new(
            folder.to_owned(),
            terms,
            now,
            running.queue(),
            Arc::default(),
        );
        for _ in 0..2 {
            assert!(retention.remove_due().await.unwrap());
        }
        running.record(12..24).await;
        running.stop().await;
        assert!(files(folder).starts_with(&before));
        clock.advance(Duration::from_hours(11));
    }
    let held = events(folder, "retention_held");
    assert_eq!(held.len(), 2, "each process says it once");
    assert_eq!(held[0]["last"], "1970-01-01T00:00:00.000Z");
    assert_eq!(held[0]["next"], "1980-12-14T00:00:00.000Z");
    assert_eq!(held[0]["until"], "1980-12-15T00:00:00.000Z");
    // By size they are removed all the same.
    let running = running(&clock);
    let now = Arc::clone(&clock) as _;
    let all = RetentionTerms {
        size: Some(1),
        ..terms
    };
    let by_size = Retention::new(folder.to_owned(), all, now, running.queue(), Arc::default());
    assert!(by_size.remove_due().await.unwrap());
    assert!(!files(folder).contains(&before[0]));
    running.stop().await;
}

#[tokio::test]
async fn after_a_day_the_clock_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..12).await;
    let before = files(folder);
    let now = SystemClock.now();
    let ahead = after(now, Duration::from_hours(100 * 24));
    let clock = Arc::new(ManualClock::at(ahead));
    let running = Running::writing(
        open(folder, SMALL, ahead).unwrap(),
        Durability::Written,
        Arc::clone(&clock) as _,
    );
    let terms = RetentionTerms {
        age: Some(Duration::from_hours(90 * 24)),
        size: None,
    };
    let time = Arc::clone(&clock) as _;
    let retention = Retention::new(
        folder.to_owned(),
        terms,
        time,
        running.queue(),
        Arc::default(),
    );
    assert!(retention.remove_due().await.unwrap());
    assert_eq!(files(folder)[0], before[0]);
    clock.advance(Duration::from_hours(24));
    assert!(retention.remove_due().await.unwrap());
    assert_ne!(files(folder)[0], before[0]);
    running.stop().await;
    assert_eq!(events(folder, "retention_held").len(), 1);
}

/// A folder on a disk that does not confirm what it was given, once.
pub(super) struct Failing {
    pub(super) folder: Folder,
    pub(super) syncs: usize,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.folder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.folder.flush()
    }
}

impl Output for Failing {
    fn resume(&mut self) -> Resumed {
        self.folder.resume()
    }

    fn check(&mut self, requested: bool, next: Next) -> Result<OutputCheck, OutputError> {
        self.folder.check(requested, next)
    }

    fn is_kept(&mut self) -> bool {
        self.folder.is_kept()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        if self.syncs == 3 {
            return Err(rustix::io::Errno::IO.into());
        }
        self.folder.sync()
    }

    fn replace(&mut self, next: Next) -> io::Result<Reopened> {
        self.folder.replace(next)
    }
}

#[tokio::test]
async fn what_a_disk_did_not_confirm_is_written_again_into_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = Failing {
        folder: Folder::open(folder.path(), SegmentTerms::default(), from_millis(0)).unwrap(),
        syncs: 0,
    };
    let clock = Arc::new(SystemClock);
    let running = Running::writing(Box::new(output), Durability::Synced, clock);
    running.record(0..4).await;
    running.stop().await;
    let read = read(folder.path());
    // The first sync is that of the first line.
    assert_eq!(read.ids(), [0, 1, 1, 2, 3]);
    let gap = read.event("gap");
    assert_eq!(gap["reason"], "sync_failed");
    assert_eq!(gap["first_index"], gap["last_index"]);
    assert_eq!(files(folder.path()).len(), 2);
}
