//! The decision log: one line of JSON for each decision, and some for refused requests, written by a thread of its own.
//!
//! Why nothing is dropped and checks are rejected: a decision that is not in the journal never happened for an auditor. When a write
//! fails, it is retried until it succeeds, and until then no further decision is accepted. What is queued is lost only with the process.

mod entry;
mod line;
mod message;
mod metrics;
mod output;
mod health;
mod writer;
pub mod signed_note;
pub mod checkpoint;
pub mod merkle;

use std::{io, sync::Arc, thread, time::Duration};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    entry::Record, health::Health, message::Message, metrics::Metrics, writer::WriterThread,
};
pub use self::{
    entry::{CallFacts, Entry, RefusedCaller, Sets},
    health::Obstacles,
    output::{Output, OutputCheck, OutputError, open},
};
use crate::{
    deps::{Deps, Task},
    log_throttle::LogThrottle,
    readiness::Component,
};

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
    obstacles: watch::Receiver<Obstacles>,
}

/// The decision cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The service stops.
    #[error("the journal has stopped")]
    Stopped,
    /// What was accepted before cannot be written.
    #[error("the journal cannot be written")]
    NotWritable,
}

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
    /// Queues an entry; waits while the queue is full. Rejected as long as the journal cannot be written.
    pub async fn record(&self, entry: Entry) -> Result<(), JournalError> {
        if !self.obstacles.borrow().are_none() {
            return Err(JournalError::NotWritable);
        }
        let message = Message::Record(Record::Decision(Box::new(entry)));
        let message = match self.queue.try_send(message) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(JournalError::Stopped),
            Err(mpsc::error::TrySendError::Full(message)) => message,
        };
        let mut obstacles = self.obstacles.clone();
        tokio::select! {
            sent = self.queue.send(message) => sent.map_err(|_| JournalError::Stopped),
            // An error means that the thread has ended.
            found = obstacles.wait_for(|obstacles| !obstacles.are_none()) => {
                Err(found.map_or(JournalError::Stopped, |_| JournalError::NotWritable))
            }
        }
    }
}

impl Journal {
    /// Queues a line about a refused request. Never waits: a caller that is refused must not be able to make anything wait.
    pub fn record_refusal(&self, refused: RefusedCaller) -> Result<(), JournalError> {
        if !self.obstacles.borrow().are_none() {
            return Err(JournalError::NotWritable);
        }
        let record = Record::RefusedCaller(Box::new(refused));
        let sent = self.queue.try_send(Message::Record(record));
        sent.map_err(|_| JournalError::NotWritable)
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
    ended: oneshot::Receiver<()>,
    /// Watches the thread.
    _watch: Task,
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

/// Starts the thread that writes to this output.
pub fn start(
    output: Box<dyn Output>,
    limits: QueueLimits,
    deps: &Deps,
) -> Result<Started, JournalStartError> {
    let (queue, entries) = mpsc::channel::<Message>(limits.queue_max);
    let (ending, ended) = oneshot::channel();
    let health = Health::new();
    let obstacles = health.subscribe();
    let thread = WriterThread {
        output,
        retry_after: limits.retry_after,
        clock: Arc::clone(&deps.clock),
        log: LogThrottle::default(),
        metrics: Metrics::register(&deps.registry, obstacles.clone())?,
        health: health.clone(),
    };
    thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            thread.run(entries);
            let _ = ending.send(());
        })?;
    let watch = deps.start(health.clone().watch(queue.downgrade()));
    Ok(Started {
        journal: Journal {
            queue: queue.clone(),
            obstacles: obstacles.clone(),
        },
        state: JournalState {
            queue: queue.downgrade(),
            health: health.clone(),
            obstacles,
        },
        writer: Writer {
            queue,
            ended,
            _watch: watch,
        },
    })
}

#[cfg(test)]
mod tests;
