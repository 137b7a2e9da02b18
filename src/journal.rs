//! The decision log: one line of JSON for each decision, for some refused requests and for what operators change, in a chain, written by a
//! thread of its own.
//!
//! Why nothing is dropped and checks are rejected: a decision that is not in the journal never happened for an auditor. When a write
//! fails, it is retried until it succeeds, and until then no further decision is accepted. An answer waits for its line as
//! [`Durability`] says.

mod settings;
mod error;
mod entry;
mod line;
mod line_start;
mod age;
mod sealing;
mod identifiers;
mod protection;
mod chain;
pub mod merkle;
mod own;
mod changes;
mod unrecorded;
mod block;
mod group;
mod message;
mod gather;
mod metrics;
mod append_file;
mod aside;
mod resume;
mod segment_file;
mod obstacles;
mod output;
mod single_file;
mod folder;
mod open;
mod outlet;
mod clock_jump;
mod retention;
mod compression;
mod health;
mod newest;
mod checkpoint_file;
mod checkpoint_copy;
mod checkpoints;
mod signing;
mod keys;
mod writer;
pub mod signed_note;
pub mod checkpoint;

use std::{
    collections::HashSet,
    fmt, io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

pub use self::{
    age::{AgeError, AgeKeyError, AuditorKey, Recipient},
    changes::ChangePlace,
    checkpoint_copy::CopyTarget,
    checkpoint_file::CheckpointFileError,
    entry::{CallFacts, Entry, RefusedCaller, Sets},
    error::{JournalError, JournalStartError, UnrecordedError},
    identifiers::{IdentifierKey, IdentifierKeyError, IdentifierKind},
    keys::Keys,
    line_start::{LineStart, from_hex, hex},
    obstacles::Obstacles,
    open::open,
    outlet::{OUTLET_BYTES_MAX, Outlet, WrittenLine, WrittenLines, outlet},
    output::{Next, Output, OutputCheck, OutputError, Reopened, Resumed},
    own::ChangeEvent,
    protection::Protection,
    sealing::{DataKey, FactsError, SealedDataKey, SealedFacts},
    segment_file::{COMPRESSED_SUFFIX, decompressed, segment_index},
    settings::{Config, Durability, QueueLimits, RetentionTerms, SegmentTerms},
    signing::{Signing, check_checkpoints, checkpoints_beside},
};
use self::{
    compression::Compression,
    gather::Groups,
    group::Done,
    health::Health,
    message::Message,
    metrics::{CheckpointMetrics, CompressionMetrics, Metrics},
    retention::Retention,
    unrecorded::UnrecordedCounts,
    writer::WriterThread,
};
use crate::{
    clock::Clock,
    deps::{Deps, Task},
    log_throttle::LogThrottle,
    policy::{PolicyName, Timestamp},
    readiness::Component,
};

/// How long the last checkpoint and its copy are waited for.
const SIGNING_END: Duration = Duration::from_millis(700);
/// Messages beside those of entries.
const OTHER_MESSAGES: usize = 64;

/// The sending side of the journal.
#[derive(Debug, Clone)]
pub struct Journal {
    groups: Arc<Groups>,
    attributes: Arc<[Box<str>]>,
    protection: Protection,
    unrecorded: Arc<UnrecordedCounts>,
    clock: Arc<dyn Clock>,
}

impl Journal {
    /// The same journal, which records the attributes of requests with these names too.
    pub fn with_attributes(self, names: Arc<[Box<str>]>) -> Self {
        Self {
            attributes: names,
            ..self
        }
    }

    /// Queues a decision, if there is room, or else begins to wait for room with a copy of it. Says in the entry how its line is written.
    pub fn queue(&self, entry: &mut Entry) -> Queued {
        entry.attributes = Arc::clone(&self.attributes);
        entry.protection = self.protection.clone();
        Queued(match self.groups.try_admit() {
            Ok(permit) => Queueing::Now(self.groups.add(entry, permit)),
            Err(Some(error)) => Queueing::Now(Err(error)),
            Err(None) => {
                let (groups, entry) = (Arc::clone(&self.groups), entry.clone());
                Queueing::Later(Box::pin(async move {
                    let permit = groups.admit().await?;
                    groups.add(&entry, permit)
                }))
            }
        })
    }

    /// Waits until a decision is queued, written or synced, as [`Durability`] says. An error as long as the journal cannot be written, and
    /// after this time.
    pub async fn recorded_within(
        &self,
        wait: Duration,
        queued: Queued,
    ) -> Result<(), UnrecordedError> {
        let mut is_queued = false;
        let recorded = timeout(wait, self.recorded(queued, &mut is_queued)).await;
        let recorded = recorded.unwrap_or(Err(JournalError::Late));
        recorded.map_err(|error| UnrecordedError { error, is_queued })
    }

    /// Whether there is nothing to wait for: the decision is queued, or refused, and answers do not wait for more.
    pub fn is_recorded(&self, queued: &Queued) -> bool {
        matches!(queued.0, Queueing::Now(_)) && !self.groups.waits()
    }

    /// Records a decision: the same, without an end of the wait.
    pub async fn record(&self, mut entry: Entry) -> Result<(), JournalError> {
        self.recorded(self.queue(&mut entry), &mut false).await
    }

    /// Waits until a decision is queued and, if answers wait for that, written. Notes whether it is queued, so that its line may follow although
    /// there is an error.
    async fn recorded(&self, queued: Queued, is_queued: &mut bool) -> Result<(), JournalError> {
        let done = match queued.0 {
            Queueing::Now(done) => done?,
            Queueing::Later(done) => done.await?,
        };
        *is_queued = true;
        if self.groups.waits() {
            return done.wait().await;
        }
        Ok(())
    }

    /// Counts a decision of this policy that is given at this instant although it was not recorded. An event of the journal says how many there
    /// were once it can be written. `is_queued`: its line may follow.
    pub fn count_unrecorded(&self, policy: &PolicyName, at: Timestamp, is_queued: bool) {
        self.unrecorded.count(policy, at, is_queued);
    }

    /// Queues a line about a refused request. Never waits: a caller that is refused must not be able to make anything wait.
    pub fn record_refusal(&self, refused: &RefusedCaller) -> Result<(), JournalError> {
        let place = self.groups.try_admit();
        let place = place.map_err(|error| error.unwrap_or(JournalError::NotWritable))?;
        self.groups.add(refused, place).map(drop)
    }
}

/// A decision on its way into the journal.
pub struct Queued(Queueing);

/// A decision on its way into a group.
enum Queueing {
    /// It has one, or is refused one.
    Now(Result<Arc<Done>, JournalError>),
    /// There was no room.
    Later(Pin<Box<dyn Future<Output = Result<Arc<Done>, JournalError>> + Send>>),
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued").finish_non_exhaustive()
    }
}

