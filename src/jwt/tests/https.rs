//! The keys of an issuer by HTTPS, from a real server with a certificate of a private CA.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::issuer::{AUDIENCE, ISSUER, Issuer, now};
use crate::{
    clock::ManualClock,
    deps::Deps,
    jwt::{Config, KeySets, Keys, KeysError, Rejected, Verifier},
    tls::install_crypto_provider,
};

const WAIT_MAX: Duration = Duration::from_secs(5);

/// A server of a key set. What it answers can be changed, and what it was asked is counted.
struct Server {
    url: Url,
    /// The file of its certificate, which is its own CA.
    ca: NamedTempFile,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

impl Server {
    async fn start(answer: String) -> Self {
        install_crypto_provider();
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = made;
        let certificate = cert.der().clone();
        let mut ca = NamedTempFile::new().unwrap();
        ca.write_all(cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            url: Url::parse(&format!("https://localhost:{port}/jwks.json")).unwrap(),
            ca,
            answer: Arc::new(Mutex::new(answer)),
            asked: Arc::default(),
        };
        let (answer, asked) = (Arc::clone(&server.answer), Arc::clone(&server.asked));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = vec![0; 4096];
                let _ = stream.read(&mut request).await;
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = answer.lock().clone();
                if answer.is_empty() {
                    // It never answers.
                    tokio::spawn(async move {
                        let _open = stream;
                        std::future::pending::<()>().await;
                    });
                    continue;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        server
    }

    fn keys(&self) -> Keys {
        Keys::Url {
            url: self.url.clone(),
            ca: Some(self.ca.path().to_owned()),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn config(keys: Keys) -> Config {
    Config::new(ISSUER, vec![AUDIENCE.to_owned()], keys)
}

fn key_sets() -> (KeySets, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now()));
    let deps = Deps::new(Arc::clone(&clock) as _);
    (KeySets::new(&deps).unwrap(), clock)
}

async fn verify(verifier: &Verifier, token: &str) -> Result<(), Rejected> {
    verifier.verify(token, now(), WAIT_MAX).await.map(drop)
}

#[tokio::test]
async fn an_unknown_key_asks_the_issuer_once_in_30_s_for_all_and_verifiers_share_the_keys() {
    let issuer = Issuer::new();
    let server = Server::start(ok(&json!({ "keys": [issuer.ec_jwk()] }).to_string())).await;
    let (sets, clock) = key_sets();
    let verifier = Arc::new(Verifier::new(config(server.keys()), &sets).unwrap());
    let like_it = Verifier::new(config(server.keys()), &sets).unwrap();
    let by_ec = issuer.token("ES256", json!({}), json!({}));
    let by_ed = issuer.token("EdDSA", json!({}), json!({}));
    // The first call waits for the first reading.
    assert_eq!(verify(&verifier, &by_ec).await, Ok(()));
    assert_eq!(verify(&like_it, &by_ec).await, Ok(()));
    assert_eq!(server.asked(), 1);
    for round in 2..4 {
        let all = (0..50).map(|_| {
            let (verifier, token) = (Arc::clone(&verifier), by_ed.clone());
            tokio::spawn(async move { verify(&verifier, &token).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), Err(Rejected::UnknownKey));
        }
        assert_eq!(verify(&like_it, &by_ed).await, Err(Rejected::UnknownKey));
        assert_eq!(server.asked(), round);
        clock.advance(Duration::from_secs(30));
    }
    let both = json!({ "keys": [issuer.ec_jwk(), issuer.ed_jwk()] });
    *server.answer.lock() = ok(&both.to_string());
    assert_eq!(verify(&verifier, &by_ed).await, Ok(()));
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_keeps_the_last_good_one() {
    let issuer = Issuer::new();
    let server = Server::start(ok(&json!({ "keys": [issuer.ec_jwk()] }).to_string())).await;
    let elsewhere = json!({ "keys": [issuer.ec_jwk(), issuer.ed_jwk()] });
    let target = Server::start(ok(&elsewhere.to_string())).await;
    let (sets, clock) = key_sets();
    let verifier = Verifier::new(config(server.keys()), &sets).unwrap();
    let by_ec = issuer.token("ES256", json!({}), json!({}));
    let by_ed = issuer.token("EdDSA", json!({}), json!({}));
    assert_eq!(verify(&verifier, &by_ec).await, Ok(()));
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        target.url
    );
    let error = ok(&elsewhere.to_string()).replace("200 OK", "500 Oops");
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(400_000));
    for answer in [
        redirect,
        error,
        endless,
        ok("{}"),
        ok("<html>"),
        "nonsense".to_owned(),
    ] {
        server.answer.lock().clone_from(&answer);
        clock.advance(Duration::from_secs(30));
        let asked = server.asked();
        let verified = verify(&verifier, &by_ed).await;
        assert_eq!(verified, Err(Rejected::UnknownKey), "{answer:.40}");
        assert_eq!(server.asked(), asked + 1, "{answer:.40}");
        assert_eq!(verify(&verifier, &by_ec).await, Ok(()), "{answer:.40}");
    }
    assert_eq!(target.asked(), 0);
}

#[tokio::test]
async fn no_call_waits_longer_for_keys_than_it_says_and_none_is_admitted_without_them() {
    let issuer = Issuer::new();
    let server = Server::start(String::new()).await;
    let (sets, _) = key_sets();
    let verifier = Verifier::new(config(server.keys()), &sets).unwrap();
    let token = issuer.token("ES256", json!({}), json!({}));
    // The server never answers: the test ends because the call does not wait for it.
    let wait_max = Duration::from_millis(50);
    let verified = verifier.verify(&token, now(), wait_max).await;
    assert_eq!(verified.map(drop), Err(Rejected::KeysUnavailable));
}

#[tokio::test]
async fn a_server_with_another_certificate_or_without_tls_is_not_asked() {
    let issuer = Issuer::new();
    let set = json!({ "keys": [issuer.ec_jwk()] }).to_string();
    let server = Server::start(ok(&set)).await;
    let stranger = Server::start(ok(&set)).await;
    let (sets, _) = key_sets();
    let token = issuer.token("ES256", json!({}), json!({}));
    let keys = Keys::Url {
        url: server.url.clone(),
        ca: Some(stranger.ca.path().to_owned()),
    };
    let verifier = Verifier::new(config(keys), &sets).unwrap();
    assert_eq!(
        verify(&verifier, &token).await,
        Err(Rejected::KeysUnavailable)
    );
    assert_eq!(server.asked(), 0);
    let keys = Keys::Url {
        url: Url::parse(&server.url.as_str().replacen("https", "http", 1)).unwrap(),
        ca: None,
    };
    let refused = Verifier::new(config(keys), &sets);
    assert!(matches!(refused, Err(KeysError::Url(_))));
}
