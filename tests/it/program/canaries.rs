//! Canaries in every field of a verification, in every secret and in the token: none of them is in anything that the program writes.

use axum::{Router, body::Bytes, extract::State, routing::post};
use parking_lot::Mutex;
use verigate::sim::{ApiCall, Fault, PlannedFault};

use super::*;

/// What stands for a person and for secrets; each is found nowhere else.
const CANARIES: [(&str, &str); 10] = [
    ("full name", "Qzfull Canary"),
    ("first name", "Qzfirst"),
    ("last name", "Qzlast"),
    ("telephone number", "+12025559173"),
    ("date of birth", "1988-08-13"),
    ("date of birth in ms", "587433600000"),
    ("identity", "id-qzcanary"),
    ("api key", "qzcanary-api-key-7d1f9b"),
    ("secret", "qzcanary-secret-93be21"),
    ("webhook secret", "qzcanary-webhook-secret-551a"),
];
/// What every token of the simulated vendor begins with.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9";
/// A policy that reads all of it, and one that reads none.
const POLICIES: &str = "version: 1
policies:
  all:
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

/// The canaries that a text has.
fn found(text: &str) -> Vec<&'static str> {
    let canaries = CANARIES.iter().chain(&[("token", TOKEN)]);
    let found = canaries.filter(|(_, canary)| text.contains(canary));
    found.map(|(name, _)| *name).collect()
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

/// The vendor, with these people and secrets.
async fn vendor() -> Simulator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(SystemClock);
    let cast = Cast::read("cast.yaml", CAST, clock.now()).unwrap();
    let known = Credentials {
        api_key: CANARIES[7].1.to_owned(),
        integration_id: "integration".to_owned(),
        secret: CANARIES[8].1.to_owned(),
    };
    let simulator = Simulator::start(loopback(), cast, known, TOKEN_LIFE, clock);
    simulator.await.unwrap()
}

/// Writes the files of the program, which reads its secrets from files.
fn write_files(folder: &Path, vendor: &Simulator, collector: &str) {
    fs::write(folder.join("p.yaml"), POLICIES).unwrap();
    for (file, secret) in [("key", 7), ("secret", 8), ("hook", 9)] {
        fs::write(folder.join(file), format!("{}\n", CANARIES[secret].1)).unwrap();
    }
    let at = folder.display();
    let config = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{at}/p.yaml'\n[journal]\npath = '{at}/journal.jsonl'\n[trace]\notlp_endpoint = '{collector}'\n\
         [log]\nlevel = 'trace'\nformat = 'json'\n[webhook]\nsecret_file = '{at}/hook'\n\
         [incode]\nurl = 'http://{}'\napi_key_file = '{at}/key'\nsecret_file = '{at}/secret'\nintegration_id = 'integration'\n",
        vendor.address
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

/// Checks by both policies and by none that exists, while the vendor answers in several ways; the answers.
async fn checks(vendor: &Simulator, grpc: String) -> String {
    let mut client = AccessServiceClient::connect(grpc).await.unwrap();
    let mut answers = String::new();
    for (id, fault) in [
        ("v-canary", None),
        (
            "v-faulty",
            Some(Fault::ContentType("text/plain".to_owned())),
        ),
        ("v-half", Some(Fault::Truncated)),
        ("v-faulty", Some(Fault::Status(503))),
        ("v-canary", None),
    ] {
        if let Some(fault) = fault {
            let planned = PlannedFault {
                call: ApiCall::Details,
                id: Some(id.to_owned()),
                times: None,
                fault,
            };
            vendor.faults().plan(planned).unwrap();
        }
        for policy in ["all", "none", "no-such-policy"] {
            let answer = client.check_access(check_request(policy, id)).await;
            let answer = format!("{answer:?}\n");
            answers.push_str(&answer);
        }
    }
    answers
}

#[tokio::test]
async fn no_canary_is_in_a_log_a_metric_a_page_a_trace_the_journal_or_an_answer() {
    let (vendor, (sent, collector)) = (vendor().await, collector().await);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_files(folder.path(), &vendor, &collector);
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
    let address = |name: &str| format!("http://{}", ready["fields"][name].as_str().unwrap());
    let mut answers = checks(&vendor, address("grpc")).await;
    // Somebody who has the secret, and somebody who has nearly the secret.
    let hook = format!("{}/webhooks/incode", address("http"));
    for secret in [CANARIES[9].1.to_owned(), format!("{}x", CANARIES[9].1)] {
        let request = reqwest::Client::new()
            .post(&hook)
            .header("x-webhook-secret", secret);
        let body = format!(
            "{{\"verificationId\":\"v-canary\",\"name\":\"{}\"}}",
            CANARIES[0].1
        );
        let response = request
            .header("content-type", "application/json")
            .body(body);
        answers += &response.send().await.unwrap().text().await.unwrap();
    }
    let mut pages = String::new();
    for page in ["metrics", "readyz", "livez", "policies", "step-ups/x"] {
        let page = reqwest::get(format!("{}/{page}", address("admin")))
            .await
            .unwrap();
        pages += &page.text().await.unwrap();
    }
    assert!(pages.contains("verigate_policies 2"), "{pages}");
    assert!(
        answers.contains("decision: Allow") || answers.contains("decision: 1"),
        "{answers}"
    );
    process.signal("-TERM");
    assert!(Program::ended(process).await.success());

    let log = fs::read_to_string(path("log")).unwrap();
    let journal = fs::read_to_string(path("journal.jsonl")).unwrap();
    let traces = String::from_utf8_lossy(&sent.lock()).into_owned();
    assert!(log.contains("webhook_rejected") && journal.lines().count() == 10);
    assert!(traces.contains("look up"));
    for (what, text) in [
        ("log", &log),
        ("journal", &journal),
        ("traces", &traces),
        ("pages", &pages),
        ("answers", &answers),
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{what}: {text}");
    }
}

#[test]
fn no_secret_is_in_what_is_said_of_a_configuration_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let (key, secret) = (CANARIES[7].1, CANARIES[8].1);
    for wrong in [
        format!("[incode]\napi_key = '{key}\n"),
        format!("[incode]\napi_key = ['{key}']\nsecret = {{ a = '{secret}' }}\n"),
        format!("[incode]\napi_key = ' {key}'\nsecret = '\"{secret}\"'\n"),
        format!("[incode]\nurl = 'https://{key}:{secret}@example.com'\n"),
        format!("[incode]\nheaders = {{ x-api-key = '{key}', \"a b\" = '{secret}' }}\n"),
        format!("[incode]\napi_key = '{key}'\napi_key_file = 'f'\nunknown = '{secret}'\n"),
        format!("[webhook]\nprevious_secret = '{secret}'\nsecret_file = '/nowhere'\n"),
        format!("[incode]\nconnect_timeout = 1\napi_key = '${{{key}}}'\n"),
    ] {
        fs::write(&path, &wrong).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .args(["serve", "--check", "--config"])
            .arg(&path)
            .env("RUST_LOG", "trace")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(found(&said), Vec::<&str>::new(), "{wrong}: {said}");
    }
}
