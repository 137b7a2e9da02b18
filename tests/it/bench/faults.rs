//! `verigate bench` against a server that fails: what is reported, and that nothing which was measured is lost.

use std::fs;

use serde_json::Value;

use super::{
    FRESH, bench, json,
    raw::{Mode, RawServer},
};

/// A load on one server with these further flags: the exit code, and what is reported of the server.
fn measured(server: &RawServer, flags: &str) -> (Option<i32>, Value) {
    let all: Vec<&str> = ["--server", &server.url]
        .into_iter()
        .chain(flags.split(' '))
        .chain(FRESH)
        .collect();
    let output = bench(&all);
    (output.status.code(), json(&output)["targets"][0].take())
}

#[test]
fn every_call_of_all_connections_and_threads_has_an_id_of_its_own() {
    let server = RawServer::start(Mode::Answer);
    let flags = "--connections 4 --streams 2 --threads 2 --calls 400";
    let (code, target) = measured(&server, flags);
    assert_eq!(
        (code, &target["calls"]["as_expected"]),
        (Some(0), &json!(400))
    );
    let seen = server.seen.lock();
    assert_eq!(seen.ids.len(), 400);
    assert!(seen.ids.values().all(|count| *count == 1));
    assert!(seen.has_header("grpc-timeout"));
}

/// A deadline would be that of the whole stream, which lasts as long as the load.
#[test]
fn a_stream_has_no_deadline() {
    let server = RawServer::start(Mode::Answer);
    let flags = "--call stream --connections 1 --calls 20";
    let (code, target) = measured(&server, flags);
    assert_eq!(code, Some(0), "{target}");
    assert_eq!(target["decisions"], json!({ "ALLOW": 20 }));
    assert!(!server.seen.lock().has_header("grpc-timeout"));
}

/// Three calls, half a second apart, which are all answered when the last has come.
#[test]
fn an_answer_after_the_timeout_is_late_and_its_latency_counts() {
    let server = RawServer::start(Mode::Gather(3));
    let flags = "--connections 1 --rate 2 --arrivals constant --calls 3 --timeout 400ms";
    let (code, target) = measured(&server, flags);
    assert_eq!(code, Some(1), "{target}");
    assert_eq!(target["calls"]["late"], 2, "{target}");
    assert_eq!(target["decisions"], json!({ "ALLOW": 3 }));
    assert_eq!(target["first_unexpected"], "ALLOW, but too late");
    assert!(target["latency_us"]["max"].as_f64() > Some(900_000.0));
}

