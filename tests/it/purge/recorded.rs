//! A purge and its record: none without a place for it, and none at the same time as another.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tracing::Level;
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::ManualClock,
    deps::Deps,
    journal::{self, ChangeEvent, Journal, Output, QueueLimits},
    policy::{VerificationId, from_millis, rfc3339},
    provenance::{Outage, Timings},
    purge::{PurgeError, PurgeReceipt, Purges},
    source::{Known, LookupRequest, PurgeTarget, Purged, Source},
};

use crate::{
    log::{Log, is_line},
    webhook::step_ups,
};

/// A disk that takes nothing, or that fails, while the test says so.
#[derive(Clone, Default)]
struct Disk {
    taken: Arc<Mutex<Vec<u8>>>,
    is_shut: Arc<AtomicBool>,
    is_waited_for: Arc<AtomicBool>,
    is_broken: Arc<AtomicBool>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.is_shut.load(SeqCst) {
            self.is_waited_for.store(true, SeqCst);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!self.is_broken.load(SeqCst), "a fault of the test");
        self.taken.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Disk {}

/// A source whose purges take until the test lets them end.
#[derive(Debug)]
struct Gated {
    begun: AtomicUsize,
    may_end: Semaphore,
}

#[async_trait]
impl Source for Gated {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let at = request.at.now;
        Ok(Known::nothing(Outage::Failed, at, Timings::default()))
    }

    async fn purge(&self, _: &PurgeTarget) -> Purged {
        self.begun.fetch_add(1, SeqCst);
        drop(self.may_end.acquire().await.unwrap());
        Purged::default()
    }
}

struct Desk {
    purges: Purges,
    source: Arc<Gated>,
    disk: Disk,
    clock: Arc<ManualClock>,
    journal: Journal,
    writer: journal::Writer,
}

