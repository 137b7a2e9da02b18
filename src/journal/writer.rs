//! The thread that writes. It repeats a write until that succeeds, so lines stay whole and in order, and none is dropped.

use std::{
    sync::{Arc, mpsc::SyncSender},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{error, info, warn};

use super::{
    append_file::as_u64,
    block::Item,
    chain::Chain,
    checkpoints::{Checkpoints, TreeHead},
    group::Group,
    health::Health,
    message::Message,
    metrics::Metrics,
    outlet::Outlet,
    output::{Next, Output, OutputCheck, OutputError, Reopened},
    own::{Gap, GapReason, Header, Own},
    sealing::FactsSealer,
    settings::Durability,
    unrecorded::UnrecordedCounts,
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

mod delivery;
mod ending;
mod keys;

/// Messages taken at once.
const BATCH_MAX: usize = 256;
/// Entries of a batch after which the thread does not rest.
const BUSY: usize = 256;
/// The pause after a batch, where no call waits for it. Without it the thread is woken for each turn of each event loop under load, and
/// takes its core from the checks each time. It is how much longer an entry waits to be written, at most.
const REST: Duration = Duration::from_millis(1);
/// The lines after which the state of the tree is recorded again: a little fewer than the format permits, because a block has more than one.
const TREE_EVERY: u64 = 32_768;

pub(super) struct WriterThread {
    pub(super) output: Box<dyn Output>,
    pub(super) durability: Durability,
    /// What each file and each process begins with.
    pub(super) header: Header,
    /// Seals facts, if they are sealed.
    pub(super) sealer: Option<Arc<FactsSealer>>,
    pub(super) retry_after: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: LogThrottle,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
    /// Decisions that were given and could not be recorded.
    pub(super) unrecorded: Arc<UnrecordedCounts>,
    /// Signs the tree, if there is a key.
    pub(super) checkpoints: Option<Checkpoints>,
    /// Those who export what was written.
    pub(super) outlets: Vec<Outlet>,
    /// Is sent something when a file was closed and another one begun.
    pub(super) closed: SyncSender<()>,
    pub(super) state: State,
}

/// Where the journal is.
#[derive(Debug, Default)]
pub(super) struct State {
    chain: Chain,
    /// The index of the first line of the file.
    first: u64,
    /// The lines since the last one with the state of the tree.
    since_tree: u64,
    /// The lines of this process.
    lines: u64,
    /// Events that are recorded before anything else.
    owed: Vec<Own>,
    /// When the data key of facts is to be replaced.
    renew_key_at: Duration,
    /// The output was opened again, and whether that was asked for.
    reopened: Option<bool>,
    /// The first index of what could not be synced, as long as its file could not be replaced.
    unsynced_from: Option<u64>,
}

/// What was taken from the queue together. It is used again and again, so that its memory is taken once.
#[derive(Default)]
struct Batch {
    groups: Vec<Group>,
    own: Vec<Own>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    /// How many records it has.
    fn records(&self) -> usize {
        self.groups.iter().map(Group::len).sum()
    }
}

/// Lets nothing more be recorded if the thread panics.
struct EndGuard {
    health: Health,
    places: Arc<Semaphore>,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.health.set_ended();
            self.places.close();
            error!(
                event = "journal_thread_ended",
                "the thread that writes the journal has ended by a fault, so all checks are rejected: restart the service, and report the fault"
            );
        }
    }
}

