//! A program with everything switched on that handles a secret, and its vendor, its collector and its callers.

use axum::{Router, body::Bytes, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use rcgen::{DnType, SanType};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use verigate::callers::Token;

use super::{
    super::*,
    planted::{API_KEY, Canaries, SECRET, WEBHOOK_SECRET},
};
use crate::tls::{
    Files,
    pki::{Leaf, uri_name},
    vendor::Front,
};

/// A policy that reads all of a person's data, and one that reads none. The name of the first is found where names of policies are.
const POLICIES: &str = "version: 1
policies:
  qzcontrol:
    description: Reads everything.
    require:
      - scopes: [NAME]
      - age_at_least: 18
      - phone_prefix: [\"+1\"]
      - identity_not_in: [id-nobody]
  none:
    description: Reads nothing of a person.
    require:
      - verified_within: 90d
";
const CAST: &str = "people:
  c: {identity_id: id-qzcanary, full_name: Qzfull Canary, first_name: Qzfirst, last_name: Qzlast, date_of_birth: 1988-08-13, phone: \"+12025559173\"}
verifications:
  v-canary: {person: c, verified_ago: 10m, scopes: [NAME, DATE_OF_BIRTH, PHONE]}
  v-faulty: {person: c, verified_ago: 10m, scopes: [NAME, DATE_OF_BIRTH, PHONE]}
  v-half: {person: c, verified_ago: 10m, scopes: [NAME, DATE_OF_BIRTH, PHONE]}
";

pub struct Scene {
    pub folder: TempDir,
    pub files: Files,
    pub front: Front,
    pub vendor: Simulator,
    pub process: Killed,
    /// The line of the log that has the addresses.
    pub ready: Value,
    /// What the collector of traces was sent.
    pub traces: Arc<Mutex<Vec<u8>>>,
    pub canaries: Canaries,
    /// The certificate of a caller, one of nobody, and one of another CA.
    pub door: Leaf,
    pub stranger: Leaf,
    pub foreign: Leaf,
    /// The token of a caller.
    pub token: Token,
    issuer: Ed25519KeyPair,
}

impl Scene {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (folder, files) = (tempfile::tempdir().unwrap(), Files::new());
        let front = Front::start(&files, true).await;
        let vendor = vendor().await;
        front.simulator.set(vendor.address).unwrap();
        let (traces, collector) = collector().await;
        let own = files.client_ca.client("spiffe://example.org/verigate");
        files.write("own.crt", &own.chain);
        files.write("own.key", &own.key);
        files.write("vendor-ca.crt", &files.server_ca.pem());
        let (token, issuer) = (Token::from_random([7; 8], [93; 32]), issuer(folder.path()));
        let mut canaries = Canaries::chosen();
        for (name, key) in [
            ("key of ours for the vendor", own.key.clone()),
            (
                "key of a listener",
                fs::read_to_string(files.path("tls.key")).unwrap(),
            ),
        ] {
            // The text of a key is found by a line of it, its bytes by a part of them.
            let lines: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
            canaries.add(name, lines[1].as_bytes());
            let bytes = base64::engine::general_purpose::STANDARD.decode(lines.concat());
            canaries.add(name, &bytes.unwrap()[36..60]);
        }
        canaries.add("token of a caller", &token.reveal().as_bytes()[12..]);
        write_files(folder.path(), &files, &front, &collector, &token);
        let path = |name: &str| folder.path().join(name);
        let process = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .args(["serve", "--config"])
            .arg(path("verigate.toml"))
            .env("RUST_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let process = Killed(process);
        let ready = served(&path("log")).await;
        let named = |names| certificate_of(&files.client_ca, names);
        Self {
            door: named(["spiffe://example.org/door/qzdoor", "qzhost-1.example.org"]),
            stranger: named(["spiffe://example.org/nobody/qzdoor", "qzhost-2.example.org"]),
            foreign: certificate_of(
                &files.server_ca,
                ["spiffe://example.org/door/qzdoor", "qzhost-3.example.org"],
            ),
            folder,
            files,
            front,
            vendor,
            process,
            ready,
            traces,
            canaries,
            token,
            issuer,
        }
    }

    pub fn address(&self, name: &str) -> &str {
        self.ready["fields"][name].as_str().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// A client of the gRPC listener, with this certificate.
    pub fn client(&self, leaf: Option<&Leaf>) -> AccessServiceClient<Channel> {
        let ca = Certificate::from_pem(self.files.server_ca.pem());
        let mut tls = ClientTlsConfig::new().ca_certificate(ca);
        if let Some(leaf) = leaf {
            tls = tls.identity(Identity::from_pem(&leaf.chain, &leaf.key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address("grpc")));
        let endpoint = endpoint.unwrap().tls_config(tls).unwrap();
        AccessServiceClient::new(endpoint.connect_lazy())
    }

    /// A JSON Web Token about this subject, that expires after this many seconds. Its signature becomes a canary.
    pub fn jwt(&mut self, subject: &str, seconds: i64) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let exp = SystemClock.now().as_second() + seconds;
        let header = encode(br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#);
        let claims = format!(
            r#"{{"iss":"https://id.example.com","aud":"verigate","sub":"{subject}","exp":{exp}}}"#
        );
        let signed = format!("{header}.{}", encode(claims.as_bytes()));
        let signature = self.issuer.sign(signed.as_bytes());
        let signature = signature.as_ref();
        self.canaries.add("signature of a JWT", signature);
        self.canaries
            .add("signature of a JWT", encode(signature).as_bytes());
        format!("{signed}.{}", encode(signature))
    }
}

/// A certificate with these two names and a subject, for a client.
fn certificate_of(ca: &crate::tls::pki::Authority, [uri, host]: [&str; 2]) -> Leaf {
    ca.issue(|params| {
        params.subject_alt_names = vec![uri_name(uri), SanType::DnsName(host.try_into().unwrap())];
        params
            .distinguished_name
            .push(DnType::CommonName, "qzcommon door");
    })
}

/// The vendor, with these people and secrets.
async fn vendor() -> Simulator {
    let clock = Arc::new(SystemClock);
    let good: String = (0..40)
        .flat_map(|n| {
            ["a", "b"].map(|half| {
                format!("  v-good-{n}{half}: {{person: c, verified_ago: 10m, scopes: [NAME]}}\n")
            })
        })
        .collect();
    let cast = Cast::read("cast.yaml", &format!("{CAST}{good}"), clock.now()).unwrap();
    let known = Credentials {
        api_key: API_KEY.to_owned(),
        integration_id: "integration".to_owned(),
        secret: SECRET.to_owned(),
    };
    let simulator = Simulator::start(loopback(), cast, known, TOKEN_LIFE, clock);
    simulator.await.unwrap()
}

/// A collector of traces; what it was sent.
async fn collector() -> (Arc<Mutex<Vec<u8>>>, String) {
    let sent = Arc::<Mutex<Vec<u8>>>::default();
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let take = async |State(sent): State<Arc<Mutex<Vec<u8>>>>, body: Bytes| {
        sent.lock().extend_from_slice(&body);
    };
    let router = Router::new().route("/v1/traces", post(take));
    let router = router.with_state(Arc::clone(&sent));
    tokio::spawn(async { axum::serve(listener, router).await });
    (sent, format!("http://{address}"))
}

/// An issuer of JSON Web Tokens, whose key set is in this folder.
fn issuer(folder: &Path) -> Ed25519KeyPair {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}]}}"#);
    fs::write(folder.join("jwks.json"), set).unwrap();
    key
}

/// Writes the files of the program, which reads its secrets from files.
fn write_files(folder: &Path, files: &Files, front: &Front, collector: &str, token: &Token) {
    fs::write(folder.join("p.yaml"), POLICIES).unwrap();
    for (file, secret) in [
        ("key", API_KEY),
        ("secret", SECRET),
        ("hook", WEBHOOK_SECRET),
    ] {
        fs::write(folder.join(file), format!("{secret}\n")).unwrap();
    }
    let at = folder.display();
    let tls = |name: &str| files.path(name).display().to_string();
    let config = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [grpc.tls]\ncertificate = '{}'\nkey = '{}'\nclient_ca = '{}'\n\
         [policies]\npath = '{at}/p.yaml'\n[journal]\npath = '{at}/journal.jsonl'\n[trace]\notlp_endpoint = '{collector}'\n\
         [log]\nlevel = 'trace'\nformat = 'json'\n[webhook]\nsecret_file = '{at}/hook'\n\
         [incode]\nurl = 'https://{}'\nca = '{}'\nclient_certificate = '{}'\nclient_key = '{}'\n\
         api_key_file = '{at}/key'\nsecret_file = '{at}/secret'\nintegration_id = 'integration'\n\
         [callers.by-token]\ntoken_sha256 = ['{}']\npolicies = ['*']\nstep_ups = true\n\
         [callers.by-certificate]\ncertificate = ['spiffe://example.org/door/*']\npolicies = ['*']\n\
         [callers.by-jwt]\npolicies = ['*']\n\
         jwt = {{ issuer = 'https://id.example.com', audience = 'verigate', jwks_file = '{at}/jwks.json', subjects = ['qzgateway'] }}\n",
        tls("tls.crt"),
        tls("tls.key"),
        tls("ca.crt"),
        front.address,
        tls("vendor-ca.crt"),
        tls("own.crt"),
        tls("own.key"),
        token.entry(),
    );
    fs::write(folder.join("verigate.toml"), config).unwrap();
}

/// Waits until the program serves; its addresses.
async fn served(log: &Path) -> Value {
    let ready = || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.contains("\"service_ready\""))?;
        serde_json::from_str::<Value>(line).ok()
    };
    until("the program serves", async || ready().is_some()).await;
    ready().unwrap()
}
