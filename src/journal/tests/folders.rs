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
async fn a_segment_that_was_begun_with_a_clock_that_was_ahead_or_behind_ends_by_age_all_the_same() {
    let terms = SegmentTerms {
        age: Duration::from_hours(1),
        ..SegmentTerms::default()
    };
    let days = |days: u64| after(from_millis(0), Duration::from_hours(24 * days));
    for begun in [
        days(4000),
        days(0),
        after(days(100), Duration::from_hours(2)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (now, ids) in [(begun, 0..3), (days(100), 3..6)] {
            let output = Folder::open(folder.path(), terms, now).unwrap();
            let clock = Arc::new(ManualClock::at(now));
            let running = Running::writing(Box::new(output), Durability::Written, clock);
            running.record(ids).await;
            running.stop().await;
        }
        let all = files(folder.path());
        assert_eq!(all.len(), 2, "{begun}");
        let text = fs::read_to_string(all.last().unwrap()).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.contains("\"at\":\"1970-04-11T"), "{begun}: {first}");
        read(folder.path());
    }
}

#[tokio::test]
async fn a_segment_without_decisions_ends_within_a_week() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_hours(24);
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let output = Folder::open(folder.path(), SegmentTerms::default(), from_millis(0)).unwrap();
    let mut output: Box<dyn Output> = Box::new(output);
    let _ = output.resume();
    for (passed, is_full) in [(5 * day, false), (day, true)] {
        clock.advance(passed);
        assert_eq!(output.is_full(clock.now()), is_full);
    }
    // That is what retention relies on.
    for age in [1, 24, 30 * 24] {
        let terms = SegmentTerms {
            age: Duration::from_hours(age),
            ..SegmentTerms::default()
        };
        assert!(terms.pause_max() > terms.idle_age() && terms.idle_age() >= terms.age);
    }
    assert_eq!(RetentionTerms::default().pause_max, 7 * day);
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
    fs::write(folder.join(segment_name(next)), "{\"v\":2,").unwrap();
    run(folder, 11..12).await;
    assert_eq!(read(folder).ids(), (0..12).collect::<Vec<_>>());
    assert_eq!(read(folder).event("tail_cut")["bytes"], 7);
    // In the middle of another line.
    let last = files(folder).pop().unwrap();
    let mut file = OpenOptions::new().append(true).open(&last).unwrap();
    file.write_all(b"{\"v\":2").unwrap();
    run(folder, 12..13).await;
    let read = read(folder);
    assert_eq!(read.ids(), (0..13).collect::<Vec<_>>());
    let cut = events(folder, "tail_cut");
    let bytes: Vec<_> = cut.iter().map(|cut| &cut["bytes"]).collect();
    assert_eq!(bytes, [7, 6]);
}

#[tokio::test]
async fn the_hash_of_what_a_power_failure_left_of_a_file_is_recorded() {
    for (before, left) in [
        (0, vec![0; 5_000]),
        (0, b"{\"v\"".to_vec()),
        (10, vec![0; 3]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        run(folder, 0..before).await;
        let all = files(folder);
        let name = match all.last() {
            // Nothing but zeros is left of the only file, or of the one that had just begun.
            Some(only) if before == 0 => only.clone(),
            _ => folder.join(segment_name(read(folder).lines.len() as u64)),
        };
        fs::write(name, &left).unwrap();
        run(folder, before..before + 1).await;
        let cut = read(folder).event("tail_cut").clone();
        assert_eq!(cut["bytes"], left.len());
        let digest = ring::digest::digest(&ring::digest::SHA256, &left);
        let digest = crate::journal::hex(&digest.as_ref().try_into().unwrap());
        assert_eq!(cut["sha256"], digest);
        assert_eq!(events(folder, "gap").len(), 0);
        // It is there as long as a process may be killed before it has said so.
        let aside = fs::read_dir(folder).unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            path.to_string_lossy()
                .contains(".damaged")
                .then(|| fs::read(path).unwrap())
        });
        let aside: Vec<Vec<u8>> = aside.collect();
        assert!(aside.contains(&left), "{aside:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_again_takes_the_place_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for damage in 1..4 {
        let text = format!("damaged {damage}\n");
        fs::write(folder.join(segment_name(0)), &text).unwrap();
        let output = open(folder, SegmentTerms::default(), from_millis(0)).unwrap();
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let running = Running::writing(output, Durability::Written, clock);
        running.record(0..1).await;
        running.stop().await;
        let number = if damage == 1 {
            String::new()
        } else {
            format!("-{damage}")
        };
        let aside = folder.join(format!("{}.damaged{number}", segment_name(0)));
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
    }
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
