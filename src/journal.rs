//! The decision log: one line of JSON for each decision, written by a thread of its own.
//!
//! Why checks wait and nothing is dropped: a decision that is not in the journal never happened for an auditor. When the queue is
//! full, checks wait; when a write fails, it is retried until it succeeds. What is queued is lost only with the process.

mod entry;
mod line;
mod metrics;
mod output;

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tracing::info;

pub use self::{entry::Entry, output::open};
use self::{line::lines, metrics::Metrics, output::write_all};
use crate::{
    clock::Clock,
    deps::Deps,
    log_throttle::{LogThrottle, throttled},
};

/// Entries written at once.
const BATCH_MAX: usize = 256;

/// The bounds of the queue and of retries.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Entries that may be queued; beyond that, checks wait.
    pub queue_max: usize,
    /// Pause before a failed write is retried.
    pub retry_after: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            queue_max: 4096,
            retry_after: Duration::from_millis(500),
        }
    }
}

/// The sending side of the journal.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Message>,
}

#[derive(Debug)]
enum Message {
    /// An entry, boxed because the queue has room for many.
    Record(Box<Entry>),
    /// Accept no more entries.
    Stop,
}

/// The journal has stopped, so the decision cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal has stopped")]
pub struct JournalError;

/// Why the journal cannot start.
#[derive(Debug, thiserror::Error)]
pub enum JournalStartError {
    /// Its thread cannot be started.
    #[error("cannot start the journal's thread")]
    Thread(#[from] io::Error),
    /// A metric cannot be registered: an internal error.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

impl Journal {
    /// Queues an entry; waits while the queue is full.
    pub async fn record(&self, entry: Entry) -> Result<(), JournalError> {
        let message = Message::Record(Box::new(entry));
        self.queue.send(message).await.map_err(|_| JournalError)
    }
}

/// The writing thread, as the one who stops it sees it.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    ended: oneshot::Receiver<()>,
}

impl Writer {
    /// Accepts no more entries, and waits until the queued ones are written.
    pub async fn flush(self) {
        // An error means that the thread has ended already.
        let _ = self.queue.send(Message::Stop).await;
        // An error means that the thread is gone, which is what is waited for.
        let _ = self.ended.await;
    }
}

/// Starts the writing thread.
pub fn start(
    output: Box<dyn Write + Send>,
    limits: QueueLimits,
    deps: &Deps,
) -> Result<(Journal, Writer), JournalStartError> {
    let (queue, entries) = mpsc::channel::<Message>(limits.queue_max);
    let (ending, ended) = oneshot::channel();
    let thread = WriterThread {
        output,
        retry_after: limits.retry_after,
        clock: Arc::clone(&deps.clock),
        log: LogThrottle::default(),
        metrics: Metrics::register(&deps.registry)?,
    };
    thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            thread.run(entries);
            let _ = ending.send(());
        })?;
    let journal = Journal {
        queue: queue.clone(),
    };
    Ok((journal, Writer { queue, ended }))
}

struct WriterThread {
    output: Box<dyn Write + Send>,
    retry_after: Duration,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

impl WriterThread {
    fn run(mut self, mut entries: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while entries.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            let mut taken = Vec::with_capacity(batch.len());
            for message in batch.drain(..) {
                match message {
                    Message::Record(entry) => taken.push(entry),
                    Message::Stop => entries.close(),
                }
            }
            self.write(&lines(&taken));
            self.metrics
                .entries
                .inc_by(u64::try_from(taken.len()).unwrap_or(u64::MAX));
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let (clock, log, metrics) = (&self.clock, &self.log, &self.metrics);
        let failed_attempts = write_all(&mut *self.output, lines, |error, failed_attempts| {
            metrics.write_failures.inc();
            throttled!(
                log,
                clock.moment().uptime,
                error,
                "journal_write_failed",
                %error,
                failed_attempts,
                "journal write failed; checks wait until it succeeds: free space on the disk of journal.path, or repair its reader"
            );
            thread::sleep(self.retry_after);
        });
        if failed_attempts > 0 {
            info!(
                event = "journal_recovered",
                failed_attempts, "journal writable again; no entry was lost"
            );
        }
    }
}

#[cfg(test)]
mod tests;
