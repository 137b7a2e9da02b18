//! AuthZEN, over real sockets: what a gateway is answered, and that nobody is permitted by another way than an ALLOW.

mod access_refused;
mod access_requests;
mod bounds;
mod cases;
mod described;
mod fleet;
mod interop;
mod listening;
mod mapping;
mod refused;
mod several;
mod settings;
mod step_up;

use std::{fs, path::Path};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::{
    callers::{Assertion, CallerConfig},
    config::Config,
    rate_limit::Rate,
};

use crate::{
    callers::{caller, token},
    world::World,
};

pub const ONE: &str = "/access/v1/evaluation";
pub const SEVERAL: &str = "/access/v1/evaluations";

/// A configuration with these settings.
pub fn load(text: &str) -> Result<Config, String> {
    let account = "[incode]\nurl = \"https://api.example.com\"\napi_key = \"key\"\nintegration_id = \"i\"\nsecret = \"s\"\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    fs::write(&path, format!("{account}{text}")).unwrap();
    Config::load(Some(&path), []).map_err(|error| error.to_string())
}

/// Takes what these settings say of AuthZEN and of the address.
pub fn configure(config: &mut Config, text: &str) {
    let loaded = load(text).unwrap();
    config.authzen = loaded.authzen;
    config.filters = loaded.filters;
}

pub fn with_policies(folder: &Path, text: &str, config: &mut Config) {
    let path = folder.join("policies.yaml");
    fs::write(&path, text).unwrap();
    config.policies = path;
}

/// Policies that end in every way, and read every fact.
const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 90d
      - verified_within: 30d
        otherwise: step_up
    reuse:
      allow: 10m
  mfa:
    require:
      - verified_within: 90d
      - authenticated: { within: 15m, acr_any: ['urn:x:mfa', gold], amr_any: [hwk, face] }
        otherwise: step_up
  own:
    require:
      - verified_within: 90d
      - identity: same_as_request
  office:
    require:
      - verified_within: 90d
      - attribute: { name: site, in: [hq] }
  record:
    require:
      - verified_within: 90d
      - attribute: { name: resource.status, not_in: [archived], if_absent: holds }
  hidden:
    require:
      - verified_within: 90d
      - attribute: { name: resource.status, in: [open] }
";

const ALL: [Assertion; 3] = [
    Assertion::Identity,
    Assertion::Authentication,
    Assertion::Attributes,
];
/// What a caller that is not the one for hidden things may ask for.
const SHOWN: [&str; 6] = ["front-door", "mfa", "own", "office", "record", "none"];

/// Callers: one that may assert everything, one that may assert nothing, one that may ask once, and one that may ask for nothing.
fn callers() -> Vec<CallerConfig> {
    let mut slow = caller(3, "slow", &["*"], &ALL, false);
    slow.calls = Some(Rate {
        per_second: 1,
        burst: 1,
    });
    vec![
        caller(1, "gateway", &SHOWN, &ALL, false),
        caller(2, "plain", &SHOWN, &[], false),
        slow,
        caller(4, "nothing", &[], &[], false),
    ]
}

/// A world with callers.
async fn world() -> (World, TempDir) {
    world_with("").await
}

/// A world with callers and these settings.
async fn world_with(settings: &str) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), POLICIES, config);
        configure(config, settings);
        config.callers = callers();
    })
    .await;
    (world, folder)
}

/// An evaluation about this policy and verification.
pub fn evaluation(policy: &str, verification: &str) -> Value {
    json!({
        "subject": { "type": "verification", "id": verification },
        "action": { "name": policy },
        "resource": { "type": "door", "id": "main" },
    })
}

/// The same evaluation, with another value at a place such as `/subject/id`. Objects on the way are made.
pub fn with(mut evaluation: Value, place: &str, value: Value) -> Value {
    let mut at = &mut evaluation;
    for name in place.split('/').skip(1) {
        at = &mut at[name];
    }
    *at = value;
    evaluation
}

