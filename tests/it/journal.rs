//! The decision log from the outside: a line for each answer, and nothing of a person's.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;
use verigate::{
    journal::Durability,
    listener::ListenAddress,
    proto::v1::{CheckAccessRequest, Decision},
};

use crate::world::{World, check_request, until};

#[tokio::test]
async fn each_answer_has_its_line_once_the_service_has_stopped() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for verification in ["fresh", "month-old", "nobody", "pending"] {
        let request = CheckAccessRequest {
            identity_id: "id-ada".to_owned(),
            request_id: format!("r-{verification}"),
            ..check_request("front-door", verification)
        };
        ids.push(world.ask(request).await.unwrap().decision_id);
    }
    world
        .ask(check_request("no-such-policy", "fresh"))
        .await
        .unwrap_err();
    let (stopped, journal) = world.stop().await;
    assert_eq!(stopped, Ok(()));
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let journaled: Vec<&str> = lines
        .iter()
        .filter_map(|l| l["decision_id"].as_str())
        .collect();
    assert_eq!(journaled, ids);
    let second = &lines[1];
    assert_eq!(second["at"], "2026-01-31T12:00:00.000Z");
    assert_eq!(second["policy"], "front-door");
    assert_eq!(second["verification_id"], "month-old");
    assert_eq!(second["identity_id"], "id-ada");
    assert_eq!(second["request_id"], "r-month-old");
    assert_eq!(second["decision"], "step_up");
    assert_eq!(second["reasons"][0]["code"], "VERIFICATION_TOO_OLD");
    assert_eq!(second["reasons"][0]["rule"], "verified_within: 30d");
    let again = serde_json::json!({"reverify": {"maxAge": "2592000s"}});
    assert_eq!(second["remedies"], serde_json::json!([again]));
    assert_eq!(
        second["alternatives"],
        serde_json::json!([{"remedies": [again]}])
    );
    assert_eq!(lines[0].get("alternatives"), None);
    assert_eq!(second["evidence"]["source"], "upstream");
    assert_eq!(second["evidence"]["status"], "VERIFIED");
}

#[tokio::test]
async fn no_data_of_a_persons_is_in_an_answer_or_the_journal() {
    let world = World::new().await;
    let mut output = String::new();
    for policy in ["front-door", "adults", "tolerant"] {
        for verification in ["fresh", "month-old", "minor", "scopeless"] {
            let answer = world.check(policy, verification).await;
            write!(output, "{answer:?}").unwrap();
        }
    }
    let (_, journal) = world.stop().await;
    output += &journal;
    let born = "1990-05-17T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let born_ms = born.as_millisecond().to_string();
    let born_s = born.as_second().to_string();
    for secret in [
        "Ada",
        "Example",
        "Minor",
        "2025550101",
        "1990-05",
        &born_ms,
        &born_s,
        "demo-api-key",
        "demo-secret",
    ] {
        assert!(
            !output.contains(secret),
            "{secret} is in an answer or the journal"
        );
    }
}

/// The answer says when the decision changes; beside the requirement, that instant is the date of birth.
#[tokio::test]
async fn no_line_reveals_a_birthday() {
    const POLICIES: &str = "\
version: 1
policies:
  of-age:
    require:
      - age_at_least: 18
  of-age-by-day:
    require:
      - age_at_least: 18
        otherwise: step_up
      - schedule: { days: [mon, tue, wed, thu, fri], from: '00:00', to: '13:00', zone: UTC }
        otherwise: step_up
  recent:
    require:
      - age_at_least: 10
      - verified_within: 30d
";
    let world = World::with(|config| fs::write(&config.policies, POLICIES).unwrap()).await;
    let mut answers = Vec::new();
    for policy in ["of-age", "of-age-by-day", "recent"] {
        answers.push(world.check(policy, "minor").await);
    }
    let grown = answers[0].next_change.unwrap().at.unwrap();
    assert_eq!(grown.to_string(), "2033-03-09T14:00:00Z");
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("-03-09"), "{journal}");
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0].get("next_change"), None);
    // What a requirement explains that reads no date of birth stays.
    assert_eq!(lines[2]["next_change"]["at"], "2026-03-02T11:50:00.000Z");
}

/// A pipe in a folder, and its reader, which is opened without waiting for a writer.
fn pipe() -> (TempDir, PathBuf, fs::File) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = fs::OpenOptions::new().read(true).write(true).open(&pipe);
    (folder, pipe, reader.unwrap())
}

