//! Segments that retention removes, and those that stay because a clock was wrong or a file is damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    files::Running,
    folders::{SMALL, events, files, run},
    segment_file::{compressed_name, segment_name, segments},
    *,
};
use crate::{
    clock::{Clock, ManualClock},
    policy::{Timestamp, after},
};

fn days(days: u64) -> Timestamp {
    after(from_millis(0), Duration::from_hours(24 * days))
}

fn of_age(days: u64) -> RetentionTerms {
    RetentionTerms {
        age: Some(Duration::from_hours(24 * days)),
        ..RetentionTerms::default()
    }
}

fn of_size(size: u64) -> RetentionTerms {
    RetentionTerms {
        size: Some(size),
        ..RetentionTerms::default()
    }
}

fn retention(
    folder: &Path,
    terms: RetentionTerms,
    clock: &Arc<impl Clock>,
    running: &Running,
) -> Retention {
    let clock = Arc::clone(clock) as _;
    let changing = Arc::default();
    Retention::new(folder.to_owned(), terms, clock, running.queue(), changing)
}

/// A journal in a folder, by this clock.
fn running(folder: &Path, clock: &Arc<ManualClock>) -> Running {
    let output = open(folder, SMALL, clock.now()).unwrap();
    Running::writing(output, Durability::Written, Arc::clone(clock) as _)
}

/// The first line of the segment that begins with this index, on this day.
fn line(first: u64, day: u64) -> String {
    let zeros = "0".repeat(64);
    let at = crate::policy::rfc3339(days(day));
    format!(
        "{{\"v\":2,\"index\":{first},\"previous\":\"{zeros}\",\"at\":\"{at}\",\"event\":\"a\"}}\n"
    )
}

/// Which of the segments that begin on these days stay on the next one, by a process that begins then; the last one is open. `None` is damaged.
async fn left(begun: &[Option<u64>], now: u64, terms: RetentionTerms) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (first, day) in (0..).zip(begun) {
        let text = day.map_or("{\"v\":3}\n".to_owned(), |day| line(first, day));
        fs::write(folder.join(segment_name(first)), text).unwrap();
    }
    let clock = Arc::new(ManualClock::at(days(now)));
    let elsewhere = tempfile::tempdir().unwrap();
    let running = running(elsewhere.path(), &clock);
    let retention = retention(folder, terms, &clock, &running);
    assert!(retention.remove_due().await.unwrap());
    running.stop().await;
    segments(folder).unwrap()
}

#[tokio::test]
async fn what_was_recorded_before_a_clock_that_was_behind_stays() {
    // A process was killed, and the next one began before its clock was set.
    let begun = [20_000, 0, 20_004].map(Some);
    assert_eq!(left(&begun, 20_004, of_age(90)).await, [0, 1, 2]);
    // A new machine whose clock was years behind for its first days, also long after it was corrected.
    for now in [20_000, 20_001, 20_060] {
        let mut begun: Vec<_> = [0, 1, 2, 3].map(Some).into();
        begun.extend((20_000..=now).map(Some));
        let count = u64::try_from(begun.len()).unwrap();
        let left = left(&begun, now, of_age(90)).await;
        assert_eq!(left, (0..count).collect::<Vec<_>>());
    }
    // It leaves once it is old.
    let mut begun: Vec<_> = [0, 1, 2, 3].map(Some).into();
    begun.extend((20_000..20_092).map(Some));
    let left = left(&begun, 20_092, of_age(90)).await;
    assert_eq!(left.first(), Some(&6));
}

#[tokio::test]
async fn a_clock_that_was_ahead_once_does_not_end_retention() {
    let begun: Vec<_> = (1..6).chain([4000]).chain(6..100).map(Some).collect();
    let left = left(&begun, 99, of_age(90)).await;
    // Those of the days before the ninth.
    assert_eq!(left.first(), Some(&9));
}

#[tokio::test]
async fn a_damaged_beginning_does_not_end_retention() {
    for damaged in [0, 1, 3, 6] {
        let mut begun: Vec<_> = (1..=20).map(Some).collect();
        begun[damaged] = None;
        let by_age = left(&begun, 20, of_age(10)).await;
        // All lines of the segment before it are older than the beginning of the one behind it.
        assert_eq!(by_age.first(), Some(&9), "{damaged}");
        let size = u64::try_from(line(10, 10).len()).unwrap() * 3 + 1;
        let by_size = left(&begun, 20, of_size(size)).await;
        assert_eq!(by_size.first(), Some(&17), "{damaged}");
    }
    let mut begun: Vec<_> = (1..=20).map(Some).collect();
    begun[9] = None;
    assert_eq!(left(&begun, 20, of_age(10)).await.first(), Some(&8));
}

