//! Credentials × listeners × calls: every combination of certificate, `authorization` and `x-verigate-token`, against a table that a rule
//! without the code under test makes.

use std::{fs, sync::Arc};

use serde_json::json;
use tokio::sync::Notify;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tonic::{Code, Request, transport::Channel};
use verigate::{
    listener::ListenAddress,
    proto::v1::{BeginStepUpRequest, access_service_client::AccessServiceClient},
};

use super::{
    asserting,
    issuer::{AUDIENCE, ISSUER, Issuer, SUBJECT},
    token, with_file,
};
use crate::{
    tls::{Files, pki::Leaf},
    world::{World, until},
};

/// What a credential is of: nobody's is none; a bad one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Nobody,
    Caller(&'static str),
    Bad,
}

/// The one caller that these credentials name.
fn named(credentials: [Of; 3]) -> Option<&'static str> {
    let mut found = None;
    for of in credentials {
        match (of, found) {
            (Of::Bad, _) => return None,
            (Of::Caller(name), Some(other)) if name != other => return None,
            (Of::Caller(name), _) => found = Some(name),
            (Of::Nobody, _) => {}
        }
    }
    found
}

/// The callers of the file: a door by certificate or token, a gateway by JWT or token, an operator by token.
fn callers(keys: &str) -> String {
    let entry = |n: u8| token(n).entry();
    format!(
        "[callers.door]\ncertificate = [\"spiffe://example.org/door/*\"]\ntoken_sha256 = [\"{}\"]\npolicies = [\"front-*\"]\nasserts = [\"identity\"]\npriority = \"door\"\n\
         [callers.gateway]\njwt = {{ issuer = \"{ISSUER}\", audience = \"{AUDIENCE}\", jwks_file = \"{keys}\", subjects = [\"{SUBJECT}\"] }}\ntoken_sha256 = [\"{}\"]\npolicies = [\"adults\"]\nasserts = [\"authentication\"]\nstep_ups = true\n\
         [callers.operator]\ntoken_sha256 = [\"{}\"]\nadmin = true\n",
        entry(1),
        entry(2),
        entry(3)
    )
}

const URL: &str = "https://sso.example.com/";

async fn world(files: &Files, keys: &str) -> World {
    let text = callers(keys);
    World::with(|config| {
        config.tls.grpc = Some(files.mutual("grpc.tls"));
        config.tls.http = Some(files.mutual("http.tls"));
        config.tls.admin = Some(files.mutual("admin.tls"));
        config.admin = ListenAddress::Tcp(([0, 0, 0, 0], 0).into());
        config.step_up.redirects = [URL.to_owned()].into();
        with_file(&files.path("verigate.toml"), &text, config);
    })
    .await
}

/// A client of HTTP with this certificate.
pub fn http_client(files: &Files, leaf: Option<&Leaf>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(files.server_ca.pem().as_bytes());
    roots.add(ca.unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
            let chain = vec![leaf.der.clone()];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let builder = reqwest::Client::builder().tls_backend_preconfigured(config);
    builder.build().unwrap()
}

/// A credential in a header: its value, if it is there, and whose it is.
type Given = (Option<String>, Of);

/// Every value of `authorization`.
fn authorizations(issuer: &Issuer, now: i64) -> Vec<Given> {
    let jwt = |claims| format!("Bearer {}", issuer.token(now, json!({}), claims));
    let own = |n: u8| format!("Bearer {}", token(n).reveal());
    vec![
        (None, Of::Nobody),
        (Some(own(1)), Of::Caller("door")),
        (Some(own(2)), Of::Caller("gateway")),
        (Some(own(3)), Of::Caller("operator")),
        (Some(own(4)), Of::Bad),
        (Some(jwt(json!({}))), Of::Caller("gateway")),
        (Some(jwt(json!({ "exp": now - 60 }))), Of::Bad),
        (Some(jwt(json!({ "sub": "ada" }))), Of::Bad),
        // A session's.
        (
            Some(jwt(json!({ "aud": "wiki", "sub": "ada" }))),
            Of::Nobody,
        ),
        (Some("Basic eA==".to_owned()), Of::Nobody),
    ]
}

/// Every value of `x-verigate-token`.
fn tokens(issuer: &Issuer, now: i64) -> Vec<Given> {
    let jwt = |claims| issuer.token(now, json!({}), claims);
    vec![
        (None, Of::Nobody),
        (Some(token(1).reveal().to_owned()), Of::Caller("door")),
        (Some(token(3).reveal().to_owned()), Of::Caller("operator")),
        (Some(token(5).reveal().to_owned()), Of::Bad),
        (Some(jwt(json!({}))), Of::Caller("gateway")),
        (Some(jwt(json!({ "aud": "wiki", "sub": "ada" }))), Of::Bad),
    ]
}

/// The calls of gRPC, and the code of each for a caller.
const CALLS: [&str; 6] = [
    "front-door",
    "front-door, identity",
    "front-door, attributes",
    "adults, authentication",
    "none",
    "step-up",
];

fn expected_code(caller: Option<&str>, call: &str) -> Code {
    match (caller, call) {
        (None, _) => Code::Unauthenticated,
        (Some("door"), "front-door" | "front-door, identity")
        | (Some("gateway"), "adults, authentication" | "step-up") => Code::Ok,
        _ => Code::PermissionDenied,
    }
}

async fn code(
    client: &mut AccessServiceClient<Channel>,
    call: &str,
    authorization: Option<&str>,
    own: Option<&str>,
) -> Code {
    fn with<T>(message: T, authorization: Option<&str>, own: Option<&str>) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in [("authorization", authorization), ("x-verigate-token", own)] {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.parse().unwrap());
            }
        }
        request
    }
    let answer = if call == "step-up" {
        let message = BeginStepUpRequest {
            verification_id: "stale".into(),
            policy: "adults".into(),
            login_hint: "ada@example.com".into(),
            redirect_url: URL.into(),
            ..BeginStepUpRequest::default()
        };
        let request = with(message, authorization, own);
        client.begin_step_up(request).await.map(drop)
    } else {
        let (policy, asserted) = call.split_once(", ").unwrap_or((call, ""));
        let asserted: Vec<&str> = [asserted].into_iter().filter(|a| !a.is_empty()).collect();
        let request = with(asserting(policy, &asserted), authorization, own);
        client.check_access(request).await.map(drop)
    };
    answer.map_or_else(|status| status.code(), |()| Code::Ok)
}

