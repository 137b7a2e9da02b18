//! Who makes a call: found out from its head, before a byte of its messages is read.

use std::{net::IpAddr, time::Duration};

use http::HeaderMap;
use tonic::Status;

use super::calls::ObservedCall;
use crate::{
    callers::{AuthenticationError, Caller, CallerPriority, Callers},
    peer::Peer,
    refusals::Refusals,
};

/// Services that everybody may ask.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Services that everybody on this machine may ask.
const REFLECTION: &str = "/grpc.reflection.";

/// Authenticates the callers of gRPC.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// The callers.
    pub callers: Callers,
    /// Records those that are refused.
    pub refusals: Refusals,
    /// Whether the listener is reached from this machine alone, so that reflection is open.
    pub is_local: bool,
}

impl Authentication {
    /// The caller of a request; the status of a request that has none. Waits for nothing longer than `wait_max`.
    pub(super) async fn admit<B>(
        &self,
        request: &http::Request<B>,
        peer: &Peer,
        call: &ObservedCall,
        wait_max: Duration,
    ) -> Result<Caller, Status> {
        let (headers, path) = (request.headers(), request.uri().path());
        let callers = &self.callers;
        let caller = callers.authenticate_within(headers, Some(peer), wait_max);
        self.admitted(caller.await, path, peer, call)
    }

    /// The same, if it takes no wait.
    pub(super) fn admit_now<B>(
        &self,
        request: &http::Request<B>,
        peer: &Peer,
        call: &ObservedCall,
    ) -> Option<Result<Caller, Status>> {
        let (headers, path) = (request.headers(), request.uri().path());
        let caller = self.callers.authenticate_now(headers, Some(peer))?;
        Some(self.admitted(caller, path, peer, call))
    }

    fn admitted(
        &self,
        caller: Result<Caller, AuthenticationError>,
        path: &str,
        peer: &Peer,
        call: &ObservedCall,
    ) -> Result<Caller, Status> {
        match caller {
            Ok(caller) => {
                call.note_caller(&caller.id);
                let is_door = caller.id.priority() == CallerPriority::Doors;
                peer.urgency.note(is_door);
                Ok(caller)
            }
            Err(_) if self.is_open(path) => Ok(Caller::unauthenticated(peer.ip())),
            Err(error) => Err(self.refuse(peer.ip(), error)),
        }
    }

    /// The caller of a message in a call that was admitted: its credential may have expired or been withdrawn since. Waits for nothing
    /// longer than `wait_max`.
    pub(super) async fn again(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
        wait_max: Duration,
    ) -> Result<Caller, Status> {
        let caller = self
            .callers
            .authenticate_within(headers, Some(peer), wait_max);
        caller.await.map_err(|error| self.refuse(peer.ip(), error))
    }

    fn refuse(&self, address: IpAddr, error: AuthenticationError) -> Status {
        self.refusals.unauthenticated(address, error);
        Status::unauthenticated(error.to_string())
    }

    fn is_open(&self, path: &str) -> bool {
        path.starts_with(HEALTH) || (self.is_local && path.starts_with(REFLECTION))
    }
}
