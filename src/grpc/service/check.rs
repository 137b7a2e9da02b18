//! The way of a check. Its message is nearly always there already, and what it is decided by in memory: all that is done by plain functions before
//! there is a future, and the future has only what waits for the record.
//!
//! Why: each call was a state of several kilobytes, which was copied, too large for the free lists of the allocator, and overwritten.

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
        status,
        unary::{self, AnswerBody},
    },
    listener::RequestBody,
    proto::v1::{CheckAccessRequest, CheckAccessResponse},
};

impl Parts {
    /// Answers a check, whose message is nearly always there already.
    pub(super) fn check(
        &self,
        mut received: Received,
        body: RequestBody,
        caller: Caller,
        framing: Framing,
    ) -> Answering<'_> {
        let priority = caller.id.priority();
        let Some(mut in_flight) = self.enter(priority, &received.head, received.shed) else {
            return self.refuse(status::too_many_calls(), received);
        };
        let mut read = framing.one(body);
        let Some(message) = (&mut read).now_or_never() else {
            return Box::pin(async move {
                let call = received.admitted(caller, framing);
                let checked = self.check_once_read(call, read, &mut in_flight).await;
                unary::respond(checked).observed(received.observed)
            });
        };
        let message = match message.and_then(|read| Ok((read, take_place(&mut in_flight)?))) {
            Ok((message, ())) => message,
            Err(status) => return self.refuse(status, received),
        };
        let call = received.admitted(caller, framing).with_message(message);
        let checked = self.access.check_access(call);
        Box::pin(decided(checked, received.observed, in_flight))
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
