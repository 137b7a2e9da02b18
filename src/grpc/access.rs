//! `AccessService`: each call parses the question, asks the gate, or for a step-up, and renders the answer.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};
use tracing::Instrument as _;

use super::{
    answer::{answer, begun as begun_answer},
    config::Deadlines,
    deadline::Deadline,
    question::question,
    receipt::Receipt,
    status,
    wish::wish,
};
use crate::{
    gate::{Asker, Gate},
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
    /// How long answers may take.
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

    async fn check(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.deadlines);
        let asker = asker(&request);
        let question = question(request.into_inner()).map_err(|wrong| status::malformed(&wrong))?;
        let ruling = deadline
            .keep(self.gate.check(&question, asker, deadline.patience()))
            .await
            .ok_or_else(status::too_late)?
            .map_err(|none| status::no_ruling(&none))?;
        let receipt = Receipt::of(&ruling);
        let mut response = Response::new(answer(question, ruling));
        response.extensions_mut().insert(receipt);
        Ok(response)
    }
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let span = span::check(traceparent(&request));
        let checked = self.check(request).instrument(span.clone()).await;
        if let Err(status) = &checked {
            span::refused(&span, status.code());
        }
        checked
    }

    async fn batch_check_access(
        &self,
        _: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        Err(status::to_come("BatchCheckAccess"))
    }

    type StreamCheckAccessStream = BoxStream<StreamCheckAccessResponse>;

    async fn stream_check_access(
        &self,
        _: Request<Streaming<CheckAccessRequest>>,
    ) -> Result<Response<Self::StreamCheckAccessStream>, Status> {
        Err(status::to_come("StreamCheckAccess"))
    }

    async fn begin_step_up(
        &self,
        request: Request<BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.deadlines);
        let asker = asker(&request);
        let wish = wish(request.into_inner(), &self.step_ups).map_err(|no| status::no_wish(&no))?;
        let begun = deadline
            .keep(self.step_ups.begin(wish, asker))
            .await
            .ok_or_else(status::too_late)?
            .map_err(|none| status::no_step_up(&none))?;
        Ok(Response::new(begun_answer(begun)))
    }
}

/// Where the caller is in a trace of its own.
fn traceparent<T>(request: &Request<T>) -> Option<&str> {
    let value = request.metadata().get(span::TRACEPARENT)?;
    value.to_str().ok()
}

/// Who asks: for now, the address that the call comes from.
fn asker<T>(request: &Request<T>) -> Asker {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // The listener always says; who comes without is one caller among others, not one without a quota.
    let unknown = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    Asker::Caller(info.map_or(unknown, |ConnectInfo(address)| address.ip()))
}
