//! `AccessService`. Each handler parses the request, calls the gate or begins a step-up, and renders the result.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};
use tracing::Instrument as _;

use super::{
    calls::AskedPolicy,
    check_request::check_request,
    check_response::check_response,
    server_timing::ServerTiming,
    status,
    step_up_request::{begin_step_up_response, step_up_request},
};
use crate::{
    call::{Call, Deadlines},
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
    gate: Arc<Gate>,
    step_ups: StepUps,
    /// Bounds of the callers' deadlines.
    deadlines: Deadlines,
}

impl Access {
    pub(super) fn new(gate: Arc<Gate>, step_ups: StepUps, deadlines: Deadlines) -> Self {
        Self {
            gate,
            step_ups,
            deadlines,
        }
    }

    /// The context of a call.
    fn call<T>(&self, request: &Request<T>) -> Call {
        let headers = request.metadata().as_ref();
        Call::of(headers, request.extensions(), self.deadlines)
    }

    async fn check(
        &self,
        request: CheckAccessRequest,
        call: &Call,
        timing_requested: bool,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let request =
            check_request(request).map_err(|violations| status::invalid_argument(&violations))?;
        let request = Arc::new(request);
        let ruling = call
            .deadline
            .enforce(self.gate.check(&request, call))
            .await
            .ok_or_else(status::deadline_exceeded)?
            .map_err(|error| status::check_error(&error))?;
        let mut response = Response::new(check_response(&request, &ruling));
        if timing_requested {
            let timing = ServerTiming::of(&ruling);
            response.extensions_mut().insert(timing);
        }
        Ok(response)
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
        let check = self.check(request.into_inner(), &call, timing_requested);
        let checked = check.instrument(span.clone()).await;
        if let Err(status) = &checked {
            span::refused(&span, status.code());
        }
        checked
    }

    async fn batch_check_access(
        &self,
        _: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        Err(status::not_implemented("BatchCheckAccess"))
    }

    type StreamCheckAccessStream = BoxStream<StreamCheckAccessResponse>;

    async fn stream_check_access(
        &self,
        _: Request<Streaming<CheckAccessRequest>>,
    ) -> Result<Response<Self::StreamCheckAccessStream>, Status> {
        Err(status::not_implemented("StreamCheckAccess"))
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
