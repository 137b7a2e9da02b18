//! Every fault, with a cold, a warm and a stale cache, short deadlines and long ones, a strict policy and a tolerant one: there is never an
//! ALLOW without the evidence for it, never an answer after the deadline, and each fault did happen.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, pki_types::PrivatePkcs8KeyDer},
};
use verigate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{CheckAccessRequest, CheckAccessResponse, EvidenceSource},
    sim::{Answer, ApiCall, Fault, Network},
};

use crate::{
    foreign::headers,
    world::{Version, World, check_request, gist, loopback},
};

/// How long after its deadline an answer may arrive here.
const LATE_MAX: Duration = Duration::from_millis(20);
/// With this deadline or a longer one, the answer arrives before it.
const TIME_ENOUGH: Duration = Duration::from_millis(500);
/// A busy host can make an answer late. Then a fault is measured again, up to this often.
const MEASUREMENTS: usize = 20;
const DEADLINES_MS: [u64; 3] = [10, 50, 500];
const SHORTEST: Duration = Duration::from_millis(DEADLINES_MS[0]);
const POLICIES: [&str; 2] = ["front-door", "tolerant"];
const STATES: [State; 3] = [State::Cold, State::Warm, State::Stale];

/// What is cached of a verification when the fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Cold,
    Warm,
    Stale,
}

/// What can be known at best during a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: the upstream does not respond.
    Unavailable,
    /// That its response cannot be used.
    Invalid,
    /// That it has no such verification.
    Absent,
    /// Everything, if there is enough time.
    Harmless,
}

/// How a fault is caused.
enum Cause {
    Calls(ApiCall, Option<u32>, Fault),
    Net(Network),
    /// The open connections swallow everything, and new ones work.
    Frozen,
    /// The open connections are closed: HTTP/2 sends GOAWAY.
    Closed,
    Tls,
}

fn faults() -> Vec<(&'static str, Kind, Cause)> {
    use Kind::{Absent, Harmless, Invalid, Unavailable};
    let details = |fault| Cause::Calls(ApiCall::Details, None, fault);
    let status = |status| details(Fault::Status(status));
    let plain = details(Fault::ContentType("text/plain".to_owned()));
    let elsewhere = "http://127.0.0.1:1/v1/verification/details/x".to_owned();
    let mut faults = vec![
        ("refuse", Unavailable, Cause::Net(Network::Refusing)),
        ("black hole", Unavailable, Cause::Net(Network::BlackHole)),
        ("no tls", Unavailable, Cause::Tls),
        ("slow headers", Unavailable, details(Fault::Hang)),
        ("late headers", Harmless, details(Fault::LatencyMs(30))),
        ("slow body", Unavailable, details(Fault::SlowBody)),
        ("reset", Unavailable, details(Fault::Reset)),
        ("garbage", Unavailable, details(Fault::Html)),
        ("half", Unavailable, details(Fault::Truncated)),
        ("wrong id", Invalid, details(Fault::AnotherId)),
        ("huge", Unavailable, details(Fault::Huge)),
        ("wrong content type", Unavailable, plain),
        ("frozen", Harmless, Cause::Frozen),
        ("closed", Harmless, Cause::Closed),
        (
            "401 once",
            Harmless,
            Cause::Calls(ApiCall::Details, Some(1), Fault::ExpiredToken),
        ),
        ("401 always", Unavailable, details(Fault::ExpiredToken)),
        ("403", Unavailable, status(403)),
        ("404", Absent, status(404)),
        ("406", Unavailable, status(406)),
        ("429", Unavailable, details(Fault::RetryAfter(30))),
        ("500", Unavailable, status(500)),
        ("503", Unavailable, status(503)),
        ("redirect", Unavailable, details(Fault::Redirect(elsewhere))),
        (
            "clock skew",
            Harmless,
            details(Fault::ClockAheadMs(3_600_000)),
        ),
    ];
    faults.extend(responses_of_others());
    faults.extend(faults_of_tokens());
    faults
}

