//! Serves connections: HTTP/1.1 and HTTP/2, in plain text or by TLS, where both sides agree on the version (ALPN).

use std::{path::Path, pin::pin, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use super::network::FaultyListener;

/// The protocols that the simulator speaks by TLS.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate by which the simulator speaks TLS.
#[derive(Clone)]
pub struct Identity(TlsAcceptor);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// A certificate chain, leaf first, and its key.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> anyhow::Result<Self> {
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .context("the certificate and the key do not belong together")?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The same from two files in PEM.
    pub fn read(certificates: &Path, key: &Path) -> anyhow::Result<Self> {
        let unreadable = |path: &Path| format!("cannot read `{}` as PEM", path.display());
        let read = CertificateDer::pem_file_iter(certificates);
        let read = read.and_then(Iterator::collect);
        let read = read.with_context(|| unreadable(certificates))?;
        let key = PrivateKeyDer::from_pem_file(key).with_context(|| unreadable(key))?;
        Self::new(read, key)
    }
}

/// Serves every connection. Dropping it closes them.
pub(super) async fn serve(
    mut listener: FaultyListener,
    router: Router,
    identity: Option<Identity>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = listener.accept() => {
                let (router, identity) = (router.clone(), identity.clone());
                let closing = stream.closing();
                connections.spawn(async move {
                    match identity {
                        None => speak(stream, router, closing).await,
                        Some(Identity(acceptor)) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                speak(stream, router, closing).await;
                            }
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection, until the peer closes it or it is to be closed.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    closing: impl Future<Output = ()>,
) {
    let http = auto::Builder::new(TokioExecutor::new());
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // An error ends this connection alone.
        _ = connection.as_mut() => return,
        () = closing => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
