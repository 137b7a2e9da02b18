//! The accept loop of one listener.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    connection::Serving,
    metrics::{Closed, ListenerMetrics},
    permits::{ConnectionLimit, Permit},
    protocol::stopped,
    runtimes::RuntimePool,
    secure,
    service::Serves,
    socket::Socket,
    stream::NewConnection,
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
    peer::{Memo, NetworkPermit, Peer, PeerAddress, Urgency},
    tls::ServerTls,
};

/// The pause after a failed `accept`, such as for lack of file descriptors.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(50);

/// One listener.
pub(super) struct Accepting<S> {
    pub(super) name: &'static str,
    pub(super) socket: Socket,
    /// `None`: plain text.
    pub(super) tls: Option<ServerTls>,
    pub(super) permits: ConnectionLimit,
    pub(super) runtimes: Arc<RuntimePool>,
    pub(super) metrics: ListenerMetrics,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: LogThrottle,
    pub(super) serving: Serving<S>,
}

/// A connection that counts: dropped when it has ended, or when the runtime that serves it ends.
struct Open {
    metrics: ListenerMetrics,
    why: Closed,
    _permit: Permit,
    _of_address: Option<NetworkPermit>,
    /// The listener waits until all of these are dropped.
    _running: mpsc::Sender<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.open.dec();
        self.metrics.closed(self.why);
    }
}

/// A peer without a certificate.
fn plain(address: PeerAddress) -> Peer {
    Peer {
        address,
        certificate: None,
        urgency: Urgency::default(),
        authenticated: Memo::default(),
    }
}

impl<S: Serves> Accepting<S> {
    /// Accepts connections until the service stops, then waits until all of them have ended. Dropped, it closes them.
    pub(super) async fn run(self) {
        let (running, mut ended) = mpsc::channel(1);
        // Dropped with this future: what is still open then is closed.
        let (abort, aborted) = watch::channel(());
        let mut stop = pin!(stopped(self.serving.stopping.clone()));
        loop {
            if self.permits.is_full() {
                self.report_full();
                self.serving.silent.make_room();
            }
            let permit = select! {
                () = &mut stop => break,
                permit = self.permits.next() => permit,
            };
            self.serving.silent.has_room();
            // The semaphores are never closed.
            let Ok(permit) = permit else { break };
            let accepted = select! {
                () = &mut stop => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    if let Some(open) = self.admit(permit, address, &running) {
                        self.start(stream, address, open, aborted.clone());
                    }
                }
                Err(error) => {
                    drop(permit);
                    self.report_error(&error);
                    sleep(ACCEPT_RETRY_AFTER).await;
                }
            }
        }
        drop((self.socket, running));
        // Nothing is ever sent: it ends when every sender is dropped.
        let _ = ended.recv().await;
        drop(abort);
    }

    /// Counts a connection; `None` if its address has too many.
    fn admit(
        &self,
        permit: Permit,
        address: PeerAddress,
        running: &mpsc::Sender<()>,
    ) -> Option<Open> {
        let of_address = match address {
            PeerAddress::Ip(ip) => {
                let permit = self.permits.of_address(ip.ip());
                if permit.is_none() {
                    self.metrics.refused.inc();
                    self.report_refused(address);
                    return None;
                }
                permit
            }
            PeerAddress::Unix => None,
        };
        self.metrics.accepted.inc();
        self.metrics.open.inc();
        Some(Open {
            metrics: self.metrics.clone(),
            why: Closed::Stopped,
            _permit: permit,
            _of_address: of_address,
            _running: running.clone(),
        })
    }

    /// Serves a connection on one of the runtimes.
    fn start(
        &self,
        stream: NewConnection,
        address: PeerAddress,
        open: Open,
        mut aborted: watch::Receiver<()>,
    ) {
        let (mut serving, tls) = (self.serving.clone(), self.tls.clone());
        self.runtimes.spawn(|backlog| async move {
            serving.backlog = backlog;
            // As a whole: a closure would take the reason alone.
            let mut open = open;
            // A connection that cannot be registered is closed.
            let Ok(stream) = stream.register() else {
                return;
            };
            let served = async {
                match tls {
                    None => serving.serve(stream, plain(address)).await,
                    Some(tls) => Box::pin(secure::serve(serving, tls, stream, address)).await,
                }
            };
            open.why = select! {
                why = served => why,
                // An error: the listener has ended.
                _ = aborted.changed() => Closed::Stopped,
            };
        });
    }

    fn report_full(&self) {
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "connections_exhausted",
            listener = self.name,
            "as many connections are open as limits.connections and limits.memory permit; new ones wait until one ends, and those that have said nothing are closed: look for a client that opens too many, or raise the settings"
        );
    }

    fn report_refused(&self, address: PeerAddress) {
        let from = match address {
            PeerAddress::Ip(address) => address.ip().to_string(),
            PeerAddress::Unix => "unix".to_owned(),
        };
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "connection_refused",
            listener = self.name,
            from,
            "a connection was closed at once because its address has as many as limits.connections_per_address permits"
        );
    }

    fn report_error(&self, error: &std::io::Error) {
        self.metrics.accept_errors.inc();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "accept_failed",
            listener = self.name,
            %error,
            "a connection cannot be accepted; it is tried again every 50 ms: if there are too few file descriptors, raise LimitNOFILE or ulimit -n"
        );
    }
}
