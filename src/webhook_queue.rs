//! The queue of webhooks: what the vendor says has changed is queued and processed by one worker, in order.
//!
//! Why a webhook is never evidence: anybody who has the secret can send one, and the vendor repeats and reorders them. So a webhook
//! makes the service invalidate what it has cached, ask again ahead of time, and note the outcome of a step-up. It grants nothing.
//! Twice, in any order, or never: no decision is wrong because of it.
//!
//! Why webhooks about what is in use go through a throttle: each makes the service ask the vendor again.

mod throttle;

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use uuid::Uuid;

use self::throttle::{Rates, Throttle};
use crate::{
    callers::CallerId,
    clock::{Clock, pause},
    deps::{Deps, Task},
    log_throttle::{LogThrottle, throttled},
    policy::{DataKinds, VerificationId},
    rate_limit::{Rate, TokenBucket},
    source::{Invalidation, LookupRequest, Priority, Source, Wait},
    step_up::StepUps,
};

/// Webhooks that may be queued.
pub const QUEUE_MAX: usize = 1024;
/// Identifiers of one webhook that are processed.
pub const IDS_MAX: usize = 16;
/// Prefetches per second, and at once after a pause: forged webhooks cause no more.
const PREFETCHES_PER_SECOND: u32 = 10;
const PREFETCHES_BURST: u32 = 50;
/// A prefetch accepts what was fetched after the invalidation; nothing older is cached.
const PREFETCH_MAX_AGE: Duration = Duration::from_mins(1);
/// The share of the calls to the vendor that webhooks may cause, as a divisor; and the share of its burst.
const PROCESSED_SHARE: u32 = 4;
const PROCESSED_BURST_SHARE: u32 = 2;
/// How often it is looked whether the turn of a webhook that waits has come, at most.
const TURN_MIN: Duration = Duration::from_millis(10);

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
    /// Something else that the vendor documents; it withdraws nothing.
    Other,
    /// Something that is not known here. It may be a withdrawal.
    Unrecognized,
}

impl EventKind {
    fn invalidation(self) -> Invalidation {
        match self {
            Self::Succeeded | Self::Other => Invalidation::Changed,
            Self::Failed | Self::Unrecognized => Invalidation::Revoked,
        }
    }
}

/// The sending side of the queue.
#[derive(Debug, Clone)]
pub struct WebhookQueue {
    sender: mpsc::Sender<WebhookEvent>,
    rates: Rates,
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
    throttle: Throttle,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

/// Starts the worker of a queue of this length. `calls` is the rate limit of calls to the vendor.
pub fn start(
    source: Arc<dyn Source>,
    step_ups: StepUps,
    queue_max: usize,
    calls: Rate,
    deps: &Deps,
) -> (WebhookQueue, Worker) {
    let (sender, receiver) = mpsc::channel(queue_max.max(1));
    let (stop, stopping) = oneshot::channel();
    let processor = Processor {
        source,
        step_ups,
        prefetches: TokenBucket::new(PREFETCHES_PER_SECOND, PREFETCHES_BURST),
        throttle: Throttle::new(Rate {
            per_second: (calls.per_second / PROCESSED_SHARE).max(1),
            burst: (calls.burst / PROCESSED_BURST_SHARE).max(1),
        }),
        log: LogThrottle::default(),
        clock: Arc::clone(&deps.clock),
    };
    let rates = processor.throttle.rates();
    let task = deps.start(processor.run(receiver, stopping));
    (WebhookQueue { sender, rates }, Worker { stop, task })
}

impl WebhookQueue {
    /// Queues an event. Does not wait.
    pub fn enqueue(&self, event: WebhookEvent) -> Result<(), QueueFullError> {
        self.sender.try_send(event).map_err(|_| QueueFullError)
    }

    /// Drops how often webhooks about these verifications were processed. Those that wait for their turn are processed.
    pub async fn purge(&self, verifications: &BTreeSet<&VerificationId>) {
        self.rates.purge(verifications).await;
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
        mut self,
        mut receiver: mpsc::Receiver<WebhookEvent>,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            let next_turn = self.throttle.next_turn(self.uptime());
            let turn = async {
                match next_turn {
                    Some(wait) => pause(wait.max(TURN_MIN)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                // An error means that nobody can stop it any more, which stops it too.
                _ = &mut stop => break,
                () = turn => {}
                event = receiver.recv(), if self.throttle.has_room() => match event {
                    Some(event) => self.process(event).await,
                    None => return,
                },
            }
            while let Some((id, invalidation)) = self.throttle.due(self.uptime()).await {
                self.source.invalidate(&id, invalidation).await;
            }
        }
        receiver.close();
        while let Some(event) = receiver.recv().await {
            self.process(event).await;
        }
        for (id, invalidation) in self.throttle.drain() {
            self.source.invalidate(&id, invalidation).await;
        }
        info!(event = "webhook_queue_drained", "webhook queue drained");
    }

    /// Invalidates first, so that nobody who learns of the change is answered from the state before it.
    async fn process(&mut self, event: WebhookEvent) {
        let WebhookEvent { kind, ids, step_up } = event;
        // One webhook counts once for a verification, by however many of its identifiers it names it.
        let mut admitted = Vec::new();
        for id in ids.iter().take(IDS_MAX) {
            self.invalidate(id, kind.invalidation(), &mut admitted)
                .await;
        }
        match (kind, ids.first(), step_up) {
            (EventKind::Succeeded, Some(id), step_up) => {
                self.prefetch(id).await;
                if let Some(step_up) = step_up {
                    self.step_ups.succeeded(step_up, id).await;
                }
            }
            (EventKind::Failed, _, Some(step_up)) => self.step_ups.failed(step_up).await,
            (_, _, _) => {}
        }
    }

    /// Invalidates what is known of a verification: at once if nobody is asked again because of it, else as the throttle allows.
    async fn invalidate(
        &mut self,
        id: &VerificationId,
        invalidation: Invalidation,
        admitted: &mut Vec<VerificationId>,
    ) {
        let Some(in_use) = self.source.in_use_as(id).await else {
            self.source.invalidate(id, invalidation).await;
            return;
        };
        let uptime = self.uptime();
        if admitted.contains(&in_use) || self.throttle.admits(&in_use, invalidation, uptime).await {
            self.source.invalidate(id, invalidation).await;
            admitted.push(in_use);
        } else {
            self.source.doubt(id).await;
            throttled!(
                self.log,
                uptime,
                warn,
                "webhooks_deferred",
                "webhooks about verifications in use exceed the processing rate and are delayed: if the vendor does not send that many, the secret has leaked: replace webhook.secret"
            );
        }
    }

    fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }

    /// Fetches a verification that will soon be needed, without waiting for it: by the identifier that it is used by, so that what is
    /// cached is replaced.
    async fn prefetch(&self, id: &VerificationId) {
        let at = self.clock.moment();
        if self.prefetches.take(at.uptime, Duration::ZERO).is_err() {
            return;
        }
        let request = LookupRequest {
            at,
            max_age: PREFETCH_MAX_AGE,
            max_stale: PREFETCH_MAX_AGE,
            // What policies read is added by the cache.
            reads: DataKinds::NONE,
            wait: Wait::No,
            caller: CallerId::Internal,
            priority: Priority::Cold,
            failed_before: false,
        };
        let in_use = self.source.in_use_as(id).await;
        // The service's own lookups have no quota that they could exceed.
        let _ = self
            .source
            .look_up(in_use.as_ref().unwrap_or(id), request)
            .await;
    }
}
