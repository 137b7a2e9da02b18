//! The messages in the body of a call: their frames, their compression and their encoding. What a caller sends wrong is
//! INVALID_ARGUMENT or OUT_OF_RANGE, where tonic's own decoder says INTERNAL, or ignores the rest.

use std::{
    future::poll_fn,
    io::Read as _,
    mem::take,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{BoxError, body::Body, response::Response};
use flate2::bufread::MultiGzDecoder;
use futures_util::stream::try_unfold;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use parking_lot::Mutex;
use prost::{
    DecodeError, Message,
    bytes::{BufMut as _, Bytes, BytesMut},
};
use tonic::Status;

use super::{
    signature::{Kind, Signature},
    status,
};
use crate::clock::pause;

/// Before each message: one byte that says whether it is compressed, and four for its length.
const HEADER_BYTES: usize = 5;

/// How the compressed messages of a call are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// There are none.
    Identity,
    Gzip,
}

/// How the messages of a call are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Framing {
    pub(super) signature: &'static Signature,
    pub(super) encoding: Encoding,
    /// How long a message of a stream may take to arrive, once it has begun. The first one of a stream that is not for checks, from the head
    /// of the call.
    pub(super) timeout: Duration,
}

impl Framing {
    /// The one message of a call.
    ///
    /// Not an `async fn`: nearly always the message is there when it is first looked for, and what is left then can be moved.
    pub(super) fn one<M: OwnedMessage, B: ReadableBody>(
        self,
        body: B,
    ) -> impl Future<Output = Result<M, Status>> + Send + Unpin + use<M, B> {
        let mut messages = self.messages(body);
        let mut message = None;
        poll_fn(move |context| {
            while let Some(frame) = ready!(messages.poll_frame(context))? {
                message = Some(decoded(&frame)?);
            }
            // At the end without a message there was an error.
            Poll::Ready(Ok(message.take().unwrap_or_default()))
        })
    }

    /// The same, in its frame and not compressed.
    pub(super) async fn one_framed(self, body: impl ReadableBody) -> Result<Bytes, Status> {
        let mut messages = self.messages(body);
        let message = messages.next().await?.unwrap_or_default();
        messages.frame().await?;
        Ok(message)
    }

    /// The same body with messages that are all well-formed and not compressed. It breaks off at the first that is not, with the status
    /// of the call.
    pub(super) fn stream(&self, body: Body, failure: Failure) -> Body {
        let messages = self.messages(body);
        Body::from_stream(try_unfold(
            (messages, failure),
            |(mut messages, failure)| async move {
                let next = messages.next().await;
                let next = next.map_err(|broken| failure.of(broken))?;
                Ok::<_, BoxError>(next.map(|frame| (frame, (messages, failure))))
            },
        ))
    }

    /// The messages of this body.
    pub(super) fn messages<B>(&self, body: B) -> Messages<B> {
        Messages {
            body,
            part: Bytes::new(),
            gathered: BytesMut::new(),
            framing: *self,
            begun: false,
            late: None,
        }
    }
}

/// A body from which messages are read.
pub(super) trait ReadableBody:
    hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static
{
}

impl<B> ReadableBody for B where
    B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static
{
}

/// A message that can be read.
pub(super) trait OwnedMessage: Message + Default + Unpin + 'static {}

impl<M: Message + Default + Unpin + 'static> OwnedMessage for M {}

/// Why the messages of a call broke off.
enum Broken {
    /// What was sent is wrong.
    Refused(Status),
    /// The body broke off.
    Body(BoxError),
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<Broken> for Status {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused(status) => status,
            Broken::Body(error) => Self::cancelled(format!("the message broke off: {error}")),
        }
    }
}

/// The messages of a call, read from its body.
pub(super) struct Messages<B> {
    body: B,
    /// What is left of the last part of the body, if nothing is gathered: a message that is all in one part is not copied.
    part: Bytes,
    /// What was read of the body, from the beginning of a frame that is not all in one part.
    gathered: BytesMut,
    framing: Framing,
    /// Whether there was a message.
    begun: bool,
    /// When the message that has begun is too late.
    late: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<B: ReadableBody> Messages<B> {
    /// The next message in its frame, which can be decoded; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let next = self.frame().await?;
        if let Some(frame) = &next {
            let message = frame.get(HEADER_BYTES..).unwrap_or_default();
            (self.framing.signature.decode)(message).map_err(|error| undecodable(&error))?;
        }
        Ok(next)
    }

