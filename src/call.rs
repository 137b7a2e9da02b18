//! The context of one call: who makes it, how long the answer may take, and the trace that it belongs to. Made once by an adapter
//! and not changed afterwards.

mod config;
mod deadline;

use std::sync::Arc;

use http::{Extensions, HeaderMap};

pub use self::{config::Deadlines, deadline::Deadline};
use crate::{
    callers::{Caller, Proven},
    peer::{self, Peer, PeerAddress},
    signatures::HandedOn,
};

/// The header in which a caller names its trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// The context of one call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who makes it.
    pub caller: Caller,
    /// Where it comes from, if the listener says so.
    pub peer: Option<PeerAddress>,
    /// How long the answer may take.
    pub deadline: Deadline,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    /// What of the request a verified token of the session proves.
    pub proven: Proven,
    /// The later verification that the person's browser has brought, if it has.
    pub handed_on: Option<Arc<HandedOn>>,
}

/// The caller's place in a trace: the `traceparent` header as it came, if any.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(Option<Box<str>>);

impl Call {
    /// Reads the context from a request's headers and extensions: the caller that an adapter has put there; and the deadline that it has
    /// put there when the request arrived, or else one that begins now. An HTTP call that sends no `grpc-timeout` has the default deadline.
    pub fn of(headers: &HeaderMap, extensions: &Extensions, deadlines: Deadlines) -> Self {
        // An adapter that does not authenticate gets nothing.
        let caller = extensions.get().cloned();
        let caller = caller.unwrap_or_else(|| Caller::unauthenticated(peer::ip_of(extensions)));
        let deadline = extensions.get().copied();
        let deadline = deadline.unwrap_or_else(|| Deadline::of(headers, deadlines));
        let peer = Peer::of(extensions).map(|peer| peer.address);
        Self::new(caller, peer, deadline, headers)
    }

    /// The context of a call by this caller, from this address, with these headers: what is left of its deadline is known.
    pub fn new(
        caller: Caller,
        peer: Option<PeerAddress>,
        deadline: Deadline,
        headers: &HeaderMap,
    ) -> Self {
        Self {
            caller,
            peer,
            deadline,
            trace: TraceContext::of(headers),
            proven: Proven::default(),
            handed_on: None,
        }
    }

    /// The same call, in the trace that these headers name.
    pub fn with_trace_of(self, headers: &HeaderMap) -> Self {
        let trace = TraceContext::of(headers);
        Self { trace, ..self }
    }

    /// The same call, about a request of which a verified token of the session proves this.
    pub fn with_proven(self, proven: Proven) -> Self {
        Self { proven, ..self }
    }

    /// The same call, with the later verification that the person's browser has brought for the one that is asked about.
    pub fn with_handed_on(self, handed_on: Option<Arc<HandedOn>>) -> Self {
        Self { handed_on, ..self }
    }
}

impl TraceContext {
    /// Reads the `traceparent` header. One that is not ASCII counts as absent.
    pub fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(TRACEPARENT);
        Self(value.and_then(|v| v.to_str().ok()).map(Into::into))
    }

    /// The header's value.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.as_deref()
    }
}
