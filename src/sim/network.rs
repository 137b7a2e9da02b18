//! The network between the simulator and its clients: up, refusing connections, or a black hole. Faults below HTTP are made
//! here, on real sockets.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

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

/// Controls the network and the connections through it.
#[derive(Debug)]
pub(super) struct Control {
    state: watch::Sender<State>,
    accepted: AtomicU64,
    ended: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    network: Network,
    /// Connections with a lower number are frozen: they stay open, and what is sent either way is discarded, for ever.
    frozen: u64,
    /// Connections with a lower number are closed once their calls have ended.
    closed: u64,
}

impl Control {
    pub(super) fn new() -> Arc<Self> {
        let state = State {
            network: Network::Up,
            frozen: 0,
            closed: 0,
        };
        Arc::new(Self {
            state: watch::Sender::new(state),
            accepted: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        })
    }

    /// Changes the state of the network.
    pub(super) fn set(&self, network: Network) {
        self.state.send_modify(|state| state.network = network);
    }

    /// How many connections were accepted so far.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub(super) fn open_connections(&self) -> u64 {
        let ended = self.ended.load(Ordering::SeqCst);
        self.accepted().saturating_sub(ended)
    }

    /// Freezes the connections that are open.
    pub(super) fn freeze(&self) {
        let accepted = self.accepted();
        self.state.send_modify(|state| state.frozen = accepted);
    }

    /// Closes the connections that are open, once their calls have ended: HTTP/2 sends GOAWAY.
    pub(super) fn close(&self) {
        let accepted = self.accepted();
        self.state.send_modify(|state| state.closed = accepted);
    }
}

/// A listener behind the network.
pub(super) struct FaultyListener {
    address: SocketAddr,
    listener: Option<TcpListener>,
    control: Arc<Control>,
}

impl FaultyListener {
    /// Starts to listen on this address.
    pub(super) async fn bind(address: SocketAddr, control: Arc<Control>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            control,
        })
    }

    /// The address that it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    pub(super) async fn accept(&mut self) -> FaultyStream {
        loop {
            let Some(listener) = &self.listener else {
                self.listen().await;
                continue;
            };
            let state = self.control.state.subscribe();
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let number = self.control.accepted.fetch_add(1, Ordering::SeqCst);
                        let control = Arc::clone(&self.control);
                        return FaultyStream { stream, number, state, control };
                    }
                    Err(_) => sleep(RETRY).await,
                },
                () = until(state.clone(), |state| state.network == Network::Refusing) => self.listener = None,
            }
        }
    }

    /// Listens again as soon as the network does not refuse.
    async fn listen(&mut self) {
        let state = self.control.state.subscribe();
        until(state, |state| state.network != Network::Refusing).await;
        match TcpListener::bind(self.address).await {
            Ok(listener) => self.listener = Some(listener),
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// Waits until the state of the network is one of these.
async fn until(mut state: watch::Receiver<State>, matches: impl Fn(State) -> bool) {
    let closed = state.wait_for(|state| matches(*state)).await.is_err();
    if closed {
        // The simulator was dropped: the state cannot change any more.
        pending::<()>().await;
    }
}

/// A connection through the network.
pub(super) struct FaultyStream {
    stream: TcpStream,
    number: u64,
    state: watch::Receiver<State>,
    control: Arc<Control>,
}

impl FaultyStream {
    /// Ends when the connection is to be closed once its calls have ended.
    pub(super) fn closing(&self) -> impl Future<Output = ()> + use<> {
        let (number, state) = (self.number, self.state.clone());
        until(state, move |state| number < state.closed)
    }

    fn is_frozen(&self) -> bool {
        self.number < self.state.borrow().frozen
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        self.control.ended.fetch_add(1, Ordering::SeqCst);
    }
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
            let network = self.state.borrow().network;
            match network {
                Network::Refusing => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                // Discard what was read, and read on.
                _ if !ended && (network == Network::BlackHole || self.is_frozen()) => {
                    buffer.set_filled(before);
                }
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
        if self.is_frozen() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_frozen() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
