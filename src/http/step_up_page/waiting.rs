//! Browsers that wait for the result of a step-up: each has a connection open (server-sent events), in a bounded number. A browser for
//! which there is no place, or which runs no script, loads the page again every few seconds.

use std::{convert::Infallible, net::IpAddr, time::Duration};

use axum::{
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
    },
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use prometheus::Registry;
use tokio::{sync::watch, time::sleep};
use uuid::Uuid;

use crate::{
    listener::ServedConnection,
    metrics::gauge_of,
    peer::{NetworkPermit, PerNetwork},
    step_up::{Begun, StepUpState, StepUps, WaitingLimits},
};

/// How often a browser is sent a byte, so that nobody on the way closes the connection; and it is looked at then whether the link has expired.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How many of these until the browser is to ask again: well within the age at which connections are replaced.
const ALIVE_MAX: u32 = 20;
/// How long a browser waits until it asks again.
const RETRY: Duration = Duration::from_secs(2);
/// A proxy that collects answers would keep the events: nginx reads this.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The browsers that wait.
#[derive(Debug)]
pub(super) struct Waiting(PerNetwork);

/// One that waits.
struct OneWaiting {
    step_ups: StepUps,
    step_up: Uuid,
    saw_failure: bool,
    changes: watch::Receiver<()>,
    connection: Option<ServedConnection>,
    sent: u32,
    is_over: bool,
    _permit: NetworkPermit,
}

impl Waiting {
    pub(super) fn new(
        limits: WaitingLimits,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let waiting = PerNetwork::new(limits.each, limits.all);
        let counted = waiting.clone();
        gauge_of(
            registry,
            "verigate_step_up_page_waiting",
            "Browsers on the page for step-ups that wait for a result.",
            move || f64::from(u32::try_from(counted.open()).unwrap_or(u32::MAX)),
        )?;
        Ok(Self(waiting))
    }

    /// Events for a browser at this address: one when there is more to show than it has seen. `None` if it is one too many.
    pub(super) fn events(
        &self,
        from: IpAddr,
        step_ups: StepUps,
        begun: &Begun,
        saw_failure: bool,
        connection: Option<ServedConnection>,
    ) -> Option<Response> {
        let one = OneWaiting {
            // Before the state is looked at: no change in between is lost.
            changes: step_ups.changes(),
            step_ups,
            step_up: begun.id,
            saw_failure,
            connection,
            sent: 0,
            is_over: false,
            _permit: self.0.enter(from)?,
        };
        let events = stream::unfold(one, |one| async { one.next().await });
        let mut response = Sse::new(events).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Some(response)
    }
}

impl OneWaiting {
    /// The next event; `None` if there is none any more, and the browser is to ask again.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_over || self.sent >= ALIVE_MAX {
            return None;
        }
        self.sent = self.sent.saturating_add(1);
        if self.sent == 1 {
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
            tokio::select! {
                // An error means that there are no step-ups any more.
                changed = self.changes.changed() => changed.ok()?,
                // The service stops, or the connection is to be replaced.
                () = finishing => return None,
                () = sleep(ALIVE_EVERY) => {
                    return Some((Ok(Event::default().comment("waiting")), self));
                }
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
