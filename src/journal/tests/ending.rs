//! Events of the journal itself that cannot be written when the service stops.

use std::{collections::VecDeque, path::Path, sync::mpsc::channel};

use tracing::Level;

use super::{
    chained::Reader, faults::Faulty, folders::files, logged::Log, own::Own, sealing::FactsSealer, *,
};
use crate::clock::{Clock, ManualClock};

/// What the disk does at the next writes.
enum Step {
    /// Says that it is reached, and waits.
    Wait,
    /// Takes the first bytes, as many as this says.
    Take(fn(&[u8]) -> usize),
    Fail,
}

fn changed(event: &'static str) -> ChangeEvent {
    ChangeEvent {
        event,
        members: serde_json::Map::new(),
    }
}

/// The end of the first line.
fn first_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1
}

/// A block of two events is written so far when the service stops and the disk is full; then it has room again, and a decision waits.
async fn stopped_after(path: &Path, taken: fn(&[u8]) -> usize) {
    let steps = Arc::<Mutex<VecDeque<Step>>>::default();
    let ((reached, is_reached), (goes_on, go_on)) = (channel(), channel());
    let mut output = Faulty::at(path, SegmentTerms::default());
    let of_disk = Arc::clone(&steps);
    output.on_write = Box::new(move |bytes| {
        loop {
            let step = of_disk.lock().pop_front();
            match step {
                None => return Ok(bytes.len()),
                Some(Step::Take(count)) => return Ok(count(bytes)),
                Some(Step::Fail) => return Err(io::ErrorKind::StorageFull.into()),
                Some(Step::Wait) => {
                    reached.send(()).unwrap();
                    go_on.recv().unwrap();
                }
            }
        }
    });
    let running = output.run(Durability::Written);
    running.record(0..1).await;
    steps.lock().extend([
        Step::Wait,
        Step::Take(<[u8]>::len),
        Step::Take(taken),
        Step::Wait,
        Step::Fail,
        Step::Fail,
    ]);
    let until_reached = async || {
        while is_reached.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let journal = running.journal.clone();
    let first = tokio::spawn(async move { journal.record(entry(1)).await });
    until_reached().await;
    // While the disk is busy these wait, and are one block.
    running.journal.record_change(changed("purged"));
    running.journal.record_change(changed("policies_reloaded"));
    goes_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    until_reached().await;
    running.stop_behind(2, || goes_on.send(()).unwrap()).await;
    assert!(steps.lock().is_empty());
}

#[tokio::test]
async fn what_was_written_in_part_when_the_service_stops_is_no_part_of_the_next_line_and_nothing_is_lost()
 {
    let parts: [fn(&[u8]) -> usize; 5] = [
        |_| 7,
        |bytes| first_end(bytes) - 1,
        first_end,
        |bytes| first_end(bytes) + 7,
        |bytes| bytes.len() - 1,
    ];
    for taken in parts {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("segments");
        std::fs::create_dir(&folder).unwrap();
        let file = root.path().join("journal.jsonl");
        for path in [file, folder] {
            stopped_after(&path, taken).await;
            let all = if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            };
            let all: Vec<&Path> = all.iter().map(std::path::PathBuf::as_path).collect();
            let read = Reader::of(&all);
            assert_eq!(read.ids(), [0, 1, 2]);
            let mut said = read.events();
            said.retain(|event| *event != "segment_opened");
            assert_eq!(
                said,
                [
                    "journal_started",
                    "purged",
                    "policies_reloaded",
                    "journal_stopped"
                ]
            );
        }
    }
}

