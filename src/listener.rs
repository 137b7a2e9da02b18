//! Listeners: accept connections, serve HTTP on them within limits, and drain them when the service stops.
//!
//! Why an accept loop of our own: `axum::serve` accepts HTTP/1 on every port, has no timeouts and ends no connection on request; tonic's
//! server closes no silent peer. The number of connections is bounded, and each has a timeout for everything that the peer has to do, and
//! a maximum age.

mod accept;
mod activity;
mod backlog;
mod call_set;
mod bodies;
mod address;
mod connection;
mod container;
mod frames;
mod handshake;
mod inherited;
mod lifetime;
mod limits;
mod memory;
mod metrics;
mod permits;
mod preface;
mod protocol;
mod read_turns;
mod received_frames;
mod runtimes;
mod secure;
mod sent_frames;
mod service;
mod silent;
mod socket;
mod stream;
mod task_wakes;

use std::{io, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use self::{
    accept::Accepting,
    backlog::Backlog,
    connection::Serving,
    limits::{ADMIN_CONNECTIONS, DESCRIPTORS_KEPT, raise_descriptors},
    memory::Budget,
    metrics::Metrics,
    permits::ConnectionLimit,
    runtimes::RuntimePool,
    silent::Silent,
    socket::Socket,
};
pub use self::{
    address::{AddressError, ListenAddress},
    backlog::{ShedScope, Waited},
    bodies::RequestBody,
    inherited::{InheritError, Inherited},
    limits::{Limits, Runtimes},
    preface::NOT_HTTP2,
    protocol::Protocol,
    runtimes::Liveness,
    service::{Arrival, HeldMemory, RequestOrigin, ServedConnection, Serves},
};
use crate::{
    deps::{Deps, Task},
    log_throttle::LogThrottle,
    tls::ServerTls,
};

/// The part of the connections that each listener for callers has for itself, as its reciprocal; where there are few, at most this many and
/// at most a quarter.
const SHARE_KEPT: usize = 10;
const KEPT_OF_FEW: usize = 8;

/// The part of a container's memory that connections may have: three eighths. The rest is for the evidence cache and everything else.
const CONTAINER_SHARE: (usize, usize) = (3, 8);

/// Of what connections may hold in memory, the part that calls may hold that wait for their turn: three quarters. Beyond, calls are refused, so that
/// honest callers lose no connection.
const WAITING_SHARE: (usize, usize) = (3, 4);

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
    /// What each listener for callers has for itself, and what they share.
    kept: usize,
    shared: Arc<Semaphore>,
    shared_connections: usize,
    /// Their connections whose peers have said nothing yet.
    silent: Silent,
    budget: Arc<Budget>,
    /// The memory of the connections of operators, which must see what callers do to the service.
    admin_budget: Arc<Budget>,
    runtimes: Arc<RuntimePool>,
    present: Arc<RuntimePool>,
    metrics: Metrics,
    deps: Deps,
}