impl WriterThread {
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>, places: &Arc<Semaphore>) {
        // Dropped before the queue, so that nothing is admitted to a queue that nobody reads.
        let _guard = EndGuard {
            health: self.health.clone(),
            places: Arc::clone(places),
        };
        self.begin();
        let mut messages = Vec::with_capacity(BATCH_MAX);
        let mut batch = Batch::default();
        while queue.blocking_recv_many(&mut messages, BATCH_MAX) > 0 {
            for message in messages.drain(..) {
                match message {
                    Message::Group(group, written) => {
                        batch.groups.push(group);
                        batch.waiting.push(written);
                    }
                    Message::Own(own, written) => {
                        batch.own.push(own);
                        batch.waiting.push(written);
                    }
                    // It has woken the thread, which is what it is for.
                    Message::CheckOutput => {}
                    Message::Stop => queue.close(),
                }
            }
            if self.health.take_check() {
                self.look_at_output();
            }
            let entries = batch.records();
            self.write(&mut batch);
            self.metrics.entries.inc_by(as_u64(entries));
            self.sign(false);
            let is_busy = entries >= BUSY || self.durability != Durability::Queued;
            if !is_busy && !queue.is_closed() {
                thread::sleep(REST);
            }
        }
        self.end();
    }

    /// Goes on where the journal was left.
    fn begin(&mut self) {
        let resumed = self.output.resume();
        for own in &resumed.owed {
            log_own(own);
            self.count(own);
        }
        self.state = State {
            chain: resumed.chain,
            first: resumed.first,
            since_tree: resumed.since_tree,
            lines: 0,
            owed: resumed.owed,
            renew_key_at: self.data_key_ends(),
            reopened: None,
            unsynced_from: None,
        };
        info!(
            event = "journal_resumed",
            first_index = self.state.chain.index(),
            "the journal goes on at this index"
        );
        self.compare_with_checkpoints();
        self.compare_identifier_key(resumed.identifier_key);
        // A pipe may have no reader yet.
        self.look_at_output();
        self.write(&mut Batch::default());
    }

    /// Signs the tree over all lines that are written, if that is due.
    fn sign(&mut self, is_last: bool) {
        let Some(checkpoints) = &mut self.checkpoints else {
            return;
        };
        let tree = self.state.chain.tree();
        let uptime = self.clock.moment().uptime;
        if checkpoints.is_due(tree.size(), uptime, is_last) {
            let head = TreeHead {
                size: tree.size(),
                root: tree.root(),
            };
            checkpoints.sign(head, uptime);
        }
    }

    /// Lines that a checkpoint covers are missing at the end: the journal was cut while no process wrote it, or a disk has lost them.
    fn compare_with_checkpoints(&mut self) {
        let signed = self.checkpoints.as_ref().map_or(0, Checkpoints::signed);
        let index = self.state.chain.index();
        if signed > index {
            let gap = Own::Gap(Gap {
                reason: GapReason::TruncatedFromOutside,
                file: None,
                first_index: Some(index),
                last_index: signed.checked_sub(1),
            });
            log_own(&gap);
            self.count(&gap);
            self.state.owed.push(gap);
        }
    }

    /// Writes what was taken, and notifies those who wait for it. The batch is empty then.
    fn write(&mut self, batch: &mut Batch) {
        self.rotate();
        let data_key = self.renew_data_key();
        let mut items: Vec<Item<'_>> = self.state.owed.drain(..).map(Item::Own).collect();
        if self.state.since_tree >= TREE_EVERY {
            items.push(Item::Own(Own::Tree));
        }
        let reopened = self.state.reopened.take().map(Own::reopened);
        let noticed = [reopened, self.count_of_unrecorded()];
        items.extend(noticed.into_iter().flatten().map(Item::Own));
        items.extend(batch.own.drain(..).map(Item::Own));
        items.reserve(batch.records());
        let records = batch.groups.iter().flat_map(Group::records);
        items.extend(records.map(|(at, body)| Item::Record(at, body)));
        if self.put(items) {
            if let (Some(sealer), Some(key)) = (&self.sealer, data_key) {
                sealer.use_key(key);
            }
            for waiting in batch.waiting.drain(..) {
                // An error means that nobody waits any more.
                let _ = waiting.send(());
            }
        }
        // Those who were not notified learn that it is not written.
        batch.waiting.clear();
        batch.groups.clear();
    }

    /// Says which decisions could not be recorded, once that is over.
    fn count_of_unrecorded(&self) -> Option<Own> {
        if !self.health.is_clear() {
            return None;
        }
        let event = self.unrecorded.take()?;
        let counted = Value::from(event.members.clone());
        warn!(
            event = "decisions_unrecorded",
            %counted,
            "decisions were given although they could not be recorded; the journal says how many"
        );
        Some(Own::Changed(event))
    }

    /// Ends the file and begins the next one, if it is time to.
    fn rotate(&mut self) {
        let now = self.clock.now();
        if !self.state.owed.is_empty() || !self.output.is_full(now) {
            return;
        }
        let index = self.state.chain.index().saturating_add(1);
        let next = Next { index, now };
        let output = &mut self.output;
        if let Err(error) = self.health.watched(|| output.prepare(next)) {
            throttled!(
                self.log,
                self.clock.moment().uptime,
                error,
                "journal_rotation_failed",
                %error,
                "the next file of the journal cannot be created, so this one goes on: make the folder of journal.path writable, and free space on its disk"
            );
            return;
        }
        if !self.put(vec![Item::Own(Own::SegmentClosed)]) {
            return;
        }
        let output = &mut self.output;
        let reopened = self.health.watched(|| output.go_on(now));
        if let Some(reopened) = reopened {
            info!(
                event = "journal_segment_opened",
                first_index = index,
                previous_file = &*reopened.previous.name,
                "the journal goes on in a new file"
            );
            self.move_on(reopened, None);
        }
    }

    /// What the file begins with that takes the place of another.
    fn move_on(&mut self, reopened: Reopened, missing_from: Option<u64>) {
        let index = self.state.chain.index();
        let gap = reopened.gap.map(|reason| {
            Own::Gap(Gap {
                reason,
                file: Some(reopened.previous.name.clone()),
                first_index: Some(missing_from.unwrap_or(self.state.first)),
                last_index: index.checked_sub(1),
            })
        });
        let tail = reopened.tail.map(Own::TailCut);
        let opened = Own::SegmentOpened(Some(reopened.previous));
        self.state.first = index;
        for own in [Some(opened), tail, gap].into_iter().flatten() {
            log_own(&own);
            self.count(&own);
            self.state.owed.push(own);
        }
    }

    fn count(&self, own: &Own) {
        if matches!(own, Own::Gap(_)) {
            self.metrics.gaps.inc();
        }
    }

    /// Checks the output while nothing is being written.
    fn look_at_output(&mut self) {
        if self.state.unsynced_from.is_some() {
            // It is left by a gap alone: opened again, it would be trusted.
            return;
        }
        let index = self.state.chain.index();
        if let Some(OutputCheck::Reopened(Some(reopened))) = self.check_output(index) {
            self.move_on(reopened, None);
        }
    }

    /// Checks the output, before the line with this index. `None` if something is wrong with it.
    fn check_output(&mut self, index: u64) -> Option<OutputCheck> {
        let requested = self.health.take_request();
        let now = self.clock.now();
        let output = &mut self.output;
        match self
            .health
            .watched(|| output.check(requested, Next { index, now }))
        {
            Ok(check) => {
                let recovered = self.health.set_output(None);
                if matches!(check, OutputCheck::Reopened(_)) {
                    self.metrics.reopened.inc();
                    self.state.reopened = Some(requested);
                    info!(
                        event = "journal_reopened",
                        requested,
                        "journal opened again; decisions are written to the file that journal.path names now"
                    );
                } else if recovered {
                    info!(
                        event = "journal_output_recovered",
                        "the journal's output can be written again"
                    );
                }
                Some(check)
            }
            Err(error) => {
                let lost = error.loses_entries().then(|| error.to_string());
                self.health.set_output(lost);
                self.log_output_error(&error);
                None
            }
        }
    }

    fn log_output_error(&self, error: &OutputError) {
        let uptime = self.clock.moment().uptime;
        match error {
            OutputError::OldFile(..) | OutputError::Deleted(..) => throttled!(
                self.log,
                uptime,
                error,
                "journal_reopen_failed",
                %error,
                "journal cannot be opened again: make the folder of journal.path, and a file in it, writable for this service"
            ),
            OutputError::NoReader(_) => throttled!(
                self.log,
                uptime,
                error,
                "journal_reader_gone",
                %error,
                "no decision can be recorded, so checks are rejected until a process reads the pipe of journal.path"
            ),
            OutputError::StdoutClosed => throttled!(
                self.log,
                uptime,
                error,
                "journal_stdout_closed",
                %error,
                "no decision can ever be recorded, so all checks are rejected: restart the service together with the reader of its stdout, or set journal.path to a file"
            ),
        }
    }
}

/// Logs what an operator has to know of what is recorded.
fn log_own(own: &Own) {
    match own {
        Own::Gap(gap) => error!(
            event = "journal_gap",
            reason = gap.reason.as_str(),
            file = gap.file.as_deref(),
            first_index = gap.first_index,
            last_index = gap.last_index,
            "lines of the journal are missing, and the journal says so: find out who removed or changed them"
        ),
        Own::TailCut(cut) => warn!(
            event = "journal_tail_cut",
            bytes = cut.bytes,
            "an unfinished line at the end of the journal was cut, as a crash leaves it"
        ),
        _ => {}
    }
}