impl Desk {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let disk = Disk::default();
        let limits = QueueLimits {
            queue_max: 1,
            ..QueueLimits::default()
        };
        let started = journal::start(Box::new(disk.clone()), limits, &deps).unwrap();
        let source = Arc::new(Gated {
            begun: AtomicUsize::new(0),
            may_end: Semaphore::new(0),
        });
        let step_ups = step_ups(&Deps::new(Arc::clone(&clock) as _));
        let journal = started.journal;
        Self {
            purges: Purges::new(
                Arc::clone(&source) as _,
                step_ups,
                Vec::new(),
                journal.clone(),
                &deps,
            ),
            source,
            disk,
            clock,
            journal,
            writer: started.writer,
        }
    }

    fn purge(&self) -> impl Future<Output = Result<PurgeReceipt, PurgeError>> + Send + 'static {
        let purges = self.purges.clone();
        let target = PurgeTarget::Verification(VerificationId::parse("v-1").unwrap());
        async move { purges.purge(target, CallerId::Internal).await }
    }

    fn begun(&self) -> usize {
        self.source.begun.load(SeqCst)
    }

    async fn until_begun(&self, count: usize) {
        while self.begun() < count {
            tokio::task::yield_now().await;
        }
    }

    fn events(&self, name: &str) -> Vec<Value> {
        let text = String::from_utf8(self.disk.taken.lock().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line["event"] == name).collect()
    }

    /// Waits until the journal has lines of this event.
    async fn until_written(&self, name: &str) -> Vec<Value> {
        loop {
            let found = self.events(name);
            if !found.is_empty() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn change() -> ChangeEvent {
    ChangeEvent {
        event: "policies_reloaded",
        members: Map::new(),
    }
}

#[tokio::test]
async fn nothing_is_purged_while_the_queue_has_no_place_for_its_record() {
    let desk = Desk::new();
    desk.until_written("journal_started").await;
    desk.disk.is_shut.store(true, SeqCst);
    let (log, _logging) = Log::begin(Level::ERROR);
    while log.lines().is_empty() {
        desk.journal.record_change(change());
    }
    let lost = json!({ "event": "change_not_recorded", "name": "policies_reloaded" });
    assert!(
        is_line(&log.lines()[0], "ERROR", &lost),
        "{:?}",
        log.lines()
    );
    // It is not yet known that the disk takes nothing.
    assert!(desk.journal.is_writable());
    desk.source.may_end.add_permits(2);
    let error = desk.purge().await.unwrap_err();
    assert_eq!((error, desk.begun()), (PurgeError::NotRecordable, 0));
    desk.disk.is_shut.store(false, SeqCst);
    desk.until_written("policies_reloaded").await;
    while desk.journal.reserve_change().is_err() {
        tokio::task::yield_now().await;
    }
    assert!(desk.purge().await.unwrap().is_recorded);
    desk.writer.flush().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_late_is_in_the_queue_and_says_when_it_happened() {
    let desk = Desk::new();
    desk.until_written("journal_started").await;
    desk.disk.is_shut.store(true, SeqCst);
    desk.journal.record_change(ChangeEvent {
        event: "reload_requested",
        members: Map::new(),
    });
    while !desk.disk.is_waited_for.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    let (log, _logging) = Log::begin(Level::ERROR);
    desk.source.may_end.add_permits(1);
    let receipt = desk.purge().await.unwrap();
    assert!(!receipt.is_recorded);
    let late = json!({ "event": "purge_not_recorded", "purge_id": receipt.id.to_string() });
    assert!(log.lines().iter().any(|line| is_line(line, "ERROR", &late)));
    desk.journal.record_change(change());
    desk.clock.advance(Duration::from_hours(3));
    desk.disk.is_shut.store(false, SeqCst);
    let at = rfc3339(receipt.at);
    for name in ["purged", "policies_reloaded"] {
        let records = desk.until_written(name).await;
        let [record] = &records[..] else {
            panic!("{records:?}")
        };
        assert_eq!(record["happened_at"], at, "{name}");
        assert_eq!(record["at"], "1970-01-01T03:00:00.000Z", "{name}");
    }
    desk.writer.flush().await;
}

#[tokio::test]
async fn a_purge_whose_record_is_lost_with_the_journal_is_not_said_to_be_queued() {
    let desk = Desk::new();
    desk.until_written("journal_started").await;
    let purging = tokio::spawn(desk.purge());
    desk.until_begun(1).await;
    desk.disk.is_broken.store(true, SeqCst);
    desk.source.may_end.add_permits(1);
    let error = purging.await.unwrap().unwrap_err();
    assert_eq!(error, PurgeError::NotRecorded);
}

#[tokio::test]
async fn one_purge_runs_at_a_time() {
    let desk = Desk::new();
    let first = tokio::spawn(desk.purge());
    desk.until_begun(1).await;
    let second = tokio::spawn(desk.purge());
    while desk.begun() < 2 && !second.is_finished() {
        tokio::task::yield_now().await;
    }
    desk.source.may_end.add_permits(2);
    assert_eq!(second.await.unwrap().unwrap_err(), PurgeError::Busy);
    assert!(first.await.unwrap().unwrap().is_recorded);
    assert!(desk.purge().await.unwrap().is_recorded);
    assert_eq!(desk.begun(), 2);
    desk.writer.flush().await;
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_end_a_purge_and_neither_does_a_journal_that_stops() {
    let desk = Desk::new();
    desk.until_written("journal_started").await;
    let caller = tokio::spawn(desk.purge());
    desk.until_begun(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let (disk, source) = (desk.disk.clone(), Arc::clone(&desk.source));
    let stop = tokio::spawn(desk.writer.flush());
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    assert!(!stop.is_finished());
    source.may_end.add_permits(1);
    stop.await.unwrap();
    let text = String::from_utf8(disk.taken.lock().clone()).unwrap();
    let events = ["\"event\":\"purged\"", "\"event\":\"journal_stopped\""];
    let places = events.map(|event| text.find(event).unwrap());
    assert!(places[0] < places[1], "{text}");
}
