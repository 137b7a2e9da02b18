//! A call as its handler sees it.

use http::HeaderMap;

use super::calls::ObservedCall;
use crate::call::Call;

/// A call of one message that was admitted, with its message.
pub(super) struct IncomingCall<'c, M> {
    pub(super) message: M,
    pub(super) headers: &'c HeaderMap,
    /// Its context. The deadline counts from the arrival of the message.
    pub(super) context: Call,
    /// Takes what only the handler knows.
    pub(super) observed: &'c ObservedCall,
}
