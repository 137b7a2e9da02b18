//! What must hold for every proxy.

mod long;
mod outages;
mod times;
mod tricks;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use verigate::{
    clock::{Clock as _, SystemClock},
    policy::Timestamp,
    sim::{ApiCall, Fault, PlannedFault},
};

pub use self::{
    long::sent_on,
    outages::{away, broken},
    times::{Cell, SOON, Times},
    tricks::{spoofed, tricked},
};
use super::{
    application::Application,
    proxy::{Kind, Neighbours, Proxy},
};
use crate::{
    callers::issuer::{AUDIENCE, ISSUER, Issuer},
    program::{Program, Start},
};

pub const POLICIES: &str = "\
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
    kind: Kind,
    proxy: Proxy,
    service: Program,
    application: Application,
    sessions: Sessions,
    times: Arc<Times>,
}

/// The issuer of sessions, and the file with its key set.
pub struct Sessions {
    issuer: Issuer,
    keys: PathBuf,
    _folder: tempfile::TempDir,
}

pub fn token() -> verigate::callers::Token {
    verigate::callers::Token::from_random([7; 8], [7; 32])
}

impl Sessions {
    /// The file with the key set.
    pub fn keys(&self) -> &Path {
        &self.keys
    }

    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("jwks.json");
        let issuer = Issuer::new("ec");
        std::fs::write(&keys, issuer.ec_set()).unwrap();
        Self {
            issuer,
            keys,
            _folder: folder,
        }
    }

    /// A token of a session of the person with this verification.
    pub fn token(&self, verification: &str, acr: &str) -> String {
        self.token_at(SystemClock.now(), verification, acr)
    }

    /// One from this instant.
    pub fn token_at(&self, now: Timestamp, verification: &str, acr: &str) -> String {
        let now = now.as_second();
        let claims = json!({ "verification": verification, "acr": acr, "auth_time": now - 10 });
        format!("Bearer {}", self.issuer.token(now, json!({}), claims))
    }

    /// The configuration of the service that believes them.
    pub fn config(&self, kind: Kind) -> String {
        let keys = self.keys.display();
        let verified = if kind == Kind::EnvoyJwt {
            "asserts = ['authentication']\n[ext_authz]\nverification_claim = 'verification'\n"
                .to_owned()
        } else {
            format!(
                "[authentication]\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\njwks_file = '{keys}'\nverification_claim = 'verification'\n"
            )
        };
        format!(
            "[callers.proxy]\ntoken_sha256 = ['{}']\npolicies = ['front-door']\n{verified}\
             [forward_auth]\nstep_up_url = '/login?acr_values={{acr_values}}'\n",
            token().entry(),
        )
    }
}

impl Scene {
    pub async fn new(kind: Kind, times: &Arc<Times>) -> Self {
        let sessions = Sessions::new();
        let config = sessions.config(kind);
        Self::with(kind, sessions, config, times).await
    }

    /// One with another configuration of the service.
    async fn with(kind: Kind, sessions: Sessions, config: String, times: &Arc<Times>) -> Self {
        let service = Program::start(Start::with(config, POLICIES)).await;
        let application = Application::start().await;
        let url = if kind.speaks_grpc() {
            &service.grpc
        } else {
            &service.http
        };
        let token = token();
        let between = Neighbours {
            service: url.strip_prefix("http://").unwrap().parse().unwrap(),
            application: application.address,
            token: token.reveal(),
            keys: &sessions.keys,
            login: None,
            fault: None,
        };
        let proxy = Proxy::start(kind, between).await;
        Self {
            kind,
            proxy,
            service,
            application,
            sessions,
            times: Arc::clone(times),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        let path = path
            .strip_prefix("/door")
            .map_or_else(|| path.to_owned(), |rest| [self.kind.door(), rest].concat());
        get(self.proxy.address, &path)
    }

    fn session(&self, verification: &str, acr: &str) -> String {
        self.sessions.token(verification, acr)
    }

    /// Asks, and asserts that the application is not reached.
    async fn refused(&self, cell: Cell, what: &str, request: RequestBuilder) -> Response {
        refused(&self.application, &self.times, cell, what, request).await
    }

    async fn sent(&self, cell: Cell, request: RequestBuilder) -> Response {
        self.times.of_request(cell, "sent", request).await
    }

    /// Asks, and returns what the application was sent.
    async fn allowed(&self, request: RequestBuilder) -> Value {
        let response = self.sent(Cell::Allow, request).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

fn get(proxy: SocketAddr, path: &str) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    client.get(format!("http://{proxy}{path}"))
}

async fn refused(
    application: &Application,
    times: &Times,
    cell: Cell,
    what: &str,
    request: RequestBuilder,
) -> Response {
    let before = application.reached();
    let response = times.of_request(cell, what, request).await;
    let status = response.status();
    assert!(status.as_u16() >= 300, "{what}: {status}");
    assert_eq!(application.reached(), before, "{what}");
    response
}

/// The values of a header that the application was sent.
pub fn values<'v>(seen: &'v Value, name: &str) -> Vec<&'v str> {
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
    assert_eq!(seen["target"], format!("{}?a=1", scene.kind.door()));
    assert_eq!(values(&seen, "x-verigate-decision"), ["ALLOW"]);
    assert_eq!(values(&seen, "x-verigate-decision-id").len(), 1);
    // A body reaches the application, and not the service.
    let client = Client::new();
    let url = format!("http://{}{}", scene.proxy.address, scene.kind.door());
    let posted = client
        .post(url)
        .header("authorization", &strong)
        .body(vec![b'x'; 100_000]);
    scene.allowed(posted).await;
    let weak = scene.session("ada-fresh", "urn:x:pwd");
    let request = || scene.get("/door").header("authorization", &weak);
    let program = scene
        .refused(
            Cell::StepUp,
            "step-up",
            request().header("accept", "application/json"),
        )
        .await;
    assert_eq!(program.status(), 401);
    let challenge = program.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("acr_values=\"urn:x:mfa\""),
        "{challenge}"
    );
    let browser = scene
        .refused(
            Cell::StepUp,
            "step-up",
            request().header("accept", "text/html"),
        )
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
        let status = scene.refused(Cell::Deny, what, denied).await.status();
        // Where the proxy itself verifies the token, one that is not valid is a 401.
        let is_forged = scene.kind == Kind::EnvoyJwt && what == "forged";
        assert_eq!(status, if is_forged { 401 } else { 403 }, "{what}");
    }
    let denied = scene.refused(Cell::Deny, "no token", scene.get("/door"));
    assert_eq!(denied.await.status(), 403);
    let open = scene.sent(Cell::Allow, scene.get("/open/x"));
    assert_eq!(open.await.status(), 200);
    pending(scene).await;
}

/// The vendor hangs: the service answers before the proxy stops to wait.
async fn pending(scene: &Scene) {
    let planned = PlannedFault {
        call: ApiCall::Details,
        id: Some("ada-month-old".to_owned()),
        times: None,
        fault: Fault::Hang,
    };
    scene.service.simulator.faults().plan(planned).unwrap();
    let unknown = scene.session("ada-month-old", "urn:x:mfa");
    let unknown = scene.get("/door").header("authorization", unknown);
    let pending = scene.refused(Cell::Hung, "pending", unknown).await;
    assert_eq!(pending.status(), 503);
    assert_eq!(pending.headers()["retry-after"], "1");
}
