//! The limits of connections and of calls.

use std::time::Duration;

/// The settings of `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that may be open at once on the listeners for callers together.
    pub connections: usize,
    /// Connections that one address may have open at once on one listener.
    pub connections_per_address: usize,
    /// Calls that may be in flight at once on one connection of HTTP/2.
    pub streams_per_connection: u32,
    /// After which time a connection is replaced; each by up to a tenth earlier or later.
    pub connection_age: Duration,
    /// How long a connection that is replaced may take to finish its calls.
    pub connection_grace: Duration,
    /// Memory of all connections together, in bytes.
    pub memory: usize,
    /// Where connections are served.
    pub runtimes: Runtimes,
}

/// Where the connections of callers are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtimes {
    /// On a runtime of one thread for each processor.
    OnePerProcessor,
    /// On the runtime that opens the listener.
    Present,
}

/// How long the preface of HTTP/2 may take to arrive.
pub(super) const PREFACE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the head of a request of HTTP/1 may take to arrive.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first byte may take on the listener for operators.
pub(super) const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a peer may take no byte of what is written to it.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may have no call.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a connection without a call may take to close when the service stops.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(2);
/// When a peer is asked whether it is still there, and how long it may take to say so.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(20);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections of the listener for operators, beside those for callers: neither can take the other's. Fewer where there are few file
/// descriptors.
pub(super) const ADMIN_CONNECTIONS: usize = 64;

/// File descriptors that are kept for everything but connections: files, the vendor, the log.
pub(super) const DESCRIPTORS_KEPT: usize = 96;

/// The most that the headers of a request may take over HTTP/2, as RFC 9113 counts them. The HTTP library answers more
/// with 431 and reports nothing: the router on such a port has a lower bound of its own, which is reported.
pub(super) const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// The same for a request of HTTP/1: the size of its head.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How much of the bodies of one connection is received before it is read: all together, and of each.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What is added to that for each call that may be open: the library takes small frames that wait to be read, of 256 bytes each at least,
/// for a flood once they exceed half of the window. While the service is overloaded, each call may have one that waits; and some streams of
/// checks may each have as many as the window of a call permits, because no more are read while their answers are not taken.
const WINDOW_PER_CALL: u32 = 4 * 1024;
/// The same for each call. Small, so that the small messages that fit into it are no flood.
pub(super) const STREAM_WINDOW: u32 = 16 * 1024;
/// How much of one answer may wait to be written.
pub(super) const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Calls that a peer may have cancelled before they were looked at. Honest callers cancel at their deadline, and many at once while
/// the service is overloaded: the library's own bound of 20 closed their connections.
pub(super) const RESETS_PENDING_MAX: usize = 256;

impl Limits {
    /// How much of the bodies of one connection is received before it is read.
    pub(super) fn connection_window(&self) -> u32 {
        let calls = self.streams_per_connection.saturating_mul(WINDOW_PER_CALL);
        // The most that HTTP/2 knows.
        CONNECTION_WINDOW
            .saturating_add(calls)
            .min(i32::MAX.cast_unsigned())
    }
}

/// Raises the limit of file descriptors of this process to what the system permits; the limit then, if there is one.
pub(super) fn raise_descriptors() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let now = if current == maximum || setrlimit(Resource::Nofile, raised).is_ok() {
        maximum
    } else {
        current
    };
    now.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
