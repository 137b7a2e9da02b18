//! What must hold for every proxy.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use tokio::time::timeout;
use verigate::clock::{Clock as _, SystemClock};

use super::{
    application::Application,
    proxy::{Kind, Proxy},
    stub,
};
use crate::{
    callers::issuer::{AUDIENCE, ISSUER, Issuer},
    program::{Program, Start},
    world::loopback,
};

/// A request is answered within this time whatever happens: 1.3 s is promised, and the machine may be busy.
const SOON: Duration = Duration::from_secs(5);

const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 90d
      - authenticated: { within: 15m, acr_any: ['urn:x:mfa'] }
        otherwise: step_up
  open:
    require:
      - verified_within: 36500d
";

/// A proxy between a client and an application, and the service.
pub struct Scene {
    proxy: Proxy,
    service: Program,
    application: Application,
    issuer: Issuer,
    _keys: tempfile::TempDir,
}

fn token() -> verigate::callers::Token {
    verigate::callers::Token::from_random([7; 8], [7; 32])
}

impl Scene {
    pub async fn new(kind: Kind) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("jwks.json");
        let issuer = Issuer::new("ec");
        std::fs::write(&file, issuer.set()).unwrap();
        let config = format!(
            "[callers.proxy]\ntoken_sha256 = ['{}']\npolicies = ['front-door']\n\
             [authentication]\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\njwks_file = '{}'\nverification_claim = 'verification'\n\
             [forward_auth]\nstep_up_url = '/login?acr_values={{acr_values}}'\n",
            token().entry(),
            file.display()
        );
        let service = Program::start(Start::with(config, POLICIES)).await;
        let application = Application::start().await;
        let address: SocketAddr = service
            .http
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        let proxy = Proxy::start(kind, address, application.address, token().reveal()).await;
        Self {
            proxy,
            service,
            application,
            issuer,
            _keys: keys,
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        get(&self.proxy, path)
    }

    /// A token of a session of the person with this verification.
    fn session(&self, verification: &str, acr: &str) -> String {
        let now = SystemClock.now().as_second();
        let claims = json!({ "verification": verification, "acr": acr, "auth_time": now - 10 });
        format!("Bearer {}", self.issuer.token(now, json!({}), claims))
    }

    /// Asks, and asserts that the application is not reached.
    async fn refused(&self, what: &str, request: RequestBuilder) -> Response {
        let before = self.application.reached();
        let response = sent(request).await;
        assert!(
            !response.status().is_success(),
            "{what}: {}",
            response.status()
        );
        assert_eq!(self.application.reached(), before, "{what}");
        response
    }

    /// Asks, and returns what the application was sent.
    async fn allowed(&self, request: RequestBuilder) -> Value {
        let response = sent(request).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

fn get(proxy: &Proxy, path: &str) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    client.get(format!("http://{}{path}", proxy.address))
}

async fn sent(request: RequestBuilder) -> Response {
    timeout(SOON, request.send())
        .await
        .expect("no answer")
        .unwrap()
}

/// The values of a header that the application was sent.
fn values<'v>(seen: &'v Value, name: &str) -> Vec<&'v str> {
    let headers = seen["headers"].as_array().unwrap().iter();
    let named = headers.filter(|header| header[0] == name);
    named.map(|header| header[1].as_str().unwrap()).collect()
}

/// ALLOW, STEP_UP and DENY.
pub async fn decided(scene: &Scene) {
    let strong = scene.session("ada-fresh", "urn:x:mfa");
    let seen = scene
        .allowed(scene.get("/door?a=1").header("authorization", &strong))
        .await;
    assert_eq!(seen["target"], "/door?a=1");
    assert_eq!(values(&seen, "x-verigate-decision"), ["ALLOW"]);
    assert_eq!(values(&seen, "x-verigate-decision-id").len(), 1);
    // A body reaches the application, and not the service.
    let client = Client::new();
    let url = format!("http://{}/door", scene.proxy.address);
    let posted = client
        .post(url)
        .header("authorization", &strong)
        .body(vec![b'x'; 100_000]);
    scene.allowed(posted).await;
    let weak = scene.session("ada-fresh", "urn:x:pwd");
    let request = || scene.get("/door").header("authorization", &weak);
    let program = scene
        .refused("step-up", request().header("accept", "application/json"))
        .await;
    assert_eq!(program.status(), 401);
    let challenge = program.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("acr_values=\"urn:x:mfa\""),
        "{challenge}"
    );
    let browser = scene
        .refused("step-up", request().header("accept", "text/html"))
        .await;
    assert_eq!(browser.status(), 302);
    assert_eq!(
        browser.headers()["location"],
        "/login?acr_values=urn%3Ax%3Amfa"
    );
    let stale = scene.session("ada-stale", "urn:x:mfa");
    let nobody = scene.session("nobody", "urn:x:mfa");
    for (what, authorization) in [
        ("nobody's", nobody.as_str()),
        ("an old one", &stale),
        ("forged", "Bearer x.y.z"),
        ("none", "Basic eA=="),
    ] {
        let denied = scene.get("/door").header("authorization", authorization);
        assert_eq!(scene.refused(what, denied).await.status(), 403, "{what}");
    }
    assert_eq!(
        scene.refused("no token", scene.get("/door")).await.status(),
        403
    );
    assert_eq!(sent(scene.get("/open/x")).await.status(), 200);
}

