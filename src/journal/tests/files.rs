//! A journal in one file: restarts, crashes, and what others do to the file.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{chained::Reader, *};

/// A running journal.
pub(super) struct Running {
    pub(super) journal: Journal,
    pub(super) state: JournalState,
    pub(super) writer: Writer,
}

impl Running {
    pub(super) fn start(path: &Path, terms: SegmentTerms) -> Self {
        let output = open(path, terms, from_millis(0)).unwrap();
        Self::writing(output, Durability::Written, Arc::new(SystemClock))
    }

    pub(super) fn writing(
        output: Box<dyn Output>,
        durability: Durability,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Self {
        let limits = QueueLimits {
            retry_after: Duration::ZERO,
            durability,
            ..QueueLimits::default()
        };
        let started = start(output, limits, &Deps::new(clock)).unwrap();
        Self::of(started)
    }

    pub(super) fn with_keys(
        output: Box<dyn Output>,
        keys: Keys,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Self {
        let limits = QueueLimits {
            durability: Durability::Written,
            ..QueueLimits::default()
        };
        Self::of(start_with(output, limits, keys, Vec::new(), &Deps::new(clock)).unwrap())
    }

    fn of(started: Started) -> Self {
        Self {
            journal: started.journal,
            state: started.state,
            writer: started.writer,
        }
    }

    pub(super) async fn record(&self, ids: std::ops::Range<u128>) {
        for id in ids {
            // Rejected while the file cannot be opened again.
            while self.journal.record(entry(id)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) fn queue(&self) -> mpsc::WeakSender<Message> {
        self.writer.queue.downgrade()
    }

    pub(super) async fn stop(self) {
        self.writer.flush().await;
    }

    /// Stops with this decision in the queue, behind a block that the disk does not take before `go_on`.
    pub(super) async fn stop_behind(self, id: u128, go_on: impl FnOnce()) {
        let queue = self.queue().upgrade().unwrap();
        let waiting = queue.capacity();
        let journal = self.journal.clone();
        let last = tokio::spawn(async move { journal.record(entry(id)).await });
        while queue.capacity() == waiting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(queue);
        let health = self.writer.health.clone();
        let stopping = tokio::spawn(self.stop());
        while !health.is_stopping() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        go_on();
        // Its call may have been answered when the journal could not be written; its line follows.
        let _ = last.await.unwrap();
        stopping.await.unwrap();
    }
}

async fn run(path: &Path, ids: std::ops::Range<u128>) {
    let running = Running::start(path, SegmentTerms::default());
    running.record(ids).await;
    running.stop().await;
}

fn journal() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let (_folder, path) = journal();
    for start in [0, 3, 6] {
        run(&path, start..start + 3).await;
    }
    let read = Reader::of(&[&path]);
    assert_eq!(read.ids(), (0..9).collect::<Vec<_>>());
    let once = ["journal_started", "journal_stopped"];
    assert_eq!(read.events(), [once, once, once].concat());
    assert_eq!(read.lines[0]["origin"], "verigate");
    assert_eq!(read.event("journal_stopped")["lines"], 4);
}

#[tokio::test]
async fn an_unfinished_line_is_cut_and_recorded() {
    let (_folder, path) = journal();
    for torn in ["{", "{\"v\":2,\"index\":5,\"previous\":\"0", "\0\0\0"] {
        run(&path, 0..2).await;
        let before = fs::read(&path).unwrap();
        fs::write(&path, [&before[..], torn.as_bytes()].concat()).unwrap();
        run(&path, 2..4).await;
        let read = Reader::of(&[&path]);
        assert_eq!(read.ids(), [0, 1, 2, 3]);
        let cut = read.event("tail_cut");
        assert_eq!(cut["bytes"], torn.len());
        let digest = Sha256::digest(torn);
        let digest = crate::journal::hex(&digest.into());
        assert_eq!(cut["sha256"], digest);
        fs::remove_file(&path).unwrap();
    }
}

/// Wherever a process is killed, what is left is a beginning of what it would have written.
#[tokio::test]
async fn a_file_that_was_cut_anywhere_goes_on_after_its_last_whole_line() {
    let (_folder, path) = journal();
    run(&path, 0..3).await;
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(37) {
        let cut = &whole[..length];
        fs::write(&path, cut).unwrap();
        run(&path, 7..8).await;
        let lines = cut.split(|byte| *byte == b'\n').skip(1).count();
        let read = Reader::of(&[&path]);
        assert_eq!(read.ids().last(), Some(&7), "{length}");
        let is_torn = cut.last().is_some_and(|last| *last != b'\n');
        let expected = lines + 3 + usize::from(is_torn);
        assert_eq!(read.lines.len(), expected, "{length}");
    }
}

#[tokio::test]
async fn lines_of_the_first_format_are_left_alone() {
    let (_folder, path) = journal();
    let old = "{\"at\":\"2026-01-31T12:00:00.000Z\",\"decision\":\"allow\"}\n".repeat(3);
    fs::write(&path, &old).unwrap();
    run(&path, 0..2).await;
    run(&path, 2..3).await;
    assert!(fs::read_to_string(&path).unwrap().starts_with(&old));
    let read = Reader::of(&[&path]);
    assert_eq!(read.ids(), [0, 1, 2]);
    assert_eq!(read.lines[0]["index"], 0);
}

/// What was changed while the service was stopped is recorded, and the index goes on behind the last line that follows.
#[tokio::test]
async fn a_line_that_was_changed_meanwhile_is_recorded_as_a_gap() {
    let (_folder, path) = journal();
    run(&path, 0..4).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (changed, last_good) in [
        // The third line is another one, so that the fourth does not follow.
        (text.replacen("000000000001\"", "000000000009\"", 1), 2),
        ([&lines[..2], &lines[3..]].concat().concat(), 1),
        ([&lines[..], &["no JSON\n"]].concat().concat(), 5),
    ] {
        fs::write(&path, changed).unwrap();
        run(&path, 4..5).await;
        let after = fs::read_to_string(&path).unwrap();
        let gap: Value = after
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .find(|line: &Value| line["event"] == "gap")
            .unwrap();
        assert_eq!(gap["reason"], "file_unreadable");
        assert_eq!(gap["file"], "journal.jsonl");
        assert_eq!(gap["first_index"], last_good + 1);
        assert_eq!(gap["index"], last_good + 2);
    }
}

#[tokio::test]
async fn a_file_that_is_moved_is_followed_by_one_that_goes_on() {
    let (folder, path) = journal();
    let old = folder.path().join("old");
    let running = Running::start(&path, SegmentTerms::default());
    running.record(0..2).await;
    fs::rename(&path, &old).unwrap();
    running.state.reopen();
    running.record(2..3).await;
    while !path.exists() {
        tokio::task::yield_now().await;
    }
    running.record(3..5).await;
    running.stop().await;
    let read = Reader::of(&[&old, &path]);
    assert_eq!(read.ids(), [0, 1, 2, 3, 4]);
    let opened = read.event("segment_opened");
    let size = fs::metadata(&old).unwrap().len();
    assert_eq!(opened["previous_file"]["name"], "journal.jsonl");
    assert_eq!(opened["previous_file"]["size"], size);
    assert_eq!(opened["previous_file"]["last_hash"], opened["previous"]);
    let first = fs::read_to_string(&path).unwrap();
    assert!(first.lines().next().unwrap().contains("segment_opened"));
}

/// Whenever it happens, no answer leaves whose line is not in a file that has a name.
#[tokio::test]
async fn a_file_that_is_deleted_or_truncated_is_noticed_before_the_next_answer() {
    for (reason, lose) in [("truncated_from_outside", true), ("file_missing", false)] {
        let (folder, path) = journal();
        let copy = folder.path().join("copy");
        let running = Running::start(&path, SegmentTerms::default());
        running.record(0..2).await;
        fs::copy(&path, &copy).unwrap();
        if lose {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(0).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        running.record(2..3).await;
        let there = fs::read_to_string(&path).unwrap();
        assert!(there.contains("000000000002\""), "{reason}: {there}");
        running.record(3..4).await;
        running.stop().await;
        let read = Reader::of(&[&copy, &path]);
        assert_eq!(read.ids(), [0, 1, 2, 3]);
        assert_eq!(read.events()[1..3], ["segment_opened", "gap"]);
        let gap = read.event("gap");
        assert_eq!(gap["reason"], reason);
        assert_eq!(
            (&gap["first_index"], &gap["last_index"]),
            (&0.into(), &2.into())
        );
    }
}

#[tokio::test]
async fn two_processes_cannot_write_one_file() {
    let (folder, path) = journal();
    let running = Running::start(&path, SegmentTerms::default());
    let second = open(&path, SegmentTerms::default(), from_millis(0))
        .err()
        .unwrap();
    assert!(
        second.to_string().contains("another process writes it"),
        "{second}"
    );
    let segments = folder.path().join("segments");
    fs::create_dir(&segments).unwrap();
    let first = Running::start(&segments, SegmentTerms::default());
    let second = open(&segments, SegmentTerms::default(), from_millis(0))
        .err()
        .unwrap();
    assert!(
        second.to_string().contains("another process writes it"),
        "{second}"
    );
    running.stop().await;
    first.stop().await;
    open(&path, SegmentTerms::default(), from_millis(0)).unwrap();
}

/// Keeps what it is given, of a journal that has had no state of its tree for long.
struct Long(Arc<Mutex<Vec<u8>>>);

impl Write for Long {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Long {
    fn resume(&mut self) -> Resumed {
        Resumed {
            since_tree: 1_000_000,
            owed: Vec::new(),
            ..Resumed::default()
        }
    }
}

#[tokio::test]
async fn the_state_of_the_tree_is_recorded_from_time_to_time() {
    let kept = Arc::new(Mutex::default());
    let output = Box::new(Long(Arc::clone(&kept)));
    let running = Running::writing(output, Durability::Written, Arc::new(SystemClock));
    running.record(0..2).await;
    running.stop().await;
    let mut read = Reader::default();
    read.read(&kept.lock());
    assert_eq!(read.events(), ["tree", "journal_stopped"]);
    assert_eq!(read.ids(), [0, 1]);
}

/// Who was let in where is for the operator alone.
#[tokio::test]
async fn files_are_created_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::create_dir(&segments).unwrap();
    let single = folder.path().join("decisions.jsonl");
    for path in [&single, &segments] {
        let running = Running::start(path, folders::SMALL);
        running.record(0..10).await;
        running.stop().await;
    }
    let all = folders::files(&segments);
    assert!(all.len() > 2);
    for file in all.iter().chain([&single]) {
        let mode = fs::metadata(file).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600, "{}", file.display());
    }
}
