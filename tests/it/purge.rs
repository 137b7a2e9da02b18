//! Purges: who may, what leaves memory, and what is recorded of it.

mod recorded;

use std::{fs, process::Command};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tonic::Request;
use verigate::{
    callers::Assertion,
    proto::v1::{BeginStepUpRequest, CheckAccessRequest},
};

use crate::{
    callers::{ask, bearer, caller, token},
    world::{World, check_request, until},
};

/// Policies that read identities.
const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 90d
      - identity: same_as_request
";

const CAST: &str = "\
people:
  ada: { identity_id: id-ada, full_name: Ada Example, date_of_birth: 1990-05-17 }
  ben: { identity_id: id-ben, full_name: Ben Example, date_of_birth: 1991-06-18 }
verifications:
  v-ada-1: { person: ada, verified_ago: 10m, scopes: [NAME] }
  v-ada-2: { person: ada, verified_ago: 20m, scopes: [NAME] }
  v-ben: { person: ben, verified_ago: 10m, scopes: [NAME] }
";

const REDIRECT: &str = "https://sso.example.com/";

const ALL: [Assertion; 3] = [
    Assertion::Identity,
    Assertion::Authentication,
    Assertion::Attributes,
];

/// A world with an operator and a door, on this machine.
async fn world() -> World {
    World::of(CAST, |config| {
        fs::write(&config.policies, POLICIES).unwrap();
        config.step_up.redirects = [REDIRECT.to_owned()].into();
        let mut operator = caller(1, "operator", &["*"], &ALL, true);
        operator.permissions.admin = true;
        config.callers = vec![operator, caller(2, "door", &["*"], &ALL, true)];
    })
    .await
}

async fn check(world: &World, verification: &str, identity: &str) {
    let request = CheckAccessRequest {
        identity_id: identity.to_owned(),
        ..check_request("front-door", verification)
    };
    ask(world, Some(&bearer(2)), request).await.unwrap();
}

/// The response to a purge of what this body names.
async fn purge(world: &World, authorization: Option<&str>, body: &str) -> (u16, Value) {
    let response = respond(world, authorization, body).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn respond(world: &World, authorization: Option<&str>, body: &str) -> reqwest::Response {
    let url = format!("http://{}/admin/purge", world.admin_address());
    let mut request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_owned());
    if let Some(text) = authorization {
        request = request.header("authorization", text);
    }
    request.send().await.unwrap()
}

