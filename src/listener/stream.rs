//! The bytes of a connection: TCP or Unix, with TLS or without, as one type.

use std::{
    io,
    net::TcpStream as StdTcpStream,
    os::unix::net::UnixStream as StdUnixStream,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use super::{
    activity::Activity, backlog::Backlog, read_turns::Reader, received_frames::ReceivedFrames,
    sent_frames::SentFrames,
};
use crate::peer::Urgency;

/// A connection that was accepted, and that no runtime polls yet.
#[derive(Debug)]
pub(super) enum NewConnection {
    Tcp(StdTcpStream),
    Unix(StdUnixStream),
}

/// A connection on a runtime.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl NewConnection {
    /// Registers the connection with the present runtime.
    pub(super) fn register(self) -> io::Result<Transport> {
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Transport::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Transport::Unix),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// A stream whose reads and writes are noted. The bytes in `begun` are read first.
///
/// It has no vectored writes: where there are some, the HTTP/2 library writes each answer of 256 bytes and more by a system call of its
/// own, and copies shorter ones together. An answer with a request id and a reason is longer than that.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    begun: Vec<u8>,
    /// Follows the frames where HTTP/2 is spoken.
    frames: Option<(ReceivedFrames, SentFrames)>,
    activity: Arc<Activity>,
    /// Where the calls of the connection wait, if they do.
    backlog: Option<Arc<Backlog>>,
    /// Its turns to read, in that case.
    reader: Option<Reader>,
}

impl<S> Watched<S> {
    /// A connection of HTTP/1 behind these bytes.
    pub(super) fn http1(stream: S, begun: Vec<u8>, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            begun,
            frames: None,
            activity,
            backlog: None,
            reader: None,
        }
    }

    /// A connection of HTTP/2 behind its preface.
    pub(super) fn http2(
        stream: S,
        begun: Vec<u8>,
        activity: Arc<Activity>,
        backlog: Option<(Arc<Backlog>, Urgency)>,
    ) -> Self {
        let reader = backlog
            .as_ref()
            .map(|(backlog, urgency)| Reader::new(backlog.read_turns(), urgency.clone()));
        let backlog = backlog.map(|(backlog, _)| backlog);
        Self {
            stream,
            begun,
            frames: Some(Default::default()),
            activity,
            backlog,
            reader,
        }
    }

    /// Notes what was received into a buffer of this size. `false` if the connection is to end.
    fn note(&mut self, received: &[u8], buffer: usize) -> bool {
        let Some((frames, _)) = &mut self.frames else {
            return self.activity.bytes_received(received.len(), buffer);
        };
        self.activity.was_read(received.len());
        let is_overloaded = self.backlog.as_ref().is_some_and(|b| b.is_overloaded());
        match frames.receive(received, self.activity.tick(), is_overloaded) {
            Some(kept) => self.activity.frames_received(kept, frames),
            None => {
                self.activity.flooded();
                false
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.begun.is_empty() {
            if let Some(reader) = &mut this.reader {
                ready!(reader.poll(context));
            }
            if this.frames.is_some() && !this.activity.is_readable() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let (before, size) = (buffer.filled().len(), buffer.remaining());
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            let received = buffer.filled().get(before..).unwrap_or_default();
            if let Some(reader) = &mut this.reader
                && !received.is_empty()
            {
                reader.was_read(received.len());
            }
            if !received.is_empty() && !this.note(received, size) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        } else {
            let count = this.begun.len().min(buffer.remaining());
            let rest = this.begun.split_off(count);
            buffer.put_slice(&this.begun);
            this.begun = rest;
            if this.frames.is_none() {
                this.activity.bytes_received(count, 0);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.activity.write_polled(written.is_ready());
        if let (Some((_, frames)), Poll::Ready(Ok(count))) = (&mut this.frames, &written) {
            let refused = frames.refused(bytes.get(..*count).unwrap_or_default());
            if refused > 0 {
                this.activity.holding().refuse(refused);
            }
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if flushed.is_pending() {
            this.activity.write_polled(false);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = Pin::new(&mut this.stream).poll_shutdown(context);
        this.activity.write_polled(closed.is_ready());
        closed
    }
}
