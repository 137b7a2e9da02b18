//! The service as it is run: a caller with a token, a folder for the journal with `durability = "written"`, metrics, and evidence in the
//! cache; beside a simulated vendor, in this process.

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tracing::Level;
use verigate::{
    callers::Token,
    clock::{Clock as _, SystemClock},
    config::Config,
    live,
    serve::Service,
    sim::{Cast, Credentials, Simulator, TOKEN_LIFE},
};

use crate::client::{Call, Client};

/// Verified lately: ALLOW.
pub const FRESH: &str = "6650b7d4-0000-4000-8000-000000000001";
/// Verified too long ago: STEP_UP, with a reason and a remedy.
pub const OLD: &str = "6650b7d4-0000-4000-8000-000000000002";

/// The decisions, by their numbers on the wire.
pub const ALLOW: u8 = 1;
pub const STEP_UP: u8 = 2;

/// The policy of every part: five rules.
pub const POLICY: &str = "\
version: 1
policies:
  front-door:
    require:
      - status: [VERIFIED]
      - verified_within: 365d
        otherwise: step_up
      - scopes: [NAME]
        otherwise: step_up
      - age_at_least: 18
      - identity: same_as_request
    evidence:
      fresh_for: 1h
    reuse:
      allow: 10m
";

const CAST: &str = "\
people:
  ada:
    identity_id: id-ada
    full_name: Ada Example
    date_of_birth: 1990-05-17
    phone: \"+12025550101\"
verifications:
  6650b7d4-0000-4000-8000-000000000001: { person: ada, verified_ago: 1h, scopes: [NAME, DATE_OF_BIRTH, PHONE] }
  6650b7d4-0000-4000-8000-000000000002: { person: ada, verified_ago: 400d, scopes: [NAME, DATE_OF_BIRTH, PHONE] }
";

/// A running service, and what it needs.
pub struct Running {
    pub address: SocketAddr,
    token: Token,
    service: Service,
    _simulator: Simulator,
    _folder: TempDir,
    runtime: Runtime,
}

impl Running {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let cast = Cast::read("the test's cast", CAST, clock.now()).unwrap();
        let at = ([127, 0, 0, 1], 0).into();
        let vendor = Simulator::start(
            at,
            cast,
            Credentials::default(),
            TOKEN_LIFE,
            Arc::clone(&clock) as _,
        );
        let simulator = runtime.block_on(vendor).unwrap();
        let token = Token::from_random([1; 8], [2; 32]);
        let config = config(folder.path(), &simulator, &token);
        log();
        let policies = live::load(&config.policies).unwrap();
        let started = Service::start(&config, policies, clock);
        let service = runtime.block_on(started).unwrap();
        let address = service.addresses.grpc.tcp().unwrap();
        Self {
            address,
            token,
            service,
            _simulator: simulator,
            _folder: folder,
            runtime,
        }
    }

    /// A caller that has called, and calls about both verifications, whose evidence is cached.
    pub fn client(&self) -> (Client, Call, Call) {
        let mut client = Client::connect(self.address, self.token.reveal(), FRESH);
        let (allow, step_up) = (Call::about(FRESH), Call::about(OLD));
        for _ in 0..20 {
            client.decide(&allow, ALLOW, 1);
            client.decide(&step_up, STEP_UP, 1);
        }
        (client, allow, step_up)
    }

    pub fn stop(self) {
        self.runtime.block_on(self.service.stop()).unwrap();
    }
}

/// As in the program, where the log has a level and nobody collects traces; but its hook would hide why a test panics.
fn log() {
    let logging = tracing_subscriber::fmt().with_writer(io::stderr);
    // Only the first of the process counts.
    let _ = logging.with_max_level(Level::WARN).try_init();
}

fn config(folder: &Path, simulator: &Simulator, token: &Token) -> Config {
    let (policy, journal) = (folder.join("front-door.yaml"), folder.join("journal"));
    fs::write(&policy, POLICY).unwrap();
    fs::create_dir(&journal).unwrap();
    let known = simulator.credentials();
    let (api_key, integration, secret) = (&known.api_key, &known.integration_id, &known.secret);
    let written = format!(
        "[callers.gateway]\ntoken_sha256 = ['{}']\npolicies = ['*']\nasserts = ['identity']\n\
         [policies]\npath = '{}'\n[journal]\npath = '{}'\ndurability = 'written'\n\
         [incode]\nurl = '{}'\napi_key = '{api_key}'\nintegration_id = '{integration}'\nsecret = '{secret}'\ntimeout = '15s'\n\
         [grpc]\nlisten = '127.0.0.1:0'\ndeadline_max = '20s'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
",
        token.entry(),
        policy.display(),
        journal.display(),
        simulator.url(),
    );
    let file = folder.join("verigate.toml");
    fs::write(&file, written).unwrap();
    Config::load(Some(&file), []).unwrap()
}
