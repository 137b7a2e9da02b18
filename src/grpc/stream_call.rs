//! A call whose body is a stream of checks, and whose answer is the stream of their answers. Tonic's codec reads and writes the messages.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use axum::body::Body;
use tonic::{
    Request, Response, Status, Streaming,
    codegen::BoxStream,
    server::{Grpc, StreamingService},
};

use super::{access::Access, check_stream::StreamOrigin, signature::MESSAGE_BYTES_MAX};
use crate::proto::{
    codec::SmallCodec,
    v1::{CheckAccessRequest, StreamCheckAccessResponse},
};

/// Answers a call whose body is a stream of checks, which comes from here.
pub(super) async fn answer(
    access: Arc<Access>,
    from: StreamOrigin,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let codec: SmallCodec<StreamCheckAccessResponse, CheckAccessRequest> = SmallCodec::default();
    let handler = Handler {
        access,
        from: Some(from),
    };
    let mut server = Grpc::new(codec).max_decoding_message_size(MESSAGE_BYTES_MAX);
    server.streaming(handler, request).await.map(Body::new)
}

/// Answers one stream.
struct Handler {
    access: Arc<Access>,
    /// `None` once it was answered.
    from: Option<StreamOrigin>,
}

impl StreamingService<CheckAccessRequest> for Handler {
    type Response = StreamCheckAccessResponse;
    type ResponseStream = BoxStream<StreamCheckAccessResponse>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<CheckAccessRequest>>) -> Self::Future {
        let from = self.from.take();
        let from = from.ok_or_else(|| Status::internal("the stream was answered before"));
        let answers = |from| self.access.stream_check_access(request.into_inner(), from);
        ready(from.map(answers).map(Response::new))
    }
}
