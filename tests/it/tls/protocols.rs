//! Versions, protocols and sessions of TLS, by a client of rustls.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
};
use verigate::{listener::ListenAddress, tls::MinVersion};

use super::{Files, pki::Leaf};
use crate::world::World;

/// A client that offers these versions and protocols.
fn config(
    files: &Files,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
    leaf: Option<&Leaf>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(files.server_ca.pem().as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => builder
            .with_client_auth_cert(
                vec![leaf.der.clone()],
                PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    Arc::new(config)
}

async fn connect(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = address.ip().into();
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
}

/// What is agreed on; `none` if the connection is refused.
async fn agreed(config: &Arc<ClientConfig>, address: SocketAddr) -> String {
    match connect(config, address).await {
        Ok(stream) => {
            let protocol = stream.get_ref().1.alpn_protocol();
            String::from_utf8(protocol.unwrap_or(b"nothing").to_vec()).unwrap()
        }
        Err(_) => "none".to_owned(),
    }
}

#[tokio::test]
async fn each_listener_agrees_to_its_own_protocols() {
    let files = Files::new();
    let world = World::with(|all| {
        all.tls.grpc = Some(files.server("grpc.tls"));
        all.tls.http = Some(files.server("http.tls"));
        all.tls.admin = Some(files.server("admin.tls"));
    })
    .await;
    let addresses = &world.service.addresses;
    for (offered, grpc, http, admin) in [
        (&["h2", "http/1.1"][..], "h2", "h2", "http/1.1"),
        (&["http/1.1"], "none", "http/1.1", "http/1.1"),
        (&["h2"], "h2", "h2", "none"),
        (&["spdy/3"], "none", "none", "none"),
    ] {
        let client = config(&files, &[&TLS13], offered, None);
        let found = [
            agreed(&client, tcp(&addresses.grpc)).await,
            agreed(&client, tcp(&addresses.http)).await,
            agreed(&client, tcp(&addresses.admin)).await,
        ];
        assert_eq!(found, [grpc, http, admin], "{offered:?}");
    }
}

#[tokio::test]
async fn the_lowest_version_is_1_3_unless_another_is_chosen() {
    let files = Files::new();
    for (min_version, by_1_2) in [(MinVersion::Tls13, "none"), (MinVersion::Tls12, "h2")] {
        let mut tls = files.server("grpc.tls");
        tls.min_version = min_version;
        let world = World::with(|all| all.tls.grpc = Some(tls)).await;
        let address = tcp(&world.service.addresses.grpc);
        let old = config(&files, &[&TLS12], &["h2"], None);
        assert_eq!(agreed(&old, address).await, by_1_2);
        let new = config(&files, &[&TLS13], &["h2"], None);
        assert_eq!(agreed(&new, address).await, "h2");
    }
}

/// Whether the second of two connections resumes the session of the first one.
async fn resumes(config: &Arc<ClientConfig>, address: SocketAddr) -> bool {
    for _ in 0..2 {
        let mut stream = connect(config, address).await.unwrap();
        // Tickets come after the handshake, with the first bytes of HTTP.
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.is_empty());
        if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn no_session_is_resumed_where_certificates_of_clients_are_verified() {
    let files = Files::new();
    let leaf = files.client_ca.client("spiffe://example.org/door/north");
    for version in [&TLS12, &TLS13] {
        for (mutual, resumed) in [(false, true), (true, false)] {
            let mut tls = if mutual {
                files.mutual("admin.tls")
            } else {
                files.server("admin.tls")
            };
            tls.min_version = MinVersion::Tls12;
            let world = World::with(|all| all.tls.admin = Some(tls)).await;
            let client = config(&files, &[version], &["http/1.1"], Some(&leaf));
            let address = tcp(&world.service.addresses.admin);
            assert_eq!(
                resumes(&client, address).await,
                resumed,
                "{version:?}, {mutual}"
            );
        }
    }
}

fn tcp(address: &ListenAddress) -> SocketAddr {
    address.tcp().unwrap()
}
