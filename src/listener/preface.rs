//! How a connection begins. On a port that speaks HTTP/2 only, everything else (HTTP/1, TLS, noise) is answered by a short rejection that
//! any HTTP/1 client can read and no gateway takes for success, and the connection is closed.
//!
//! Why before the HTTP library: no byte of HTTP/1 reaches it there, so that no router and no setting can ever answer such a request.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink},
    time::timeout,
};

/// How every HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of the rejection. Not a 5xx: some gateways can be set to let everybody in while the service that they ask is down.
const REJECTION_HEAD: &[u8] = b"HTTP/1.1 426 Upgrade Required\r\n\
    upgrade: HTTP/2.0\r\n\
    connection: upgrade, close\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    cache-control: no-store\r\n\
    \r\n";

/// What the body of a rejection says.
pub const NOT_HTTP2: &str = "This port speaks gRPC over HTTP/2 only.\n";

/// How much is read and discarded after the rejection, and for how long. If bytes of the peer were left unread, the system would reset
/// the connection, and the peer would not see the rejection.
const DISCARDED_BYTES_MAX: u64 = 1024 * 1024;
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// How a connection begins, with the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Preface {
    /// As HTTP/2 does. The preface has been read, and nothing behind it.
    Http2(Vec<u8>),
    /// Otherwise.
    Other(Vec<u8>),
    /// The peer has not sent the whole preface in time.
    Missing,
    /// The peer has left.
    Left,
}

/// Reads the preface, up to the first byte that differs.
pub(super) async fn read(reader: &mut (impl AsyncRead + Unpin), within: Duration) -> Preface {
    let mut buffer = vec![0; PREFACE.len()];
    let mut filled = 0;
    let read = timeout(within, async {
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match reader.read(free).await {
                Ok(0) | Err(_) => return Preface::Left,
                Ok(read) => filled = filled.saturating_add(read),
            }
            if PREFACE.get(..filled) != buffer.get(..filled) {
                buffer.truncate(filled);
                return Preface::Other(buffer);
            }
        }
        Preface::Http2(buffer)
    });
    read.await.unwrap_or(Preface::Missing)
}

/// Answers what is not HTTP/2, and ends the connection.
pub(super) async fn reject(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let rejected = timeout(REJECTION_TIMEOUT, async {
        let rejection = [REJECTION_HEAD, NOT_HTTP2.as_bytes()].concat();
        stream.write_all(&rejection).await?;
        stream.shutdown().await?;
        copy(&mut stream.take(DISCARDED_BYTES_MAX), &mut sink()).await
    });
    // Whether the peer reads the rejection is up to the peer.
    let _ = rejected.await;
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::{io::duplex, select};

    use super::*;

    const WITHIN: Duration = Duration::from_secs(2);

    /// How a connection begins whose peer sends these bytes in pieces of this length, and then leaves or stays silent.
    async fn begins(bytes: &[u8], piece: usize, leaves: bool) -> Preface {
        let (mut peer, mut stream) = duplex(64);
        let speak = async move {
            for piece in bytes.chunks(piece) {
                peer.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            if leaves {
                drop(peer);
            }
            pending::<Preface>().await
        };
        select! {
            preface = read(&mut stream, WITHIN) => preface,
            preface = speak => preface,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_whole_preface_is_http2() {
        for piece in [1, 7, 64] {
            assert_eq!(
                begins(PREFACE, piece, false).await,
                Preface::Http2(PREFACE.to_vec())
            );
            for length in 0..PREFACE.len() {
                let part = &PREFACE[..length];
                for leaves in [true, false] {
                    let preface = begins(part, piece, leaves).await;
                    let expected = if leaves {
                        Preface::Left
                    } else {
                        Preface::Missing
                    };
                    assert_eq!(preface, expected, "{length}");
                }
                let other = [part, b"?"].concat();
                let preface = begins(&other, piece, false).await;
                assert!(
                    matches!(preface, Preface::Other(read) if other.starts_with(&read)),
                    "{length}"
                );
            }
        }
    }

    #[tokio::test]
    async fn not_a_byte_behind_the_preface_is_read() {
        let (mut peer, mut stream) = duplex(64);
        peer.write_all(&[PREFACE, b"next"].concat()).await.unwrap();
        let preface = read(&mut stream, WITHIN).await;
        assert_eq!(preface, Preface::Http2(PREFACE.to_vec()));
        let mut next = [0; 4];
        stream.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"next");
    }
}
