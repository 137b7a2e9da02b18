//! The connections to the upstream: the pool of one HTTP client, which is replaced as a whole. Calls in flight finish on the pool that
//! they began with.
//!
//! Why it is replaced: a connection can be dead without being closed, and HTTP/2 uses one connection for all calls. A call that times
//! out says so, a probe of the circuit breaker must not fail because of it, and a connection that never ends would be used for ever
//! after the address of the upstream, or a certificate of our own, has changed.
//!
//! Why as a whole: the HTTP client does not say which connection a call used, and what swallowed the bytes of one usually did so to all.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use reqwest::Client;

use super::metrics::{Metrics, Replacement};
use crate::{
    clock::{Clock, Reading},
    jitter::lengthen,
    log_throttle::{LogThrottle, throttled},
    tls::{self, ClientFactory},
};

/// How long a pool is used, and up to half as much again. The name of the upstream is resolved again after it.
const AGE_MAX: Duration = Duration::from_mins(2);

/// The connections to the upstream.
#[derive(Debug)]
pub(super) struct Connections {
    clients: ClientFactory,
    pool: Mutex<Pool>,
    /// A call that is cancelled after this time has timed out.
    late: Duration,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// The pool in use.
#[derive(Debug)]
struct Pool {
    http: Client,
    /// The version of the files with certificates that its connections use.
    files: u64,
    /// Counts the pools.
    number: u64,
    /// The uptime at which it is replaced.
    until: Duration,
    /// Whether it may have a connection.
    is_used: bool,
}

/// What one call uses. Dropping it without [`Lease::keep`] or [`Lease::discard`] says that the call was cancelled.
#[derive(Debug)]
pub(super) struct Lease<'c> {
    connections: &'c Connections,
    http: Client,
    pool: u64,
    started: Reading,
    ended: bool,
}

impl Connections {
    /// `timeout`: how long a lookup may take.
    pub(super) fn new(
        clients: ClientFactory,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, tls::ClientError> {
        let files = clients.version();
        let pool = Pool {
            files,
            http: clients.build()?,
            number: 0,
            until: clock.moment().uptime.saturating_add(lengthen(AGE_MAX)),
            is_used: false,
        };
        Ok(Self {
            clients,
            pool: Mutex::new(pool),
            late: timeout / 2,
            log: LogThrottle::default(),
            clock,
            metrics,
        })
    }

    /// The connections for a call that starts now. A probe gets new ones.
    pub(super) fn lease(&self, is_probe: bool) -> Lease<'_> {
        let started = self.clock.read();
        let uptime = started.moment.uptime;
        let mut pool = self.pool.lock();
        if pool.files != self.clients.version() {
            self.replace(&mut pool, uptime, Replacement::Files);
        } else if pool.until <= uptime {
            self.replace(&mut pool, uptime, Replacement::Age);
        } else if is_probe && pool.is_used {
            self.replace(&mut pool, uptime, Replacement::Probe);
        }
        pool.is_used = true;
        Lease {
            connections: self,
            http: pool.http.clone(),
            pool: pool.number,
            started,
            ended: false,
        }
    }

    /// Replaces this pool, unless it was replaced already.
    fn discard(&self, number: u64) {
        let uptime = self.clock.moment().uptime;
        let mut pool = self.pool.lock();
        if pool.number == number {
            self.replace(&mut pool, uptime, Replacement::Failure);
        }
    }

    fn replace(&self, pool: &mut Pool, uptime: Duration, why: Replacement) {
        // Before it is built: what changes in between is noticed.
        let files = self.clients.version();
        match self.clients.build() {
            Ok(http) => {
                self.metrics.replaced(why);
                *pool = Pool {
                    http,
                    files,
                    number: pool.number.wrapping_add(1),
                    until: uptime.saturating_add(lengthen(AGE_MAX)),
                    is_used: false,
                };
            }
            Err(error) => throttled!(
                self.log,
                uptime,
                error,
                "connections_not_replaced",
                error = format!("{:#}", anyhow::Error::new(error)),
                "connections to the upstream cannot be replaced; the old ones stay in use: restart the service, and report it"
            ),
        }
    }
}

impl Lease<'_> {
    /// The HTTP client to make the call with.
    pub(super) fn http(&self) -> &Client {
        &self.http
    }

    /// The call had a complete response: its connection works.
    pub(super) fn keep(mut self) {
        self.ended = true;
    }

    /// The call had no complete response: no later call uses its connection.
    pub(super) fn discard(mut self) {
        self.ended = true;
        self.connections.discard(self.pool);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // A call that was cancelled early says nothing, and callers that leave must not cost the others their connections.
        if !self.ended && self.started.elapsed() >= self.connections.late {
            self.connections.discard(self.pool);
        }
    }
}
