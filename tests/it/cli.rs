//! The commands as a person or a script runs them: what they print, and how they exit.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
};

use verigate::sim::{ApiCall, Fault};

use crate::world::{Killed, World};

fn verigate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(arguments)
        .output()
        .unwrap()
}

async fn check(world: &World, policy: &str, verification: &str, more: &[&str]) -> (i32, String) {
    let server = format!("http://{}", world.grpc_address());
    let mut arguments: Vec<String> = [
        "check",
        "--policy",
        policy,
        "--verification",
        verification,
        "--server",
        &server,
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(more.iter().map(|&a| a.to_owned()));
    // The service lives in this process: the client must not block it.
    let output = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        verigate(&arguments)
    });
    let output = output.await.unwrap();
    let printed =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), printed)
}

#[tokio::test]
async fn an_answer_is_printed_as_text_and_given_by_the_exit_code() {
    let world = World::new().await;
    let (code, printed) = check(&world, "front-door", "fresh", &[]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.starts_with("ALLOW\n"), "{printed}");
    assert!(
        printed.contains("until 2026-01-31T12:10:00Z (10m from now)"),
        "{printed}"
    );
    assert!(
        printed.contains("STEP_UP from 2026-03-02T11:50:00Z"),
        "{printed}"
    );
    let (code, printed) = check(&world, "front-door", "month-old", &[]).await;
    assert_eq!(code, 3, "{printed}");
    assert!(printed.contains("VERIFICATION_TOO_OLD"), "{printed}");
    assert_eq!(check(&world, "front-door", "nobody", &[]).await.0, 4);
    let (code, printed) = check(&world, "no-such", "fresh", &[]).await;
    assert_eq!(code, 2);
    assert!(
        printed.contains("there is no policy `no-such`"),
        "{printed}"
    );
}

#[tokio::test]
async fn an_answer_is_printed_as_the_json_of_the_contract() {
    let world = World::new().await;
    let (code, printed) = check(
        &world,
        "front-door",
        "fresh",
        &["--json", "--request-id", "r-1"],
    )
    .await;
    assert_eq!(code, 0, "{printed}");
    let answer: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(answer["decision"], "DECISION_ALLOW");
    assert_eq!(answer["validUntil"], "2026-01-31T12:10:00Z");
    assert_eq!(answer["validFor"], "600s");
    assert_eq!(answer["requestId"], "r-1");
}

#[tokio::test]
async fn the_timings_of_an_answer_are_printed_on_request() {
    let world = World::new().await;
    let took = |printed: &str| {
        let line = printed.lines().find(|l| l.starts_with("  took")).unwrap();
        let parts = line.trim_start_matches("  took").split(',');
        let words = parts.map(|part| part.split_whitespace().map(str::to_owned).collect());
        words.collect::<Vec<Vec<String>>>()
    };
    let (_, cold) = check(&world, "front-door", "fresh", &["--explain"]).await;
    assert!(cold.starts_with("ALLOW\n"), "{cold}");
    let parts = took(&cold);
    let names: Vec<&str> = parts.iter().map(|part| part[0].as_str()).collect();
    assert_eq!(names, ["queue", "token", "fetch", "decide", "journal"]);
    assert_ne!(parts[2][1..], ["0.000", "ms"], "{cold}");
    assert!(
        cold.ends_with("  age       the evidence was 0s old\n"),
        "{cold}"
    );
    world.clock.advance(std::time::Duration::from_secs(61));
    let (_, warm) = check(&world, "front-door", "fresh", &["--explain"]).await;
    assert_eq!(took(&warm)[2][1..], ["0.000", "ms"], "{warm}");
    assert!(warm.contains("the evidence was 1m1s old"), "{warm}");
    world.inject(ApiCall::Details, None, Fault::Status(400));
    let (_, none) = check(&world, "front-door", "month-old", &["--explain"]).await;
    assert!(
        none.ends_with("  age       there is no evidence\n"),
        "{none}"
    );
    let (_, plain) = check(&world, "front-door", "fresh", &[]).await;
    assert!(!plain.contains("took"), "{plain}");
}

