//! What is recorded of a decision, and of a request that was refused.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::protection::Protection;
use crate::{
    callers::CallerId,
    peer::PeerAddress,
    policy::{PolicyName, PolicySet, Request, Timestamp},
    ruling::Ruling,
};

/// A decision to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was requested.
    pub request: Arc<Request>,
    /// By whom, and how.
    pub call: CallFacts,
    /// What was decided.
    pub ruling: Ruling,
    /// By what.
    pub sets: Sets,
    /// The names of the request's attributes that are recorded: the journal that records it sets them.
    pub attributes: Arc<[Box<str>]>,
    /// How its line protects what is about a person: the journal that records it says so.
    pub protection: Protection,
}

/// What is recorded of a call.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// Who made it.
    pub caller: CallerId,
    /// Where it came from, if that is known.
    pub peer: Option<PeerAddress>,
    /// How long the caller would wait.
    pub deadline: Duration,
}

/// The policy sets that a check was judged by.
#[derive(Debug, Clone)]
pub struct Sets {
    /// The one in force.
    pub in_force: Arc<PolicySet>,
    /// The one that is judged beside it, if there is one.
    pub shadow: Option<Arc<PolicySet>>,
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
    /// The entry of a ruling on this request, by these sets.
    pub fn new(request: &Arc<Request>, call: CallFacts, ruling: Ruling, sets: Sets) -> Self {
        Self {
            request: Arc::clone(request),
            call,
            ruling,
            sets,
            attributes: Arc::default(),
            protection: Protection::default(),
        }
    }
}
