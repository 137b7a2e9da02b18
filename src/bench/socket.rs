//! A connection to a server: plain, or by TLS. It is made while its thread waits, and never waits afterwards.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use super::http2::Http2Error;
use crate::clock::Reading;

/// How long it may take until a connection is ready for calls.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);
const HTTP2: &[u8] = b"h2";

/// A server: where it listens, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its addresses, which are tried in turn.
    pub addresses: Vec<SocketAddr>,
    /// Its name and port, for `:authority`; without the port where that is the one of the scheme.
    pub authority: String,
    /// Its name, for its certificate.
    pub host: String,
    /// By TLS, if it speaks that.
    pub tls: Option<Arc<ClientConfig>>,
    /// The token of a caller.
    pub token: Option<String>,
}

impl Endpoint {
    /// The addresses, as a message names them.
    pub(super) fn shown(&self) -> String {
        let all: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        all.join(", ")
    }
}

/// Why there is no connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing came for too long.
    #[error("the server does not answer within 5 s")]
    Timeout,
    /// The system has no connection.
    #[error(transparent)]
    Io(io::Error),
    /// TLS could not be agreed on.
    #[error(transparent)]
    Tls(rustls::Error),
    /// By TLS, the server did not agree on HTTP/2.
    #[error("the server does not offer HTTP/2 over TLS")]
    NoHttp2OverTls,
    /// What came is no HTTP/2.
    #[error("the server does not speak HTTP/2")]
    NoHttp2,
    /// What came is HTTP/2, and not valid.
    #[error("{0}")]
    Invalid(String),
    /// The server closed the connection.
    #[error("the server has closed the connection{}", .0.as_ref().map(|why| format!(" after {why}")).unwrap_or_default())]
    Closed(Option<String>),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            return Self::Timeout;
        }
        match error.downcast::<rustls::Error>() {
            Ok(tls) => Self::Tls(tls),
            Err(error) => Self::Io(error),
        }
    }
}

impl From<Http2Error> for ConnectError {
    fn from(error: Http2Error) -> Self {
        match error {
            Http2Error::NoHttp2 => Self::NoHttp2,
            error => Self::Invalid(error.to_string()),
        }
    }
}

/// Until when a connection has to be ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    started: Reading,
    until: Duration,
}

impl Limit {
    /// From now on, by the stopwatch of this reading.
    pub(super) fn from_now(started: Reading) -> Self {
        let until = started.elapsed().saturating_add(CONNECT_MAX);
        Self { started, until }
    }

    /// How much of the time is left.
    pub(super) fn left(&self) -> Result<Duration, ConnectError> {
        let left = self.until.checked_sub(self.started.elapsed());
        left.filter(|left| !left.is_zero())
            .ok_or(ConnectError::Timeout)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connects, and waits until TLS has been agreed on.
    pub(super) fn connect(endpoint: &Endpoint, limit: Limit) -> Result<Self, ConnectError> {
        let stream = connect(&endpoint.addresses, limit)?;
        stream.set_nodelay(true)?;
        let Some(tls) = &endpoint.tls else {
            return Ok(Self::Plain(stream));
        };
        let name = endpoint.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(tls), name).map_err(ConnectError::Tls)?;
        let mut socket = Self::Tls(Box::new(StreamOwned::new(session, stream)));
        socket.agree(limit)?;
        Ok(socket)
    }

    /// The handshake of TLS.
    fn agree(&mut self, limit: Limit) -> Result<(), ConnectError> {
        let Self::Tls(stream) = self else {
            return Ok(());
        };
        let StreamOwned { conn, sock } = stream.as_mut();
        while conn.is_handshaking() {
            sock.set_write_timeout(Some(limit.left()?))?;
            while conn.wants_write() {
                conn.write_tls(sock)?;
            }
            if !conn.is_handshaking() {
                break;
            }
            sock.set_read_timeout(Some(limit.left()?))?;
            if conn.read_tls(sock)? == 0 {
                return Err(ConnectError::Closed(None));
            }
            if let Err(error) = conn.process_new_packets() {
                // The server is to know why.
                let _ = conn.write_tls(sock);
                return Err(ConnectError::Tls(error));
            }
        }
        if conn.alpn_protocol() == Some(HTTP2) {
            Ok(())
        } else {
            Err(ConnectError::NoHttp2OverTls)
        }
    }

    /// Until it is ready, each reading and writing waits for as long as is left.
    pub(super) fn wait_until(&self, limit: Limit) -> Result<(), ConnectError> {
        let left = Some(limit.left()?);
        self.tcp().set_read_timeout(left)?;
        self.tcp().set_write_timeout(left)?;
        Ok(())
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

/// Connects to the first of these addresses at which a server listens. The error is that of the last.
fn connect(addresses: &[SocketAddr], limit: Limit) -> Result<TcpStream, ConnectError> {
    let mut error = ConnectError::Io(ErrorKind::AddrNotAvailable.into());
    for (address, others) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        let part = limit.left()? / others;
        match TcpStream::connect_timeout(address, part) {
            Ok(stream) => return Ok(stream),
            Err(reason) => error = reason.into(),
        }
    }
    Err(error)
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        let (_listener, open) = listener();
        let closed = listener().1;
        let limit = Limit::from_now(SystemClock.read());
        assert_eq!(
            connect(&[closed, open], limit)
                .unwrap()
                .peer_addr()
                .unwrap(),
            open
        );
        let refused = connect(&[closed], limit).unwrap_err();
        assert!(
            matches!(&refused, ConnectError::Io(error) if error.kind() == ErrorKind::ConnectionRefused),
            "{refused}"
        );
    }

    #[test]
    fn no_more_is_waited_for_when_the_time_is_over() {
        let over = Limit {
            started: SystemClock.read(),
            until: Duration::ZERO,
        };
        assert!(matches!(over.left(), Err(ConnectError::Timeout)));
        let (_listener, open) = listener();
        assert!(matches!(connect(&[open], over), Err(ConnectError::Timeout)));
    }
}
