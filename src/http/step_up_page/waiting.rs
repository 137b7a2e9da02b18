//! Browsers that wait for the result of a step-up: each has a connection open (server-sent events), in a bounded number. A browser for
//! which there is no permit, or which runs no script, loads the page again every few seconds.

use std::{
    collections::HashMap, convert::Infallible, net::IpAddr, pin::Pin, sync::Arc, time::Duration,
};

use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, Sleep, interval, sleep},
};
use uuid::Uuid;

use super::headers::PageHeaders;
use crate::{
    listener::ServedConnection,
    metrics::gauge_of,
    peer::{NetworkPermit, PerNetwork},
    step_up::{Begun, StepUpState, StepUps, WaitingLimits},
};

/// How often a browser is sent a byte, so that nobody on the way closes the connection; and it is looked at then whether the link has expired.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long until the browser is to ask again: well within the age at which connections are replaced.
const WAIT_MAX: Duration = Duration::from_mins(5);
/// Browsers that may wait by one state: that of the person, in a few tabs.
const EACH_STATE_MAX: usize = 4;
/// How long a browser waits until it asks again.
const RETRY: Duration = Duration::from_secs(2);
/// A proxy that collects answers would keep the events: nginx reads this.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The browsers that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    networks: PerNetwork,
    states: PerState,
}

/// How many wait by each state. Clones share it.
#[derive(Debug, Clone, Default)]
struct PerState(Arc<Mutex<HashMap<[u8; 32], usize>>>);

/// One that waits by a state, until it is dropped.
#[derive(Debug)]
struct StatePermit {
    counts: PerState,
    state: [u8; 32],
}

/// What one that waits holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Permits {
    _network: NetworkPermit,
    _state: StatePermit,
}

/// One that waits.
struct OneWaiting {
    step_ups: StepUps,
    step_up: Uuid,
    saw_failure: bool,
    changes: watch::Receiver<()>,
    connection: Option<ServedConnection>,
    pulse: Pulse,
    is_begun: bool,
    is_over: bool,
    _permits: Permits,
}

/// When one that waits is sent something, if nothing happens; and until when it waits, whatever happens to others.
struct Pulse {
    alive: Interval,
    over: Pin<Box<Sleep>>,
}

/// Why one that waits goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beat {
    /// A step-up has ended, whichever it is.
    Changed,
    /// It is to be sent something.
    Alive,
    /// It has waited for long enough.
    Over,
}

impl Waiting {
    pub(super) fn new(
        limits: WaitingLimits,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let networks = PerNetwork::new(limits.each, limits.all);
        let counted = networks.clone();
        gauge_of(
            registry,
            "verigate_step_up_page_waiting",
            "Browsers on the page for step-ups that wait for a result.",
            move || f64::from(u32::try_from(counted.open()).unwrap_or(u32::MAX)),
        )?;
        Ok(Self {
            networks,
            states: PerState::default(),
        })
    }

    /// Permits for a browser at this address, by this state. `None` if it is one too many.
    pub(super) fn enter(&self, from: IpAddr, state: [u8; 32]) -> Option<Permits> {
        let by_state = self.states.enter(state)?;
        Some(Permits {
            _network: self.networks.enter(from)?,
            _state: by_state,
        })
    }
}

impl PerState {
    fn enter(&self, state: [u8; 32]) -> Option<StatePermit> {
        let mut counts = self.0.lock();
        let count = counts.get(&state).copied().unwrap_or(0);
        if count >= EACH_STATE_MAX {
            return None;
        }
        counts.insert(state, count.saturating_add(1));
        Some(StatePermit {
            counts: self.clone(),
            state,
        })
    }
}

impl Drop for StatePermit {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.state) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.state);
            }
        }
    }
}

