//! `verigate bench` against the service, tonic's own server and servers that are none. Loads end by the number of their calls.

use std::{
    fs,
    io::{Read as _, Write as _},
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

/// What a server of HTTP/2 begins with: settings without a setting.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    // As long as anything that is right may take, and no longer than the calls take.
    command.args(["bench", "--duration", "1h", "--timeout", "1m"]);
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
    let remark =
        "120 of 120 calls did not end with DENY; the first: ALLOW (in all: OK 120, ALLOW 120)";
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
    assert_eq!(targets[0]["ratios"]["checks_per_second"]["median"], 1.0);
    assert_eq!(targets[0]["cpu_us_per_check"], Value::Null);
    assert!(targets[1]["resident_bytes"].as_u64() > Some(0));
    assert!(fs::read_to_string(chart).unwrap().ends_with("</svg>\n"));
}

/// A server that speaks HTTP/2 until the first call.
#[test]
fn calls_end_with_a_connection_that_is_lost() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(&SETTINGS).unwrap();
        let mut received = Vec::new();
        // The path of the first call stands in its headers, after the preface.
        while !received.windows(11).any(|part| part == b"CheckAccess") {
            let mut buffer = [0; 1024];
            let read = peer.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..read]);
        }
    });
    let output = bench(
        &[
            &["--server", &server, "--connections", "1", "--calls", "8"],
            &FRESH[..],
        ]
        .concat(),
    );
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("cannot connect to "), "{error}");
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

#[test]
fn what_cannot_be_measured_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = file("empty.toml", "target = []\n");
    let unknown = file(
        "unknown.toml",
        "[[target]]\nurl = 'http://127.0.0.1:1'\nspeed = 1\n",
    );
    let unnamed = file("unnamed.toml", "[[target]]\nname = 'a'\n");
    let cases: [(&[&str], &str); 17] = [
        (
            &["--verification", "a"],
            "give the name of a policy by --policy NAME",
        ),
        (
            &["--policy", "a"],
            "give the id of a verification by --verification ID",
        ),
        (
            &["--policy", "a", "--verification", "a", "--expect", "MAYBE"],
            "`MAYBE` is neither a decision",
        ),
        (&["--server", "127.0.0.1:50051"], "is not a URL"),
        (
            &["--server", "ftp://a"],
            "must begin with http:// or https://",
        ),
        (
            &["--server", "http://127.0.0.1:1/a"],
            "has more than a scheme, a host and a port",
        ),
        (
            &["--ca", "ca.pem"],
            "are for an address that begins with https://",
        ),
        (&["--target", "http://a"], "not of the form NAME=URL"),
        (
            &["--target", "a=http://a", "--server", "http://b"],
            "cannot be used with",
        ),
        (&["--targets", "/nonexistent"], "cannot read `/nonexistent`"),
        (&["--targets", &empty], "has 0 targets"),
        (&["--targets", &unknown], "unknown field `speed`"),
        (&["--targets", &unnamed], "has no url"),
        (&["--rate", "0"], "not a number of calls a second"),
        (&["--connections", "0"], "0 is not in 1..=10000"),
        (&["--batch", "257"], "257 is not in 1..=256"),
        (
            &["--policy", "a", "--verification", "a", "--only", "x"],
            "no target has a name that --only names",
        ),
    ];
    for (arguments, expected) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .arg("bench")
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