/// A pipe that is never read takes 64 KiB, and then blocks the thread that writes.
#[tokio::test]
async fn while_the_journal_cannot_be_written_no_answer_is_sent() {
    let (_folder, pipe, _reader) = pipe();
    let world = World::with(|config| {
        config.journal.path.clone_from(&pipe);
        config.incode.timeout = Duration::from_millis(200);
    })
    .await;
    let mut refused = Code::Ok;
    for _ in 0..100 {
        let together = (0..100).map(|_| world.ask(check_request("front-door", "fresh")));
        for answer in futures_util::future::join_all(together).await {
            if let Err(status) = answer {
                refused = status.code();
            }
        }
        if refused != Code::Ok {
            break;
        }
    }
    assert_eq!(refused, Code::Unavailable);
}

/// A door that must open whatever happens, beside one that must not.
#[tokio::test]
async fn a_policy_may_permit_that_its_decisions_are_given_without_a_record() {
    let world = World::with(|config| {
        config.journal.path = "/dev/full".into();
        config.journal.durability = Durability::Written;
        let policies = "version: 1\npolicies:\n  exit:\n    require: [verified_within: 30d]\n    \
                        journal: { allow_unrecorded: true }\n  vault:\n    require: [verified_within: 30d]\n";
        std::fs::write(&config.policies, policies).unwrap();
    })
    .await;
    until("nothing can be recorded", async || {
        world.get("/readyz").await.0 == 503
    })
    .await;
    let refused = world.ask(check_request("vault", "fresh")).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    for (verification, decision) in [("fresh", Decision::Allow), ("stale", Decision::Deny)] {
        let answer = world.ask(check_request("exit", verification)).await;
        assert_eq!(answer.unwrap().decision(), decision);
    }
    let metrics = world.metrics().await;
    assert!(
        metrics.contains("verigate_checks_unrecorded_total 2"),
        "{metrics}"
    );
}

/// Without the exception, a call waits for its line within its deadline, and no longer.
#[tokio::test]
async fn an_answer_waits_for_its_line_within_the_deadline() {
    let (_folder, pipe, mut reader) = pipe();
    // So that the first line has to wait.
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    while reader.write_all(&[b'\n'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&reader, false).unwrap();
    let world = World::with(|config| {
        config.journal.path.clone_from(&pipe);
        config.journal.durability = Durability::Written;
        config.deadlines.default = Duration::from_millis(300);
    })
    .await;
    let late = world.ask(check_request("front-door", "fresh")).await;
    assert_eq!(late.unwrap_err().code(), Code::Unavailable);
    let mut room = vec![0; 128 * 1024];
    let _ = reader.read(&mut room).unwrap();
    until("there is room again", async || {
        let answer = world.ask(check_request("front-door", "fresh")).await;
        answer.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_line_says_where_its_call_came_from_how_long_it_would_wait_and_what_it_asked() {
    let sockets = tempfile::tempdir().unwrap();
    let socket = sockets.path().join("http");
    let path = socket.clone();
    let unix = World::with(|config| config.http = ListenAddress::Unix(path)).await;
    let tcp = World::with(|config| config.journal.attributes = ["site".into()].into()).await;
    let asked = "GET /check/front-door HTTP/1.1\r\nhost: localhost\r\nx-verification-id: fresh\r\nconnection: close\r\n\r\n";

    let mut stream = tokio::net::TcpStream::connect(tcp.http_address())
        .await
        .unwrap();
    let ours = stream.local_addr().unwrap().to_string();
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let attributes = [("site", "hq"), ("secret", "hush")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = CheckAccessRequest {
        attributes: attributes.into(),
        ..check_request("front-door", "fresh")
    };
    tcp.ask_within(Duration::from_secs(2), request)
        .await
        .unwrap();
    tcp.check("front-door", "fresh").await;

    let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    stream.write_all(asked.as_bytes()).await.unwrap();
    answer.clear();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let (_, journal) = tcp.stop().await;
    assert!(!journal.contains("hush"), "{journal}");
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["peer"], ours);
    assert_eq!(lines[0].get("attributes"), None);
    assert_eq!(lines[1]["attributes"], serde_json::json!({"site": "hq"}));
    let deadlines: Vec<u64> = lines
        .iter()
        .map(|line| line["deadline_ms"].as_u64().unwrap())
        .collect();
    assert!((1..=2_000).contains(&deadlines[1]), "{deadlines:?}");
    assert!((2_001..=5_500).contains(&deadlines[2]), "{deadlines:?}");
    let (_, journal) = unix.stop().await;
    let line: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    assert_eq!(line["peer"], "unix");
}
