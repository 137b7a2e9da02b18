//! Every fault, met cold, warm and stale, with little time and much, by a strict policy and a tolerant one: never an ALLOW
//! that the facts do not carry, never an answer after the deadline, and each fault has really struck.

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
    sim::{ApiCall, Fault, Network},
};

use crate::world::{World, gist, loopback, question};

/// How much later than its deadline an answer may be seen here.
const LATE_MAX: Duration = Duration::from_millis(20);
/// Where there is so much time, the answer comes before the caller gives up.
const TIME_ENOUGH: Duration = Duration::from_millis(500);
/// A machine that is busy with something else may make an answer late: then it is asked again, so often.
const MEASUREMENTS: usize = 20;
const DEADLINES_MS: [u64; 3] = [10, 50, 500];
const POLICIES: [&str; 2] = ["front-door", "tolerant"];
const STATES: [State; 3] = [State::Cold, State::Warm, State::Stale];

/// What is remembered of a verification when the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Cold,
    Warm,
    Stale,
}

/// What can be known at best where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: the upstream cannot be asked.
    Silence,
    /// That what it says cannot be used.
    Nonsense,
    /// That it knows no such verification.
    Absence,
    /// Everything, if there is time for it.
    Nuisance,
}

/// How a fault is made.
enum Cause {
    Calls(ApiCall, Option<u32>, Fault),
    Net(Network),
    Tls,
}

fn faults() -> Vec<(&'static str, Kind, Cause)> {
    use Kind::{Absence, Nonsense, Nuisance, Silence};
    let details = |fault| Cause::Calls(ApiCall::Details, None, fault);
    let status = |status| details(Fault::Status(status));
    let elsewhere = "http://127.0.0.1:1/v1/verification/details/x".to_owned();
    vec![
        ("refuse", Silence, Cause::Net(Network::Refusing)),
        ("black hole", Silence, Cause::Net(Network::BlackHole)),
        ("no tls", Silence, Cause::Tls),
        ("slow headers", Silence, details(Fault::Hang)),
        ("late headers", Nuisance, details(Fault::LatencyMs(30))),
        ("slow body", Silence, details(Fault::SlowBody)),
        ("reset", Silence, details(Fault::Reset)),
        ("garbage", Nonsense, details(Fault::Html)),
        ("half", Nonsense, details(Fault::Truncated)),
        ("wrong id", Nonsense, details(Fault::AnotherId)),
        ("huge", Nonsense, details(Fault::Huge)),
        (
            "wrong content type",
            Nonsense,
            details(Fault::ContentType("text/plain".to_owned())),
        ),
        (
            "401 once",
            Nuisance,
            Cause::Calls(ApiCall::Details, Some(1), Fault::ExpiredToken),
        ),
        ("401 always", Silence, details(Fault::ExpiredToken)),
        ("403", Silence, status(403)),
        ("404", Absence, status(404)),
        ("406", Silence, status(406)),
        ("429", Silence, details(Fault::RetryAfter(30))),
        ("500", Silence, status(500)),
        ("503", Silence, status(503)),
        ("redirect", Silence, details(Fault::Redirect(elsewhere))),
        (
            "clock skew",
            Nuisance,
            details(Fault::ClockAheadMs(3_600_000)),
        ),
        (
            "no token",
            Silence,
            Cause::Calls(ApiCall::Authorize, None, Fault::Status(500)),
        ),
        (
            "api key refused",
            Silence,
            Cause::Calls(ApiCall::Authorize, None, Fault::Status(403)),
        ),
        (
            "token hangs",
            Silence,
            Cause::Calls(ApiCall::Authorize, None, Fault::Hang),
        ),
    ]
}

/// One question, and what is known when it comes.
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

/// What came of a case.
struct Outcome {
    /// The answer in a few words, or the code of the error.
    gist: String,
    answer: Option<CheckAccessResponse>,
    took: Duration,
}