#[tokio::test]
async fn a_compressed_segment_that_cannot_be_decoded_does_not_end_retention() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..12).await;
    let before = segments(folder).unwrap();
    fs::remove_file(folder.join(segment_name(before[1]))).unwrap();
    fs::write(folder.join(compressed_name(before[1])), "no frame").unwrap();
    let running = Running::start(folder, SegmentTerms::default());
    let clock = Arc::new(SystemClock);
    let retention = retention(folder, of_size(1), &clock, &running);
    assert!(retention.remove_due().await.unwrap());
    running.stop().await;
    assert_eq!(segments(folder).unwrap(), before[before.len() - 1..]);
    let removed = events(folder, "segment_removed");
    let with_hash: Vec<bool> = removed
        .iter()
        .map(|event| event.get("last_hash").is_some())
        .collect();
    assert_eq!(with_hash[..3], [true, false, true]);
}

#[tokio::test]
async fn a_segment_that_cannot_be_removed_is_named_once_in_the_journal_and_goes_later() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 0..12).await;
    let before = segments(folder).unwrap();
    let running = Running::start(folder, SegmentTerms::default());
    let clock = Arc::new(SystemClock);
    let retention = retention(folder, of_size(1), &clock, &running);
    // A folder in the place of one of its forms cannot be removed as a file.
    let obstacle = folder.join(compressed_name(before[1]));
    fs::create_dir(&obstacle).unwrap();
    for _ in 0..3 {
        let error = retention.remove_due().await.unwrap_err();
        assert!(
            error.to_string().contains(&segment_name(before[1])),
            "{error}"
        );
    }
    assert_eq!(segments(folder).unwrap(), before[1..]);
    fs::remove_dir(&obstacle).unwrap();
    assert!(retention.remove_due().await.unwrap());
    running.stop().await;
    let removed = events(folder, "segment_removed");
    let names: Vec<_> = removed.iter().map(|event| &event["first_index"]).collect();
    let expected = &before[..before.len() - 1];
    assert_eq!(names, expected);
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
    let size = total - fs::metadata(&before[0]).unwrap().len() - 1;
    let clock = Arc::new(SystemClock);
    let retention = retention(folder, of_size(size), &clock, &running);
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

/// The files of a service that ran on day 0.
async fn written_on_day_0(folder: &Path) -> Vec<PathBuf> {
    let service = running(folder, &Arc::new(ManualClock::at(days(0))));
    service.record(0..12).await;
    service.stop().await;
    files(folder)
}

#[tokio::test]
async fn a_process_that_begins_with_a_clock_far_ahead_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = written_on_day_0(folder).await;
    assert!(before.len() > 3);
    let clock = Arc::new(ManualClock::at(days(4000)));
    // Also one that is started again, and finds the lines of the one before.
    for _ in 0..2 {
        let running = running(folder, &clock);
        let retention = retention(folder, of_age(90), &clock, &running);
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
    for held in held {
        assert_eq!(held["last"], "1970-01-01T00:00:00.000Z");
        assert_eq!(held["next"], "1980-12-14T00:00:00.000Z");
        assert_eq!(held["until"], "1981-03-14T00:00:00.000Z");
    }
    // By size they are removed all the same.
    let running = running(folder, &clock);
    let terms = RetentionTerms {
        size: Some(1),
        ..of_age(90)
    };
    let by_size = retention(folder, terms, &clock, &running);
    assert!(by_size.remove_due().await.unwrap());
    assert!(!files(folder).contains(&before[0]));
    running.stop().await;
}

#[tokio::test]
async fn after_a_jump_of_the_clock_files_leave_once_the_uptime_says_that_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = written_on_day_0(folder).await;
    let clock = Arc::new(ManualClock::at(days(100)));
    let running = running(folder, &clock);
    let retention = retention(folder, of_age(90), &clock, &running);
    for day in 0..90 {
        assert!(retention.remove_due().await.unwrap());
        assert_eq!(files(folder)[0], before[0], "{day}");
        clock.advance(Duration::from_hours(24));
    }
    assert!(retention.remove_due().await.unwrap());
    assert_ne!(files(folder)[0], before[0]);
    running.stop().await;
    assert_eq!(events(folder, "retention_held").len(), 1);
}
