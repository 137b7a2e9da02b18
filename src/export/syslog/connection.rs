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
        let stream = TcpStream::connect((&*target.host, target.port)).await?;
        stream.set_nodelay(true)?;
        end_if_gone(&stream, gone_after)?;
        let Some(tls) = tls else {
            return Ok(Box::new(stream) as Box<dyn Stream>);
        };
        let name = ServerName::try_from(target.host.to_string()).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        Ok::<_, io::Error>(Box::new(stream) as Box<dyn Stream>)
    };
    let stream = timeout(CONNECT_TIMEOUT, connecting).await;
    let stream = stream.map_err(|_| "it did not connect in time".to_owned())?;
    let stream = stream.map_err(|error| error.to_string())?;
    let (reader, writer) = split(stream);
    Ok(Connection {
        writer,
        closed: Box::pin(until_closed(reader).fuse()),
    })
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

/// A socket from which datagrams go to a receiver. Each attempt takes the next of its addresses: nothing shows which ones are in use.
pub(super) async fn datagrams(target: &SyslogTarget, attempt: usize) -> Result<UdpSocket, String> {
    let resolving = timeout(CONNECT_TIMEOUT, lookup_host((&*target.host, target.port))).await;
    let found = resolving.map_err(|_| "its name was not found in time".to_owned())?;
    let found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
    let next = attempt.checked_rem(found.len()).unwrap_or(0);
    let address = found.get(next).ok_or("its name has no address")?;
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
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::export::config::Transport;

    /// Where a name has more than one address.
    #[tokio::test]
    async fn each_attempt_takes_the_next_address_of_a_name() {
        let target = SyslogTarget {
            transport: Transport::Udp,
            host: "localhost".into(),
            port: 514,
        };
        let found = lookup_host(("localhost", 514)).await.unwrap();
        let found: Vec<SocketAddr> = found.collect();
        for (attempt, address) in found.iter().cycle().take(5).enumerate() {
            // A machine may have no such network.
            if let Ok(socket) = datagrams(&target, attempt).await {
                assert_eq!(socket.peer_addr().unwrap(), *address);
            }
        }
    }

    #[tokio::test]
    async fn a_receiver_that_vanishes_is_noticed_within_the_given_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let after = Duration::from_secs(30);
        end_if_gone(&stream, after).unwrap();
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        let idle = sockopt::tcp_keepidle(&stream).unwrap();
        let probes = sockopt::tcp_keepcnt(&stream).unwrap();
        let probing = sockopt::tcp_keepintvl(&stream).unwrap() * probes;
        assert!(
            probes > 1 && idle + probing <= after,
            "{idle:?} {probing:?}"
        );
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 30_000);
    }
}