/// The JSON of the contract has no field for them, and a strict client rejects unknown fields.
#[tokio::test]
async fn the_timings_of_an_answer_are_not_in_its_json() {
    let world = World::new().await;
    let (_, plain) = check(&world, "front-door", "fresh", &["--json"]).await;
    let keys = |printed: &str| {
        let answer: serde_json::Value = serde_json::from_str(printed).unwrap();
        let keys = answer.as_object().unwrap().keys();
        keys.cloned().collect::<Vec<_>>()
    };
    let (_, printed) = check(&world, "front-door", "fresh", &["--json", "--explain"]).await;
    let (json, timings) = printed.split_once("\n}\n").unwrap();
    assert_eq!(keys(&format!("{json}}}")), keys(&plain));
    assert!(timings.contains("took      queue"), "{timings}");
}

#[test]
fn a_command_that_cannot_run_says_why() {
    for (arguments, expected) in [
        (&["check", "--policy", "p"][..], "--verification"),
        (
            &[
                "check",
                "--policy",
                "p",
                "--verification",
                "v",
                "--attribute",
                "x",
            ],
            "KEY=VALUE",
        ),
        (
            &[
                "check",
                "--policy",
                "p",
                "--verification",
                "v",
                "--server",
                "http://127.0.0.1:1",
            ],
            "cannot connect to `http://127.0.0.1:1`",
        ),
        (&["serve", "--config", "/no/such/file"], "cannot be read"),
        (&["sim", "--cast", "/no/such/file"], "cannot read"),
        (&["sim", "--latency", "5"], "not a duration"),
    ] {
        let output = verigate(arguments);
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn a_configuration_and_its_policies_can_be_checked_without_serving() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("p.yaml");
    let config = folder.path().join("verigate.toml");
    std::fs::write(
        &config,
        format!(
            "[policies]\npath = '{}'\n[incode]\nurl = 'http://127.0.0.1:9'\napi_key = 'k'\nintegration_id = 'i'\nsecret = 's'\n",
            policies.display()
        ),
    )
    .unwrap();
    // There is a secret in it.
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    let check = || {
        let output = verigate(&["serve", "--check", "--config", config.to_str().unwrap()]);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    std::fs::write(
        &policies,
        "version: 1\npolicies: {a: {require: [verified_within: 1d]}}",
    )
    .unwrap();
    let (code, printed) = check();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("valid"), "{printed}");
    assert!(!printed.contains("warning"), "{printed}");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{good}[quota]\nfetches_per_second = 50\n")).unwrap();
    let (code, printed) = check();
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("warning: quota.fetches_per_second (50) is below incode.rate (100)"),
        "{printed}"
    );
    std::fs::write(&config, good).unwrap();
    std::fs::write(
        &policies,
        "version: 1\npolicies: {a: {require: [verified_witin: 1d]}}",
    )
    .unwrap();
    let (code, printed) = check();
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("did you mean `verified_within`?"),
        "{printed}"
    );
    std::fs::write(
        &policies,
        "version: 1\npolicies: {a: {require: [verified_within: 1d], step_up: {redirect: 'https://sso.example.com/x'}}}",
    )
    .unwrap();
    let (code, printed) = check();
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("not in step_up.redirects"), "{printed}");
    let allowed = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        format!("{allowed}[step_up]\nredirects = ['https://sso.example.com/x']\n"),
    )
    .unwrap();
    assert_eq!(check().0, Some(0));
    std::fs::remove_file(&policies).unwrap();
    assert_eq!(check().0, Some(2));
}

