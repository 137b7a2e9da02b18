//! What a listener speaks, and until when.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::peer::Peer;

/// What a listener speaks.
#[derive(Clone)]
pub enum Protocol {
    /// HTTP/1 and HTTP/2, as the peer chooses.
    AnyHttp,
    /// HTTP/1 only: for operators, on the runtime that opens the listener, with a limit of its own.
    Http1Only,
    /// HTTP/2 only. A peer that begins otherwise is answered 426 and disconnected, and is reported.
    Http2Only(Arc<dyn Fn(&Peer) + Send + Sync>),
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyHttp => "AnyHttp",
            Self::Http1Only => "Http1Only",
            Self::Http2Only(_) => "Http2Only",
        })
    }
}

/// Waits until the service stops.
pub(super) async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that nobody can stop it any more, which stops it too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
