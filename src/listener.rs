//! Listeners: accept connections, serve a router on them, and drain them when the service stops.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt as _};
use futures_util::future::join_all;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tracing::warn;

use crate::deps::{Deps, Task};

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
    servers: Vec<Task>,
    stop: watch::Sender<bool>,
    deps: Deps,
}

impl Listeners {
    /// No listener yet.
    pub fn new(deps: &Deps) -> Self {
        Self {
            servers: Vec::new(),
            stop: watch::channel(false).0,
            deps: deps.clone(),
        }
    }

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
        self.servers.push(self.deps.start(async move {
            // It never fails: it retries what cannot be accepted.
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    // An error means that nobody can stop it any more, which stops it too.
                    let _ = stopping.wait_for(|stop| *stop).await;
                })
                .await;
        }));
        Ok(address)
    }

    /// Accepts no more connections and lets calls in flight finish, within this time.
    pub async fn drain(self, within: Duration) {
        self.stop.send_replace(true);
        let ended = join_all(self.servers.into_iter().map(|server| server.end(within))).await;
        if ended.contains(&false) {
            let timeout_seconds = within.as_secs();
            // The connections are tasks of their own, and end with the process.
            warn!(
                event = "drain_timed_out",
                timeout_seconds,
                "drain timed out after {timeout_seconds}s; closing remaining connections"
            );
        }
    }
}
