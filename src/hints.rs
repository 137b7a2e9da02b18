//! Hints from the upstream that something has changed. A hint is never evidence: it makes the service forget, ask ahead of
//! time, and note what became of a step-up; it never grants. Twice, in any order, or never: nothing comes out wrong by it.
//!
//! Who hands one in does not wait: it is queued, and followed by one worker, in turn.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    clock::Clock,
    policy::VerificationId,
    rate_limit::TokenBucket,
    source::{Asker, Freshness, Source},
    step_up::StepUps,
};

/// No more hints than this wait.
pub const QUEUE_MAX: usize = 1024;
/// A hint names a verification by no more names than this.
pub const NAMES_MAX: usize = 5;
/// How many verifications a second are asked for ahead of time, and how many at once after a pause: who forges hints causes no
/// more than that.
const PREFETCHES_PER_SECOND: u32 = 10;
const PREFETCHES_BURST: u32 = 50;
/// What landed since the hint is good; nothing older is there.
const FRESH_FOR: Duration = Duration::from_mins(1);

/// Something may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What has happened, as far as it is understood.
    pub event: Event,
    /// The verification, by its names, of which the first is the one to ask for it by. No more than `NAMES_MAX` count.
    pub names: Vec<VerificationId>,
    /// The step-up that it is said to belong to.
    pub step_up: Option<Uuid>,
}

/// What has happened to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The person has verified.
    Succeeded,
    /// The person has not passed.
    Failed,
    /// Something else.
    Other,
}

/// Where hints are handed in.
#[derive(Debug, Clone)]
pub struct Hints {
    queue: mpsc::Sender<Hint>,
}

/// As many hints wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many hints wait already as may")]
pub struct Busy;

/// Follows hints, one after another.
#[derive(Debug)]
pub struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What following a hint takes.
#[derive(Debug)]
struct Follower {
    source: Arc<dyn Source>,
    step_ups: StepUps,
    prefetches: TokenBucket,
    clock: Arc<dyn Clock>,
}

/// Begins to follow hints; no more than this many wait.
pub fn start(
    source: Arc<dyn Source>,
    step_ups: StepUps,
    clock: Arc<dyn Clock>,
    queue_max: usize,
) -> (Hints, Worker) {
    let (queue, waiting) = mpsc::channel(queue_max.max(1));
    let (stop, stopping) = oneshot::channel();
    let follower = Follower {
        source,
        step_ups,
        prefetches: TokenBucket::new(PREFETCHES_PER_SECOND, PREFETCHES_BURST),
        clock,
    };
    let task = tokio::spawn(follower.run(waiting, stopping));
    (Hints { queue }, Worker { stop, task })
}

impl Hints {
    /// Hands in a hint, without waiting.
    pub fn hand_in(&self, hint: Hint) -> Result<(), Busy> {
        self.queue.try_send(hint).map_err(|_| Busy)
    }
}

impl Worker {
    /// Takes no more, and follows those that wait, within this time.
    pub async fn finish(self, within: Duration) {
        // An error says that the worker has ended.
        let _ = self.stop.send(());
        let stop = self.task.abort_handle();
        if timeout(within, self.task).await.is_err() {
            stop.abort();
            warn!("some hints of the upstream were not followed before the end");
        }
    }
}

impl Follower {
    async fn run(self, mut waiting: mpsc::Receiver<Hint>, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                // An error says that nobody can stop it any more, which stops it too.
                _ = &mut stop => break,
                hint = waiting.recv() => match hint {
                    Some(hint) => self.follow(hint).await,
                    None => return,
                },
            }
        }
        waiting.close();
        while let Some(hint) = waiting.recv().await {
            self.follow(hint).await;
        }
        info!("every hint of the upstream has been followed");
    }

    /// Forgets first, so that whoever hears of what has changed does not meet what was.
    async fn follow(&self, hint: Hint) {
        let Hint {
            event,
            names,
            step_up,
        } = hint;
        for name in names.iter().take(NAMES_MAX) {
            self.source.forget(name).await;
        }
        match (event, names.first(), step_up) {
            (Event::Succeeded, Some(name), step_up) => {
                self.prefetch(name).await;
                if let Some(id) = step_up {
                    self.step_ups.succeeded(id, name).await;
                }
            }
            (Event::Failed, _, Some(id)) => self.step_ups.failed(id).await,
            (Event::Succeeded | Event::Failed | Event::Other, _, _) => {}
        }
    }

    /// Asks for a verification that somebody will surely want, without waiting for it.
    async fn prefetch(&self, name: &VerificationId) {
        let at = self.clock.moment();
        if self.prefetches.take(at.uptime, Duration::ZERO).is_err() {
            return;
        }
        let freshness = Freshness {
            at,
            fresh_for: FRESH_FOR,
            stale_for: Duration::ZERO,
            patience: Duration::ZERO,
            asker: Asker::Ourselves,
            suspect: false,
        };
        self.source.look_up(name, freshness).await;
    }
}
