//! Listeners: accept connections, serve HTTP on them within limits, and drain them when the service stops.
//!
//! Why an accept loop of our own: `axum::serve` accepts HTTP/1 on every port, has no timeouts and ends no connection on request; tonic's
//! server closes no silent peer. The number of connections is bounded, and each has a timeout for everything that the peer has to do, and
//! a maximum age.

mod accept;
mod activity;
mod backlog;
mod address;
mod connection;
mod control_frames;
mod handshake;
mod inherited;
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
use tracing::{info, warn};

use self::{
    accept::Accepting,
    backlog::Backlog,
    connection::Serving,
    limits::{ADMIN_CONNECTIONS, DESCRIPTORS_KEPT, raise_descriptors},
    metrics::Metrics,
    permits::ConnectionLimit,
    runtimes::RuntimePool,
    socket::Socket,
};
pub use self::{
    address::{AddressError, ListenAddress},
    backlog::Waited,
    inherited::{InheritError, Inherited},
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
    inherited: Inherited,
    stop: watch::Sender<bool>,
    limits: Limits,
    admin_connections: usize,
    /// The limit that the listeners for callers share.
    shared: Arc<Semaphore>,
    runtimes: Arc<RuntimePool>,
    present: Arc<RuntimePool>,
    metrics: Metrics,
    deps: Deps,
}

impl Listeners {
    /// No listener yet; those of these sockets will use them. Starts the threads that serve connections, and raises the limit of
    /// file descriptors.
    pub fn new(limits: Limits, inherited: Inherited, deps: &Deps) -> Result<Self, ListenersError> {
        let (limits, admin_connections) = limit_connections(limits);
        let waiting = backlog::Metrics::register(&deps.registry)?;
        let backlogs = || Backlog::new(Arc::clone(&deps.clock), waiting.clone());
        Ok(Self {
            servers: Vec::new(),
            inherited,
            stop: watch::channel(false).0,
            shared: Arc::new(Semaphore::new(limits.connections)),
            runtimes: Arc::new(RuntimePool::start(limits.runtimes, Some(&backlogs))?),
            present: Arc::new(RuntimePool::start(Runtimes::Present, None)?),
            metrics: Metrics::register(&deps.registry)?,
            limits,
            admin_connections,
            deps: deps.clone(),
        })
    }

    /// Binds an address, or uses the socket that was passed for this listener, and serves on it, by TLS or in plain text, under this name in
    /// metrics and logs. Returns the bound address.
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
        let inherited = self.inherited.take(name);
        let was_passed = inherited.is_some();
        let socket = match inherited {
            Some(socket) => Socket::inherit(socket, address),
            None => Socket::bind(address).await,
        };
        let socket = socket.map_err(failed)?;
        let bound = socket.address().map_err(failed)?;
        if was_passed {
            info!(
                event = "socket_inherited",
                listener = name,
                "the service manager passed the socket of this listener; the setting `listen` is not used"
            );
        }
        let (runtimes, bounds, limit) = match protocol {
            Protocol::Http1Only => {
                let own = Arc::new(Semaphore::new(self.admin_connections));
                (&self.present, vec![own], self.admin_connections)
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
                backlog: None,
                limits: self.limits,
                stopping: self.stop.subscribe(),
            },
        };
        self.servers.push(self.deps.start(accepting.run()));
        Ok(bound)
    }

    /// An error if a socket was passed for a listener that was not opened.
    pub fn all_opened(&self) -> Result<(), InheritError> {
        self.inherited.all_taken()
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

/// The limits of the listeners for callers and the connections of the one for operators, with no more than there can be file descriptors.
fn within_descriptors(limits: Limits, descriptors: usize) -> (Limits, usize) {
    let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
    let available = descriptors.saturating_sub(kept);
    let admin = ADMIN_CONNECTIONS.min(available / 4).max(1);
    let possible = available.saturating_sub(admin).max(1);
    let connections = limits.connections.min(possible);
    (
        Limits {
            connections,
            ..limits
        },
        admin,
    )
}

/// Raises the limit of file descriptors, and lowers those of connections to what they permit.
fn limit_connections(configured: Limits) -> (Limits, usize) {
    let Some(descriptors) = raise_descriptors() else {
        return (configured, ADMIN_CONNECTIONS);
    };
    let (limits, admin) = within_descriptors(configured, descriptors);
    let connections = limits.connections;
    if connections < configured.connections {
        warn!(
            event = "connections_limited",
            configured = configured.connections,
            connections,
            descriptors,
            "the process may have fewer file descriptors than limits.connections needs: raise LimitNOFILE or ulimit -n, or lower the setting"
        );
    }
    (limits, admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_leave_file_descriptors_for_everything_else() {
        let configured = Limits {
            connections: 4_000,
            connections_per_address: 1_000,
            streams_per_connection: 32,
            connection_age: Duration::from_mins(10),
            connection_grace: Duration::from_secs(30),
            runtimes: Runtimes::Present,
        };
        for descriptors in [16, 64, 256, 1_024, 4_096, 1_000_000] {
            let (limits, admin) = within_descriptors(configured, descriptors);
            let left = descriptors - limits.connections - admin;
            assert!(
                left >= DESCRIPTORS_KEPT.min(descriptors / 2),
                "{descriptors}"
            );
            assert!(admin >= 1 && limits.connections >= admin, "{descriptors}");
        }
        let (limits, admin) = within_descriptors(configured, 1_000_000);
        assert_eq!((limits, admin), (configured, ADMIN_CONNECTIONS));
    }
}
