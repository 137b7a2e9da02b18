//! What is recorded of a decision, and of a request that was refused.

use std::{net::IpAddr, sync::Arc};

use crate::{
    callers::CallerId,
    policy::{PolicyName, Request, Timestamp},
    ruling::Ruling,
};

/// A decision to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was requested.
    pub request: Arc<Request>,
    /// Who requested it.
    pub caller: CallerId,
    /// What was decided.
    pub ruling: Ruling,
}

/// A request that was refused because of who makes it.
#[derive(Debug, Clone)]
pub struct RefusedCaller {
    /// When.
    pub at: Timestamp,
    /// Who makes it; `unknown` if that is not known.
    pub caller: Box<str>,
    /// The address that it comes from.
    pub from: IpAddr,
    /// Why it is refused.
    pub reason: &'static str,
    /// The policy that it names, if that is known.
    pub policy: Option<PolicyName>,
    /// How many were refused since the last line that have none.
    pub suppressed: u64,
}

impl Entry {
    /// The entry of a ruling on this request of this caller.
    pub fn new(request: &Arc<Request>, caller: &CallerId, ruling: &Ruling) -> Self {
        Self {
            request: Arc::clone(request),
            caller: caller.clone(),
            ruling: ruling.clone(),
        }
    }
}