impl Listeners {
    /// No listener yet; those of these sockets will use them, and this many are to be for callers. Starts the threads that serve
    /// connections, and raises the limit of file descriptors.
    pub fn new(
        limits: Limits,
        for_callers: usize,
        inherited: Inherited,
        deps: &Deps,
    ) -> Result<Self, ListenersError> {
        let (limits, admin_connections) = limit_connections(limit_memory(limits));
        let (kept, shared) = shares(limits.connections, for_callers);
        let (_, room) = memory::shares(limits.memory);
        let budget = Budget::new(room, Arc::clone(&deps.clock));
        let waiting = backlog::Metrics::register(&deps.registry)?;
        let backlogs = |runtimes: usize| {
            let bytes_max = room / WAITING_SHARE.1 * WAITING_SHARE.0 / runtimes.max(1);
            Backlog::new(Arc::clone(&deps.clock), bytes_max, waiting.clone())
        };
        Ok(Self {
            servers: Vec::new(),
            inherited,
            stop: watch::channel(false).0,
            kept,
            shared: Arc::new(Semaphore::new(shared)),
            shared_connections: shared,
            runtimes: Arc::new(RuntimePool::start(limits.runtimes, Some(&backlogs))?),
            present: Arc::new(RuntimePool::start(Runtimes::Present, None)?),
            silent: Silent::default(),
            metrics: Metrics::register(&deps.registry, &budget)?,
            budget,
            admin_budget: Budget::new(memory::ADMIN_ROOM, Arc::clone(&deps.clock)),
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
        let (runtimes, own, shared) = match protocol {
            Protocol::Http1Only => (&self.present, self.admin_connections, None),
            Protocol::AnyHttp | Protocol::Http2Only(_) => {
                (&self.runtimes, self.kept, Some(Arc::clone(&self.shared)))
            }
        };
        let (silent, budget) = match protocol {
            Protocol::Http1Only => (Silent::default(), &self.admin_budget),
            Protocol::AnyHttp | Protocol::Http2Only(_) => (self.silent.clone(), &self.budget),
        };
        let limit = match shared {
            Some(_) => own.saturating_add(self.shared_connections),
            None => own,
        };
        let accepting = Accepting {
            name,
            socket,
            tls,
            permits: ConnectionLimit::new(own, shared, self.limits.connections_per_address),
            runtimes: Arc::clone(runtimes),
            metrics: self.metrics.of(name, limit),
            clock: Arc::clone(&self.deps.clock),
            log: LogThrottle::default(),
            serving: Serving {
                protocol,
                service,
                backlog: None,
                limits: self.limits,
                budget: Arc::clone(budget),
                silent,
                stopping: self.stop.subscribe(),
            },
        };
        self.servers.push(self.deps.start(accepting.run()));
        Ok(bound)
    }

    /// Whether the threads that serve the connections of callers still run tasks.
    pub fn liveness(&self) -> Liveness {
        self.runtimes.liveness()
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

/// Of this many connections, those that each of these listeners has for itself, and those that they share.
fn shares(connections: usize, listeners: usize) -> (usize, usize) {
    let of_few = KEPT_OF_FEW.min(connections / 4);
    let kept = (connections / SHARE_KEPT).max(of_few).max(1);
    let shared = connections.saturating_sub(kept.saturating_mul(listeners));
    (kept, shared)
}

/// Lowers the memory to what the container permits, and the connections to what the memory permits.
fn limit_memory(configured: Limits) -> Limits {
    let container = container::memory_max();
    let limits = within_memory(configured, container);
    let connections = limits.connections;
    if let Some(container) = container.filter(|_| limits.memory < configured.memory) {
        warn!(
            event = "memory_limited",
            configured_bytes = configured.memory,
            memory_bytes = limits.memory,
            container_bytes = container,
            connections,
            "the container has less memory than limits.memory needs beside everything else: give it more, or lower the setting"
        );
    } else if connections < configured.connections {
        warn!(
            event = "memory_limited",
            configured_bytes = configured.memory,
            memory_bytes = limits.memory,
            connections,
            "limits.memory permits fewer connections than limits.connections: raise it, or lower the other setting"
        );
    }
    limits
}

/// Limits that fit into the memory of a container, if it has a limit.
fn within_memory(configured: Limits, container: Option<usize>) -> Limits {
    let most = container.map_or(usize::MAX, |bytes| {
        bytes / CONTAINER_SHARE.1 * CONTAINER_SHARE.0
    });
    let memory = configured.memory.min(most);
    let (possible, _) = memory::shares(memory);
    let connections = configured.connections.min(possible.max(1));
    Limits {
        memory,
        connections,
        connections_per_address: configured.connections_per_address.min(connections),
        ..configured
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

    const CONFIGURED: Limits = Limits {
        connections: 4_000,
        connections_per_address: 1_000,
        streams_per_connection: 32,
        connection_age: Duration::from_mins(10),
        connection_grace: Duration::from_secs(30),
        memory: 160 * 1024 * 1024,
        runtimes: Runtimes::Present,
    };

    #[test]
    fn a_small_container_has_fewer_connections_and_a_large_one_what_is_configured() {
        const MIB: usize = 1024 * 1024;
        for (container, memory, connections) in [
            (None, 160, 4_000),
            (Some(1_024), 160, 4_000),
            (Some(256), 96, 2_730),
            (Some(64), 24, 682),
        ] {
            let limits = within_memory(CONFIGURED, container.map(|mib: usize| mib * MIB));
            assert_eq!(
                (limits.memory, limits.connections),
                (memory * MIB, connections)
            );
            assert!(limits.connections_per_address <= limits.connections);
        }
        assert_eq!(within_memory(CONFIGURED, Some(0)).connections, 1);
    }

    #[test]
    fn each_listener_keeps_a_part_of_the_connections_for_itself() {
        for (connections, listeners, expected) in [
            (4_000, 2, (400, 3_200)),
            (4_000, 3, (400, 2_800)),
            (24, 2, (6, 12)),
            (24, 3, (6, 6)),
            (4, 2, (1, 2)),
            (1, 2, (1, 0)),
        ] {
            assert_eq!(shares(connections, listeners), expected);
        }
    }

    #[test]
    fn all_connections_together_leave_file_descriptors_for_everything_else() {
        for descriptors in [16, 64, 256, 1_024, 4_096, 1_000_000] {
            let (limits, admin) = within_descriptors(CONFIGURED, descriptors);
            let left = descriptors - limits.connections - admin;
            assert!(
                left >= DESCRIPTORS_KEPT.min(descriptors / 2),
                "{descriptors}"
            );
            assert!(admin >= 1 && limits.connections >= admin, "{descriptors}");
        }
        let (limits, admin) = within_descriptors(CONFIGURED, 1_000_000);
        assert_eq!((limits, admin), (CONFIGURED, ADMIN_CONNECTIONS));
    }
}
