//! `AccessService`. Each handler parses the request, calls the gate or begins a step-up, and renders the result.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tonic::{Response, Status};
use tracing::{Instrument as _, Span};

use super::{
    authentication::Authentication,
    batch::batch,
    calls::Calls,
    check_stream::{CheckStream, Checker, StreamOrigin},
    checks::check_now,
    framing::{Messages, ReadableBody},
    in_flight::InFlight,
    incoming_call::IncomingCall,
    server_timing::ServerTiming,
    status,
    step_up_request::{begin_step_up_response, step_up_request},
};
use crate::{
    call::{Deadline, Deadlines},
    clock::Clock,
    gate::Gate,
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BeginStepUpRequest, BeginStepUpResponse,
        CheckAccessRequest, CheckAccessResponse,
    },
    span,
    step_up::StepUps,
};

/// The decision service.
pub(super) struct Access {
    pub(super) gate: Arc<Gate>,
    pub(super) step_ups: StepUps,
    /// Bounds of the callers' deadlines.
    pub(super) deadlines: Deadlines,
    pub(super) in_flight: InFlight,
    pub(super) calls: Arc<Calls>,
    pub(super) authentication: Authentication,
    pub(super) clock: Arc<dyn Clock>,
}

impl Access {
    /// Decides a check; at once, if what it needs is in memory.
    pub(super) fn check_access<'s>(
        &'s self,
        incoming: IncomingCall<'_, CheckAccessRequest>,
    ) -> impl Future<Output = Result<Response<CheckAccessResponse>, Status>> + Send + use<'s> {
        let IncomingCall {
            message,
            headers,
            context: call,
            observed,
        } = incoming;
        observed.note_policy(&message.policy);
        let timing_requested = ServerTiming::is_requested(headers);
        let span = span::check(&call.trace, call.caller.id.as_str());
        let checked = span.in_scope(|| check_now(&self.gate, message, call));
        let response = checked.map(move |checked| {
            let refused = |status: &Status| span::refused(&Span::current(), status.code());
            let checked = checked.inspect_err(refused)?;
            let timing = timing_requested.then(|| ServerTiming::of(&checked.ruling));
            let mut response = Response::new(checked.into_response());
            if let Some(timing) = timing {
                response.extensions_mut().insert(timing);
            }
            Ok(response)
        });
        response.instrument(span)
    }

    pub(super) async fn batch_check_access(
        &self,
        incoming: IncomingCall<'_, BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        let (request, call) = (incoming.message, &incoming.context);
        let answers = batch(&self.gate, &self.in_flight, &self.calls, request, call);
        answers.await.map(Response::new)
    }

    pub(super) async fn begin_step_up(
        &self,
        incoming: IncomingCall<'_, BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        let (request, call) = (incoming.message, &incoming.context);
        incoming.observed.note_policy(&request.policy);
        let request = step_up_request(request, &self.step_ups, &call.caller)
            .map_err(|error| status::invalid_step_up_request(&error))?;
        let begun = call
            .deadline
            .enforce(self.step_ups.begin(request, &call.caller))
            .await
            .ok_or_else(status::deadline_exceeded)?
            .map_err(|error| status::step_up_error(&error))?;
        Ok(Response::new(begin_step_up_response(begun)))
    }

    /// The checks of a stream, which come from this body.
    pub(super) fn stream_check_access<B: ReadableBody>(
        &self,
        requests: Messages<B>,
        from: StreamOrigin,
    ) -> CheckStream<B> {
        let checker = Checker {
            gate: Arc::clone(&self.gate),
            in_flight: self.in_flight.clone(),
            calls: Arc::clone(&self.calls),
            authentication: self.authentication.clone(),
            clock: Arc::clone(&self.clock),
            deadline: Deadline::within(self.deadlines.default),
            from,
        };
        CheckStream::new(checker, requests)
    }
}
