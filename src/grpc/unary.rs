//! The answer to a call of one message with one message, as HTTP.
//!
//! Why not by tonic's server: it reads the message again that was read here within the bounds of the method, and its buffers, boxes and
//! bodies cost a tenth of a warm check.

use std::{
    convert::Infallible,
    mem::take,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use hyper::body::{Frame, SizeHint};
use prost::{Message, bytes::Bytes};
use tonic::{Code, Status};

use super::{calls::ObservedCall, framing::framed, server_timing::ServerTiming};

/// The content type of every answer.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
/// The status of a call that has an answer.
const OK: HeaderValue = HeaderValue::from_static("0");

/// The answer to a call: one message, or whatever else.
#[expect(
    clippy::large_enum_variant,
    reason = "it is moved a few times; a box would cost every call an allocation"
)]
pub(super) enum Answer {
    /// A message of a call that is OK.
    Message(Response<OneMessage>),
    /// Any other.
    Other(Response<Body>),
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self::Other(response)
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Self {
        Self::Other(status.into_http())
    }
}

impl Answer {
    /// The answer as HTTP, which ends this call.
    pub(super) fn observed(self, call: ObservedCall) -> Response<AnswerBody> {
        match self {
            Self::Message(response) => response.map(|message| {
                AnswerBody::Message(OneMessage {
                    call: Some(call),
                    ..message
                })
            }),
            Self::Other(response) => call.observe(response).map(AnswerBody::Other),
        }
    }

    /// The answer as HTTP, of a call that nobody counts.
    pub(super) fn into_response(self) -> Response<Body> {
        match self {
            Self::Message(response) => response.map(Body::new),
            Self::Other(response) => response,
        }
    }
}

/// The answer to a call with this message, or this error.
pub(super) fn respond<M: Message>(answer: Result<tonic::Response<M>, Status>) -> Answer {
    match answer {
        Err(status) => status.into(),
        Ok(answer) => {
            let (metadata, message, mut extensions) = answer.into_parts();
            let timing = extensions.remove::<ServerTiming>();
            let mut response = ok(&message, timing);
            response.headers_mut().extend(metadata.into_headers());
            Answer::Message(response)
        }
    }
}

/// The response to a call that is OK, with this message and these trailers.
pub(super) fn ok(message: &impl Message, timing: Option<ServerTiming>) -> Response<OneMessage> {
    let mut trailers = timing.map_or_else(one_header, ServerTiming::into_trailers);
    trailers.insert(Status::GRPC_STATUS, OK);
    response(OneMessage {
        frame: framed(message),
        trailers: Some(trailers),
        call: None,
    })
}

/// A response of gRPC with this body.
pub(super) fn response<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.headers_mut() = one_header();
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// A map with room for one: one that begins empty takes room for six.
fn one_header() -> HeaderMap {
    HeaderMap::with_capacity(1)
}

/// A body of one message and trailers.
#[derive(Debug)]
pub struct OneMessage {
    frame: Bytes,
    trailers: Option<HeaderMap>,
    /// The call that ends with the trailers. If the body is dropped before, the caller has left.
    call: Option<ObservedCall>,
}

/// The body of an answer.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost every call an allocation"
)]
pub enum AnswerBody {
    /// Of a call that is OK.
    Message(OneMessage),
    /// Any other.
    Other(Body),
}

impl From<Body> for AnswerBody {
    fn from(body: Body) -> Self {
        Self::Other(body)
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Message(body) => {
                let frame = Pin::new(body).poll_frame(context);
                frame.map_err(|never| match never {})
            }
            Self::Other(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(body) => body.is_end_stream(),
            Self::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Message(body) => body.size_hint(),
            Self::Other(body) => body.size_hint(),
        }
    }
}

impl hyper::body::Body for OneMessage {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let frame = if this.frame.is_empty() {
            if let Some(call) = this.call.take() {
                call.end(Code::Ok, "");
            }
            this.trailers.take().map(Frame::trailers)
        } else {
            Some(Frame::data(take(&mut this.frame)))
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none()
    }

    /// Not exact: the library would add a `content-length`, which an answer with trailers does not need.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(u64::try_from(self.frame.len()).unwrap_or(u64::MAX));
        hint
    }
}