    /// The next message; `None` at the end. Not to be called again after an error.
    pub(super) fn poll_message<M: OwnedMessage>(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<M>, Status>> {
        let frame = ready!(self.poll_frame(context))?;
        Poll::Ready(frame.as_ref().map(decoded).transpose())
    }

    /// The next message in its frame; `None` at the end.
    async fn frame(&mut self) -> Result<Option<Bytes>, Broken> {
        poll_fn(|context| self.poll_frame(context)).await
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        loop {
            if let Some(message) = self.take()? {
                return Poll::Ready(Ok(Some(message)));
            }
            // What waits for the rest of its message keeps no more memory than it takes.
            if !self.part.is_empty() {
                self.gathered.extend_from_slice(&take(&mut self.part));
            }
            match ready!(self.poll_part(context))? {
                Some(frame) => match frame.into_data() {
                    Ok(data) if self.gathered.is_empty() => self.part = data,
                    Ok(data) => self.gathered.extend_from_slice(&data),
                    Err(_trailers) => {}
                },
                None => {
                    self.at_end()?;
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    /// The next part of the body. A stream may be silent between its messages, and not inside of one. The message of other calls has
    /// the deadline of its call.
    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        if let Poll::Ready(part) = Pin::new(&mut self.body).poll_frame(context) {
            let part = part.transpose();
            return Poll::Ready(part.map_err(|error| Broken::Body(error.into())));
        }
        let signature = self.framing.signature;
        let may_begin_late = self.begun || signature.kind == Kind::CheckStream;
        if signature.streams() && !(may_begin_late && self.unread().is_empty()) {
            // Once for the whole message: one byte at a time does not prolong it.
            let timeout = self.framing.timeout;
            let late = self.late.get_or_insert_with(|| Box::pin(pause(timeout)));
            ready!(late.as_mut().poll(context));
            return Poll::Ready(Err(status::message_too_late().into()));
        }
        Poll::Pending
    }

    /// What of the body was not taken yet: all of it is in one of the two.
    fn unread(&self) -> &[u8] {
        if self.gathered.is_empty() {
            &self.part
        } else {
            &self.gathered
        }
    }

    /// Takes the next message, if all of it is there.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        if self.begun && !self.framing.signature.streams() && !self.unread().is_empty() {
            let hint = "the body has data after the message; this method takes exactly one message";
            return Err(Status::invalid_argument(hint));
        }
        let Some((&[flag, ref length @ ..], rest)) =
            self.unread().split_first_chunk::<HEADER_BYTES>()
        else {
            return Ok(None);
        };
        let compressed = self.is_compressed(flag)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let bytes_max = self.framing.signature.message_bytes_max;
        if length > bytes_max {
            return Err(too_large(bytes_max));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let end = HEADER_BYTES.saturating_add(length);
        let mut frame = if self.gathered.is_empty() {
            self.part.split_to(end)
        } else {
            self.gathered.split_to(end).freeze()
        };
        if compressed {
            let message = unzipped(frame.slice(HEADER_BYTES..).as_ref(), bytes_max)?;
            let mut plain = frame_header(message.len());
            plain.put_slice(&message);
            frame = plain.freeze();
        }
        self.begun = true;
        self.late = None;
        Ok(Some(frame))
    }

    fn is_compressed(&self, flag: u8) -> Result<bool, Status> {
        match (flag, self.framing.encoding) {
            (0, _) => Ok(false),
            (1, Encoding::Gzip) => Ok(true),
            (1, Encoding::Identity) => Err(Status::invalid_argument(
                "the message is marked as compressed, but `grpc-encoding` does not say how",
            )),
            _ => Err(Status::invalid_argument(
                "the body is not a message of gRPC: its first byte must be 0 or 1",
            )),
        }
    }

    /// Whether the body may end here.
    fn at_end(&self) -> Result<(), Status> {
        if !self.unread().is_empty() {
            return Err(Status::invalid_argument(
                "the body is truncated inside a message",
            ));
        }
        if !self.begun && !self.framing.signature.streams() {
            return Err(Status::invalid_argument("the body has no message"));
        }
        Ok(())
    }
}

/// The message in a frame.
fn decoded<M: Message + Default>(frame: &Bytes) -> Result<M, Status> {
    let message = frame.get(HEADER_BYTES..).unwrap_or_default();
    M::decode(message).map_err(|error| undecodable(&error))
}

fn undecodable(error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the message cannot be decoded: {error}"))
}

/// Decompresses a message within the bound of messages: what would be larger is not written to memory.
fn unzipped(compressed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Status> {
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut message = Vec::new();
    let read = MultiGzDecoder::new(compressed)
        .take(bound.saturating_add(1))
        .read_to_end(&mut message);
    match read {
        Ok(length) if length > bytes_max => Err(too_large(bytes_max)),
        Ok(_) => Ok(message),
        Err(error) => {
            let text = format!("the message cannot be decompressed with gzip: {error}");
            Err(Status::invalid_argument(text))
        }
    }
}

/// A message in its frame, not compressed.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = vec![0; HEADER_BYTES.saturating_add(length)];
    // A slice, because each byte that is appended to a buffer that may grow costs a look at its end.
    let mut unwritten = &mut *frame;
    unwritten.put_slice(&header_of(length));
    message.encode_raw(&mut unwritten);
    frame.into()
}

/// Adds a message in its frame, not compressed.
pub(super) fn push_framed(frames: &mut BytesMut, message: &impl Message) {
    let length = message.encoded_len();
    frames.reserve(HEADER_BYTES.saturating_add(length));
    frames.put_slice(&header_of(length));
    message.encode_raw(frames);
}

/// The header of the frame of a message of this length, with room for the message.
fn frame_header(length: usize) -> BytesMut {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES.saturating_add(length));
    frame.put_slice(&header_of(length));
    frame
}

/// The header of the frame of a message of this length, which is not compressed.
fn header_of(length: usize) -> [u8; HEADER_BYTES] {
    // It is within its bound, which is far below that of the type.
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

fn too_large(bytes_max: usize) -> Status {
    Status::out_of_range(format!(
        "a message of this method must be at most {bytes_max} bytes, compressed and decompressed"
    ))
}

/// Why the messages of a call broke off, if they did.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Status>>>);

impl Failure {
    /// Keeps the status, and makes an error of it that ends the messages.
    fn of(&self, broken: Broken) -> Status {
        let status = Status::from(broken);
        *self.0.lock() = Some(status.clone());
        status
    }

    /// The response to the call. A handler of a stream may take messages that broke off for the end of the stream, and say OK: the
    /// trailers then say what was wrong.
    pub(super) fn shown_in(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(body.map_frame(move |mut frame| {
                if let (Some(trailers), Some(status)) = (frame.trailers_mut(), &*self.0.lock()) {
                    // An error means that the status is no header value; the trailers then stay as they are.
                    let _ = status.add_header(trailers);
                }
                frame
            }))
        })
    }
}
