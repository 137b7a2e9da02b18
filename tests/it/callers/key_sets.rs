//! Keys of issuers at an address, by real TLS: they are read again while the service runs, and the last good ones stay.

use std::{fs, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{PrivateKeyDer, pem::PemObject as _},
    },
};
use tonic::{Code, Request};

use super::{
    issuer::{AUDIENCE, ISSUER, Issuer, SUBJECT},
    with_file,
};
use crate::{
    tls::pki::Authority,
    world::{World, check_request, loopback},
};

/// The server of a key set. It is down while it has none.
struct Server {
    port: u16,
    ca: Authority,
    answer: Arc<Mutex<Option<String>>>,
}

impl Server {
    async fn start(answer: Option<String>) -> Self {
        let ca = Authority::new("CA of the issuer");
        let leaf = ca.server();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der.clone()],
                PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            ca,
            answer: Arc::new(Mutex::new(answer)),
        };
        let answer = Arc::clone(&server.answer);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Some(body) = answer.lock().clone() else {
                    continue;
                };
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        server
    }

    /// One that accepts connections, and never says a word.
    async fn silent() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            ca: Authority::new("CA of the issuer"),
            answer: Arc::default(),
        };
        tokio::spawn(async move {
            let _open = listener;
            std::future::pending::<()>().await;
        });
        server
    }

    fn answer(&self, body: Option<String>) {
        *self.answer.lock() = body;
    }

    /// A world with a caller whose keys are here, verified by the CA in this file.
    async fn world(&self, folder: &Path) -> World {
        let ca = folder.join("ca.pem");
        let text = format!(
            "[callers.sso]\njwt = {{ issuer = \"{ISSUER}\", audience = \"{AUDIENCE}\", jwks_url = \"https://127.0.0.1:{}/jwks.json\", jwks_ca = \"{}\", subjects = [\"{SUBJECT}\"] }}\npolicies = [\"*\"]\n",
            self.port,
            ca.display()
        );
        World::with(|config| with_file(&folder.join("verigate.toml"), &text, config)).await
    }
}

async fn code(world: &World, issuer: &Issuer) -> Code {
    code_within(world, issuer, Duration::from_secs(10)).await
}

/// The code that a client with this timeout gets. One whose time is up gives itself another code than ours.
async fn code_within(world: &World, issuer: &Issuer, timeout: Duration) -> Code {
    let now = world.clock_now().as_second();
    let token = issuer.token(now, json!({}), json!({}));
    let mut request = Request::new(check_request("front-door", "fresh"));
    request.set_timeout(timeout);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    let answer = world.client.clone().check_access(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// The same, when tokens may cause the keys to be read again.
async fn code_later(world: &World, issuer: &Issuer) -> Code {
    world.clock.advance(Duration::from_secs(30));
    code(world, issuer).await
}

const REFUSED: Code = Code::Unauthenticated;

#[tokio::test]
async fn without_keys_nobody_is_admitted_and_the_last_good_ones_outlive_their_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(None).await;
    fs::write(folder.path().join("ca.pem"), server.ca.pem()).unwrap();
    let world = server.world(folder.path()).await;
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    assert_eq!(code(&world, &first).await, REFUSED, "it was never up");
    server.answer(Some(r#"{"keys":[]}"#.to_owned()));
    assert_eq!(code_later(&world, &first).await, REFUSED, "no key");
    assert_eq!(world.calls().authorize, 0, "the vendor is not asked");
    server.answer(Some(first.ec_set()));
    assert_eq!(code_later(&world, &first).await, Code::Ok);
    assert_eq!(code(&world, &second).await, REFUSED);
    // The keys are replaced while the service runs.
    server.answer(Some(second.ec_set()));
    assert_eq!(code_later(&world, &second).await, Code::Ok);
    assert_eq!(code(&world, &first).await, REFUSED, "its key was removed");
    let unusable = [
        None,
        Some(r#"{"keys":[]}"#.to_owned()),
        Some(r#"{"keys":[{"kty":"oct","kid":"first","k":"AA"}]}"#.to_owned()),
        Some("<html>".to_owned()),
        Some(" ".repeat(300_000)),
    ];
    for answer in unusable {
        server.answer(answer.clone());
        assert_eq!(code_later(&world, &first).await, REFUSED, "{answer:?}");
        assert_eq!(code(&world, &second).await, Code::Ok, "{answer:?}");
    }
    let metrics = world.metrics().await;
    let shown = |start: &str| metrics.lines().any(|line| line.starts_with(start));
    assert!(
        shown("verigate_jwks_refreshes_total{outcome=\"unusable\"}"),
        "{metrics}"
    );
    server.answer(Some(first.ec_set()));
    assert_eq!(code_later(&world, &first).await, Code::Ok);
    assert_eq!(code(&world, &second).await, REFUSED);
}

#[tokio::test]
async fn only_the_configured_ca_vouches_for_keys_and_its_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    let server = Server::start(Some(first.ec_set())).await;
    fs::write(&ca, Authority::new("Another CA").pem()).unwrap();
    let world = server.world(folder.path()).await;
    assert_eq!(code_later(&world, &first).await, REFUSED);
    assert_eq!(world.calls().authorize, 0, "the vendor is not asked");
    fs::write(&ca, server.ca.pem()).unwrap();
    assert_eq!(code_later(&world, &first).await, Code::Ok);
    for broken in [Some("no certificate"), None] {
        match broken {
            Some(text) => fs::write(&ca, text).unwrap(),
            None => fs::remove_file(&ca).unwrap(),
        }
        server.answer(Some(second.ec_set()));
        assert_eq!(code_later(&world, &second).await, REFUSED, "{broken:?}");
        assert_eq!(code(&world, &first).await, Code::Ok, "{broken:?}");
    }
    fs::write(&ca, server.ca.pem()).unwrap();
    assert_eq!(code_later(&world, &second).await, Code::Ok);
}

#[tokio::test]
async fn an_answer_that_needs_keys_comes_within_the_deadline_of_its_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::silent().await;
    fs::write(folder.path().join("ca.pem"), server.ca.pem()).unwrap();
    let world = server.world(folder.path()).await;
    let issuer = Issuer::new("first");
    let timeout = Duration::from_millis(400);
    let mut codes = Vec::new();
    // More than once, because a busy machine may be late.
    for _ in 0..6 {
        codes.push(code_within(&world, &issuer, timeout).await);
        if codes.ends_with(&[REFUSED]) {
            return;
        }
    }
    panic!("{codes:?}");
}
