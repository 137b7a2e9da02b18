//! What the service is compared with: tonic's own server with a handler that does nothing but answer ALLOW, of the same build.

use std::{io, net::SocketAddr};

use tonic::{
    Request, Response, Status, Streaming,
    codegen::BoxStream,
    transport::{Server, server::TcpIncoming},
};

use crate::proto::v1::{
    BatchCheckAccessRequest, BatchCheckAccessResponse, BeginStepUpRequest, BeginStepUpResponse,
    CheckAccessRequest, CheckAccessResponse, Decision, StreamCheckAccessResponse,
    access_service_server::{AccessService, AccessServiceServer},
};

/// A server that listens, and answers nothing yet.
#[derive(Debug)]
pub struct EmptyServer {
    incoming: TcpIncoming,
    /// Where it listens.
    pub address: SocketAddr,
}

impl EmptyServer {
    /// Listens.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let incoming = TcpIncoming::bind(address)?.with_nodelay(Some(true));
        let address = incoming.local_addr()?;
        Ok(Self { incoming, address })
    }

    /// Answers until the process ends.
    pub async fn serve(self) -> Result<(), tonic::transport::Error> {
        Server::builder()
            .add_service(AccessServiceServer::new(EmptyHandler))
            .serve_with_incoming(self.incoming)
            .await
    }
}

#[derive(Debug)]
struct EmptyHandler;

#[tonic::async_trait]
impl AccessService for EmptyHandler {
    async fn check_access(
        &self,
        _: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        Ok(Response::new(CheckAccessResponse {
            decision: Decision::Allow.into(),
            ..CheckAccessResponse::default()
        }))
    }

    async fn batch_check_access(
        &self,
        _: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        Err(only_checks())
    }

    type StreamCheckAccessStream = BoxStream<StreamCheckAccessResponse>;

    async fn stream_check_access(
        &self,
        _: Request<Streaming<CheckAccessRequest>>,
    ) -> Result<Response<Self::StreamCheckAccessStream>, Status> {
        Err(only_checks())
    }

    async fn begin_step_up(
        &self,
        _: Request<BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        Err(only_checks())
    }
}

fn only_checks() -> Status {
    Status::unimplemented("the empty handler answers CheckAccess alone")
}
