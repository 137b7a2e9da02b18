//! Of the cookies of a client, the service gets those of its page for step-ups and no others, and the application gets the others: with the
//! recipes as they are shipped, and something in the service's place that shows what it is sent.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream::iter;
use http_body_util::StreamBody;
use hyper::body::Frame;
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::Value;
use tokio::net::TcpListener;
use verigate::proto::ext_authz::envoy::service::auth::v3::CheckRequest;

use super::{
    application::Application,
    matrix::{Sessions, token, values},
    proxy::{Kind, Neighbours, Proxy},
};
use crate::world::loopback;

/// Allows everything, and keeps the cookies that it is sent.
struct Service {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let router = Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1024 * 1024).await.unwrap();
            if head.uri.path().starts_with("/check/") {
                let cookies = head.headers.get_all("cookie").iter();
                kept.lock()
                    .extend(cookies.map(|cookie| cookie.to_str().unwrap().to_owned()));
                return allowed();
            }
            kept.lock().extend(cookies_of(&body));
            allowed_to_envoy()
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen }
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock())
    }
}

/// The cookies of a call of Envoy.
fn cookies_of(body: &Bytes) -> Vec<String> {
    let asked = CheckRequest::decode(&body[5..]).unwrap();
    let http = asked.attributes.unwrap().request.unwrap().http.unwrap();
    let apart = http.header_map.unwrap_or_default().headers.into_iter();
    let apart = apart.map(|header| {
        let value = String::from_utf8(header.raw_value.to_vec()).unwrap();
        (header.key, value)
    });
    let all = http.headers.into_iter().chain(apart);
    all.filter(|(name, _)| name == "cookie")
        .map(|(_, value)| value)
        .collect()
}

fn allowed() -> Response {
    let response = Response::builder().header("x-verigate-decision", "ALLOW");
    response.body(Body::from("ALLOW\n")).unwrap()
}

fn allowed_to_envoy() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [
        Frame::data(Bytes::from_static(b"\0\0\0\0\x04\x0a\0\x1a\0")),
        Frame::trailers(trailers),
    ];
    let frames = iter(frames.map(Ok::<_, std::convert::Infallible>));
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(Body::new(StreamBody::new(frames))).unwrap()
}

/// Sends these lines of cookies. What the service was sent, and what the application was.
async fn seen_of(kind: Kind, (proxy, service): (&Proxy, &Service), sent: &[&str]) -> [String; 2] {
    let url = format!("http://{}{}", proxy.address, kind.door());
    let mut request = reqwest::Client::new().get(url);
    for cookie in sent {
        request = request.header("cookie", *cookie);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{kind:?} {sent:?}");
    let seen: Value = response.json().await.unwrap();
    let application = values(&seen, "cookie").concat();
    // Caddy sends both names, of which one is empty.
    let taken = service.taken().join("; ");
    let given: Vec<&str> = taken
        .split("; ")
        .filter(|pair| !pair.ends_with('='))
        .collect();
    [given.join("; "), application]
}

async fn each_gets_its_own(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    // An error means that another test has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (service, application) = (Service::start().await, Application::start().await);
    let (sessions, token) = (Sessions::new(), token());
    let between = Neighbours {
        service: service.address,
        application: application.address,
        token: token.reveal(),
        keys: sessions.keys(),
        login: None,
        fault: None,
    };
    let proxy = Proxy::start(kind, between).await;
    let scene = (&proxy, &service);
    let (own, others) = ("verigate-hand-on=x", "a=b; c=d");
    for (sent, expected) in [
        (&["a=b; verigate-hand-on=x; c=d"][..], [own, others]),
        (&["verigate-hand-on=x; a=b; c=d"], [own, others]),
        (&["a=b; c=d; verigate-hand-on=x"], [own, others]),
        (&["a=b; c=d"], ["", others]),
        (&["verigate-hand-on=x"], [own, ""]),
        (&[], ["", ""]),
    ] {
        assert_eq!(
            seen_of(kind, scene, sent).await,
            expected,
            "{kind:?} {sent:?}"
        );
    }
    // Whatever is in two lines, or doubled: neither gets what is for the other.
    for sent in [
        &["a=b", "verigate-hand-on=x", "c=d"][..],
        &["a=b; verigate-hand-on=x", "c=d; verigate-hand-on=y"],
        &["a=b; verigate-hand-on=x; verigate-hand-on=y; c=d"],
        &["a=b;;verigate-hand-on=x;c=d;"],
        &["c=d; VERIGATE-HAND-ON=x; a=b"],
    ] {
        let [own, others] = seen_of(kind, scene, sent).await;
        let has_other = own.contains("a=b") || own.contains("c=d");
        assert!(!has_other, "{kind:?} {sent:?}: {own}");
        assert!(
            !others.contains("verigate-hand-on="),
            "{kind:?} {sent:?}: {others}"
        );
    }
}

#[tokio::test]
async fn nginx_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::Caddy).await;
}

#[tokio::test]
async fn envoy_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::Envoy).await;
}

#[tokio::test]
async fn envoy_that_verifies_tokens_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::EnvoyJwt).await;
}

#[tokio::test]
async fn haproxy_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::Haproxy).await;
}

#[tokio::test]
async fn apache_sends_the_service_no_other_cookie() {
    each_gets_its_own(Kind::Apache).await;
}
