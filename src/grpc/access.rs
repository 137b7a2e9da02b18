//! `AccessService`. Each handler parses the request, calls the gate or begins a step-up, and renders the result.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};
use tracing::Instrument as _;

use super::{
    authentication::Authentication,
    batch::batch,
    calls::{AskedPolicy, Calls},
    check_stream::{CheckStream, Checker, StreamOrigin},
    checks::check,
    in_flight::InFlight,
    server_timing::ServerTiming,
    status,
    step_up_request::{begin_step_up_response, step_up_request},
};
use crate::{
    call::{Call, Deadline, Deadlines},
    clock::Clock,
    gate::Gate,
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BeginStepUpRequest, BeginStepUpResponse,
        CheckAccessRequest, CheckAccessResponse, StreamCheckAccessResponse,
        access_service_server::AccessService,
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
    /// The context of a call.
    fn call<T>(&self, request: &Request<T>) -> Call {
        let headers = request.metadata().as_ref();
        Call::of(headers, request.extensions(), self.deadlines)
    }
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let call = self.call(&request);
        AskedPolicy::note(request.extensions(), &request.get_ref().policy);
        let timing_requested = ServerTiming::is_requested(request.metadata().as_ref());
        let span = span::check(&call.trace, call.caller.id.as_str());
        let snapshot = self.gate.snapshot();
        let check = check(&self.gate, &snapshot, request.into_inner(), &call);
        let checked = check.instrument(span.clone()).await;
        let checked = checked.inspect_err(|status| span::refused(&span, status.code()))?;
        let mut response = Response::new(checked.response());
        if timing_requested {
            let timing = ServerTiming::of(&checked.ruling);
            response.extensions_mut().insert(timing);
        }
        Ok(response)
    }

    async fn batch_check_access(
        &self,
        request: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        let call = self.call(&request);
        let request = request.into_inner();
        let answers = batch(&self.gate, &self.in_flight, &self.calls, request, &call);
        answers.await.map(Response::new)
    }

    type StreamCheckAccessStream = BoxStream<StreamCheckAccessResponse>;

    async fn stream_check_access(
        &self,
        request: Request<Streaming<CheckAccessRequest>>,
    ) -> Result<Response<Self::StreamCheckAccessStream>, Status> {
        let call = self.call(&request);
        let (metadata, extensions, requests) = request.into_parts();
        let headers = metadata.as_ref();
        let checker = Checker {
            gate: Arc::clone(&self.gate),
            in_flight: self.in_flight.clone(),
            calls: Arc::clone(&self.calls),
            authentication: self.authentication.clone(),
            clock: Arc::clone(&self.clock),
            deadline: Deadline::within(self.deadlines.default),
            from: StreamOrigin::of(call, headers, &extensions, self.clock.read()),
        };
        let stream = CheckStream::new(checker, requests);
        Ok(Response::new(stream.answers()))
    }

    async fn begin_step_up(
        &self,
        request: Request<BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        let call = self.call(&request);
        AskedPolicy::note(request.extensions(), &request.get_ref().policy);
        let request = step_up_request(request.into_inner(), &self.step_ups, &call.caller)
            .map_err(|error| status::invalid_step_up_request(&error))?;
        let begun = call
            .deadline
            .enforce(self.step_ups.begin(request, &call.caller))
            .await
            .ok_or_else(status::deadline_exceeded)?
            .map_err(|error| status::step_up_error(&error))?;
        Ok(Response::new(begin_step_up_response(begun)))
    }
}
