//! What those who export lines are given.

use bytes::Bytes;
use prometheus::{IntCounter, IntGauge};

use super::{
    faults::Faulty,
    folder::Folder,
    folders::{Failing, SMALL, events, files},
    *,
};

/// A journal with an outlet.
struct Exported {
    started: Started,
    lines: WrittenLines,
    dropped: IntCounter,
}

impl Exported {
    fn writing(output: Box<dyn Output>, durability: Durability) -> Self {
        let dropped = IntCounter::new("dropped", "x").unwrap();
        let waiting = IntGauge::new("waiting", "x").unwrap();
        let (outlet, lines) = outlet(waiting, dropped.clone());
        let limits = QueueLimits {
            retry_after: Duration::ZERO,
            durability,
            ..QueueLimits::default()
        };
        let deps = Deps::new(Arc::new(SystemClock));
        let started = start_with(output, limits, Keys::default(), vec![outlet], &deps).unwrap();
        Self {
            started,
            lines,
            dropped,
        }
    }

    async fn record(&self, ids: std::ops::Range<u128>) {
        for id in ids {
            while self.started.journal.record(entry(id)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Ends the journal; all lines that were handed over.
    async fn end(mut self) -> Vec<Bytes> {
        self.started.writer.flush().await;
        let mut lines = Vec::new();
        while let Some(line) = self.lines.next().await {
            lines.push(line.bytes);
        }
        lines
    }
}

/// The lines of a folder's files.
fn in_files(folder: &Path) -> Vec<Bytes> {
    let texts = files(folder)
        .into_iter()
        .map(|file| std::fs::read(file).unwrap());
    let text: Vec<u8> = texts.flatten().collect();
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.map(Bytes::copy_from_slice).collect()
}

#[tokio::test]
async fn every_line_is_exported_as_it_is_in_the_journal_across_segments() {
    for durability in [Durability::Queued, Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let output = open(folder.path(), SMALL, from_millis(0)).unwrap();
        let exported = Exported::writing(output, durability);
        exported.record(0..12).await;
        let dropped = exported.dropped.clone();
        let lines = exported.end().await;
        assert_eq!(lines, in_files(folder.path()));
        assert!(lines.len() > 12);
        assert_eq!(dropped.get(), 0);
    }
}

#[tokio::test]
async fn lines_are_exported_as_they_are_in_the_journal_and_lost_ones_under_their_new_index() {
    let folder = tempfile::tempdir().unwrap();
    let output = Failing {
        folder: Folder::open(folder.path(), SegmentTerms::default(), from_millis(0)).unwrap(),
        syncs: 0,
    };
    let exported = Exported::writing(Box::new(output), Durability::Synced);
    exported.record(0..4).await;
    let lines = exported.end().await;
    let gap = events(folder.path(), "gap").remove(0);
    assert_eq!(gap["reason"], "sync_failed");
    let index = |line: &Bytes| LineStart::parse(line).unwrap().index;
    let not_confirmed = gap["first_index"].as_u64().unwrap()..=gap["last_index"].as_u64().unwrap();
    let mut expected = in_files(folder.path());
    expected.retain(|line| !not_confirmed.contains(&index(line)));
    assert_eq!(lines, expected);
    let decided = lines
        .iter()
        .filter(|line| line.windows(13).any(|w| w == b"\"decision_id\""));
    assert_eq!(decided.count(), 4);
}

/// It has some whole lines of a block when it is deleted.
#[tokio::test]
async fn lines_of_a_file_that_was_deleted_while_it_was_written_are_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut output = Faulty::at(folder.path(), SegmentTerms::default());
    let (path, mut writes) = (folder.path().to_owned(), 0);
    output.on_write = Box::new(move |bytes| {
        writes += 1;
        match writes {
            1 => Ok(bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1),
            2 => {
                std::fs::remove_file(files(&path).remove(0))?;
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(bytes.len()),
        }
    });
    let exported = Exported::writing(Box::new(output), Durability::Written);
    exported.record(0..4).await;
    let lines = exported.end().await;
    assert_eq!(events(folder.path(), "gap")[0]["reason"], "file_missing");
    assert_eq!(lines, in_files(folder.path()));
}