/// A request of the first caller.
fn post(world: &World, path: &str, body: &Value) -> RequestBuilder {
    post_as(world, 1, path, body)
}

fn post_as(world: &World, n: u8, path: &str, body: &Value) -> RequestBuilder {
    raw(world, path, body.to_string())
        .header("authorization", format!("Bearer {}", token(n).reveal()))
}

/// A request without a credential.
fn raw(world: &World, path: &str, body: String) -> RequestBuilder {
    let url = format!("http://{}{path}", world.http_address());
    let request = Client::new().post(url).body(body);
    request.header("content-type", "application/json")
}

async fn json_of(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    let kind = response.headers().get("content-type").unwrap();
    assert_eq!(kind, "application/json");
    response.json().await.unwrap()
}

/// What one evaluation of the first caller is answered.
async fn asked(world: &World, evaluation: &Value) -> Value {
    json_of(post(world, ONE, evaluation)).await
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// What was decided, and why, in a few words: `false STEP_UP VERIFICATION_TOO_OLD`, or the status of an error.
pub fn gist(answer: &Value) -> String {
    let decision = answer["decision"].as_bool().unwrap();
    let context = &answer["context"];
    if let Some(status) = context["error"]["status"].as_u64() {
        return format!("{decision} {status}");
    }
    let mut words = vec![decision.to_string()];
    words.push(context["outcome"].as_str().unwrap().to_owned());
    let reasons = context["reasons"].as_array().unwrap().iter();
    words.extend(reasons.map(|reason| reason["code"].as_str().unwrap().to_owned()));
    words.join(" ")
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|v| v.to_str().unwrap())
}

#[tokio::test]
async fn each_decision_says_what_it_is_and_only_an_allow_is_true() {
    let (world, _folder) = world().await;
    let allowed = asked(&world, &evaluation("front-door", "fresh")).await;
    assert_eq!(gist(&allowed), "true ALLOW");
    let context = &allowed["context"];
    let id = context["decision_id"].as_str().unwrap().to_owned();
    assert_eq!(context["valid_until"], "2026-01-31T12:10:00.000Z");
    assert_eq!(context["valid_for"], 600);
    assert_eq!(context["decided_at"], "2026-01-31T12:00:00.000Z");
    assert_eq!(context["next_change"]["to"], "STEP_UP");
    for (policy, verification, expected) in [
        (
            "front-door",
            "month-old",
            "false STEP_UP VERIFICATION_TOO_OLD",
        ),
        (
            "front-door",
            "stale",
            "false DENY VERIFICATION_TOO_OLD VERIFICATION_TOO_OLD",
        ),
        ("front-door", "nobody", "false DENY VERIFICATION_NOT_FOUND"),
        ("own", "fresh", "false DENY IDENTITY_NOT_GIVEN"),
        ("none", "fresh", "false 404"),
        ("No Policy", "fresh", "false 400"),
        ("front-door", "../fresh", "false 400"),
        ("front-door", "", "false 400"),
    ] {
        let answer = asked(&world, &evaluation(policy, verification)).await;
        assert_eq!(gist(&answer), expected, "{policy} {verification}");
    }
    let other = with(
        evaluation("front-door", "fresh"),
        "/subject/type",
        json!("user"),
    );
    assert_eq!(gist(&asked(&world, &other).await), "false 400");
    let metrics = world.metrics().await;
    for line in [
        "{outcome=\"allow\"} 1",
        "{outcome=\"step_up\"} 1",
        "{outcome=\"deny\"} 3",
        "{outcome=\"no_such_policy\"} 1",
        "{outcome=\"bad_policy_name\"} 1",
        "{outcome=\"bad_id\"} 2",
        "{outcome=\"subject_type\"} 1",
    ] {
        let line = format!("verigate_authzen_evaluations_total{line}");
        assert!(metrics.contains(&line), "{line}");
    }
    let (_, journal) = world.stop().await;
    assert!(journal.contains(&id));
    assert!(journal.contains("\"caller\":\"gateway\""));
}