/// Paths over HTTP: the listener, and the status for a caller.
const PATHS: [&str; 7] = [
    "/access/v1/evaluation",
    "/access/v1/evaluations",
    "/check/front-door",
    "/policies",
    "/step-ups/0190a1b2-0000-7000-8000-000000000000",
    "/livez",
    "/metrics",
];

fn expected_status(caller: Option<&str>, path: &str) -> u16 {
    match (path, caller) {
        ("/livez" | "/metrics", _) | ("/policies", Some("operator")) => 200,
        // It names no verification.
        ("/check/front-door", _) => 403,
        (_, None) => 401,
        // Evaluations are asked for by POST.
        ("/access/v1/evaluation" | "/access/v1/evaluations", _) => 405,
        (path, Some("operator")) if path.starts_with("/step-ups/") => 404,
        _ => 403,
    }
}

async fn status(
    client: &reqwest::Client,
    world: &World,
    path: &str,
    authorization: Option<&str>,
    own: Option<&str>,
) -> u16 {
    let decides = path.starts_with("/access/") || path.starts_with("/check/");
    let port = if decides {
        world.http_address().port()
    } else {
        world.admin_address().port()
    };
    let mut request = client.get(format!("https://127.0.0.1:{port}{path}"));
    for (name, value) in [("authorization", authorization), ("x-verigate-token", own)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_combination_of_credentials_names_one_caller_or_nobody_on_every_listener() {
    let files = Files::new();
    let issuer = Issuer::new("ec");
    fs::write(files.path("jwks.json"), issuer.ec_set()).unwrap();
    let world = world(&files, &files.path("jwks.json").display().to_string()).await;
    let now = world.clock_now().as_second();
    let door = files.client_ca.client("spiffe://example.org/door/north");
    let stranger = files.client_ca.client("spiffe://example.org/cat/1");
    let (mut cells, mut admitted) = (0, 0);
    for (leaf, by_certificate) in [
        (None, Of::Nobody),
        (Some(&door), Of::Caller("door")),
        (Some(&stranger), Of::Bad),
    ] {
        let mut grpc = files.client(&world, leaf);
        let http = http_client(&files, leaf);
        for (authorization, by_authorization) in authorizations(&issuer, now) {
            for (own, by_own) in tokens(&issuer, now) {
                let caller = named([by_certificate, by_authorization, by_own]);
                let (authorization, own) = (authorization.as_deref(), own.as_deref());
                let what = [by_certificate, by_authorization, by_own];
                for call in CALLS {
                    let before = world.calls();
                    let code = code(&mut grpc, call, authorization, own).await;
                    assert_eq!(code, expected_code(caller, call), "{call}: {what:?}");
                    if code == Code::Ok {
                        admitted += 1;
                    } else {
                        assert_eq!(world.calls(), before, "{call}: {what:?}");
                    }
                    cells += 1;
                }
                for path in PATHS {
                    let before = world.calls();
                    let status = status(&http, &world, path, authorization, own).await;
                    assert_eq!(status, expected_status(caller, path), "{path}: {what:?}");
                    assert_eq!(world.calls(), before, "{path}: {what:?}");
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 3 * 10 * 6 * 13);
    assert!(admitted > 30, "{admitted}");
}

/// Lets the time pass for which this caller is held, once it is.
async fn until_dropped(world: &World, requested: &Notify, name: &str) {
    until("the caller is held", async || {
        let port = world.admin_address().port();
        let url = format!("http://127.0.0.1:{port}/readyz");
        let ready = reqwest::get(url).await.unwrap().text().await.unwrap();
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        ready["callers"]["held"] == serde_json::json!([name])
    })
    .await;
    world.clock.advance(super::reload::HELD_FOR);
    requested.notify_one();
}

#[tokio::test]
async fn a_certificate_is_required_again_once_no_caller_has_anything_else() {
    let files = Files::new();
    let path = files.path("verigate.toml");
    let door =
        "[callers.door]\ncertificate = [\"spiffe://example.org/door/*\"]\npolicies = [\"*\"]\n";
    let badge = format!(
        "[callers.badge]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\n",
        token(1).entry()
    );
    let mut world = World::with(|config| {
        config.tls.grpc = Some(files.mutual("grpc.tls"));
        with_file(&path, &format!("{door}{badge}"), config);
    })
    .await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let leaf = files.client_ca.client("spiffe://example.org/door/north");
    let by_token = async || {
        let bearer = format!("Bearer {}", token(1).reveal());
        let mut client = files.client(&world, None);
        code(&mut client, "front-door", Some(&bearer), None).await
    };
    let by_certificate = async || {
        let mut client = files.client(&world, Some(&leaf));
        code(&mut client, "front-door", None, None).await
    };
    assert_eq!(
        (by_token().await, by_certificate().await),
        (Code::Ok, Code::Ok)
    );
    fs::write(&path, door).unwrap();
    until_dropped(&world, &requested, "badge").await;
    until("a certificate is required", async || {
        // Without one, there is no connection.
        !matches!(by_token().await, Code::Ok | Code::Unauthenticated)
    })
    .await;
    assert_eq!(by_certificate().await, Code::Ok);
    // Without any caller, nobody is admitted, with or without a certificate.
    fs::write(&path, "").unwrap();
    until_dropped(&world, &requested, "door").await;
    until("nobody is admitted", async || {
        by_certificate().await == Code::Unauthenticated
    })
    .await;
    assert!(!matches!(
        by_token().await,
        Code::Ok | Code::Unauthenticated
    ));
}

#[tokio::test]
async fn what_anonymous_operators_saw_from_elsewhere_is_closed_as_soon_as_there_is_a_caller() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let mut world = World::with(|config| {
        config.insecure_allow_anonymous = true;
        config.admin = ListenAddress::Tcp(([0, 0, 0, 0], 0).into());
        config.grpc = ListenAddress::Tcp(([0, 0, 0, 0], 0).into());
        with_file(&path, "", config);
    })
    .await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let status = async |world: &World| {
        let port = world.admin_address().port();
        let url = format!("http://127.0.0.1:{port}/policies");
        reqwest::get(url).await.unwrap().status().as_u16()
    };
    let shows = async |world: &World, line: &str| {
        let url = format!("http://127.0.0.1:{}/metrics", world.admin_address().port());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        text.lines().any(|shown| shown == line)
    };
    assert_eq!(status(&world).await, 200);
    assert!(shows(&world, "verigate_anonymous_allowed 1").await);
    assert!(shows(&world, "verigate_anonymous_from_other_machines 1").await);
    let caller = format!(
        "[callers.door]\ntoken_sha256 = [\"{}\"]\n",
        token(1).entry()
    );
    for text in [&*caller, ""] {
        fs::write(&path, text).unwrap();
        if text.is_empty() {
            until_dropped(&world, &requested, "door").await;
        }
        let line = format!("verigate_callers {}", u8::from(!text.is_empty()));
        until("the file was read", async || shows(&world, &line).await).await;
        assert_eq!(status(&world).await, 401, "{text}");
        assert!(shows(&world, "verigate_anonymous_allowed 0").await);
        assert!(shows(&world, "verigate_anonymous_from_other_machines 0").await);
    }
}

#[tokio::test]
async fn a_unix_socket_lets_nobody_in_without_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let (grpc, admin) = (folder.path().join("grpc"), folder.path().join("admin"));
    let text = format!(
        "[callers.door]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\n",
        token(1).entry()
    );
    let world = World::with(|config| {
        config.grpc = ListenAddress::Unix(grpc.clone());
        config.admin = ListenAddress::Unix(admin);
        with_file(&folder.path().join("verigate.toml"), &text, config);
    })
    .await;
    let server = format!("unix:{}", grpc.display());
    let mut client = AccessServiceClient::connect(server).await.unwrap();
    let bearer = |n: u8| format!("Bearer {}", token(n).reveal());
    for authorization in [None, Some(bearer(2))] {
        let code = code(&mut client, "front-door", authorization.as_deref(), None).await;
        assert_eq!(code, Code::Unauthenticated, "{authorization:?}");
    }
    assert_eq!(world.calls().authorize, 0, "the vendor is not asked");
    let code = code(&mut client, "front-door", Some(&bearer(1)), None).await;
    assert_eq!(code, Code::Ok);
}
