//! `AccessService`: each call parses the question, asks the gate, and renders the answer.

use std::{sync::Arc, time::Duration};

use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};

use super::{answer::answer, deadline::Deadline, question::question, status};
use crate::{
    gate::Gate,
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BeginStepUpRequest, BeginStepUpResponse,
        CheckAccessRequest, CheckAccessResponse, StreamCheckAccessResponse,
        access_service_server::AccessService,
    },
};

/// The decision service.
pub(super) struct Access {
    gate: Arc<Gate>,
    /// How long any answer may take.
    longest: Duration,
}

impl Access {
    pub(super) fn new(gate: Arc<Gate>, longest: Duration) -> Self {
        Self { gate, longest }
    }
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.longest);
        let question = question(request.into_inner()).map_err(|wrong| status::malformed(&wrong))?;
        let ruling = deadline
            .keep(self.gate.check(&question, deadline.patience()))
            .await
            .ok_or_else(status::too_late)?
            .map_err(|none| status::no_ruling(&none))?;
        Ok(Response::new(answer(question, ruling)))
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
        _: Request<BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        Err(status::to_come("BeginStepUp"))
    }
}
