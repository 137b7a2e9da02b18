//! The metrics of connections.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::memory::Budget;
use crate::metrics::{gauge_of, set_count};

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// The peer has closed it, or it broke.
    Peer,
    /// It has not begun as its protocol does, or not in time.
    Protocol,
    /// The handshake of TLS has failed.
    Tls,
    /// Its certificate is not accepted any more.
    Revoked,
    /// The head of a request, or a frame, took too long.
    SlowHead,
    /// The peer did not read what was written.
    Unread,
    /// It held more memory than there is room for.
    Memory,
    /// It said nothing, and another connection needed its place.
    Displaced,
    /// It sent more control frames of HTTP/2 than its calls need.
    Flood,
    /// It had no call for long.
    Idle,
    /// It was replaced at its age.
    Age,
    /// The service stops.
    Stopped,
}

impl Closed {
    const ALL: [Self; 12] = [
        Self::Peer,
        Self::Protocol,
        Self::Tls,
        Self::Revoked,
        Self::SlowHead,
        Self::Unread,
        Self::Memory,
        Self::Displaced,
        Self::Flood,
        Self::Idle,
        Self::Age,
        Self::Stopped,
    ];

    /// The name of the reason in metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::Revoked => "revoked",
            Self::SlowHead => "slow_head",
            Self::Unread => "unread",
            Self::Memory => "memory",
            Self::Displaced => "displaced",
            Self::Flood => "flood",
            Self::Idle => "idle",
            Self::Age => "age",
            Self::Stopped => "stopped",
        }
    }
}

/// The metrics of all listeners.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    open: IntGaugeVec,
    limit: IntGaugeVec,
    accepted: IntCounterVec,
    refused: IntCounterVec,
    closed: IntCounterVec,
    accept_errors: IntCounterVec,
}

/// The metrics of one listener.
#[derive(Debug, Clone)]
pub(super) struct ListenerMetrics {
    pub(super) open: IntGauge,
    pub(super) accepted: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) accept_errors: IntCounter,
    closed: [(Closed, IntCounter); Closed::ALL.len()],
}

impl Metrics {
    pub(super) fn register(
        registry: &Registry,
        budget: &Arc<Budget>,
    ) -> Result<Self, prometheus::Error> {
        register_memory(registry, budget)?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["listener"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            open: gauge("verigate_connections", "Open connections, by listener.")?,
            limit: gauge(
                "verigate_connections_limit",
                "Connections that may be open at once, by listener.",
            )?,
            accepted: counter(
                "verigate_connections_accepted_total",
                "Connections accepted, by listener.",
                &["listener"],
            )?,
            refused: counter(
                "verigate_connections_refused_total",
                "Connections closed at once because their address has too many, by listener.",
                &["listener"],
            )?,
            closed: counter(
                "verigate_connections_closed_total",
                "Connections that have ended, by listener and reason.",
                &["listener", "reason"],
            )?,
            accept_errors: counter(
                "verigate_accept_errors_total",
                "Failed attempts to accept a connection, by listener.",
                &["listener"],
            )?,
        })
    }

    /// The metrics of the listener of this name, which may have this many connections.
    pub(super) fn of(&self, listener: &str, limit: usize) -> ListenerMetrics {
        set_count(&self.limit.with_label_values(&[listener]), limit);
        ListenerMetrics {
            open: self.open.with_label_values(&[listener]),
            accepted: self.accepted.with_label_values(&[listener]),
            refused: self.refused.with_label_values(&[listener]),
            accept_errors: self.accept_errors.with_label_values(&[listener]),
            closed: Closed::ALL.map(|why| {
                let counter = self.closed.with_label_values(&[listener, why.as_str()]);
                (why, counter)
            }),
        }
    }
}

/// What connections hold, and what they may hold.
fn register_memory(registry: &Registry, budget: &Arc<Budget>) -> Result<(), prometheus::Error> {
    let as_gauge =
        |bytes: usize| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0;
    let (held, room) = (Arc::clone(budget), Arc::clone(budget));
    gauge_of(
        registry,
        "verigate_connections_memory_bytes",
        "Memory that connections hold beside their own buffers: requests, calls and answers that are not sent.",
        move || as_gauge(held.held()),
    )?;
    gauge_of(
        registry,
        "verigate_connections_memory_limit_bytes",
        "Memory that connections may hold beside their own buffers.",
        move || as_gauge(room.room()),
    )
}

impl ListenerMetrics {
    /// A connection has ended.
    pub(super) fn closed(&self, why: Closed) {
        if let Some((_, counter)) = self.closed.iter().find(|(known, _)| *known == why) {
            counter.inc();
        }
    }
}