fn responses_of_others() -> [(&'static str, Kind, Cause); 2] {
    use Kind::Unavailable;
    let details = |fault| Cause::Calls(ApiCall::Details, None, fault);
    [
        (
            "404 of a proxy",
            Unavailable,
            details(Fault::Answer(Answer {
                status: 404,
                headers: headers(&[("content-type", "text/html")]),
                body: Some("default backend - 404".to_owned()),
            })),
        ),
        (
            "200 of an old cache",
            Unavailable,
            details(Fault::Answer(Answer {
                status: 200,
                headers: headers(&[("age", "7200")]),
                body: None,
            })),
        ),
    ]
}

fn faults_of_tokens() -> [(&'static str, Kind, Cause); 3] {
    use Kind::Unavailable;
    [
        (
            "no token",
            Unavailable,
            Cause::Calls(ApiCall::Authorize, None, Fault::Status(500)),
        ),
        (
            "api key refused",
            Unavailable,
            Cause::Calls(ApiCall::Authorize, None, Fault::Status(403)),
        ),
        (
            "token hangs",
            Unavailable,
            Cause::Calls(ApiCall::Authorize, None, Fault::Hang),
        ),
    ]
}

/// One check, and what is cached when it is made.
#[derive(Debug, Clone)]
struct Case {
    id: String,
    state: State,
    deadline: Duration,
    policy: &'static str,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for state in STATES {
        for deadline_ms in DEADLINES_MS {
            for policy in POLICIES {
                cases.push(Case {
                    id: format!("v-{}", cases.len()),
                    state,
                    deadline: Duration::from_millis(deadline_ms),
                    policy,
                });
            }
        }
    }
    cases
}

fn cast(cases: &[Case]) -> String {
    let mut cast = String::from("people:\n  ada: { full_name: Ada Example }\nverifications:\n");
    for Case { id, .. } in cases {
        writeln!(
            cast,
            "  {id}: {{ person: ada, verified_ago: 1d, scopes: [NAME] }}"
        )
        .unwrap();
    }
    cast
}

/// The outcome of a case.
struct Outcome {
    /// A summary of the answer, or the code of the error.
    gist: String,
    answer: Option<CheckAccessResponse>,
    took: Duration,
}

/// Makes a check as a client that does not enforce its deadline itself, so that a late answer is seen.
async fn ask(client: &reqwest::Client, world: &World, case: &Case) -> Outcome {
    let request: CheckAccessRequest = check_request(case.policy, &case.id);
    let mut body = vec![0];
    body.extend(u32::try_from(request.encoded_len()).unwrap().to_be_bytes());
    request.encode(&mut body).unwrap();
    let url = format!(
        "http://{}/verigate.v1.AccessService/CheckAccess",
        world.grpc_address()
    );
    let started = SystemClock.read();
    let response = client
        .post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", case.deadline.as_millis()))
        .body(body)
        .send()
        .await
        .unwrap();
    let status = response.headers().get("grpc-status").cloned();
    let body = response.bytes().await.unwrap();
    let took = started.elapsed();
    let answer = body
        .get(5..)
        .map(|message| CheckAccessResponse::decode(message).unwrap());
    Outcome {
        gist: answer.as_ref().map_or_else(|| format!("{status:?}"), gist),
        answer,
        took,
    }
}

/// Brings a world into every state, causes the fault, and makes all checks at once. Also returns how often the fault happened.
async fn outcomes_of(version: Version, cause: Cause) -> (Vec<(Case, Outcome)>, u64) {
    let mut cases = cases();
    let world = World::over(version, &cast(&cases), |config| {
        config.incode.timeout = Duration::from_millis(700);
        config.incode.connect_timeout = Duration::from_millis(300);
        if matches!(cause, Cause::Tls) {
            // The simulator speaks the other of both.
            let other = match version {
                Version::Http1 => "https",
                Version::Http2 => "http",
            };
            config.incode.url.set_scheme(other).unwrap();
        }
    })
    .await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    match cause {
        Cause::Tls => cases.retain(|case| case.state == State::Cold),
        // By the time that a token has expired, nothing is warm any more.
        Cause::Calls(ApiCall::Authorize, ..) => cases.retain(|case| case.state != State::Warm),
        Cause::Calls(..) | Cause::Net(_) | Cause::Frozen | Cause::Closed => {}
    }
    fill_cache(&world, &cases, State::Stale).await;
    world.clock.advance(match cause {
        Cause::Calls(ApiCall::Authorize, ..) => Duration::from_mins(15),
        // Older than any policy's `fresh_for`.
        _ => Duration::from_mins(6),
    });
    fill_cache(&world, &cases, State::Warm).await;
    // Connects first: that is not measured.
    let response = client
        .get(format!("http://{}/", world.grpc_address()))
        .send();
    response.await.unwrap();
    let connections = world.simulator.connections();
    match cause {
        Cause::Calls(call, times, fault) => world.inject(call, times, fault),
        Cause::Net(network) => world.simulator.network(network),
        Cause::Frozen => world.simulator.freeze_connections(),
        Cause::Closed => world.simulator.close_connections(),
        Cause::Tls => {}
    }
    let asked = cases.iter().map(|case| ask(&client, &world, case));
    let outcomes = join_all(asked).await;
    let occurrences = occurrences(&world, connections).await;
    (cases.into_iter().zip(outcomes).collect(), occurrences)
}

/// Has the service cache the verifications in this state.
async fn fill_cache(world: &World, cases: &[Case], state: State) {
    for case in cases.iter().filter(|case| case.state == state) {
        assert_eq!(gist(&world.check("tolerant", &case.id).await), "ALLOW");
    }
}

/// How often the fault happened: as the simulator counts it, as calls without a response, which are counted once they time out, or as
/// connections that were opened since.
async fn occurrences(world: &World, connections: u64) -> u64 {
    for _ in 0..100 {
        let counted = world.simulator.faults().injected();
        let opened = world.simulator.connections() - connections;
        let occurrences = counted.max(unanswered(world).await).max(opened);
        if occurrences > 0 {
            return occurrences;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    0
}

/// How many calls to the upstream had no response, as the service counts them.
async fn unanswered(world: &World) -> u64 {
    let text = world.metrics().await;
    let lines = text.lines().filter(|line| {
        line.starts_with("verigate_upstream_calls_total{")
            && (line.contains("unreachable") || line.contains("timed_out"))
    });
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// Whether the answer is late, or none although there is time for a degraded one.
fn is_late(case: &Case, outcome: &Outcome) -> bool {
    let is_short = case.deadline < TIME_ENOUGH;
    let latest = case.deadline + if is_short { LATE_MAX } else { Duration::ZERO };
    outcome.took > latest || (case.deadline > SHORTEST && outcome.answer.is_none())
}

/// Whether there is evidence for this answer.
fn is_supported(kind: Kind, case: &Case, outcome: &Outcome) -> bool {
    let tolerant = case.policy == "tolerant";
    let unavailable = if tolerant {
        "STEP_UP EVIDENCE_UNAVAILABLE"
    } else {
        "DENY EVIDENCE_UNAVAILABLE"
    };
    let Some(answer) = &outcome.answer else {
        // DEADLINE_EXCEEDED: there was no time for a degraded answer either.
        return outcome.gist.contains('4');
    };
    let source = answer.evidence.as_ref().unwrap().source();
    let is = |gist: &str, degraded: bool| outcome.gist == gist && answer.degraded == degraded;
    match case.state {
        State::Warm => is("ALLOW", false) && source == EvidenceSource::Cache,
        State::Stale if tolerant && is("ALLOW", true) => source == EvidenceSource::Stale,
        // If it is not stale, it was just fetched: for this check, or stored at the moment at which its wait ended.
        State::Cold | State::Stale => {
            is(unavailable, true)
                || match kind {
                    Kind::Unavailable => false,
                    Kind::Invalid => is("DENY EVIDENCE_INVALID", false),
                    Kind::Absent => is("DENY VERIFICATION_NOT_FOUND", false),
                    Kind::Harmless => {
                        is("ALLOW", false)
                            && [EvidenceSource::Upstream, EvidenceSource::Cache].contains(&source)
                    }
                }
        }
    }
}

/// Causes every fault, by this version of HTTP.
async fn try_all(version: Version) {
    for index in 0..faults().len() {
        for measurement in 1.. {
            let (name, kind, cause) = faults().swap_remove(index);
            let (outcomes, occurrences) = outcomes_of(version, cause).await;
            for (case, outcome) in &outcomes {
                let (gist, answer) = (&outcome.gist, &outcome.answer);
                assert!(
                    is_supported(kind, case, outcome),
                    "{name}: {case:?}: {gist}: {answer:?}"
                );
            }
            let late = outcomes
                .iter()
                .find(|(case, outcome)| is_late(case, outcome));
            // On a busy host, all calls may be on their way before a connection is closed.
            let mistake = match late {
                Some((case, outcome)) => format!("{case:?}: took {:?}", outcome.took),
                None if occurrences == 0 => "never happened".to_owned(),
                None => break,
            };
            assert!(measurement < MEASUREMENTS, "{name}: {mistake}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_lets_anybody_in_or_makes_them_wait() {
    try_all(Version::Http1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_over_http2_lets_anybody_in_or_makes_them_wait() {
    try_all(Version::Http2).await;
}

/// Serves TLS with a certificate of no known authority. Returns how many handshakes were completed.
async fn self_signed() -> (SocketAddr, Arc<AtomicU64>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let key = made.signing_key.serialize_der();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            PrivatePkcs8KeyDer::from(key).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let completed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&completed);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if acceptor.accept(stream).await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (address, completed)
}

#[tokio::test]
async fn an_upstream_with_an_untrusted_certificate_gets_no_secret() {
    let (address, completed) = self_signed().await;
    let world = World::with(|config| {
        config.incode.url = format!("https://{address}").parse().unwrap();
    })
    .await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    assert_eq!(completed.load(Ordering::SeqCst), 0);
    assert!(unanswered(&world).await > 0);
}
