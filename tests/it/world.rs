//! A world to test in: the simulator, the service on free loopback ports, a client, and a clock that only the test moves.

mod killed;

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tonic::{
    Code, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use verigate::{
    clock::{Clock as _, ManualClock},
    config::{Account, Config},
    listener::{ListenAddress, Runtimes},
    live,
    policy::Timestamp,
    proto::v1::{
        BeginStepUpRequest, BeginStepUpResponse, CheckAccessRequest, CheckAccessResponse,
        access_service_client::AccessServiceClient,
    },
    rate_limit::Rate,
    serve::{Service, StopError},
    sim::{
        ApiCall, Calls, Cast, Credentials, Fault, Identity, PlannedFault, Simulator, TOKEN_LIFE,
    },
};

pub use self::killed::Killed;
use crate::audit::schema::check_lines;

/// Where the service listens, all of it TCP.
#[derive(Debug, Clone, Copy)]
pub struct TcpAddresses {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub public: Option<SocketAddr>,
    pub admin: SocketAddr,
}

/// The instant at which every world begins.
pub const BEGINNING: &str = "2026-01-31T12:00:00Z";

/// The policies of every world.
pub const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 90d
      - verified_within: 30d
        otherwise: step_up
      - scopes: [NAME]
        otherwise: step_up
    reuse:
      allow: 10m
  adults:
    require:
      - verified_within: 30d
      - scopes: [NAME, DATE_OF_BIRTH]
      - age_at_least: 18
  tolerant:
    require:
      - verified_within: 90d
    evidence:
      fresh_for: 1m
      stale_for: 1h
      unavailable: step_up
";

/// People whose data must never be published.
const CAST: &str = "\
people:
  ada:
    identity_id: id-ada
    full_name: Ada Example
    first_name: Ada
    last_name: Example
    date_of_birth: 1990-05-17
    phone: \"+12025550101\"
  mia: { full_name: Mia Minor, date_of_birth: 2015-03-09 }
verifications:
  fresh: { person: ada, verified_ago: 10m, scopes: [NAME, DATE_OF_BIRTH, PHONE] }
  month-old: { person: ada, verified_ago: 31d, scopes: [NAME, DATE_OF_BIRTH] }
  stale: { person: ada, verified_ago: 200d, scopes: [NAME] }
  pending: { person: ada, status: PENDING, scopes: [NAME] }
  scopeless: { person: ada, verified_ago: 10m }
  minor: { person: mia, verified_ago: 10m, scopes: [NAME, DATE_OF_BIRTH] }
  soon: { person: ada, verified_in: 60s, scopes: [NAME] }
  too-soon: { person: ada, verified_in: 60001ms, scopes: [NAME] }
";

pub struct World {
    /// The service's clock.
    pub clock: Arc<ManualClock>,
    /// The simulator's clock: the same one, unless a test wants two.
    pub vendor_clock: Arc<ManualClock>,
    pub simulator: Simulator,
    pub service: Service,
    pub journal: PathBuf,
    pub client: AccessServiceClient<Channel>,
    _folder: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose configuration is another.
    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::of(CAST, adjust).await
    }

    /// A world of other people.
    pub async fn of(cast: &str, adjust: impl FnOnce(&mut Config)) -> Self {
        Self::over(Version::Http1, cast, adjust).await
    }

    /// A world whose vendor speaks this version of HTTP.
    pub async fn over(version: Version, cast: &str, adjust: impl FnOnce(&mut Config)) -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        Self::build(version, cast, adjust, Arc::clone(&clock), clock).await
    }

    /// A world in which the service and the vendor each have a clock.
    pub async fn by_clocks(
        cast: &str,
        adjust: impl FnOnce(&mut Config),
        clock: Arc<ManualClock>,
        vendor_clock: Arc<ManualClock>,
    ) -> Self {
        Self::build(Version::Http1, cast, adjust, clock, vendor_clock).await
    }

    async fn build(
        version: Version,
        cast: &str,
        adjust: impl FnOnce(&mut Config),
        clock: Arc<ManualClock>,
        vendor_clock: Arc<ManualClock>,
    ) -> Self {
        let cast = Cast::read("the test's cast", cast, vendor_clock.now()).unwrap();
        let credentials = Credentials::default();
        let (identity, ca) = match version {
            Version::Http1 => (None, String::new()),
            Version::Http2 => {
                let (identity, certificate) = self_signed();
                (Some(identity), certificate)
            }
        };
        let simulator = Simulator::start_as(
            identity,
            loopback(),
            cast,
            credentials,
            TOKEN_LIFE,
            Arc::clone(&vendor_clock) as _,
        )
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&simulator, &folder);
        if !ca.is_empty() {
            let file = folder.path().join("vendor-ca.pem");
            fs::write(&file, ca).unwrap();
            config.incode.files.ca = Some(file);
        }
        adjust(&mut config);
        let policies = live::load(&config.policies).unwrap();
        let service = Service::start(&config, policies, Arc::clone(&clock) as _)
            .await
            .unwrap();
        let server = service.addresses.grpc.tcp().unwrap_or_else(loopback);
        let server = format!("http://{server}");
        // It connects when it is used: a listener may speak TLS.
        let client =
            AccessServiceClient::new(Endpoint::from_shared(server).unwrap().connect_lazy());
        Self {
            clock,
            vendor_clock,
            simulator,
            service,
            journal: config.journal,
            client,
            _folder: folder,
        }
    }

    pub fn addresses(&self) -> TcpAddresses {
        TcpAddresses {
            grpc: self.grpc_address(),
            http: self.http_address(),
            public: self
                .service
                .addresses
                .public
                .as_ref()
                .and_then(ListenAddress::tcp),
            admin: self.admin_address(),
        }
    }

    pub fn grpc_address(&self) -> SocketAddr {
        self.service.addresses.grpc.tcp().unwrap()
    }

    pub fn http_address(&self) -> SocketAddr {
        self.service.addresses.http.tcp().unwrap()
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.service.addresses.admin.tcp().unwrap()
    }

    pub async fn ask(&self, request: CheckAccessRequest) -> Result<CheckAccessResponse, Status> {
        let answer = self.client.clone().check_access(request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn ask_within(
        &self,
        limit: Duration,
        request: CheckAccessRequest,
    ) -> Result<CheckAccessResponse, Status> {
        let mut request = tonic::Request::new(request);
        request.set_timeout(limit);
        let answer = self.client.clone().check_access(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// What the trailers of an answer contain.
    pub async fn trailers(&self, policy: &str, verification: &str) -> Trailers {
        let mut request = tonic::Request::new(check_request(policy, verification));
        let asked = MetadataValue::from_static("1");
        request.metadata_mut().insert("verigate-timing", asked);
        let answer = self.client.clone().check_access(request).await.unwrap();
        // The client puts headers and trailers together.
        let text = |name| answer.metadata().get(name).map(|v| v.to_str().unwrap());
        let steps = text("server-timing").unwrap().split(", ").map(|step| {
            let (name, took) = step.split_once(";dur=").unwrap();
            (name.to_owned(), took.parse().unwrap())
        });
        Trailers {
            steps: steps.collect(),
            evidence_age_ms: text("verigate-evidence-age-ms").map(|age| age.parse().unwrap()),
        }
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn begin(&self, request: BeginStepUpRequest) -> Result<BeginStepUpResponse, Status> {
        let begun = self.client.clone().begin_step_up(request).await;
        begun.map(tonic::Response::into_inner)
    }

    /// The answer to a request that gets one.
    pub async fn check(&self, policy: &str, verification: &str) -> CheckAccessResponse {
        self.ask(check_request(policy, verification)).await.unwrap()
    }

    /// The code of a request that is refused.
    pub async fn refused(&self, request: CheckAccessRequest) -> Code {
        self.ask(request).await.unwrap_err().code()
    }

    pub fn inject(&self, call: ApiCall, times: Option<u32>, fault: Fault) {
        let planned = PlannedFault {
            call,
            id: None,
            times,
            fault,
        };
        self.simulator.faults().plan(planned).unwrap();
    }

    pub fn calls(&self) -> Calls {
        self.simulator.calls()
    }

    /// Waits until the simulator has received this many requests for details. A request that never comes fails the test.
    pub async fn until_asked(&self, details: u64) {
        let received = async || self.calls().details >= details;
        until("the simulator receives the requests", received).await;
    }

    /// The status and the body of a response of the admin listener.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.admin_address());
        let response = reqwest::get(url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The status and the JSON of a response of the admin listener.
    pub async fn get_json(&self, path: &str) -> (u16, serde_json::Value) {
        let (status, body) = self.get(path).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// The metrics, as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }

    /// Stops the service; what the journal holds then.
    pub async fn stop(self) -> (Result<(), StopError>, String) {
        drop(self.client);
        let stopped = self.service.stop().await;
        let journal = fs::read_to_string(&self.journal).unwrap();
        check_lines(&journal);
        (stopped, journal)
    }
}

/// Waits until a condition holds. One that never does fails the test.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waited).await;
    assert!(waited.is_ok(), "{what}");
}

/// No failure is cached longer.
pub const FAILED_FOR_MAX: Duration = Duration::from_millis(1500);

/// More than any test asks for.
pub const PLENTY: Rate = Rate {
    per_second: 100_000,
    burst: 100_000,
};

/// What an answer took, in milliseconds, by step; and how old its evidence is.
#[derive(Debug)]
pub struct Trailers {
    pub steps: Vec<(String, f64)>,
    pub evidence_age_ms: Option<u64>,
}

fn config(simulator: &Simulator, folder: &TempDir) -> Config {
    let policies = folder.path().join("policies.yaml");
    fs::write(&policies, POLICIES).unwrap();
    let known = simulator.credentials().clone();
    let mut config = Config::from_defaults(&Account {
        url: simulator.url().parse().unwrap(),
        api_key: known.api_key.into(),
        integration_id: known.integration_id,
        secret: known.secret.into(),
    })
    .unwrap();
    config.grpc = loopback().into();
    config.http = loopback().into();
    config.admin = loopback().into();
    // So that a test's own clock and its paused time are those of its connections.
    config.limits.runtimes = Runtimes::Present;
    // Many at once begin before the client knows of the limit, and this client does not repeat what is refused then.
    config.limits.streams_per_connection = 1_000;
    config.deadlines.default = Duration::from_millis(5500);
    config.deadlines.longest = Duration::from_millis(5500);
    config.policies = policies;
    config.incode.connect_timeout = Duration::from_secs(5);
    config.incode.timeout = Duration::from_secs(5);
    // The clock stands still, so that what is used up comes back only when the test moves it.
    config.incode.rate = PLENTY;
    config.incode.links = PLENTY;
    config.cache.fetches = PLENTY;
    config.step_up.links = PLENTY;
    config.cache.capacity = 1_000;
    config.journal = folder.path().join("journal.jsonl");
    config.log.level = tracing::Level::ERROR;
    config
}

/// The version of HTTP between the service and its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// In plain text.
    Http1,
    /// By TLS, where both sides agree on it: as a load balancer does.
    Http2,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::Http1, Self::Http2];
}

/// A certificate for this machine, which is its own CA; and the same in PEM.
pub fn self_signed() -> (Identity, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let identity = Identity::new(vec![certificate], key.into()).unwrap();
    (identity, made.cert.pem())
}

/// A free port of this machine.
pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn check_request(policy: &str, verification: &str) -> CheckAccessRequest {
    CheckAccessRequest {
        policy: policy.to_owned(),
        verification_id: verification.to_owned(),
        ..CheckAccessRequest::default()
    }
}

/// What was decided, and why, in a few words: `STEP_UP VERIFICATION_TOO_OLD`.
pub fn gist(answer: &CheckAccessResponse) -> String {
    let decision = answer.decision().as_str_name();
    let reasons = answer.reasons.iter().map(|r| r.code().as_str_name());
    let words: Vec<&str> = std::iter::once(decision.trim_start_matches("DECISION_"))
        .chain(reasons.map(|reason| reason.trim_start_matches("REASON_CODE_")))
        .collect();
    words.join(" ")
}

pub fn instant(wire: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    wire.map(|t| Timestamp::new(t.seconds, t.nanos).unwrap())
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
