//! Listeners: accept connections, serve a router on them, and drain them when the service stops.

mod preface;

use std::{fmt, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use futures_util::future::join_all;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join, split},
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

pub use self::preface::NOT_HTTP2;
use self::preface::{PREFACE, Preface};
use crate::{
    deps::{Deps, Task},
    peer::{Peer, PeerAddress},
    tls::{ServerTls, peer_certificate},
};

/// The most that the headers of a request may take over HTTP/2, as RFC 9113 counts them. The HTTP library answers more with 431 and
/// reports nothing: each router has a lower bound of its own, which is reported.
const HEADER_LIST_BYTES_MAX: u32 = 256 * 1024;
/// How long the handshake of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause after a failed `accept`, such as for lack of file descriptors.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(50);

/// An address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    #[source]
    source: io::Error,
}

/// What a listener speaks.
#[derive(Clone)]
pub enum Protocol {
    /// HTTP/1 and HTTP/2, as the peer chooses.
    AnyHttp,
    /// HTTP/2 only. A peer that begins otherwise is answered 426 and disconnected, and its address is reported.
    Http2Only(Arc<dyn Fn(SocketAddr) + Send + Sync>),
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyHttp => "AnyHttp",
            Self::Http2Only(_) => "Http2Only",
        })
    }
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
        protocol: Protocol,
        tls: Option<ServerTls>,
        router: Router,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopping = self.stop.subscribe();
        let server = accept(listener, protocol, tls, router, stopping);
        self.servers.push(self.deps.start(server));
        Ok(address)
    }

    /// Accepts no more connections and lets calls in flight finish, within this time.
    pub async fn drain(self, within: Duration) {
        self.stop.send_replace(true);
        let ended = join_all(self.servers.into_iter().map(|server| server.end(within))).await;
        if ended.contains(&false) {
            let timeout_seconds = within.as_secs();
            // The connections are tasks of the servers, and end with them.
            warn!(
                event = "drain_timed_out",
                timeout_seconds,
                "drain timed out after {timeout_seconds}s; closing remaining connections"
            );
        }
    }
}

/// Accepts connections until the service stops, then waits until all of them have ended.
async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    tls: Option<ServerTls>,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut stop = pin!(stopped(stopping.clone()));
    loop {
        select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // With Nagle's algorithm an answer may wait for the peer's ACK. If it cannot be disabled, answers are only slower.
                    let _ = stream.set_nodelay(true);
                    let (protocol, router) = (protocol.clone(), router.clone());
                    let (tls, stopping) = (tls.clone(), stopping.clone());
                    connections.spawn(async move {
                        match tls {
                            None => converse(stream, plain(peer), protocol, router, stopping).await,
                            Some(tls) => secure(tls, stream, peer, protocol, router, stopping).await,
                        }
                    });
                }
                Err(_) => sleep(ACCEPT_RETRY_AFTER).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A peer without a certificate.
fn plain(peer: SocketAddr) -> Peer {
    Peer {
        address: PeerAddress::Ip(peer),
        certificate: None,
    }
}

/// Serves one connection by TLS, until the certificate of the peer is not accepted any more.
async fn secure(
    tls: ServerTls,
    stream: TcpStream,
    peer: SocketAddr,
    protocol: Protocol,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    let handshake = tls.handshake();
    let accepted = TlsAcceptor::from(handshake.config()).accept(stream);
    let accepted = select! {
        accepted = timeout(HANDSHAKE_TIMEOUT, accepted) => accepted,
        () = stopped(stopping.clone()) => return,
    };
    let accepted = accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => return tls.refused(peer.ip(), &error),
    };
    let (_, connection) = stream.get_ref();
    let peer = Peer {
        certificate: peer_certificate(connection).map(Arc::new),
        ..plain(peer)
    };
    let revoked = handshake.revoked(connection);
    select! {
        () = converse(stream, peer, protocol, router, stopping) => {}
        () = revoked => {}
    }
}

/// Serves one connection in the listener's protocol.
async fn converse(
    stream: impl Stream,
    peer: Peer,
    protocol: Protocol,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_header_list_size(HEADER_LIST_BYTES_MAX);
    let report = match protocol {
        Protocol::AnyHttp => return serve(&builder, stream, peer, router, stopping).await,
        Protocol::Http2Only(report) => report,
    };
    let (mut reader, mut writer) = split(stream);
    let preface = select! {
        preface = preface::read(&mut reader) => preface,
        () = stopped(stopping.clone()) => return,
    };
    match preface {
        Preface::Http2 => {
            let builder = builder.http2_only();
            let stream = join(PREFACE.chain(reader), writer);
            serve(&builder, stream, peer, router, stopping).await;
        }
        Preface::Other => {
            if let PeerAddress::Ip(address) = peer.address {
                report(address);
            }
            preface::reject(&mut reader, &mut writer).await;
        }
        Preface::Missing => {}
    }
}

/// What a connection is made of: TCP, or TLS on it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Serves HTTP on a connection until it ends; once the service stops, until the calls in flight have ended.
async fn serve(
    builder: &auto::Builder<TokioExecutor>,
    stream: impl Stream,
    peer: Peer,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    let router = router.layer(Extension(peer));
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // An error is the peer's, or means that it has left.
    select! {
        _ = connection.as_mut() => return,
        () = stopped(stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Waits until the service stops.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that nobody can stop it any more, which stops it too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
