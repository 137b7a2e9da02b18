//! The bodies of requests and answers on a connection: what they hold in memory counts, and since when an answer waits for the peer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use prost::bytes::Buf;

use super::{
    activity::{GivenPart, OpenCall},
    memory::CallShare,
};

/// The body of a request. What is read of it counts as memory of its connection until there is an answer.
#[derive(Debug)]
pub struct RequestBody {
    body: Incoming,
    share: Arc<CallShare>,
}

impl RequestBody {
    /// The body of a call that holds this.
    pub(super) fn new(body: Incoming, share: Arc<CallShare>) -> Self {
        Self { body, share }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.share.read(data.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A part of an answer, which counts until it is written.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Bytes,
    _given: GivenPart,
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// The body of an answer, which knows since when it waits for the peer.
#[derive(Debug)]
pub(super) struct TakenBody<B> {
    body: B,
    call: OpenCall,
}

impl<B> TakenBody<B> {
    /// The body of the answer to this call.
    pub(super) fn new(body: B, call: OpenCall) -> Self {
        Self { body, call }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for TakenBody<B> {
    type Data = Part;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Part>, B::Error>>> {
        let this = self.get_mut();
        // It is asked for more: what it gave was taken.
        this.call.unblock();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if frame.is_some() {
            this.call.block();
        }
        let part = |bytes: Bytes| Part {
            _given: this.call.give(bytes.len()),
            bytes,
        };
        Poll::Ready(frame.map(|frame| Ok(frame?.map_data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
