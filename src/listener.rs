//! Listeners: accept connections, serve a router on them, and drain them when the service stops.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::warn;

/// An address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    #[source]
    source: io::Error,
}

/// All listeners of the service.
#[derive(Debug)]
pub struct Listeners {
    servers: JoinSet<io::Result<()>>,
    stop: watch::Sender<bool>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            servers: JoinSet::new(),
            stop: watch::channel(false).0,
        }
    }
}

impl Listeners {
    /// Binds an address and serves a router on it. Returns the bound address.
    pub async fn open(
        &mut self,
        address: SocketAddr,
        router: Router,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let listener = listener.tap_io(|stream: &mut TcpStream| {
            // With Nagle's algorithm an answer may wait for the peer's ACK. If it cannot be disabled, answers are only slower.
            let _ = stream.set_nodelay(true);
        });
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let mut stopping = self.stop.subscribe();
        self.servers.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    // An error means that nobody can stop it any more, which stops it too.
                    let _ = stopping.wait_for(|stop| *stop).await;
                })
                .await
        });
        Ok(address)
    }

    /// Accepts no more connections and lets calls in flight finish, within this time.
    pub async fn drain(mut self, within: Duration) {
        self.stop.send_replace(true);
        let drained = timeout(within, async {
            while self.servers.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            let timeout_seconds = within.as_secs();
            // The connections are tasks, and end with the process.
            warn!(
                event = "drain_timed_out",
                timeout_seconds,
                "drain timed out after {timeout_seconds}s; closing remaining connections"
            );
        }
    }
}