/// The journal as operators see it.
#[derive(Debug, Clone)]
pub struct JournalState {
    queue: mpsc::WeakSender<Message>,
    health: Health,
    obstacles: watch::Receiver<Obstacles>,
}

impl JournalState {
    /// Whether decisions can be recorded.
    pub fn is_writable(&self) -> bool {
        self.obstacles.borrow().are_none()
    }

    /// Waits until what keeps decisions from being recorded changes; whether it can change again.
    pub async fn changed(&mut self) -> bool {
        self.obstacles.changed().await.is_ok()
    }

    /// Asks for the file to be opened again, once what is queued has been written.
    pub fn reopen(&self) {
        self.health.request_reopening();
        if let Some(queue) = self.queue.upgrade() {
            // If the queue is full, the thread is awake, and checks the output after its next entries or before its next attempt.
            let _ = queue.try_send(Message::CheckOutput);
        }
    }
}

impl Component for JournalState {
    fn state(&self) -> Value {
        let obstacles = self.obstacles.borrow();
        json!({
            "writable": obstacles.are_none(),
            "error": obstacles.first(),
        })
    }

    fn is_ready(&self) -> bool {
        self.is_writable()
    }
}

/// The writing thread, as the one who stops it sees it.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    groups: Arc<Groups>,
    health: Health,
    ended: oneshot::Receiver<()>,
    /// Watches the thread.
    _watch: Task,
    /// Removes old files.
    retention: Option<Task>,
    /// Held while a file of a folder is removed, or takes another form.
    changing: Arc<Mutex<()>>,
    /// Receives that a file was closed, until something does.
    closed: Option<Receiver<()>>,
    compression: CompressionMetrics,
    /// Signs checkpoints until the thread has ended.
    signer: Option<Task>,
}

impl Writer {
    /// Removes what this folder has that is older or more than these terms permit, as long as the journal is written.
    pub fn keep_only(&mut self, folder: &Path, terms: RetentionTerms, deps: &Deps) {
        if terms.keeps_all() || !folder.is_dir() {
            return;
        }
        let retention = Retention::new(
            folder.to_owned(),
            terms,
            Arc::clone(&deps.clock),
            self.queue.downgrade(),
            Arc::clone(&self.changing),
        );
        self.retention = Some(deps.start(retention.run()));
    }

