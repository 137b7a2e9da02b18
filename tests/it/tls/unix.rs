//! TLS on a Unix socket: as on any other.

use std::{
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tower_service::Service;
use verigate::{listener::ListenAddress, proto::v1::access_service_client::AccessServiceClient};

use super::{Files, ask, is_refused, pki::Leaf};
use crate::world::World;

/// Connects to a socket, whatever the address is.
struct ToSocket(PathBuf);

impl Service<Uri> for ToSocket {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}

fn client(files: &Files, leaf: Option<&Leaf>) -> AccessServiceClient<Channel> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(files.server_ca.pem()))
        .domain_name("127.0.0.1");
    if let Some(leaf) = leaf {
        tls = tls.identity(Identity::from_pem(&leaf.chain, &leaf.key));
    }
    let endpoint = Endpoint::from_static("https://127.0.0.1");
    let endpoint = endpoint.tls_config(tls).unwrap();
    AccessServiceClient::new(
        endpoint.connect_with_connector_lazy(ToSocket(files.path("grpc.sock"))),
    )
}

#[tokio::test]
async fn a_unix_socket_speaks_tls_and_asks_for_certificates_like_any_other() {
    let files = Files::new();
    let (config, socket) = (files.mutual("grpc.tls"), files.path("grpc.sock"));
    let world = World::with(|all| {
        all.tls.grpc = Some(config);
        all.grpc = ListenAddress::Unix(socket);
    })
    .await;
    let answer = ask(&client(&files, None), "fresh").await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    let leaf = files.client_ca.client("spiffe://example.org/door/north");
    ask(&client(&files, Some(&leaf)), "fresh").await.unwrap();
}
