//! A collector that decodes what it gets, strictly, and responds as it is given.

use std::future::ready;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::StreamExt as _;
use opentelemetry_proto::tonic::{
    collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    },
    common::v1::any_value::Value as Any,
    logs::v1::LogRecord,
};
use parking_lot::Mutex;
use prost::Message as _;
use tracing::Level;
use url::Url;

use super::*;
use crate::journal::tests::logged::Log;

/// What a collector says of a record that it refuses.
const QUOTED: &str = "{\"identity_id\":\"id-ada\"}";

/// What the next requests are answered with, and the records of those that were taken.
#[derive(Clone, Default)]
struct Collector {
    answers: Arc<Mutex<Vec<Answer>>>,
    taken: Arc<Mutex<Vec<LogRecord>>>,
    /// How long the requests were.
    sizes: Arc<Mutex<Vec<usize>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    Busy,
    Partial(i64),
}

impl Collector {
    async fn start(answers: &[Answer]) -> (Self, Url) {
        let collector = Self::default();
        collector.answers.lock().extend(answers.iter().rev());
        let (listener, address) = listen().await;
        let take = |State(collector): State<Self>, headers: HeaderMap, body: Bytes| {
            ready(collector.take(&headers, body))
        };
        let router = Router::new().route("/v1/logs", post(take));
        let router = router.with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        (collector, Url::parse(&format!("http://{address}")).unwrap())
    }

    fn take(&self, headers: &HeaderMap, body: Bytes) -> Response {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        self.sizes.lock().push(body.len());
        let request = ExportLogsServiceRequest::decode(body).unwrap();
        let [resource] = &request.resource_logs[..] else {
            panic!("{request:?}");
        };
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(attributes[0].key, "service.name");
        let records = resource.scope_logs[0].log_records.clone();
        let answer = self.answers.lock().pop();
        match answer {
            Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
            Some(Answer::Busy) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                (status, [("retry-after", "7")]).into_response()
            }
            Some(Answer::Partial(rejected)) => {
                let response = ExportLogsServiceResponse {
                    partial_success: Some(ExportLogsPartialSuccess {
                        rejected_log_records: rejected,
                        error_message: format!("too long: {QUOTED}"),
                    }),
                };
                response.encode_to_vec().into_response()
            }
            None => {
                self.taken.lock().extend(records);
                ExportLogsServiceResponse::default()
                    .encode_to_vec()
                    .into_response()
            }
        }
    }

    fn bodies(&self) -> Vec<String> {
        let taken = self.taken.lock();
        let bodies = taken.iter().map(|record| {
            let body = record.body.clone().unwrap().value.unwrap();
            let Any::StringValue(text) = body else {
                panic!("{body:?}");
            };
            text
        });
        bodies.collect()
    }
}

fn to(address: &Url) -> Running {
    Running::start(&Config {
        otlp: Some(address.clone()),
        syslog: None,
    })
}

fn bodies(indexes: Range<u64>) -> Vec<String> {
    let lines = indexes.map(|index| String::from_utf8(line(index).to_vec()).unwrap());
    lines.map(|line| line.trim_end().to_owned()).collect()
}

#[tokio::test]
async fn every_line_is_a_record_in_order_and_the_last_ones_come_before_the_end() {
    let (collector, address) = Collector::start(&[]).await;
    let running = to(&address);
    running.write(0..1300);
    let Running {
        outlet,
        exports,
        deps,
    } = running;
    drop(outlet);
    exports.finish(Duration::from_mins(1)).await;
    assert_eq!(collector.bodies(), bodies(0..1300));
    assert!(collector.sizes.lock().len() >= 3, "at most 512 in each");
    let text = crate::metrics::render(&deps.registry).unwrap();
    assert!(
        text.contains("verigate_journal_exported_total{target=\"otlp\"} 1300\n"),
        "{text}"
    );
}

#[tokio::test]
async fn long_lines_are_sent_in_requests_of_bounded_size() {
    let (collector, address) = Collector::start(&[]).await;
    let running = to(&address);
    let long = |index: u64| {
        let text = String::from_utf8(line(index).to_vec()).unwrap();
        text.replace(
            "\"caller\"",
            &format!("\"a\":\"{}\",\"caller\"", "x".repeat(30_000)),
        )
    };
    for index in 0..100 {
        running.outlet.hand_over(&long(index).into(), 1);
    }
    running.until("exported_total{target=\"otlp\"}", 100).await;
    let sizes = collector.sizes.lock().clone();
    // The last line of each may be beyond the bound.
    let most = 1024 * 1024 + 60_000;
    assert!(
        sizes.len() >= 3 && sizes.iter().all(|size| *size <= most),
        "{sizes:?}"
    );
    assert_eq!(collector.bodies().len(), 100);
}