    /// Compresses the files of this folder that are closed, as long as the journal is written.
    pub fn compress_closed(&mut self, folder: &Path, deps: &Deps) -> io::Result<()> {
        let Some(closed) = self.closed.take() else {
            return Ok(());
        };
        let compression = Compression {
            folder: folder.to_owned(),
            changing: Arc::clone(&self.changing),
            health: self.health.clone(),
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics: self.compression.clone(),
            not_closed: HashSet::new(),
        };
        compression.start(closed)
    }

    /// Accepts no more entries, and waits until the queued ones are written, and a little for the checkpoint over them.
    pub async fn flush(self) {
        self.flush_and_sign(SIGNING_END).await;
    }

    /// [`Self::flush`], with this time for the last checkpoint and its copy.
    async fn flush_and_sign(self, within: Duration) {
        drop(self.retention);
        self.health.stop();
        self.groups.close();
        self.groups.all_sent().await;
        // An error means that the thread has ended already.
        let _ = self.queue.send(Message::Stop).await;
        // An error means that the thread is gone, which is what is waited for.
        let _ = self.ended.await;
        if let Some(signer) = self.signer
            && !signer.end(within).await
        {
            tracing::error!(
                event = "last_checkpoint_not_finished",
                "the last checkpoint of the journal, or its copy, did not arrive before the process ended: look at the disk of journal.path and at journal.checkpoint_copy; the lines themselves are written, and the next start signs them"
            );
        }
    }
}

/// What was started.
#[derive(Debug)]
pub struct Started {
    /// Records decisions.
    pub journal: Journal,
    /// Shows whether it can.
    pub state: JournalState,
    /// Writes what was recorded.
    pub writer: Writer,
}

/// Starts the thread that writes to this output, without any keys and outlets.
pub fn start(
    output: Box<dyn Output>,
    limits: QueueLimits,
    deps: &Deps,
) -> Result<Started, JournalStartError> {
    start_with(output, limits, Keys::default(), Vec::new(), deps)
}

/// Starts the thread that writes to this output, with these keys, and hands to these outlets what was written. Blocks.
pub fn start_with(
    output: Box<dyn Output>,
    limits: QueueLimits,
    keys: Keys,
    outlets: Vec<Outlet>,
    deps: &Deps,
) -> Result<Started, JournalStartError> {
    let of_checkpoints = CheckpointMetrics::register(&deps.registry)?;
    let compression = CompressionMetrics::register(&deps.registry)?;
    let (closing, closed) = sync_channel(1);
    let (protection, header) = keys.protection()?;
    let signing = keys.signing;
    let signing = signing.map(|signing| signing.begin(&of_checkpoints, deps));
    let (checkpoints, signer) = signing.transpose()?.unzip();
    let (queue, messages) = mpsc::channel(limits.queue_max.saturating_add(OTHER_MESSAGES));
    let health = Health::new();
    let obstacles = health.subscribe();
    let places = Arc::new(Semaphore::new(limits.queue_max));
    let unrecorded = Arc::<UnrecordedCounts>::default();
    let thread = WriterThread {
        output,
        durability: limits.durability,
        header,
        sealer: protection.facts.clone(),
        checkpoints,
        outlets,
        closed: closing,
        retry_after: limits.retry_after,
        clock: Arc::clone(&deps.clock),
        log: LogThrottle::default(),
        metrics: Metrics::register(&deps.registry, obstacles.clone(), limits.queue_max, &places)?,
        health: health.clone(),
        unrecorded: Arc::clone(&unrecorded),
        state: writer::State::default(),
    };
    let ended = run(thread, messages, Arc::clone(&places))?;
    let watch = deps.start(health.clone().watch(queue.downgrade()));
    let groups = Groups::new(queue.clone(), places, limits.durability, obstacles.clone());
    let groups = Arc::new(groups);
    Ok(Started {
        journal: Journal {
            groups: Arc::clone(&groups),
            attributes: Arc::default(),
            protection,
            unrecorded,
            clock: Arc::clone(&deps.clock),
        },
        state: JournalState {
            queue: queue.downgrade(),
            health: health.clone(),
            obstacles,
        },
        writer: Writer {
            queue,
            groups,
            health,
            ended,
            _watch: watch,
            retention: None,
            changing: Arc::default(),
            closed: Some(closed),
            compression,
            signer,
        },
    })
}

/// Starts the writing thread. What is returned receives its end.
fn run(
    thread: WriterThread,
    messages: mpsc::Receiver<Message>,
    places: Arc<Semaphore>,
) -> io::Result<oneshot::Receiver<()>> {
    let (ending, ended) = oneshot::channel();
    thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            thread.run(messages, &places);
            let _ = ending.send(());
        })?;
    Ok(ended)
}

#[cfg(test)]
pub(crate) mod tests;
