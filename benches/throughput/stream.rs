//! A connection of the load generator: plain, or by TLS.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A connection that never waits.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects, and waits until TLS has been agreed on.
    pub(crate) fn connect(server: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        let mut stream = TcpStream::connect(server).expect("the server listens");
        stream.set_nodelay(true).expect("TCP");
        let tls = tls.map(|tls| {
            let mut session = ClientConnection::new(Arc::clone(tls), server.ip().into())
                .expect("an address is a name");
            while session.is_handshaking() {
                session.complete_io(&mut stream).expect("TLS");
            }
            session
        });
        stream.set_nonblocking(true).expect("TCP");
        match tls {
            None => Self::Plain(stream),
            Some(session) => Self::Tls(Box::new(StreamOwned::new(session, stream))),
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Whether something may be read that the system does not know of.
    pub(crate) fn holds_more(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether something waits for the system to take it.
    pub(crate) fn is_sending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.conn.wants_write(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
