//! Connections to a receiver of syslog. Everything that the other end has to do has a timeout.

use std::{io, net::SocketAddr, pin::Pin, time::Duration};

use futures_util::FutureExt as _;
use futures_util::future::FusedFuture;
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split,
    },
    net::{TcpStream, UdpSocket, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::export::config::SyslogTarget;

/// How long connecting may take, from looking up the name to the end of the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many probes a receiver leaves unanswered before it is taken for gone.
const PROBES: u32 = 3;
/// How long the end of a connection may take.
const FINISH_TIMEOUT: Duration = Duration::from_millis(300);

/// A stream in both directions.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a receiver, who says nothing on it.
pub(super) struct Connection {
    writer: WriteHalf<Box<dyn Stream>>,
    /// Ends when the other end has closed its side, or the connection has broken.
    closed: Pin<Box<dyn FusedFuture<Output = String> + Send>>,
}

/// Connects to a receiver, within TLS if that is how. A receiver that confirms nothing for this time is taken for gone.
pub(super) async fn connect(
    target: &SyslogTarget,
    tls: Option<TlsConnector>,
    gone_after: Duration,
) -> Result<Connection, String> {
    let connecting = async {
        let stream = connect_to(&addresses(target).await?, gone_after).await?;
        let Some(tls) = tls else {
            return Ok(Connection::over(stream));
        };
        let name = ServerName::try_from(target.host.to_string()).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        Ok::<_, io::Error>(Connection::over(stream))
    };
    let connection = timeout(CONNECT_TIMEOUT, connecting).await;
    let connection = connection.map_err(|_| "it did not connect in time".to_owned())?;
    connection.map_err(|error| error.to_string())
}

/// The addresses of a receiver.
async fn addresses(target: &SyslogTarget) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((&*target.host, target.port)).await?.collect())
}

/// Connects to the first of these addresses that can be connected to.
async fn connect_to(addresses: &[SocketAddr], gone_after: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addresses).await?;
    stream.set_nodelay(true)?;
    end_if_gone(&stream, gone_after)?;
    Ok(stream)
}

/// Has the system end a connection whose other end has stopped answering: within this time after something was sent, or while nothing is.
fn end_if_gone(stream: &TcpStream, after: Duration) -> io::Result<()> {
    // Probes begin halfway, so that some are lost before the end counts.
    let (idle, interval) = (after / 2, after / 2 / PROBES);
    sockopt::set_tcp_keepidle(stream, idle)?;
    sockopt::set_tcp_keepintvl(stream, interval)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    sockopt::set_socket_keepalive(stream, true)?;
    // Else what was sent is sent again for a quarter of an hour.
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(stream, u32::try_from(after.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// A socket from which datagrams go to a receiver.
pub(super) async fn datagrams(target: &SyslogTarget, attempt: usize) -> Result<UdpSocket, String> {
    let found = timeout(CONNECT_TIMEOUT, addresses(target)).await;
    let found = found.map_err(|_| "its name was not found in time".to_owned())?;
    let found = found.map_err(|error| error.to_string())?;
    let address = address_of(&found, attempt).ok_or("its name has no address")?;
    let own: SocketAddr = if address.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(own).await;
    let socket = socket.map_err(|error| error.to_string())?;
    let connected = socket.connect(address).await;
    connected.map_err(|error| error.to_string())?;
    Ok(socket)
}

/// The one of these addresses that an attempt takes. Each takes the next one: nothing shows which ones are in use.
fn address_of(addresses: &[SocketAddr], attempt: usize) -> Option<SocketAddr> {
    let next = attempt.checked_rem(addresses.len())?;
    addresses.get(next).copied()
}

/// Reads until the other end closes its side: what it says means nothing here.
async fn until_closed(mut reader: ReadHalf<Box<dyn Stream>>) -> String {
    let mut ignored = [0; 512];
    loop {
        match reader.read(&mut ignored).await {
            Ok(0) => return "the receiver has closed the connection".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}

impl Connection {
    fn over(stream: impl Stream + 'static) -> Self {
        let (reader, writer) = split(Box::new(stream) as Box<dyn Stream>);
        Self {
            writer,
            closed: Box::pin(until_closed(reader).fuse()),
        }
    }

    /// Waits until the other end has closed its side, and says how.
    pub(super) async fn closed(&mut self) -> String {
        if self.closed.is_terminated() {
            return "the connection is closed".to_owned();
        }
        (&mut self.closed).await
    }

    /// Writes some of these bytes, at least one, within this time; how many.
    pub(super) async fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, String> {
        let (writer, closed) = (&mut self.writer, &mut self.closed);
        let writing = async {
            let count = writer.write(bytes).await?;
            // TLS may hold back what it was given.
            writer.flush().await?;
            Ok::<_, io::Error>(count)
        };
        tokio::select! {
            biased;
            error = closed, if !closed.is_terminated() => Err(error),
            written = timeout(within, writing) => match written {
                Ok(Ok(0)) => Err("the connection takes nothing".to_owned()),
                Ok(Ok(count)) => Ok(count),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the receiver takes nothing".to_owned()),
            },
        }
    }

    /// Ends the connection in order: closes our side, and waits a little for the other one, which has read all by then.
    pub(super) async fn finish(mut self) {
        let finishing = async {
            if self.writer.shutdown().await.is_ok() {
                self.closed().await;
            }
        };
        // An error means that the last messages may not have arrived.
        let _ = timeout(FINISH_TIMEOUT, finishing).await;
    }
}

#[cfg(test)]
mod tests;