#[test]
fn a_target_that_resets_every_call_has_no_figures_and_is_marked() {
    let server = RawServer::start(Mode::Reset);
    let (code, target) = measured(&server, "--connections 2 --calls 20");
    assert_eq!(code, Some(1), "{target}");
    assert_eq!(target["statuses"], json!({ "RST_STREAM 7": 20 }));
    for key in ["checks_per_second", "latency_us", "service_us"] {
        assert_eq!(target[key], Value::Null, "{key}");
    }
    assert_eq!(target["ratios"]["checks_per_second"], Value::Null);
    let flags = ["--policy", "a", "--verification", "a", "--calls", "20"];
    let output = bench(&[&["--server", &server.url], &flags[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with(&server.url));
    let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!(
        cells[1..],
        ["!", "-", "-", "-", "-", "-", "-", "-", "-", "-"]
    );
}

#[test]
fn a_server_that_drains_its_connections_is_connected_to_again() {
    let server = RawServer::start(Mode::GoAway(5));
    let (code, target) = measured(&server, "--connections 1 --streams 1 --calls 40");
    assert_eq!(code, Some(0), "{target}");
    assert_eq!(target["calls"]["as_expected"], 40);
    assert!(target["calls"]["reconnects"].as_u64() >= Some(7));
    assert_eq!(server.seen.lock().ids.len(), 40);
}

#[test]
fn calls_that_a_server_refuses_when_it_drains_end_with_what_it_says() {
    let server = RawServer::start(Mode::GoAway(2));
    let (code, target) = measured(&server, "--connections 1 --streams 3 --calls 3");
    assert_eq!(code, Some(1), "{target}");
    assert_eq!(target["statuses"], json!({ "OK": 2, "connection lost": 1 }));
    let first = "connection lost: GOAWAY ENHANCE_YOUR_CALM: too_many";
    assert_eq!(target["first_unexpected"], first);
}

#[test]
fn calls_end_with_a_connection_that_is_lost() {
    let server = RawServer::start(Mode::Close);
    let (code, target) = measured(&server, "--connections 1 --streams 8 --calls 8");
    assert_eq!(code, Some(1), "{target}");
    assert_eq!(target["calls"]["due"], 8);
    assert_eq!(target["statuses"], json!({ "connection lost": 8 }));
}

/// In the first round all calls are in flight when it dies, and in the second nothing listens.
#[test]
fn a_server_that_dies_leaves_its_own_figures_and_those_of_the_others() {
    let (alive, dying) = (
        RawServer::start(Mode::Answer),
        RawServer::start(Mode::Die(3)),
    );
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart.svg");
    let targets = [format!("a={}", alive.url), format!("b={}", dying.url)];
    let [a, b] = &targets;
    let flags = [
        "--target",
        a,
        "--target",
        b,
        "--chart",
        chart.to_str().unwrap(),
    ];
    let load = "--connections 1 --streams 8 --calls 8 --rounds 2";
    let load: Vec<&str> = load.split(' ').collect();
    let output = bench(&[&flags[..], &load, &FRESH].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let json = json(&output);
    let [alive, dead] = [0, 1].map(|index| &json["targets"][index]);
    assert_eq!(alive["holds"], true);
    assert_eq!(alive["calls"]["as_expected"], 16);
    assert_eq!(dead["holds"], false);
    assert_eq!(dead["statuses"], json!({ "OK": 3, "connection lost": 5 }));
    assert_eq!(dead["rounds"].as_array().unwrap().len(), 2);
    let lost = dead["lost"].as_str().unwrap();
    assert!(lost.starts_with("Connection refused"), "{lost}");
    let svg = fs::read_to_string(chart).unwrap();
    assert!(svg.contains(">a<") && svg.contains(">b !<"), "{svg}");
}

#[test]
fn a_server_that_takes_fewer_calls_at_once_is_an_error_before_the_load() {
    for (most, expected) in [
        (
            1,
            "takes 1 calls at once on a connection: give --streams 1 or less",
        ),
        (
            0,
            "takes no calls: its SETTINGS_MAX_CONCURRENT_STREAMS is 0",
        ),
    ] {
        let server = RawServer::start(Mode::Streams(most));
        let output = bench(&[&["--server", &server.url][..], &FRESH].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{error}");
        assert!(server.seen.lock().ids.is_empty());
    }
}

#[test]
fn calls_that_are_never_sent_do_not_hold() {
    // It never answers, so that only one call is ever sent.
    let server = RawServer::start(Mode::Gather(usize::MAX));
    let flags = "--connections 1 --streams 1 --rate 1000 --arrivals constant --duration 50ms --warmup 0s --timeout 50ms";
    let (code, target) = measured(&server, flags);
    assert_eq!(code, Some(1), "{target}");
    assert_eq!(target["calls"]["never_answered"], 1);
    assert_eq!(target["queue"]["never_sent"], 49);
    assert_eq!(target["holds"], false);
}

#[test]
fn a_rate_at_which_no_call_is_due_is_an_error() {
    let server = RawServer::start(Mode::Answer);
    let load = "--rate 0.5 --arrivals constant --warmup 1ms --duration 1ms";
    let load: Vec<&str> = load.split(' ').collect();
    let output = bench(&[&["--server", &server.url][..], &load, &FRESH].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = "no call was due in 0.001 s at 0.5 calls/s";
    assert!(error.contains(expected), "{error}");
}
