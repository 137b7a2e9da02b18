//! stderr is a pipe that nobody reads.

use reqwest::Client;
use verigate::sim::{ApiCall, Fault, PlannedFault};

use super::*;

const WEBHOOKS: &str = "[webhook]\nsecret = 'a-secret-of-the-tests'\n";

async fn webhook(program: &Program, http: &Client, secret: &str) -> u16 {
    let url = format!("{}/webhooks/incode", program.http);
    let request = http.post(url).header("x-webhook-secret", secret).body("{}");
    let response = tokio::time::timeout(SOON, request.send()).await;
    response.unwrap().unwrap().status().as_u16()
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_neither_checks_nor_probes_nor_the_end() {
    for workers in ["1", "2"] {
        let mut program = Program::start(Start {
            config: WEBHOOKS.to_owned(),
            workers,
            ..Start::default()
        })
        .await;
        program.stderr.fill();
        // A line of each kind that the request path may write.
        assert_eq!(webhook(&program, &Client::new(), "wrong").await, 401);
        let planned = PlannedFault {
            call: ApiCall::Details,
            id: None,
            times: Some(3),
            fault: Fault::Status(500),
        };
        program.simulator.faults().plan(planned).unwrap();
        for n in 0..20 {
            program.check(&format!("nobody-{n}")).await.unwrap();
            program.check("ada-fresh").await.unwrap();
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(program.get(path).await.0, 200);
        }
        program.process.signal("-HUP");
        program.check("ada-fresh").await.unwrap();
        drop(program.client);
        program.process.signal("-TERM");
        assert!(Program::ended(program.process).await.success());
        assert_eq!(recorded(&[&program.journal]).len(), 41);
    }
}

#[tokio::test]
async fn lines_that_are_dropped_are_counted_and_reported_once_the_log_is_read_again() {
    let mut program = Program::start(Start {
        config: format!("{WEBHOOKS}[log]\nlevel = 'debug'\n"),
        ..Start::default()
    })
    .await;
    program.stderr.fill();
    let http = Client::new();
    for _ in 0..4300 {
        let status = webhook(&program, &http, "a-secret-of-the-tests").await;
        assert_eq!(status, 204);
    }
    let (_, metrics) = program.get("/metrics").await;
    let dropped = metrics
        .lines()
        .find_map(|line| line.strip_prefix("verigate_log_lines_dropped_total "));
    let dropped: u64 = dropped.unwrap().parse().unwrap();
    assert!((100..4300).contains(&dropped), "{dropped}");
    let log = program.stop().await;
    let reports = events(&log, "log_lines_dropped");
    let reported = reports.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["fields"]["dropped"].as_u64().unwrap()
    });
    assert!(reported.sum::<u64>() >= dropped, "{reports:?}");
    assert_eq!(events(&log, "service_stopped").len(), 1);
}

#[tokio::test]
async fn a_log_whose_reader_has_left_stops_nothing() {
    let mut program = Program::start(Start {
        workers: "1",
        ..Start::default()
    })
    .await;
    program.stderr.reader = None;
    for n in 0..20 {
        program.process.signal("-USR1");
        program.check(&format!("nobody-{n}")).await.unwrap();
    }
    drop(program.client);
    program.process.signal("-TERM");
    assert!(Program::ended(program.process).await.success());
}

#[tokio::test]
async fn an_error_at_the_start_ends_the_process_though_nobody_reads_it() {
    let (mut stderr, to_stderr) = Pipe::new();
    stderr.fill();
    let process = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["serve", "--config", "/no/such/file"])
        .stderr(Stdio::from(to_stderr))
        .spawn()
        .unwrap();
    assert_eq!(Program::ended(Killed(process)).await.code(), Some(2));
}

/// A collector that accepts and never answers.
#[tokio::test]
async fn a_collector_that_never_answers_stops_neither_checks_nor_the_end() {
    let listener = std::net::TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let program = Program::start(Start {
        config: format!("[trace]\notlp_endpoint = 'http://{address}'\n"),
        workers: "1",
        ..Start::default()
    })
    .await;
    for _ in 0..2000 {
        program.check("ada-fresh").await.unwrap();
    }
    let log = program.stop().await;
    assert_eq!(events(&log, "service_stopped").len(), 1);
}