/// A disk that takes this number of blocks, and is full then. While it has the first one, a decision is given without a line.
struct Full(usize, Option<Arc<UnrecordedCounts>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(unrecorded) = self.1.take() {
            let policy = PolicyName::parse("front-door").unwrap();
            unrecorded.count(&policy, from_millis(0), false);
        }
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Full {}

/// What a journal logs, at this level and above, that writes to an output given the decisions without a line, and is sent these events and
/// stopped.
fn logged(
    level: Level,
    output: impl FnOnce(Arc<UnrecordedCounts>) -> Box<dyn Output>,
    (sealer, clock): (Option<Arc<FactsSealer>>, Arc<dyn Clock>),
    sent: &[&'static str],
) -> Vec<Value> {
    let (log, _logging) = Log::begin(level);
    let health = Health::new();
    let places = Arc::new(Semaphore::new(1));
    let registry = prometheus::Registry::new();
    let unrecorded = Arc::<UnrecordedCounts>::default();
    let (closing, _closed) = sync_channel(1);
    let thread = WriterThread {
        output: output(Arc::clone(&unrecorded)),
        durability: Durability::Written,
        header: own::Header::default(),
        sealer,
        checkpoints: None,
        outlets: Vec::new(),
        closed: closing,
        retry_after: Duration::ZERO,
        clock,
        log: LogThrottle::default(),
        metrics: Metrics::register(&registry, health.subscribe(), 1, &places).unwrap(),
        health: health.clone(),
        unrecorded,
        state: writer::State::default(),
    };
    let (queue, messages) = mpsc::channel(8);
    for event in sent {
        let message = Message::Own(Own::Changed(changed(event)), oneshot::channel().0);
        queue.try_send(message).unwrap();
    }
    queue.try_send(Message::Stop).unwrap();
    health.stop();
    thread.run(messages, &places);
    let text = log.text();
    let lines = text.lines();
    let fields = lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
    fields.collect()
}

/// The errors of a journal that takes this number of blocks, and is sent these events and stopped.
fn errors(blocks: usize, sent: &[&'static str]) -> Vec<Value> {
    let output = |unrecorded| Box::new(Full(blocks, Some(unrecorded))) as Box<dyn Output>;
    logged(Level::ERROR, output, (None, Arc::new(SystemClock)), sent)
}

#[test]
fn what_a_journal_that_cannot_be_written_until_the_end_does_not_say_is_logged() {
    // From the beginning on, and after the count of decisions without a line is on its way.
    for blocks in [0, 1] {
        let errors = errors(blocks, &["purged", "policies_reloaded"]);
        let lost = errors
            .iter()
            .filter(|fields| fields["event"] == "journal_event_lost");
        let lost: Vec<&Value> = lost.map(|fields| &fields["name"]).collect();
        assert_eq!(lost, ["purged", "policies_reloaded"], "{blocks}");
        let unrecorded = errors
            .iter()
            .filter(|fields| fields["event"] == "decisions_unrecorded_lost");
        assert_eq!(unrecorded.count(), 1, "{blocks}");
    }
    let none = errors(9, &["purged"]);
    assert_eq!(none, Vec::<Value>::new());
}

/// A full disk, whose file is to be followed by another one at any time.
struct Overdue(Full);

impl Write for Overdue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Overdue {
    fn is_full(&self, _now: crate::policy::Timestamp) -> bool {
        true
    }

    fn prepare(&mut self, _next: Next) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_block_without_a_line_says_nothing_of_whether_anything_can_be_written() {
    let output = |_| Box::new(Overdue(Full(1, None))) as Box<dyn Output>;
    let log = logged(Level::INFO, output, (None, Arc::new(SystemClock)), &[]);
    let names: Vec<&Value> = log.iter().map(|fields| &fields["event"]).collect();
    assert!(names.contains(&&"journal_write_failed".into()), "{names:?}");
    assert!(!names.contains(&&"journal_recovered".into()), "{names:?}");
}

/// A disk during whose first write two days pass.
struct Slow(Arc<ManualClock>);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.advance(Duration::from_hours(48));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Slow {}

#[test]
fn a_data_key_stays_in_use_while_the_system_gives_no_random_bytes_for_another() {
    let auditor = AuditorKey::generate().unwrap();
    let (mut sealer, first) = FactsSealer::start(auditor.recipient()).unwrap();
    sealer.make_key = |_| Err(age::AgeError::NoRandom);
    let sealer = Arc::new(sealer);
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let output = |_| Box::new(Slow(Arc::clone(&clock))) as Box<dyn Output>;
    let with = (Some(Arc::clone(&sealer)), Arc::clone(&clock) as _);
    let log = logged(Level::ERROR, output, with, &["purged"]);
    assert!(!log.is_empty());
    for error in &log {
        assert_eq!(error["event"], "journal_data_key_not_renewed");
    }
    assert_eq!(sealer.seal("id", b"{}").unwrap().key, first.key);
}
