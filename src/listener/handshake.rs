//! The bytes of a TLS handshake. The TLS library collects a message of up to 64 KiB before it looks at it, and whoever can open a connection
//! can begin one, so what may be sent before the handshake is complete has a limit of ours.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that a peer may send before the handshake is complete: a hello of 2 KiB, and five certificates of 2.5 KiB.
pub(super) const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// A stream on which a handshake is made.
#[derive(Debug)]
pub(super) struct Limited<S> {
    stream: S,
    /// How many bytes may still come; `None` once the handshake is complete.
    left: Option<usize>,
}

impl<S> Limited<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            left: Some(HANDSHAKE_BYTES_MAX),
        }
    }

    /// The handshake is complete: what follows is limited elsewhere.
    pub(super) fn complete(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == Some(0) {
            let flaw = format!("the handshake has more than {HANDSHAKE_BYTES_MAX} bytes");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, flaw)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let received = buffer.filled().len().saturating_sub(before);
        this.left = this.left.map(|left| left.saturating_sub(received));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_handshake_has_a_limit_and_what_follows_it_has_none() {
        let (mut peer, ours) = duplex(4 * HANDSHAKE_BYTES_MAX);
        let mut limited = Limited::new(ours);
        let sent = vec![1; 2 * HANDSHAKE_BYTES_MAX];
        peer.write_all(&sent).await.unwrap();
        let mut read = vec![0; HANDSHAKE_BYTES_MAX];
        limited.read_exact(&mut read).await.unwrap();
        let error = limited.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        limited.complete();
        limited.read_exact(&mut read).await.unwrap();
    }
}
