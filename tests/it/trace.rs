//! Traces: a check and the calls that it causes are in the trace of its caller, without identifiers. A collector that is down or slow
//! affects no check.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use parking_lot::Mutex;
use prost::Message as _;
use tempfile::TempDir;
use tonic::transport::Channel;
use verigate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{BatchCheckAccessRequest, access_service_client::AccessServiceClient},
    sim::{ApiCall, BUILT_IN, Cast, Credentials, Fault, PlannedFault, Simulator, TOKEN_LIFE},
};

use crate::world::{Killed, check_request, loopback};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const ID: &str = "ada-fresh";

/// A collector, and the requests that it was sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let (collector, listener) = (
            Self::default(),
            tokio::net::TcpListener::bind(loopback()).await.unwrap(),
        );
        let address = listener.local_addr().unwrap();
        let take = async |State(Self(taken)): State<Self>, body: Bytes| {
            taken.lock().push(body);
        };
        let router = Router::new().route("/v1/traces", post(take));
        let router = router.with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        let taken = self.0.lock();
        let requests = taken
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

/// The program itself, with a simulated vendor, and this in its `[trace]`.
struct Served {
    simulator: Simulator,
    process: Killed,
    log: std::thread::JoinHandle<Vec<String>>,
    client: AccessServiceClient<Channel>,
    _folder: TempDir,
}

impl Served {
    async fn start(trace: &str) -> Self {
        let clock = Arc::new(SystemClock);
        let cast = Cast::read("the built-in cast", BUILT_IN, clock.now()).unwrap();
        let known = Credentials::default();
        let simulator = Simulator::start(loopback(), cast, known.clone(), TOKEN_LIFE, clock)
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("p.yaml"), crate::world::POLICIES).unwrap();
        let config = format!(
            "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
             [policies]\npath = '{}'\n[journal]\npath = '{}'\n[log]\nformat = 'json'\n\
             [incode]\nurl = 'http://{}'\napi_key = '{}'\nintegration_id = '{}'\nsecret = '{}'\n[trace]\n{trace}\n",
            path("p.yaml"),
            path("journal.jsonl"),
            simulator.address,
            known.api_key,
            known.integration_id,
            known.secret,
        );
        std::fs::write(path("verigate.toml"), config).unwrap();
        // There is a secret in it.
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path("verigate.toml"), private).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .args(["serve", "--config", &path("verigate.toml")])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Killed(process);
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        // Behind the build, and what is warned of.
        let ready = lines.by_ref().map_while(Result::ok);
        let ready = ready
            .into_iter()
            .find(|line| line.contains("\"grpc\":"))
            .unwrap();
        let log = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let url = format!("http://{}", ready["fields"]["grpc"].as_str().unwrap());
        let client = AccessServiceClient::connect(url).await.unwrap();
        Self {
            simulator,
            process,
            log,
            client,
            _folder: folder,
        }
    }

    async fn check(&self, traceparent: Option<&str>) {
        let mut request = tonic::Request::new(check_request("front-door", ID));
        if let Some(text) = traceparent {
            let headers = request.metadata_mut();
            headers.insert("traceparent", text.parse().unwrap());
            headers.insert("tracestate", format!("v={ID}").parse().unwrap());
        }
        self.client.clone().check_access(request).await.unwrap();
    }

    /// Stops it, which succeeds in time; the lines of its log.
    async fn stop(mut self) -> Vec<String> {
        drop(self.client);
        self.process.signal("-TERM");
        let ended = tokio::task::spawn_blocking(move || self.process.0.wait().unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.expect("it ends in time").unwrap().success());
        self.log.join().unwrap()
    }
}

/// How many lines have this event.
fn with_event(log: &[String], event: &str) -> usize {
    let events = log.iter().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["fields"]["event"].clone()
    });
    events.filter(|name| name == event).count()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The attributes of a span as text.
