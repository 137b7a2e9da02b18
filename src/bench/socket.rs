//! A connection to a server: plain, or by TLS. It is made while its thread waits, and never waits afterwards.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// How long connecting may take, and each answer until a connection is ready.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A server: where it listens, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address.
    pub address: SocketAddr,
    /// Its name, for its certificate and for `:authority`.
    pub host: String,
    /// By TLS, if it speaks that.
    pub tls: Option<Arc<ClientConfig>>,
    /// The token of a caller.
    pub token: Option<String>,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connects, and waits until TLS has been agreed on.
    pub(super) fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&endpoint.address, CONNECT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_MAX))?;
        stream.set_write_timeout(Some(CONNECT_MAX))?;
        let Some(tls) = &endpoint.tls else {
            return Ok(Self::Plain(stream));
        };
        let name = endpoint.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let mut session = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
    }

    /// From now on, reading and writing do not wait.
    pub(super) fn set_ready(&self) -> io::Result<()> {
        self.tcp().set_nonblocking(true)
    }

    /// The socket of the system.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Whether bytes may have arrived that the system does not know of any more.
    pub(super) fn may_hold_more(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether bytes wait for the system to take them.
    pub(super) fn is_sending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.conn.wants_write(),
        }
    }

    /// Sends as much as the system takes: how much.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match would_wait(self.writer().write(rest))? {
                Some(0) | None => break,
                Some(more) => sent += more,
            }
        }
        would_wait(self.writer().flush())?;
        Ok(sent)
    }

    /// Reads what has arrived: how much; zero at the end of the connection, `None` if nothing has.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let reader: &mut dyn Read = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        };
        would_wait(reader.read(buffer))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

/// Nothing, where waiting would be necessary.
fn would_wait<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
