//! A connection by TLS: its handshake, and its end when the certificate of the peer is not accepted any more.

use std::{io, sync::Arc, time::Duration};

use tokio::{select, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::{
    connection::Serving, handshake::Limited, metrics::Closed, protocol::stopped, service::Serves,
    stream::Transport,
};
use crate::{
    peer::{Memo, Peer, PeerAddress, Urgency},
    tls::{ServerTls, peer_certificate},
};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves a connection by TLS until it ends; why it has ended.
pub(super) async fn serve<S: Serves>(
    serving: Serving<S>,
    tls: ServerTls,
    stream: Transport,
    address: PeerAddress,
) -> Closed {
    let handshake = tls.handshake();
    let accepted = TlsAcceptor::from(handshake.config()).accept(Limited::new(stream));
    let accepted = select! {
        biased;
        accepted = timeout(HANDSHAKE_TIMEOUT, accepted) => accepted,
        () = stopped(serving.stopping.clone()) => return Closed::Stopped,
        () = serving.silent.displaced() => return Closed::Displaced,
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it took longer than 3s");
    let mut stream = match accepted.unwrap_or_else(|_| Err(late())) {
        Ok(stream) => stream,
        Err(error) => {
            tls.refused(address, &error);
            return Closed::Tls;
        }
    };
    stream.get_mut().0.complete();
    let (_, connection) = stream.get_ref();
    let peer = Peer {
        address,
        certificate: peer_certificate(connection).map(Arc::new),
        urgency: Urgency::default(),
        authenticated: Memo::default(),
    };
    let revoked = handshake.revoked(connection);
    select! {
        why = Box::pin(serving.serve(stream, peer)) => why,
        () = revoked => Closed::Revoked,
    }
}
