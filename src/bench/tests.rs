//! How the load is divided, and a report whose figures are known: as a table, as JSON and as a picture.

use std::{net::Ipv4Addr, time::Duration};

use expect_test::expect_file;
use serde_json::Value;

use super::{
    measure::shares,
    origin::Machine,
    process::Memory,
    status::Status,
    tally::{Sent, Tally},
    *,
};
use crate::proto::v1::CheckAccessRequest;

fn load(connections: usize, threads: usize) -> Load {
    Load {
        connections,
        streams: 8,
        threads,
        rate: Some(100.0),
        arrivals: Arrivals::Constant,
        seed: 0,
        duration: Duration::from_secs(10),
        calls: Some(8),
        warmup: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        cores: Vec::new(),
    }
}

#[test]
fn connections_and_calls_are_divided_among_the_threads() {
    let of = |connections, threads| {
        let load = load(connections, threads);
        let shares = shares(&load).map(|share| (share.connections, share.calls.unwrap()));
        shares.collect::<Vec<_>>()
    };
    assert_eq!(of(16, 1), [(16, 8)]);
    assert_eq!(of(7, 3), [(3, 3), (2, 3), (2, 2)]);
    assert_eq!(of(2, 8), [(1, 4), (1, 4)]);
}

/// A target whose calls all took `micros` times 1 to 100 microseconds, and of which some were not as expected.
fn measured(micros: u64, refused: u64) -> Measured {
    let window = load(1, 1).window();
    let expected = Expected::Decision(Decided::Allow);
    let mut tally = Tally::new(expected, 1, window, Duration::from_secs(5)).unwrap();
    for n in 1..=1_000 {
        let due = window.begin + Duration::from_millis(n);
        let mut call = Sent {
            due,
            at: due,
            ..Sent::default()
        };
        call.decisions.add(Decided::Allow);
        let took = Duration::from_micros(micros * (1 + n % 100));
        tally.ended(&call, Status::OK, None, due + took);
    }
    for _ in 0..refused {
        let call = Sent {
            due: window.begin,
            at: window.begin + Duration::from_micros(2_500),
            waited: true,
            ..Sent::default()
        };
        tally.ended(&call, Status::Grpc(8), Some("no <room>"), window.end);
        tally.unsent(window.end.saturating_sub(Duration::from_micros(50)));
    }
    Measured {
        tally,
        duration: Duration::from_secs(10),
        cpu: Some(Duration::from_millis(micros)),
        memory: Some(Memory {
            resident: 10 << 20,
            peak: 12 << 20,
        }),
        generator_busy: Some(0.25 + 0.1 * f64::from(u32::try_from(refused).unwrap())),
        lost: None,
    }
}

/// A target that resets every call at once, and is lost.
fn refused() -> Measured {
    let mut measured = measured(10, 0);
    let begin = load(1, 1).window().begin;
    let expected = Expected::Decision(Decided::Allow);
    let mut tally = Tally::new(expected, 1, load(1, 1).window(), Duration::MAX).unwrap();
    let call = Sent {
        due: begin,
        at: begin,
        ..Sent::default()
    };
    tally.ended(&call, Status::Reset(7), None, begin);
    tally.disconnected(begin);
    measured.tally = tally;
    measured.lost = Some("connection refused".to_owned());
    measured
}

fn origin() -> Origin {
    Origin {
        generator: "0.1.0 (0123456)".to_owned(),
        debug_build: true,
        machine: Machine {
            system: "Linux 6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            cores: 2,
        },
    }
}

fn compared() -> Compared {
    let check = CheckAccessRequest {
        policy: "front-door".to_owned(),
        ..CheckAccessRequest::default()
    };
    let target = |name: &str| Target {
        name: name.to_owned(),
        url: "http://localhost:1".to_owned(),
        endpoint: Endpoint {
            addresses: vec![(Ipv4Addr::LOCALHOST, 1).into()],
            authority: "localhost:1".to_owned(),
            host: "localhost".to_owned(),
            tls: None,
            token: None,
        },
        calls: Calls::unary(&check, &["a".to_owned()]),
        expected: Expected::Decision(Decided::Allow),
        streams: None,
        server_pid: None,
    };
    let targets = [
        target("first"),
        target("second & <last>"),
        target("one that refuses every call and has a long name"),
    ];
    let rounds = [
        vec![measured(10, 0), measured(20, 0), refused()],
        vec![measured(10, 0), measured(30, 7), refused()],
        vec![measured(10, 0), measured(20, 0), refused()],
    ];
    let mut load = load(16, 2);
    load.calls = None;
    Compared::of(&targets, &load, &rounds)
}

#[test]
fn a_comparison_is_a_table_with_remarks_on_what_was_not_as_expected() {
    let compared = compared();
    assert!(!compared.holds());
    expect_file!["../../tests/golden/bench.txt"].assert_eq(&table(&compared, &origin()));
}

#[test]
fn a_comparison_is_json_of_a_known_shape() {
    let compared = compared();
    let mut json = serde_json::to_value(report(&compared, &origin())).unwrap();
    assert!(Origin::here().machine.cores >= 1);
    let last = &json["targets"][2];
    assert_eq!(last["latency_us"], Value::Null);
    assert_eq!(last["ratios"]["p99"], Value::Null);
    for target in json["targets"].as_array_mut().unwrap() {
        let curve = target["curve"].as_array_mut().unwrap();
        if let (Some(first), Some(last)) = (curve.first(), curve.last()) {
            assert_eq!(first["percentile"], 0.0);
            assert_eq!(last["percentile"], 100.0);
        }
        curve.truncate(2);
        target["rounds"].as_array_mut().unwrap().truncate(1);
    }
    let text = serde_json::to_string_pretty(&json).unwrap() + "\n";
    expect_file!["../../tests/golden/bench.json"].assert_eq(&text);
}

#[test]
fn a_comparison_is_a_picture_whose_elements_are_all_closed() {
    let svg = chart(&compared(), &origin());
    assert_eq!(unclosed(&svg), Vec::<String>::new());
    assert!(svg.contains("second &amp; &lt;last&gt; !"));
    assert!(svg.contains(">one that refuses every call\u{2026} !<"));
    assert!(svg.contains("debug build, on 2 cores"));
    expect_file!["../../tests/golden/bench.svg"].assert_eq(&svg);
}

#[test]
fn a_picture_of_nothing_says_so() {
    let mut empty = compared();
    for target in &mut empty.targets {
        target.curve.clear();
        target.checks_per_second = None;
    }
    let svg = chart(&empty, &origin());
    assert_eq!(unclosed(&svg), Vec::<String>::new());
    assert!(svg.contains("no answer was as expected") && !svg.contains("NaN"));
}

/// Elements that are not closed, and what else is no XML.
fn unclosed(svg: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut wrong = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let attributes = tag.matches('"').count();
        if attributes % 2 != 0 || text.contains('>') {
            wrong.push(part.to_owned());
        }
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                wrong.push(part.to_owned());
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    wrong.extend(open.into_iter().map(str::to_owned));
    wrong
}
