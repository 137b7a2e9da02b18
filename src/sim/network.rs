//! The network between the simulator and its clients: up, refusing connections, or a black hole. Faults below HTTP are made
//! here, on real sockets.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// Pause after an address that is still in use, or after a failed accept.
const RETRY: Duration = Duration::from_millis(5);

/// The state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Connections work.
    Up,
    /// Nothing listens, and open connections are reset.
    Refusing,
    /// Connections are accepted, and everything that arrives is discarded.
    BlackHole,
}

/// A listener behind the network.
pub(super) struct FaultyListener {
    address: SocketAddr,
    listener: Option<TcpListener>,
    network: watch::Receiver<Network>,
}

impl FaultyListener {
    /// Starts to listen on this address.
    pub(super) async fn bind(
        address: SocketAddr,
        network: watch::Receiver<Network>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            network,
        })
    }

    /// Listens again as soon as the network does not refuse.
    async fn listen(&mut self) {
        until(self.network.clone(), |n| n != Network::Refusing).await;
        match TcpListener::bind(self.address).await {
            Ok(listener) => self.listener = Some(listener),
            Err(_) => sleep(RETRY).await,
        }
    }
}

impl Listener for FaultyListener {
    type Io = FaultyStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (FaultyStream, SocketAddr) {
        loop {
            let Some(listener) = &self.listener else {
                self.listen().await;
                continue;
            };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        let network = self.network.clone();
                        return (FaultyStream { stream, network }, from);
                    }
                    Err(_) => sleep(RETRY).await,
                },
                () = until(self.network.clone(), |n| n == Network::Refusing) => self.listener = None,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Waits until the state of the network is one of these.
async fn until(mut network: watch::Receiver<Network>, matches: impl Fn(Network) -> bool) {
    let closed = network.wait_for(|n| matches(*n)).await.is_err();
    if closed {
        // The simulator was dropped: the state cannot change any more.
        pending::<()>().await;
    }
}

/// A connection through the network.
pub(super) struct FaultyStream {
    stream: TcpStream,
    network: watch::Receiver<Network>,
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            let ended = buffer.filled().len() == before;
            let network = *self.network.borrow();
            match network {
                Network::Refusing => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                // Discard what was read, and read on.
                Network::BlackHole if !ended => buffer.set_filled(before),
                Network::Up | Network::BlackHole => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
