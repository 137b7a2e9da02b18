//! Listeners: accept connections, serve HTTP on them within limits, and drain them when the service stops.
//!
//! Why an accept loop of our own: `axum::serve` accepts HTTP/1 on every port, has no timeouts and ends no connection on request; tonic's
//! server closes no silent peer. The number of connections is bounded, and each has a timeout for everything that the peer has to do, and
//! a maximum age.

mod accept;
mod activity;
mod address;
mod connection;
mod lifetime;
mod limits;
mod metrics;
mod permits;
mod preface;
mod protocol;
mod runtimes;
mod secure;
mod service;
mod socket;
mod stream;

use std::{io, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::{Semaphore, watch};
use tracing::warn;

use self::{
    accept::Accepting,
    connection::Serving,
    limits::{ADMIN_CONNECTIONS, DESCRIPTORS_KEPT, raise_descriptors},
    metrics::Metrics,
    permits::ConnectionLimit,
    runtimes::RuntimePool,
    socket::Socket,
};
pub use self::{
    address::{AddressError, ListenAddress},
    limits::{Limits, Runtimes},
    preface::NOT_HTTP2,
    protocol::Protocol,
    service::Serves,
};
use crate::{
    deps::{Deps, Task},
    log_throttle::LogThrottle,
    tls::ServerTls,
};

/// The share of the connections of all listeners that no single one can take, as its reciprocal.
const SHARE_KEPT: usize = 10;

/// An address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: ListenAddress,
    #[source]
    source: io::Error,
}

/// The listeners cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ListenersError {
    /// A thread cannot be started.
    #[error("cannot start the threads that serve connections")]
    Threads(#[from] io::Error),
    /// A metric cannot be registered: an internal error.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// All listeners of the service.
#[derive(Debug)]
pub struct Listeners {
    servers: Vec<Task>,
    stop: watch::Sender<bool>,
    limits: Limits,
    /// ConnectionLimit that the listeners for callers share.
    shared: Arc<Semaphore>,
    runtimes: Arc<RuntimePool>,
    present: Arc<RuntimePool>,
    metrics: Metrics,
    deps: Deps,
}

impl Listeners {
    /// No listener yet. Starts the threads that serve connections, and raises the limit of file descriptors.
    pub fn new(limits: Limits, deps: &Deps) -> Result<Self, ListenersError> {
        let limits = within_descriptors(limits);
        Ok(Self {
            servers: Vec::new(),
            stop: watch::channel(false).0,
            shared: Arc::new(Semaphore::new(limits.connections)),
            runtimes: Arc::new(RuntimePool::start(limits.runtimes)?),
            present: Arc::new(RuntimePool::start(Runtimes::Present)?),
            metrics: Metrics::register(&deps.registry)?,
            limits,
            deps: deps.clone(),
        })
    }

    /// Binds an address and serves on it, by TLS or in plain text, under this name in metrics and logs. Returns the bound address.
    pub async fn open(
        &mut self,
        name: &'static str,
        address: &ListenAddress,
        protocol: Protocol,
        tls: Option<ServerTls>,
        service: impl Serves,
    ) -> Result<ListenAddress, ListenError> {
        let failed = |source| ListenError {
            address: address.clone(),
            source,
        };
        let socket = Socket::bind(address).await.map_err(failed)?;
        let bound = socket.address().map_err(failed)?;
        let (runtimes, bounds, limit) = match protocol {
            Protocol::Http1Only => {
                let own = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
                (&self.present, vec![own], ADMIN_CONNECTIONS)
            }
            Protocol::AnyHttp | Protocol::Http2Only(_) => {
                let limit = self.limits.connections;
                let limit = limit.saturating_sub(limit / SHARE_KEPT).max(1);
                let own = Arc::new(Semaphore::new(limit));
                (&self.runtimes, vec![Arc::clone(&self.shared), own], limit)
            }
        };
        let accepting = Accepting {
            name,
            socket,
            tls,
            permits: ConnectionLimit::new(bounds, self.limits.connections_per_address),
            runtimes: Arc::clone(runtimes),
            metrics: self.metrics.of(name, limit),
            clock: Arc::clone(&self.deps.clock),
            log: LogThrottle::default(),
            serving: Serving {
                protocol,
                service,
                limits: self.limits,
                stopping: self.stop.subscribe(),
            },
        };
        self.servers.push(self.deps.start(accepting.run()));
        Ok(bound)
    }

    /// Accepts no more connections and lets calls in flight finish, within this time. Peers without a call hold it for 2 s at most.
    pub async fn drain(self, within: Duration) {
        self.stop.send_replace(true);
        let ended = join_all(self.servers.into_iter().map(|server| server.end(within))).await;
        if ended.contains(&false) {
            let timeout_seconds = within.as_secs_f64();
            // The connections end with the tasks of the servers.
            warn!(
                event = "drain_timed_out",
                timeout_seconds,
                "drain timed out after {timeout_seconds:.1}s; closing remaining connections"
            );
        }
    }
}

/// The limits, with no more connections than there can be file descriptors.
fn within_descriptors(limits: Limits) -> Limits {
    let Some(descriptors) = raise_descriptors() else {
        return limits;
    };
    let kept = DESCRIPTORS_KEPT.saturating_add(ADMIN_CONNECTIONS);
    let possible = descriptors.saturating_sub(kept).max(descriptors / 4).max(1);
    if limits.connections <= possible {
        return limits;
    }
    warn!(
        event = "connections_limited",
        configured = limits.connections,
        connections = possible,
        descriptors,
        "the process may have fewer file descriptors than limits.connections needs: raise LimitNOFILE or ulimit -n, or lower the setting"
    );
    Limits {
        connections: possible,
        ..limits
    }
}