/// Headers by which a client says who it is, or what was decided.
pub async fn spoofed(scene: &Scene) {
    let own = token();
    let spoofed = [
        ("x-verification-id", "ada-fresh"),
        ("x-identity-id", "id-ada"),
        ("x-verigate-token", own.reveal()),
        ("x-verigate-decision", "ALLOW"),
        ("x_verigate_decision", "ALLOW"),
        ("x-verigate-decision-id", "1"),
        ("x-verigate-valid-for", "600"),
        ("x-verigate-step-up-url", "https://evil.example/"),
        ("x-original-uri", "/open/x"),
        ("x-original-url", "/open/x"),
        ("x-rewrite-url", "/open/x"),
        ("x-forwarded-uri", "/open/x"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-http-method-override", "OPTIONS"),
        ("connection", "x-verigate-token, authorization"),
    ];
    let all = |mut request: RequestBuilder| {
        for (name, value) in spoofed {
            request = request.header(name, value);
        }
        request
    };
    for (name, value) in spoofed {
        scene
            .refused(name, scene.get("/door").header(name, value))
            .await;
    }
    scene.refused("all", all(scene.get("/door"))).await;
    let strong = scene.session("ada-fresh", "urn:x:mfa");
    for request in [scene.get("/door"), scene.get("/open/x")] {
        let request = all(request).header("authorization", &strong);
        let response = sent(request).await;
        if response.status() == 200 {
            let seen: Value = response.json().await.unwrap();
            let decided = values(&seen, "x-verigate-decision");
            let is_open = seen["target"] == "/open/x";
            assert_eq!(decided.is_empty(), is_open, "{seen}");
            assert!(
                values(&seen, "x-verigate-decision-id")
                    .iter()
                    .all(|id| id.len() == 36)
            );
            for name in [
                "x-verification-id",
                "x-identity-id",
                "x-verigate-token",
                "x_verigate_decision",
                "x-verigate-valid-for",
                "x-verigate-step-up-url",
            ] {
                assert_eq!(values(&seen, name), [""; 0], "{name}");
            }
        }
    }
    // Two tokens: neither counts, or both sides see the same one.
    let twice = scene
        .get("/door")
        .header("authorization", &strong)
        .header("authorization", "Bearer x.y.z");
    let response = sent(twice).await;
    if response.status() == 200 {
        let seen: Value = response.json().await.unwrap();
        assert_eq!(values(&seen, "authorization"), [strong]);
    } else {
        assert!(response.status().is_client_error(), "{}", response.status());
    }
}

/// Paths that lead from what is open to what is not.
pub async fn tricked(scene: &Scene) {
    for path in [
        "/open/../door",
        "/open/./../door",
        "/open//../door",
        "//door",
        "/open/%2e%2e/door",
        "/open/%2E%2e%2fdoor",
        "/open/..%2fdoor",
        "/open/..%5cdoor",
        "/open\\..\\door",
        "/open/..\\door",
        "/open/%252e%252e/door",
        "/open/..%252fdoor",
        "/open/..;/door",
        "/open/..;x/door",
        "/open/%00/../door",
        "/open/x%00",
        "/OPEN/x",
        "/Open/../door",
        "/open",
        "/_verigate",
        "/%5fverigate",
        "/check/front-door",
        "/door%2f..%2fopen/",
        "/open/%2e%2e%2e/../../door",
        "/./open/../door",
        "/open/x/../../door",
        "/open/%c0%ae%c0%ae/door/../../../door",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: app.example.org\r\nconnection: close\r\n\r\n");
        let before = scene.application.reached();
        let (status, answer) = crate::hosts::raw(scene.proxy.address, request.as_bytes()).await;
        assert!(status >= 300, "{path}: {answer}");
        assert_eq!(scene.application.reached(), before, "{path}");
    }
}

/// The service is frozen, thawed, and gone.
pub async fn away(scene: &mut Scene) {
    let strong = scene.session("ada-fresh", "urn:x:mfa");
    let request = |scene: &Scene| scene.get("/door").header("authorization", &strong);
    scene.service.process.signal("-STOP");
    for _ in 0..3 {
        let response = scene.refused("frozen", request(scene)).await;
        assert!(response.status().is_server_error(), "{}", response.status());
    }
    scene.service.process.signal("-CONT");
    crate::world::until("the service answers again", async || {
        sent(request(scene)).await.status() == 200
    })
    .await;
    let _ = scene.service.process.0.kill();
    let _ = scene.service.process.0.wait();
    for _ in 0..3 {
        let response = scene.refused("down", request(scene)).await;
        assert!(response.status().is_server_error(), "{}", response.status());
    }
    // What is open does not need it.
    assert_eq!(sent(scene.get("/open/x")).await.status(), 200);
}

/// Something else answers in its place.
pub async fn broken(kind: Kind) {
    let application = Application::start().await;
    for (what, answer, closes) in stub::BROKEN {
        let service = stub::start(answer, closes).await;
        let proxy = Proxy::start(kind, service, application.address, token().reveal()).await;
        let response = sent(get(&proxy, "/door").header("authorization", "Bearer x.y.z")).await;
        assert!(
            response.status().as_u16() >= 400,
            "{what}: {}",
            response.status()
        );
        assert_eq!(application.reached(), 0, "{what}");
    }
    // Nobody listens.
    let free = std::net::TcpListener::bind(loopback())
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::start(kind, free, application.address, token().reveal()).await;
    let response = sent(get(&proxy, "/door")).await;
    assert!(response.status().is_server_error(), "{}", response.status());
    assert_eq!(application.reached(), 0);
}