async fn purged(world: &World, body: Value) -> Value {
    let (status, answer) = purge(world, Some(&bearer(1)), &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The lines of a journal.
fn lines(journal: &str) -> Vec<Value> {
    let lines = journal.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn only_a_named_caller_with_the_permission_purges_also_on_this_machine() {
    let world = world().await;
    check(&world, "v-ada-1", "id-ada").await;
    let asked = world.calls().details;
    let body = r#"{"identity_id":"id-ada"}"#;
    for (authorization, status) in [
        (None, 401),
        (Some("Basic eA=="), 401),
        (Some(bearer(3).as_str()), 401),
        (Some(bearer(2).as_str()), 403),
    ] {
        let (found, answer) = purge(&world, authorization, body).await;
        assert_eq!(found, status, "{authorization:?} {answer}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    check(&world, "v-ada-1", "id-ada").await;
    assert_eq!(world.calls().details, asked, "nothing was purged");
    purged(&world, json!({ "identity_id": "id-ada" })).await;
    check(&world, "v-ada-1", "id-ada").await;
    assert_eq!(world.calls().details, asked + 1);
}

/// Without callers everybody on this machine may see what operators see, and nobody may purge.
#[tokio::test]
async fn without_callers_nobody_purges() {
    let world = World::new().await;
    assert_eq!(world.get("/policies").await.0, 200);
    for authorization in [None, Some(bearer(1))] {
        let body = r#"{"identity_id":"id-ada"}"#;
        let (status, _) = purge(&world, authorization.as_deref(), body).await;
        assert_eq!(status, 401);
    }
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("\"purged\""), "{journal}");
}

#[tokio::test]
async fn a_person_leaves_memory_and_the_journal_says_so_without_saying_who() {
    let world = world().await;
    for (verification, identity) in [
        ("v-ada-1", "id-ada"),
        ("v-ada-2", "id-ada"),
        ("v-ben", "id-ben"),
    ] {
        check(&world, verification, identity).await;
    }
    let asked = world.calls().details;
    let answer = purged(&world, json!({ "identity_id": "id-ada" })).await;
    assert_eq!(answer["removed"]["evidence"], 2, "{answer}");
    assert_eq!(answer["unidentified"], 0);
    assert_eq!(answer["recorded"], true);
    assert_eq!(answer["journal"]["identifiers"], "plain");
    check(&world, "v-ben", "id-ben").await;
    assert_eq!(world.calls().details, asked, "nobody else was purged");
    check(&world, "v-ada-2", "id-ada").await;
    assert_eq!(world.calls().details, asked + 1);
    let (_, journal) = world.stop().await;
    let records: Vec<&str> = journal
        .lines()
        .filter(|line| line.contains("\"event\":\"purged\""))
        .collect();
    let [record] = records[..] else {
        panic!("{journal}")
    };
    // Canaries: nothing of the person is in the record, and the salt is in no line.
    for canary in ["id-ada", "v-ada", "Example", "1990-05"] {
        assert!(!record.contains(canary), "{record}");
    }
    let salt = answer["salt"].as_str().unwrap();
    assert!(!journal.contains(salt));
    let record: Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["caller"], "operator");
    assert_eq!(record["by"], "identity");
    assert_eq!(record["evidence"], 2);
    assert_eq!(record["purge_id"], answer["purge_id"]);
    // Who has the salt can show whose purge it was.
    let digest = Sha256::digest(format!("{salt}:identity:id-ada"));
    let digest = verigate::journal::hex(&digest.into());
    assert_eq!(record["subject_digest"], digest);
    assert_eq!(answer["subject_digest"], digest);
}

#[tokio::test]
async fn two_purges_of_one_person_have_digests_that_nobody_can_compare() {
    let world = world().await;
    let one = purged(&world, json!({ "identity_id": "id-ada" })).await;
    let other = purged(&world, json!({ "identity_id": "id-ada" })).await;
    assert_ne!(one["salt"], other["salt"]);
    assert_ne!(one["subject_digest"], other["subject_digest"]);
    assert_ne!(one["purge_id"], other["purge_id"]);
}

#[tokio::test]
async fn step_ups_about_a_purged_verification_are_removed() {
    let world = world().await;
    check(&world, "v-ada-1", "id-ada").await;
    let begin = async || {
        let mut request = Request::new(BeginStepUpRequest {
            verification_id: "v-ada-1".to_owned(),
            policy: "front-door".to_owned(),
            login_hint: "ada@example.com".to_owned(),
            redirect_url: REDIRECT.to_owned(),
            request_id: "r-1".to_owned(),
        });
        request
            .metadata_mut()
            .insert("authorization", bearer(2).parse().unwrap());
        let begun = world.client.clone().begin_step_up(request).await;
        begun.unwrap().into_inner().step_up_id
    };
    let id = begin().await;
    assert_eq!(begin().await, id, "the same key, the same link");
    let path = format!("/step-ups/{id}");
    assert_eq!(world.get(&path).await.0, 200);
    let other = purged(&world, json!({ "verification_id": "v-ben" })).await;
    assert_eq!(other["removed"]["step_ups"], 0);
    assert_eq!(world.get(&path).await.0, 200);
    let answer = purged(&world, json!({ "identity_id": "id-ada" })).await;
    assert_eq!(answer["removed"]["step_ups"], 1, "{answer}");
    assert_eq!(world.get(&path).await.0, 404);
    assert_ne!(begin().await, id, "the link of the key has left memory too");
}

#[tokio::test]
async fn nothing_keeps_an_answer_with_a_salt_and_an_unread_body_ends_the_connection() {
    let world = world().await;
    let admin = Some(bearer(1));
    let long = format!(r#"{{"identity_id":"{}"}}"#, "x".repeat(4096));
    for (body, status, connection) in [
        (r#"{"identity_id":"id-ada"}"#, 200, None),
        ("{}", 400, None),
        (long.as_str(), 413, Some("close")),
    ] {
        let response = respond(&world, admin.as_deref(), body).await;
        assert_eq!(response.status().as_u16(), status);
        let header = |name| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(header("cache-control"), Some("no-store"), "{status}");
        assert_eq!(header("connection"), connection, "{status}");
    }
}

#[tokio::test]
async fn what_is_no_purge_is_refused_in_words_and_changes_nothing() {
    let world = world().await;
    check(&world, "v-ada-1", "id-ada").await;
    let asked = world.calls().details;
    let long = format!(r#"{{"identity_id":"{}"}}"#, "x".repeat(4096));
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        (
            r#"{"identity_id":"id-ada","verification_id":"v-ada-1"}"#,
            400,
        ),
        (r#"{"identity_id":"id ada"}"#, 400),
        (r#"{"verification_id":"../v-ada-1"}"#, 400),
        (long.as_str(), 413),
    ] {
        let (found, answer) = purge(&world, Some(&bearer(1)), body).await;
        assert_eq!(found, status, "{body} {answer}");
        assert!(!answer.to_string().contains("ada"), "{answer}");
    }
    let url = format!("http://{}/admin/purge", world.admin_address());
    let client = reqwest::Client::new();
    let text = client.post(&url).header("authorization", bearer(1));
    let text = text.body(r#"{"identity_id":"id-ada"}"#).send().await;
    assert_eq!(text.unwrap().status(), 400, "it is not said to be JSON");
    let get = client
        .get(&url)
        .header("authorization", bearer(1))
        .send()
        .await;
    assert_eq!(get.unwrap().status(), 405);
    check(&world, "v-ada-1", "id-ada").await;
    assert_eq!(world.calls().details, asked);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_purged() {
    let world = World::of(CAST, |config| {
        config.journal.path = "/dev/full".into();
        let mut operator = caller(1, "operator", &["*"], &ALL, true);
        operator.permissions.admin = true;
        config.callers = vec![operator];
    })
    .await;
    until("nothing can be recorded", async || {
        world.get("/readyz").await.0 == 503
    })
    .await;
    let body = r#"{"identity_id":"id-ada"}"#;
    let (status, answer) = purge(&world, Some(&bearer(1)), body).await;
    assert_eq!(status, 503, "{answer}");
}

#[tokio::test]
async fn the_command_purges_and_says_what_was_and_what_was_not() {
    let world = world().await;
    check(&world, "v-ada-1", "id-ada").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("operator.token");
    fs::write(&file, format!("{}\n", token(1).reveal())).unwrap();
    let server = format!("http://{}", world.admin_address());
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
        command.arg("purge").args(["--server", &server]);
        command.args(arguments);
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
        let ran = ran.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let token_file = file.to_str().unwrap();
    let with_token = ["--token-file", token_file, "--identity", "id-ada"];
    let (code, stdout, stderr) = run(&[&with_token[..], &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["removed"]["evidence"], 1);
    let (code, stdout, _) = run(&with_token).await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("recorded in the journal"), "{stdout}");
    assert!(stdout.contains("salt"), "{stdout}");
    let (code, stdout, stderr) = run(&["--identity", "id-ada"]).await;
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("--token-file"), "{stderr}");
    let (code, _, _) = run(&["--token-file", token_file]).await;
    assert_eq!(code, Some(2), "nobody is named");
    let both = ["--identity", "a", "--verification", "b"];
    assert_eq!(run(&both).await.0, Some(2));
    let (_, journal) = world.stop().await;
    let lines = lines(&journal);
    let records = lines.iter().filter(|line| line["event"] == "purged");
    assert_eq!(records.count(), 2);
}