/// Asks as a client does that leaves it to the service to keep the deadline, so that a late answer is seen.
async fn ask(client: &reqwest::Client, world: &World, case: &Case) -> Outcome {
    let request: CheckAccessRequest = question(case.policy, &case.id);
    let mut body = vec![0];
    body.extend(u32::try_from(request.encoded_len()).unwrap().to_be_bytes());
    request.encode(&mut body).unwrap();
    let url = format!(
        "http://{}/verigate.v1.AccessService/CheckAccess",
        world.service.addresses.grpc
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

/// Puts a world into every state, makes the fault, and asks every question at once; and how often the fault struck.
async fn meet(cause: Cause) -> (Vec<(Case, Outcome)>, u64) {
    let mut cases = cases();
    let world = World::of(&cast(&cases), |config| {
        config.incode.timeout = Duration::from_millis(700);
        config.incode.connect_timeout = Duration::from_millis(300);
        if matches!(cause, Cause::Tls) {
            // Who answers there does not speak TLS.
            config.incode.url.set_scheme("https").unwrap();
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
        // A token that is past its time takes so long that nothing is warm any more.
        Cause::Calls(ApiCall::Authorize, ..) => cases.retain(|case| case.state != State::Warm),
        Cause::Calls(..) | Cause::Net(_) => {}
    }
    remember(&world, &cases, State::Stale).await;
    world.clock.advance(match cause {
        Cause::Calls(ApiCall::Authorize, ..) => Duration::from_mins(15),
        // Older than any policy's `fresh_for`.
        _ => Duration::from_mins(6),
    });
    remember(&world, &cases, State::Warm).await;
    // Connects; that is not what is measured.
    let response = client
        .get(format!("http://{}/", world.service.addresses.grpc))
        .send();
    response.await.unwrap();
    match cause {
        Cause::Calls(call, times, fault) => world.spoil(call, times, fault),
        Cause::Net(network) => world.simulator.network(network),
        Cause::Tls => {}
    }
    let asked = cases.iter().map(|case| ask(&client, &world, case));
    let outcomes = join_all(asked).await;
    let struck = struck(&world).await;
    (cases.into_iter().zip(outcomes).collect(), struck)
}

/// Has the service remember what it will know of the verifications in this state.
async fn remember(world: &World, cases: &[Case], state: State) {
    for case in cases.iter().filter(|case| case.state == state) {
        assert_eq!(gist(&world.check("tolerant", &case.id).await), "ALLOW");
    }
}

/// How often the fault struck: as the simulator counts it, or as calls that were given up, which takes their time.
async fn struck(world: &World) -> u64 {
    for _ in 0..100 {
        let counted = world.simulator.faults().injected();
        let struck = counted.max(unanswered(world).await);
        if struck > 0 {
            return struck;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    0
}

/// How many calls to the upstream have had no answer, as the service counts them.
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

fn latest(deadline: Duration) -> Duration {
    if deadline < TIME_ENOUGH {
        deadline + LATE_MAX
    } else {
        deadline
    }
}

/// Whether the facts carry this answer.
fn is_carried(kind: Kind, case: &Case, outcome: &Outcome) -> bool {
    let tolerant = case.policy == "tolerant";
    let unavailable = if tolerant {
        "STEP_UP EVIDENCE_UNAVAILABLE"
    } else {
        "DENY EVIDENCE_UNAVAILABLE"
    };
    let Some(answer) = &outcome.answer else {
        // DEADLINE_EXCEEDED: where not even a degraded answer fits.
        return outcome.gist.contains('4') && case.deadline == Duration::from_millis(10);
    };
    let source = answer.evidence.as_ref().unwrap().source();
    let is = |gist: &str, degraded: bool| outcome.gist == gist && answer.degraded == degraded;
    match case.state {
        State::Warm => is("ALLOW", false) && source == EvidenceSource::Cache,
        State::Stale if tolerant && is("ALLOW", true) => source == EvidenceSource::Stale,
        // What is not served stale was just fetched.
        State::Cold | State::Stale => {
            is(unavailable, true)
                || match kind {
                    Kind::Silence => false,
                    Kind::Nonsense => is("DENY EVIDENCE_INVALID", false),
                    Kind::Absence => is("DENY VERIFICATION_NOT_FOUND", false),
                    Kind::Nuisance => is("ALLOW", false) && source == EvidenceSource::Upstream,
                }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_lets_anybody_in_or_makes_them_wait() {
    for index in 0..faults().len() {
        for measurement in 1.. {
            let (name, kind, cause) = faults().swap_remove(index);
            let (outcomes, struck) = meet(cause).await;
            assert!(struck > 0, "{name} never struck");
            for (case, outcome) in &outcomes {
                let gist = &outcome.gist;
                assert!(is_carried(kind, case, outcome), "{name}: {case:?}: {gist}");
            }
            let late = outcomes
                .iter()
                .find(|(case, outcome)| outcome.took > latest(case.deadline));
            let Some((case, outcome)) = late else { break };
            let took = outcome.took;
            assert!(
                measurement < MEASUREMENTS,
                "{name}: {case:?}: took {took:?}"
            );
        }
    }
}

/// Serves TLS by a certificate that nobody vouches for; how many handshakes were completed.
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
async fn an_upstream_that_nobody_vouches_for_is_told_no_secret() {
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