/// Events for a browser: one when there is more to show than it has seen.
pub(super) fn events(
    permits: Permits,
    step_ups: StepUps,
    begun: &Begun,
    saw_failure: bool,
    connection: Option<ServedConnection>,
) -> Response {
    let one = OneWaiting {
        // Before the state is looked at: no change in between is lost.
        changes: step_ups.changes(),
        step_ups,
        step_up: begun.id,
        saw_failure,
        connection,
        pulse: Pulse::new(),
        is_begun: false,
        is_over: false,
        _permits: permits,
    };
    let events = stream::unfold(one, |one| async { one.next().await });
    let mut response = Sse::new(events).into_response();
    let headers = response.headers_mut();
    PageHeaders::common(headers);
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

impl OneWaiting {
    /// The next event; `None` if there is none any more, and the browser is to ask again.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_over {
            return None;
        }
        if !self.is_begun {
            self.is_begun = true;
            return Some((Ok(Event::default().retry(RETRY).comment("waiting")), self));
        }
        loop {
            self.changes.mark_unchanged();
            if self.is_changed().await {
                self.is_over = true;
                // With data: browsers drop an event without any.
                return Some((Ok(Event::default().event("changed").data("1")), self));
            }
            let finishing = async {
                match &self.connection {
                    Some(connection) => connection.finishing().await,
                    None => std::future::pending().await,
                }
            };
            let beat = tokio::select! {
                beat = self.pulse.next(&mut self.changes) => beat,
                // The service stops, or the connection is to be replaced.
                () = finishing => Beat::Over,
            };
            match beat {
                Beat::Changed => {}
                Beat::Alive => return Some((Ok(Event::default().comment("waiting")), self)),
                Beat::Over => return None,
            }
        }
    }

    /// Whether there is more to show.
    async fn is_changed(&self) -> bool {
        let Some(step_up) = self.step_ups.find_current(self.step_up).await else {
            return true;
        };
        match step_up.state {
            StepUpState::Pending => false,
            StepUpState::Failed => !self.saw_failure,
            StepUpState::Succeeded { .. } => true,
        }
    }
}

impl Pulse {
    fn new() -> Self {
        let mut alive = interval(ALIVE_EVERY);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is due at once, when the first event is sent.
        alive.reset();
        Self {
            alive,
            over: Box::pin(sleep(WAIT_MAX)),
        }
    }

    async fn next(&mut self, changes: &mut watch::Receiver<()>) -> Beat {
        tokio::select! {
            // However often step-ups of others end: the end comes first, and then what keeps the connection.
            biased;
            () = &mut self.over => Beat::Over,
            _ = self.alive.tick() => Beat::Alive,
            // An error means that there are no step-ups any more.
            changed = changes.changed() => changed.map_or(Beat::Over, |()| Beat::Changed),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "the paused time of the test is compared"
    )]
    fn paused_now() -> Instant {
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_is_sent_something_and_ends_however_often_others_end() {
        for others_end_every in [1_u64, 5, 14, 100_000] {
            let (changes, mut seen) = watch::channel(());
            let mut pulse = Pulse::new();
            let began = paused_now();
            let others = async {
                loop {
                    sleep(Duration::from_secs(others_end_every)).await;
                    changes.send_replace(());
                }
            };
            let waits = async {
                let mut alive = Vec::new();
                loop {
                    match pulse.next(&mut seen).await {
                        Beat::Changed => {}
                        Beat::Alive => alive.push(began.elapsed().as_secs()),
                        Beat::Over => return alive,
                    }
                }
            };
            let alive = tokio::select! {
                alive = timeout(Duration::from_hours(1), waits) => alive.unwrap(),
                () = others => unreachable!(),
            };
            let expected: Vec<u64> = (1..20).map(|n| n * 15).collect();
            assert_eq!(alive, expected, "every {others_end_every} s");
            assert_eq!(began.elapsed().as_secs(), 300);
        }
    }

    #[test]
    fn four_wait_by_one_state_and_leave_no_trace() {
        let limits = WaitingLimits { each: 9, all: 9 };
        let waiting = Waiting::new(limits, &Registry::new()).unwrap();
        let enter = |network: u8, state| waiting.enter([192, 0, 2, network].into(), [state; 32]);
        let mut permits: Vec<Permits> = (0..4).filter_map(|n| enter(n, 1)).collect();
        assert_eq!(permits.len(), 4);
        assert!(enter(9, 1).is_none(), "whichever network it comes from");
        permits.extend((0..5).filter_map(|n| enter(n, 2)));
        assert_eq!(permits.len(), 8);
        permits.extend(enter(0, 3));
        assert!(enter(0, 4).is_none(), "all together have nine");
        assert_eq!(waiting.states.0.lock().get(&[4; 32]), None);
        permits.clear();
        assert!(waiting.states.0.lock().is_empty() && waiting.networks.open() == 0);
    }
}
