//! The queue of webhooks: what the vendor says has changed is queued and processed by one worker, in order.
//!
//! Why a webhook is never evidence: anybody who has the secret can send one, and the vendor repeats and reorders them. So a webhook
//! makes the service invalidate what it has cached, ask again ahead of time, and note the outcome of a step-up. It grants nothing.
//! Twice, in any order, or never: no decision is wrong because of it.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    callers::CallerId,
    clock::Clock,
    deps::{Deps, Task},
    policy::VerificationId,
    rate_limit::TokenBucket,
    source::{LookupRequest, Source, Wait},
    step_up::StepUps,
};

/// Webhooks that may be queued.
pub const QUEUE_MAX: usize = 1024;
/// Identifiers of one webhook that are processed.
pub const IDS_MAX: usize = 5;
/// Prefetches per second, and at once after a pause: forged webhooks cause no more.
const PREFETCHES_PER_SECOND: u32 = 10;
const PREFETCHES_BURST: u32 = 50;
/// A prefetch accepts what was fetched after the invalidation; nothing older is cached.
const PREFETCH_MAX_AGE: Duration = Duration::from_mins(1);

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// What has happened.
    pub kind: EventKind,
    /// The verification's identifiers; the first is the one to look it up by. At most [`IDS_MAX`] are processed.
    pub ids: Vec<VerificationId>,
    /// The step-up that it belongs to, if any.
    pub step_up: Option<Uuid>,
}

/// What has happened to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The person has verified.
    Succeeded,
    /// The person did not pass.
    Failed,
    /// Anything else.
    Other,
}

/// The sending side of the queue.
#[derive(Debug, Clone)]
pub struct WebhookQueue {
    sender: mpsc::Sender<WebhookEvent>,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook queue is full")]
pub struct QueueFullError;

/// The worker, as the one who stops it sees it.
#[derive(Debug)]
pub struct Worker {
    stop: oneshot::Sender<()>,
    task: Task,
}

#[derive(Debug)]
struct Processor {
    source: Arc<dyn Source>,
    step_ups: StepUps,
    prefetches: TokenBucket,
    clock: Arc<dyn Clock>,
}

/// Starts the worker of a queue of this length.
pub fn start(
    source: Arc<dyn Source>,
    step_ups: StepUps,
    queue_max: usize,
    deps: &Deps,
) -> (WebhookQueue, Worker) {
    let (sender, receiver) = mpsc::channel(queue_max.max(1));
    let (stop, stopping) = oneshot::channel();
    let processor = Processor {
        source,
        step_ups,
        prefetches: TokenBucket::new(PREFETCHES_PER_SECOND, PREFETCHES_BURST),
        clock: Arc::clone(&deps.clock),
    };
    let task = deps.start(processor.run(receiver, stopping));
    (WebhookQueue { sender }, Worker { stop, task })
}

impl WebhookQueue {
    /// Queues an event. Does not wait.
    pub fn enqueue(&self, event: WebhookEvent) -> Result<(), QueueFullError> {
        self.sender.try_send(event).map_err(|_| QueueFullError)
    }
}

impl Worker {
    /// Accepts no more events, and processes those that are queued, within this time.
    pub async fn drain(self, within: Duration) {
        // An error means that the worker has ended.
        let _ = self.stop.send(());
        if !self.task.end(within).await {
            warn!(
                event = "webhook_queue_drain_timed_out",
                "webhook queue drain timed out; the remaining webhooks are dropped"
            );
        }
    }
}

impl Processor {
    async fn run(
        self,
        mut receiver: mpsc::Receiver<WebhookEvent>,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                biased;
                // An error means that nobody can stop it any more, which stops it too.
                _ = &mut stop => break,
                event = receiver.recv() => match event {
                    Some(event) => self.process(event).await,
                    None => return,
                },
            }
        }
        receiver.close();
        while let Some(event) = receiver.recv().await {
            self.process(event).await;
        }
        info!(event = "webhook_queue_drained", "webhook queue drained");
    }

    /// Invalidates first, so that nobody who learns of the change is answered from the state before it.
    async fn process(&self, event: WebhookEvent) {
        let WebhookEvent { kind, ids, step_up } = event;
        for id in ids.iter().take(IDS_MAX) {
            self.source.invalidate(id).await;
        }
        match (kind, ids.first(), step_up) {
            (EventKind::Succeeded, Some(id), step_up) => {
                self.prefetch(id).await;
                if let Some(step_up) = step_up {
                    self.step_ups.succeeded(step_up, id).await;
                }
            }
            (EventKind::Failed, _, Some(step_up)) => self.step_ups.failed(step_up).await,
            (EventKind::Succeeded | EventKind::Failed | EventKind::Other, _, _) => {}
        }
    }

    /// Fetches a verification that will soon be needed, without waiting for it.
    async fn prefetch(&self, id: &VerificationId) {
        let at = self.clock.moment();
        if self.prefetches.take(at.uptime, Duration::ZERO).is_err() {
            return;
        }
        let request = LookupRequest {
            at,
            max_age: PREFETCH_MAX_AGE,
            max_stale: PREFETCH_MAX_AGE,
            wait: Wait::No,
            caller: CallerId::Internal,
            failed_before: false,
        };
        // The service's own lookups have no quota that they could exceed.
        let _ = self.source.look_up(id, request).await;
    }
}
