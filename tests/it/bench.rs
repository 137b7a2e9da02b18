//! `verigate bench` against the service, tonic's own server and servers that are none. Loads end by the number of their calls.

mod demo;
mod faults;
mod raw;

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    process::{Command, Output},
    thread,
};

use serde_json::{Value, json};
use verigate::{bench::EmptyServer, config::Config};

use crate::{
    callers::token,
    tls::Files,
    world::{World, loopback},
};

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    command.arg("bench");
    // As long as anything that is right may take, and no longer than the calls take.
    for default in [["--duration", "1h"], ["--timeout", "1m"]] {
        if !arguments.contains(&default[0]) {
            command.args(default);
        }
    }
    command.args(arguments).output().unwrap()
}

/// A small load on this server, with these further flags: 120 calls on three connections, by two threads.
fn load(server: &str, flags: &str) -> Output {
    let small = "--connections 3 --streams 4 --threads 2 --calls 120 --server";
    let all = small.split(' ').chain([server]).chain(flags.split(' '));
    let all: Vec<&str> = all.collect();
    tokio::task::block_in_place(|| bench(&all))
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout.starts_with(b"{"), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn grpc(world: &World) -> String {
    format!("http://{}", world.grpc_address())
}

const FRESH: [&str; 5] = [
    "--policy",
    "front-door",
    "--verification",
    "fresh",
    "--json",
];

/// What is asked, the decision, and how many of them.
const KINDS: [(&str, &str, u64); 6] = [
    ("fresh --expect ALLOW", "ALLOW", 120),
    ("month-old --expect STEP_UP", "STEP_UP", 120),
    ("stale --expect DENY", "DENY", 120),
    ("fresh --call batch --batch 7", "ALLOW", 840),
    ("fresh --call stream", "ALLOW", 120),
    ("fresh --rate 100000", "ALLOW", 120),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_every_kind_of_call_is_checked_and_counted() {
    let world = World::new().await;
    let mut decided = 0;
    for (asked, decision, decisions) in KINDS {
        let flags = format!("--json --policy front-door --verification {asked}");
        let output = load(&grpc(&world), &flags);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let json = json(&output);
        let target = &json["targets"][0];
        assert_eq!(target["calls"]["due"], 120, "{asked}");
        assert_eq!(target["calls"]["as_expected"], 120, "{asked}");
        assert_eq!(target["statuses"], json!({ "OK": 120 }));
        assert_eq!(target["decisions"], json!({ decision: decisions }));
        assert!(target["latency_us"]["p50"].as_f64() > Some(0.0));
        decided += decisions;
    }
    // Every one of them was decided by the service.
    let (stopped, journal) = world.stop().await;
    stopped.unwrap();
    let lines = journal
        .lines()
        .filter(|line| line.contains("\"decision\":"));
    assert_eq!(u64::try_from(lines.count()).unwrap(), decided);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_expected_ends_it_with_1_and_says_which() {
    let world = World::new().await;
    let server = grpc(&world);
    let output = load(
        &server,
        "--policy front-door --verification fresh --expect DENY",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let remark = "120 of 120 calls did not end with DENY in time; the first: ALLOW (in all: OK 120, ALLOW 120)";
    assert!(text.contains(remark), "{text}");
    // A call that fails is no decision, and may be what is expected.
    for (expect, code) in [("", 1), (" --expect NOT_FOUND", 0)] {
        let flags = format!("--policy no-such --verification fresh --json{expect}");
        let output = load(&server, &flags);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let target = &json(&output)["targets"][0];
        assert_eq!(target["statuses"], json!({ "NOT_FOUND": 120 }));
        let first = target["first_unexpected"].as_str();
        let is_named = first.is_some_and(|first| first.starts_with("NOT_FOUND: "));
        assert_eq!(is_named, code == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_known_by_its_token_over_tls() {
    let files = Files::new();
    let token_file = files.path("door.token");
    fs::write(&token_file, token(1).reveal()).unwrap();
    let tls = files.server("grpc.tls");
    let world = World::with(|config: &mut Config| {
        config.tls.grpc = Some(tls);
        config.callers = vec![crate::callers::caller(1, "door", &["*"], &[], false)];
    })
    .await;
    fs::write(files.path("server-ca.pem"), files.server_ca.pem()).unwrap();
    let server = format!("https://{}", world.grpc_address());
    let ca = files.path("server-ca.pem");
    let with = |more: &[&str]| {
        let own = [
            "--connections",
            "2",
            "--calls",
            "50",
            "--server",
            &server,
            "--ca",
            ca.to_str().unwrap(),
        ];
        bench(&[&own[..], &FRESH, more].concat())
    };
    let known =
        tokio::task::block_in_place(|| with(&["--token-file", token_file.to_str().unwrap()]));
    assert_eq!(known.status.code(), Some(0), "{known:?}");
    assert_eq!(json(&known)["targets"][0]["decisions"]["ALLOW"], 50);
    let unknown = tokio::task::block_in_place(|| with(&["--expect", "UNAUTHENTICATED"]));
    assert_eq!(unknown.status.code(), Some(0), "{unknown:?}");
    assert_eq!(
        json(&unknown)["targets"][0]["statuses"]["UNAUTHENTICATED"],
        50
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_targets_are_compared_with_the_first() {
    let world = World::new().await;
    let empty = EmptyServer::bind(loopback()).unwrap();
    let empty_url = format!("http://{}", empty.address);
    tokio::spawn(empty.serve());
    let folder = tempfile::tempdir().unwrap();
    let (targets, chart) = (
        folder.path().join("targets.toml"),
        folder.path().join("chart.svg"),
    );
    let text = format!(
        "[[target]]\nname = 'empty'\nurl = '{empty_url}'\nexpect = 'ALLOW'\n\
         [[target]]\nname = 'old'\nurl = '{}'\nverifications = ['month-old']\nexpect = 'STEP_UP'\nserver_pid = {}\n",
        grpc(&world),
        std::process::id()
    );
    fs::write(&targets, text).unwrap();
    let output = tokio::task::block_in_place(|| {
        let files = [
            "--targets",
            targets.to_str().unwrap(),
            "--chart",
            chart.to_str().unwrap(),
        ];
        bench(
            &[
                &files[..],
                &["--calls", "40", "--rounds", "3", "--connections", "1"],
                &FRESH,
            ]
            .concat(),
        )
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json = json(&output);
    assert_eq!(json["load"]["rounds"], 3);
    let targets = json["targets"].as_array().unwrap();
    let names: Vec<&str> = targets
        .iter()
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["empty", "old"]);
    for target in targets {
        assert_eq!(target["calls"]["as_expected"], 120);
        assert_eq!(target["rounds"].as_array().unwrap().len(), 3);
    }
    let rate = |target: &Value| target["checks_per_second"]["median"].as_f64().unwrap();
    assert!(targets.iter().all(|target| rate(target) > 0.0));
    let ratios = |target: &Value| target["ratios"]["checks_per_second"].clone();
    assert_eq!(ratios(&targets[0])["median"], 1.0);
    let of = |round: usize, target: usize| {
        let round = &targets[target]["rounds"][round];
        round["checks_per_second"].as_f64().unwrap()
    };
    let mut paired = [0, 1, 2].map(|round| of(round, 1) / of(round, 0));
    paired.sort_by(f64::total_cmp);
    let ratio = ratios(&targets[1])["median"].as_f64().unwrap();
    assert!((ratio - paired[1]).abs() < 0.001, "{ratio} {paired:?}");
    assert_eq!(targets[0]["cpu_us_per_check"], Value::Null);
    assert!(targets[1]["cpu_us_per_check"]["median"].as_f64() >= Some(0.0));
    assert!(targets[1]["resident_bytes"].as_u64() > Some(0));
    assert!(fs::read_to_string(chart).unwrap().ends_with("</svg>\n"));
}

#[test]
fn what_is_no_server_of_grpc_is_named() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let output = bench(&[&["--server", &server], &FRESH[..]].concat());
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("the server does not speak HTTP/2"),
        "{error}"
    );
}

/// Flags, and what the error says. CHECK is a check, and FOLDER the one with the files of `FILES`.
const ERRORS: &str = "
--verification a => give the name of a policy by --policy NAME
--policy a => give the id of a verification by --verification ID
CHECK --expect MAYBE => `MAYBE` is neither a decision
--server 127.0.0.1:50051 => is not a URL
--server ftp://a => must begin with http:// or https://
--server http://127.0.0.1:1/a => has more than a scheme, a host and a port
--server http://:b@127.0.0.1:1 => has more than a scheme, a host and a port
--server http://127.0.0.1:1#a => has more than a scheme, a host and a port
--ca ca.pem => are for an address that begins with https://
--target http://a => not of the form NAME=URL
--target a=http://a --server http://b => cannot be used with
--targets /nonexistent => cannot read `/nonexistent`
--targets FOLDER/empty => has 0 targets
--targets FOLDER/unnamed => has no url
--targets FOLDER/unknown => unknown field `speed`
--targets FOLDER/large => a batch of 4294967295 checks cannot be asked: give 1 to 256
--targets FOLDER/none => a batch of 0 checks cannot be asked: give 1 to 256
--targets FOLDER/vain => target `http://127.0.0.1:1`: policy is of no use for --call cerbos
--rate 0 => not a number of calls a second
--connections 0 => 0 is not in 1..=10000
--batch 257 => 257 is not in 1..=256
CHECK --batch 8 => --batch is of no use for --call unary
--call cerbos --policy a => --policy is of no use for --call cerbos
--call cerbos --verification a => --verification is of no use for --call cerbos
CHECK --only x => there are `http://127.0.0.1:50051`
--demo --only x => `Verigate, STEP_UP`
--demo --policy a => cannot be used with
--demo --server-pid 1 => cannot be used with
--demo --server-cores 0 => 0 is not in 1..
CHECK --arrivals constant => --rate <CALLS>
CHECK --calls 1 --warmup 1s => cannot be used with
CHECK --warmup 2h => must be at most 1h
CHECK --threads 2 --connections 1 => --threads 2 is more than --connections 1
CHECK --connections 10000 --streams 10000 => more than 1000000 calls in flight
CHECK --rate 10000000 --duration 1h => more than 1000000000 calls in a round
CHECK --server-pid 4294967295 => there is no process 4294967295
CHECK --server-pid 1 --target a=http://a --target b=http://b => --server-pid is the process of one target
CHECK --chart /nonexistent/a.svg => cannot write `/nonexistent/a.svg`
";

/// Files of targets.
const FILES: [(&str, &str); 6] = [
    ("empty", "target = []"),
    ("unnamed", "[[target]]\nname = 'a'"),
    (
        "unknown",
        "[[target]]\nurl = 'http://127.0.0.1:1'\nspeed = 1",
    ),
    (
        "large",
        "[[target]]\nurl = 'http://127.0.0.1:1'\ncall = 'batch'\nbatch = 4294967295\npolicy = 'a'\nverifications = ['a']",
    ),
    (
        "none",
        "[[target]]\nurl = 'http://127.0.0.1:1'\ncall = 'batch'\nbatch = 0\npolicy = 'a'\nverifications = ['a']",
    ),
    (
        "vain",
        "[[target]]\nurl = 'http://127.0.0.1:1'\ncall = 'cerbos'\npolicy = 'a'",
    ),
];

#[test]
fn what_cannot_be_measured_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut tried = 0;
    for case in ERRORS.trim().lines() {
        let (arguments, expected) = case.split_once(" => ").unwrap();
        let arguments = arguments
            .replace("CHECK", "--policy a --verification a")
            .replace("FOLDER", folder.path().to_str().unwrap());
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .arg("bench")
            .args(arguments.split(' '))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{case}");
        // Without the line breaks of the terminal.
        let error = String::from_utf8(output.stderr).unwrap();
        let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(error.contains(expected), "{case}: {error}");
        tried += 1;
    }
    assert_eq!(tried, 38);
}

#[test]
fn a_server_that_cannot_be_reached_is_an_error_with_what_to_do() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let output = bench(&[&["--server", &format!("http://{address}")], &FRESH[..]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("start the service, or give its address by --server"),
        "{error}"
    );
}