#[tokio::test]
async fn what_a_collector_cannot_take_now_is_sent_again() {
    let answers = [429, 502, 504].map(Answer::Status);
    let (collector, address) = Collector::start(&answers).await;
    let running = to(&address);
    running.write(0..3);
    running.until("exported_total{target=\"otlp\"}", 3).await;
    assert_eq!(running.count("export_failures_total{target=\"otlp\"}"), 3);
    assert_eq!(collector.bodies(), bodies(0..3));
    assert_eq!(running.count("export_dropped"), 0);
}

#[tokio::test]
async fn what_a_collector_refuses_for_good_is_dropped_and_counted() {
    // The last one refuses more than it was sent.
    for (answer, refused) in [
        (Answer::Status(400), 3),
        (Answer::Partial(2), 2),
        (Answer::Partial(9), 3),
    ] {
        let (collector, address) = Collector::start(&[answer]).await;
        let running = to(&address);
        running.write(0..3);
        running
            .until("reason=\"refused\",target=\"otlp\"", refused)
            .await;
        running.write(3..4);
        running
            .until("exported_total{target=\"otlp\"}", 4 - refused)
            .await;
        assert_eq!(collector.bodies(), bodies(3..4));
        assert_eq!(running.count("export_waiting{target=\"otlp\"}"), 0);
    }
}

#[tokio::test]
async fn what_a_collector_says_of_the_records_that_it_refuses_is_not_logged() {
    let (log, _logging) = Log::begin(Level::INFO);
    let (_collector, address) = Collector::start(&[Answer::Partial(2)]).await;
    let running = to(&address);
    running.write(0..3);
    running.until("reason=\"refused\",target=\"otlp\"", 2).await;
    let text = log.text();
    assert!(
        text.contains("the collector refused 2 of 3 records"),
        "{text}"
    );
    assert!(
        !text.contains("id-ada") && !text.contains("too long"),
        "{text}"
    );
}

#[tokio::test]
async fn lines_that_do_not_fit_are_logged_while_a_collector_is_gone() {
    let (log, _logging) = Log::begin(Level::INFO);
    let (listener, gone) = listen().await;
    drop(listener);
    let running = to(&Url::parse(&format!("http://{gone}")).unwrap());
    running.write(0..beyond_the_bound());
    running
        .until("export_failures_total{target=\"otlp\"}", 1)
        .await;
    let text = log.text();
    assert!(text.contains("\"journal_export_dropped\""), "{text}");
}

/// The pause that it asks for does not hold up the end.
#[tokio::test]
async fn a_collector_that_is_busy_or_gone_does_not_hold_up_the_end() {
    let (_collector, address) = Collector::start(&[Answer::Busy]).await;
    let (listener, gone) = listen().await;
    drop(listener);
    let gone = Url::parse(&format!("http://{gone}")).unwrap();
    for address in [address, gone] {
        let running = to(&address);
        running.write(0..3);
        running
            .until("export_failures_total{target=\"otlp\"}", 1)
            .await;
        let Running {
            outlet,
            exports,
            deps,
        } = running;
        drop(outlet);
        exports.finish(Duration::from_millis(10)).await;
        let text = crate::metrics::render(&deps.registry).unwrap();
        let stopped = "export_dropped_total{reason=\"stopped\",target=\"otlp\"} 3\n";
        assert!(text.contains(stopped), "{text}");
    }
}

/// Its response goes on for ever: what is said first counts.
#[tokio::test]
async fn a_response_without_end_is_read_in_part_and_holds_up_nothing() {
    let (listener, address) = listen().await;
    let address = Url::parse(&format!("http://{address}")).unwrap();
    tokio::spawn(async move {
        let router = Router::new().route(
            "/v1/logs",
            post(|| async {
                let zeros = std::iter::repeat_n(Bytes::from_static(&[0; 4096]), 8);
                let endless = futures_util::stream::iter(zeros.map(Ok::<_, std::io::Error>));
                let endless = endless.chain(futures_util::stream::pending());
                axum::body::Body::from_stream(endless).into_response()
            }),
        );
        axum::serve(listener, router).await
    });
    let running = to(&address);
    running.write(0..3);
    let is_done = || {
        running.count("exported_total{target=\"otlp\"}")
            + running.count("export_failures_total{target=\"otlp\"}")
            > 0
    };
    while !is_done() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.count("exported_total{target=\"otlp\"}"), 3);
    assert_eq!(running.count("export_failures_total{target=\"otlp\"}"), 0);
}
