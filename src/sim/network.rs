//! The network that the pretend Incode is behind: up, refusing connections, or swallowing everything. What is wrong below
//! HTTP is done here, on real sockets.

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

/// How long to wait before an address that is still taken, or a machine that is out of descriptors, is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As it should be.
    Up,
    /// Nobody listens, and connections that stand are reset.
    Refusing,
    /// Connections are taken, and nothing that is sent is ever answered.
    Swallowing,
}

/// A listener that does as the network is.
pub(super) struct Behind {
    address: SocketAddr,
    listener: Option<TcpListener>,
    network: watch::Receiver<Network>,
}

impl Behind {
    /// Listens on this address.
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

    /// Listens again, once the network does not refuse.
    async fn listen(&mut self) {
        until(self.network.clone(), |n| n != Network::Refusing).await;
        match TcpListener::bind(self.address).await {
            Ok(listener) => self.listener = Some(listener),
            Err(_) => sleep(RETRY).await,
        }
    }
}

impl Listener for Behind {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            let Some(listener) = &self.listener else {
                self.listen().await;
                continue;
            };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        let network = self.network.clone();
                        return (Wire { stream, network }, from);
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

/// Waits until the network is so.
async fn until(mut network: watch::Receiver<Network>, is_so: impl Fn(Network) -> bool) {
    let ended = network.wait_for(|n| is_so(*n)).await.is_err();
    if ended {
        // Nobody can change it any more.
        pending::<()>().await;
    }
}

/// A connection through the network.
pub(super) struct Wire {
    stream: TcpStream,
    network: watch::Receiver<Network>,
}

impl AsyncRead for Wire {
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
                // What came is lost; the next that comes too.
                Network::Swallowing if !ended => buffer.set_filled(before),
                Network::Up | Network::Swallowing => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Wire {
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