#[test]
fn the_demo_prints_commands_that_work_and_stops_on_sigterm() {
    let demo = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .arg("demo")
        // A proxy from the environment would receive our secrets. Nothing listens there.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Killed(demo);
    // Kept open to the end: the journal is written there, and a demo that cannot write it exits with an error.
    let mut stdout = BufReader::new(demo.0.stdout.take().unwrap());
    let mut tried = 0;
    for line in stdout.by_ref().lines() {
        let line = line.unwrap();
        let Some((command, outcome)) = line.split_once('#') else {
            continue;
        };
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let output = verigate(&arguments);
        let expected = match outcome.trim().split(':').next().unwrap() {
            "ALLOW" => 0,
            "STEP_UP" => 3,
            _ => 4,
        };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(expected), "{line}\n{printed}");
        tried += 1;
        if tried == 5 {
            break;
        }
    }
    assert_eq!(tried, 5);
    let pid = demo.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(demo.0.wait().unwrap().success());
}

#[test]
fn a_terminal_that_closes_stops_it_in_order() {
    let sim = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["sim", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sim = Killed(sim);
    let mut printed = String::new();
    let mut stdout = BufReader::new(sim.0.stdout.take().unwrap());
    stdout.read_line(&mut printed).unwrap();
    assert!(printed.contains("http://127.0.0.1:"), "{printed}");
    let pid = sim.0.id().to_string();
    let hung_up = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
    assert!(hung_up.success());
    assert!(sim.0.wait().unwrap().success());
}

#[test]
fn needs_prints_what_policies_read_and_no_more() {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let needs = |file: &str| {
        let path = format!("{policies}/{file}.yaml");
        String::from_utf8(verigate(&["policy", "needs", &path]).stdout).unwrap()
    };
    assert_eq!(
        needs("server-room"),
        "server-room\n  scopes    IDENTITY_ID NAME DATE_OF_BIRTH\n  request   identity_id\n"
    );
    let contractor = needs("contractor");
    assert!(
        contractor.contains("request   identity_id\n"),
        "{contractor}"
    );
    assert!(
        contractor.contains("zones     Europe/Berlin\n"),
        "{contractor}"
    );
    let json = verigate(&["policy", "needs", "--format", "json", policies]).stdout;
    let all: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(all["front-door"]["scopes"][1], "NAME");
}

/// Every requirement that the parser knows is in the schema, and none that it does not.
#[test]
fn the_schema_knows_the_language() {
    let printed = |file: &str| {
        let output = verigate(&["policy", "schema", file]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let policy = printed("policy");
    let known = policy["$defs"]["requirement"]["properties"]
        .as_object()
        .unwrap();
    let hint = verigate::policy::parse(
        &[std::sync::Arc::new(verigate::policy::SourceText {
            path: "p.yaml".to_owned(),
            text: "version: 1\npolicies: {a: {require: [otherwise: deny]}}".to_owned(),
        })],
        &|_, _| Err(String::new()),
    )
    .unwrap_err()
    .to_string();
    let listed = hint.split("one of: ").nth(1).unwrap().trim();
    let mut listed: Vec<&str> = listed.split(", ").collect();
    listed.sort_unstable();
    let mut known: Vec<&str> = known.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, listed);
    let reasons =
        &printed("cases")["$defs"]["case"]["properties"]["expect"]["properties"]["reasons"];
    let reasons = reasons["items"]["enum"].as_array().unwrap();
    assert_eq!(reasons.len(), verigate::policy::ReasonCode::ALL.len());
    for code in verigate::policy::ReasonCode::ALL {
        assert!(
            reasons.iter().any(|reason| reason == code.as_str()),
            "{code:?}"
        );
    }
}

#[test]
fn fifty_processes_give_the_same_policies_one_revision() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let (policies, cases) = (
        format!("{tests}/policies"),
        format!("{tests}/cases/reuse.yaml"),
    );
    let revision = |_| {
        let output = verigate(&[
            "policy",
            "test",
            "--format",
            "json",
            "--policies",
            &policies,
            &cases,
        ]);
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        printed["revision"].as_str().unwrap().to_owned()
    };
    // In parallel, because starting a process is what takes time.
    let revisions: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let beside: Vec<_> = (0..5)
            .map(|_| scope.spawn(|| (0..10).map(revision).collect::<Vec<_>>()))
            .collect();
        beside
            .into_iter()
            .flat_map(|ten| ten.join().unwrap())
            .collect()
    });
    assert_eq!(revisions.len(), 1, "{revisions:?}");
}
