//! The answers of a stream as the body of its response: those that are ready at once are one frame of HTTP/2.

use std::{
    convert::Infallible,
    mem::take,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue};
use hyper::body::{Body, Frame};
use prost::bytes::{Bytes, BytesMut};
use tonic::Status;

use super::CheckStream;
use crate::grpc::framing::{ReadableBody, push_framed};

/// Answers that are sent at once have about this many bytes at most.
const GATHERED_BYTES: usize = 16 * 1024;
/// What a buffer for them has at first.
const BUFFER_BYTES: usize = 1024;

/// The answers of a stream, and its trailers.
pub(in crate::grpc) struct Answers<B> {
    /// `None` once it has ended.
    stream: Option<CheckStream<B>>,
    gathered: BytesMut,
    trailers: Option<HeaderMap>,
}

impl<B: ReadableBody> Answers<B> {
    pub(in crate::grpc) fn of(stream: CheckStream<B>) -> Self {
        Self {
            stream: Some(stream),
            gathered: BytesMut::new(),
            trailers: None,
        }
    }

    /// Gathers the answers that are ready, until there are enough of them or the stream has ended.
    fn gather(&mut self, context: &mut Context<'_>) {
        while let Some(stream) = &mut self.stream
            && self.gathered.len() < GATHERED_BYTES
        {
            let Poll::Ready(next) = stream.poll_next(context) else {
                return;
            };
            match next {
                Some(Ok(answer)) => {
                    if self.gathered.is_empty() {
                        self.gathered.reserve(BUFFER_BYTES);
                    }
                    push_framed(&mut self.gathered, &answer);
                }
                Some(Err(status)) => self.end(&status),
                None => self.end(&Status::ok("")),
            }
        }
    }

    fn end(&mut self, status: &Status) {
        self.stream = None;
        self.trailers = Some(trailers_of(status));
    }
}

/// The trailers of a call that ends with this status.
fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Its text is no header value: the code is said without it.
        trailers.clear();
        let code = i32::from(status.code());
        trailers.insert(Status::GRPC_STATUS, HeaderValue::from(code));
    }
    trailers
}

impl<B: ReadableBody> Body for Answers<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        this.gather(context);
        let frame = if !this.gathered.is_empty() {
            Some(Frame::data(take(&mut this.gathered).freeze()))
        } else if this.stream.is_some() {
            return Poll::Pending;
        } else {
            this.trailers.take().map(Frame::trailers)
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none() && self.gathered.is_empty() && self.trailers.is_none()
    }
}