fn attributes(span: &Span) -> String {
    let pairs = span.attributes.iter().map(|pair| {
        let value = pair.value.clone().and_then(|value| value.value);
        match value {
            Some(Value::StringValue(text)) => format!("{}={text}", pair.key),
            Some(Value::BoolValue(flag)) => format!("{}={flag}", pair.key),
            other => format!("{}={other:?}", pair.key),
        }
    });
    pairs.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_cold_check_is_followed_into_the_upstream_call_and_nobody_is_named() {
    let (collector, address) = Collector::start().await;
    let served = Served::start(&format!("otlp_endpoint = 'http://{address}'")).await;
    let late = PlannedFault {
        call: ApiCall::Details,
        id: None,
        times: Some(1),
        fault: Fault::LatencyMs(300),
    };
    served.simulator.faults().plan(late).unwrap();
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let joiner = async {
        while served.simulator.calls().details == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        served.check(None).await;
    };
    tokio::join!(served.check(Some(&parent)), joiner);
    // The caller decided that this trace is not sampled.
    served
        .check(Some(&format!("00-{}-{CALLER}-00", "1".repeat(32))))
        .await;
    served.stop().await;

    let spans = collector.spans();
    let in_trace = |name: &str| {
        let mut named = spans
            .iter()
            .filter(|s| s.name == name && hex(&s.trace_id) == TRACE);
        let span = named
            .next()
            .unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
        assert!(named.next().is_none(), "{name} is there twice");
        span
    };
    let check = in_trace("check");
    assert_eq!(hex(&check.parent_span_id), CALLER);
    assert_eq!(check.kind(), SpanKind::Server);
    assert_eq!(
        attributes(check),
        "caller=anonymous policy=front-door decision=allow origin=upstream degraded=false"
    );
    let mut parent = check;
    for name in ["look up", "fetch"] {
        let span = in_trace(name);
        assert_eq!(span.parent_span_id, parent.span_id, "{name}");
        parent = span;
    }
    for name in ["authorize", "details"] {
        let call = in_trace(name);
        assert_eq!(call.parent_span_id, parent.span_id, "{name}");
        assert_eq!(call.kind(), SpanKind::Client);
        assert_eq!(attributes(call), "outcome=ok");
    }
    let waited = in_trace("details").end_time_unix_nano - in_trace("details").start_time_unix_nano;
    assert!(waited >= 300_000_000, "{waited}");
    // The lookup that joined has a trace of its own, which links to the fetch.
    let joined: Vec<&Span> = spans.iter().filter(|s| !s.links.is_empty()).collect();
    assert_eq!(joined.len(), 1, "{spans:#?}");
    assert_eq!(joined[0].name, "look up");
    assert_eq!(joined[0].links[0].span_id, parent.span_id);
    assert_eq!(spans.len(), 5 + 2, "{spans:#?}");

    let sent: Vec<u8> = collector.0.lock().concat();
    let sent = String::from_utf8_lossy(&sent);
    assert!(sent.contains("front-door"));
    for secret in [ID, "Ada", "id-ada", "demo-secret", "demo-api-key", "eyJ"] {
        assert!(!sent.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_check_that_is_refused_says_why() {
    let (collector, address) = Collector::start().await;
    let served = Served::start(&format!("otlp_endpoint = 'http://{address}/'")).await;
    let unknown = check_request("no-such-policy", ID);
    let refused = served.client.clone().check_access(unknown).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::NotFound);
    served.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(attributes(&spans[0]), "caller=anonymous refused=NotFound");
}

#[tokio::test]
async fn without_a_collector_nothing_is_sent_or_printed() {
    let served = Served::start("otlp_endpoint = ''").await;
    served.check(Some(&format!("00-{TRACE}-{CALLER}-01"))).await;
    let log = served.stop().await;
    assert!(log.iter().all(|line| !line.contains("span")), "{log:#?}");
}

#[tokio::test]
async fn a_sample_of_none_sends_nothing_but_what_callers_have_begun() {
    let (collector, address) = Collector::start().await;
    let served = Served::start(&format!("otlp_endpoint = 'http://{address}'\nsample = 0.0")).await;
    served.check(None).await;
    served.check(Some(&format!("00-{TRACE}-{CALLER}-01"))).await;
    // An invalid traceparent is ignored.
    for nonsense in ["", "00", "ff-x-y-z", "00-0-0-01", &"-".repeat(999)] {
        served.check(Some(nonsense)).await;
    }
    served.stop().await;
    let spans = collector.spans();
    assert!(!spans.is_empty());
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_not_there_harms_no_check() {
    // The system accepts connections, and nobody responds.
    let hangs = TcpListener::bind(loopback()).unwrap();
    let gone = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    for (address, is_logged) in [(hangs.local_addr().unwrap(), false), (gone, true)] {
        let served = Served::start(&format!("otlp_endpoint = 'http://{address}'")).await;
        let refused = PlannedFault {
            call: ApiCall::Details,
            id: None,
            times: Some(1),
            fault: Fault::Status(400),
        };
        served.simulator.faults().plan(refused).unwrap();
        let checks = async {
            for _ in 0..1000 {
                served.check(None).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), checks).await;
        assert!(in_time.is_ok(), "a thousand warm checks");
        let log = served.stop().await;
        let dropped = with_event(&log, "spans_dropped");
        assert!(dropped <= 1, "{log:#?}");
        assert!(!is_logged || dropped == 1, "{log:#?}");
        // A line that is logged within a span is the same as without it.
        assert_eq!(with_event(&log, "upstream_error_status"), 1, "{log:#?}");
        assert!(
            log.iter()
                .all(|l| !l.contains("\"span\":") && !l.contains("\"spans\":")),
            "{log:#?}"
        );
    }
}

#[tokio::test]
async fn the_checks_of_a_batch_are_in_its_span_and_those_of_a_stream_in_the_trace_of_its_caller() {
    let (collector, address) = Collector::start().await;
    let served = Served::start(&format!("otlp_endpoint = 'http://{address}'")).await;
    let in_trace = |request: &mut tonic::Request<_>| {
        let parent = format!("00-{TRACE}-{CALLER}-01").parse().unwrap();
        request.metadata_mut().insert("traceparent", parent);
    };
    let checks = vec![check_request("front-door", ID), check_request("none", ID)];
    let mut batch = tonic::Request::new(BatchCheckAccessRequest { checks });
    in_trace(&mut batch);
    served
        .client
        .clone()
        .batch_check_access(batch)
        .await
        .unwrap();
    let mut one = check_request("front-door", ID);
    "r-1".clone_into(&mut one.request_id);
    let mut stream = tonic::Request::new(futures_util::stream::iter([one]));
    let parent = format!("00-{TRACE}-{CALLER}-01").parse().unwrap();
    stream.metadata_mut().insert("traceparent", parent);
    let answers = served.client.clone().stream_check_access(stream).await;
    let mut answers = answers.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    served.stop().await;
    let spans = collector.spans();
    let named = |name: &str| {
        let all = spans.iter().filter(|span| span.name == name);
        all.collect::<Vec<_>>()
    };
    let [batch] = named("batch")[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(hex(&batch.trace_id), TRACE);
    assert_eq!(hex(&batch.parent_span_id), CALLER);
    let checks = named("check");
    let (in_batch, others): (Vec<&Span>, Vec<&Span>) = checks
        .into_iter()
        .partition(|check| check.parent_span_id == batch.span_id);
    let mut shown: Vec<String> = in_batch.iter().map(|span| attributes(span)).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "caller=anonymous policy=front-door decision=allow origin=upstream degraded=false",
            "caller=anonymous refused=NotFound"
        ]
    );
    let [of_stream] = others[..] else {
        panic!("{others:#?}");
    };
    assert_eq!(hex(&of_stream.parent_span_id), CALLER);
    assert_eq!(
        attributes(of_stream),
        "caller=anonymous policy=front-door decision=allow origin=cache degraded=false"
    );
}
