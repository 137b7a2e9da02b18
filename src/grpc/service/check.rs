//! The way of a check. Its caller and its message are nearly always known without a wait, and so is what it is decided by: all that is done by
//! plain functions before there is a future, and the future has only what waits for the record.
//!
//! Why: each call was a state of several kilobytes, which was copied, too large for the free lists of the allocator, and overwritten.

use std::future::ready;

use futures_util::FutureExt as _;
use http::Response;
use tonic::Status;

use super::{Admitted, Answering, Parts, Received, take_place};
use crate::{
    callers::Caller,
    grpc::{
        calls::ObservedCall,
        framing::Framing,
        in_flight::InFlightCall,
        protocol, status,
        unary::{self, Answer, AnswerBody},
    },
    proto::v1::{CheckAccessRequest, CheckAccessResponse},
};

impl Parts {
    /// Answers a check, whose caller and message are nearly always known without a wait.
    pub(super) fn check(&self, received: Received) -> Answering<'_> {
        let Some(admitted) = self.admit_now(&received) else {
            return Box::pin(self.any(received));
        };
        let Received {
            mut head,
            body,
            origin,
            observed,
            deadline,
            ..
        } = received;
        let (caller, framing, mut in_flight) = match admitted {
            Ok(admitted) => admitted,
            Err(refused) => return Box::pin(ready(refused.observed(observed))),
        };
        let mut read = framing.one(body);
        let Some(message) = (&mut read).now_or_never() else {
            return Box::pin(async move {
                let call = Admitted {
                    head: &mut head,
                    origin: &origin,
                    caller,
                    observed: &observed,
                    framing,
                    deadline,
                };
                let checked = self.check_once_read(call, read, &mut in_flight).await;
                unary::respond(checked).observed(observed)
            });
        };
        let message = match message.and_then(|read| Ok((read, take_place(&mut in_flight)?))) {
            Ok((message, ())) => message,
            Err(status) => return Box::pin(ready(Answer::from(status).observed(observed))),
        };
        let call = Admitted {
            head: &mut head,
            origin: &origin,
            caller,
            observed: &observed,
            framing,
            deadline,
        };
        let checked = self.access.check_access(call.with_message(message));
        Box::pin(decided(checked, observed, in_flight))
    }

    /// Admits a check, or refuses it, before its body is read; `None` if that takes a wait.
    fn admit_now(
        &self,
        received: &Received,
    ) -> Option<Result<(Caller, Framing, InFlightCall), Answer>> {
        let Received {
            head,
            origin,
            observed,
            shed,
            ..
        } = received;
        let from = origin.peer.ip();
        if let Some(too_large) = protocol::metadata_too_large(head) {
            return Some(Err(self.reject(too_large, head, from)));
        }
        let authentication = &self.authentication;
        let caller = match authentication.admit_now(head, &origin.peer, observed)? {
            Ok(caller) => caller,
            Err(status) => return Some(Err(status.into())),
        };
        let framing = match self.framing(head).transpose()? {
            Ok(framing) => framing,
            Err(rejection) => return Some(Err(self.reject(rejection, head, from))),
        };
        let in_flight = self.enter(caller.id.priority(), head, *shed);
        let in_flight = in_flight.ok_or_else(|| status::too_many_calls().into());
        Some(in_flight.map(|in_flight| (caller, framing, in_flight)))
    }

    /// Decides a check once its message was read.
    async fn check_once_read(
        &self,
        call: Admitted<'_>,
        read: impl Future<Output = Result<CheckAccessRequest, Status>> + Unpin + Send + 'static,
        in_flight: &mut InFlightCall,
    ) -> Result<tonic::Response<CheckAccessResponse>, Status> {
        let message = call.read(read).await?;
        take_place(in_flight)?;
        self.access.check_access(call.with_message(message)).await
    }
}

/// The answer to a check. The call is in flight until there is one; to write it takes no work of ours.
///
/// Not an `async fn`: that would hold the check twice, and each call has room for what it holds.
fn decided(
    checked: impl Future<Output = Result<tonic::Response<CheckAccessResponse>, Status>>,
    observed: ObservedCall,
    in_flight: InFlightCall,
) -> impl Future<Output = Response<AnswerBody>> {
    checked.map(move |checked| {
        let response = unary::respond(checked).observed(observed);
        drop(in_flight);
        response
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::{access::Access, incoming_call::IncomingCall};

    /// The size of the future that a function of this argument returns.
    fn future_bytes<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    type Check = (
        &'static Access,
        IncomingCall<'static, CheckAccessRequest>,
        ObservedCall,
        InFlightCall,
    );

    /// What is larger is no more cheap to allocate, and it is overwritten when it is freed.
    #[test]
    fn the_future_of_a_check_that_is_being_recorded_is_small() {
        let answer = |(access, incoming, observed, in_flight): Check| {
            decided(access.check_access(incoming), observed, in_flight)
        };
        assert!(future_bytes(answer) <= 1_024, "{}", future_bytes(answer));
    }
}
