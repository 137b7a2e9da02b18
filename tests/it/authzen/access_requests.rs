//! Access requests: a denial that verifying again would help can be requested to be changed, which begins a step-up and grants nothing by itself.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::config::Config;

use super::{
    ONE, POLICIES, callers, configure, evaluation, gist, json_of, load, post_as, status, token,
    with, with_policies,
};
use crate::{
    callers::caller,
    webhook::{call_back, terms},
    world::{World, until},
};

pub const REDIRECT: &str = "https://sso.example.com/step-up";
pub const ENDPOINT: &str = "/access/v1/access-requests";
const SETTINGS: &str = "[http]\npublic_url = \"https://pdp.example.org\"\n[step_up]\nfollow_successors = true\n[authzen]\naccess_requests = true\n";

/// A world in which two gateways may begin step-ups (5 and 6), and another one may not (1).
pub async fn world() -> (World, TempDir) {
    world_with(|_| {}).await
}

/// The same world, with other settings.
pub async fn world_with(set: impl FnOnce(&mut Config)) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), POLICIES, config);
        configure(config, SETTINGS);
        config.step_up.follow_successors = true;
        config.step_up.redirects = [REDIRECT.to_owned()].into();
        config.webhook = Some(terms());
        config.callers = callers();
        for (n, name) in [(5, "requesting"), (6, "other")] {
            let policies = ["front-door", "own", "mfa"];
            config
                .callers
                .push(caller(n, name, &policies, &super::ALL, true));
        }
        set(config);
    })
    .await;
    call_back(&world);
    (world, folder)
}

async fn ask_as(world: &World, n: u8, evaluation: &Value) -> Value {
    json_of(post_as(world, n, ONE, evaluation)).await
}

async fn ask(world: &World, evaluation: &Value) -> Value {
    ask_as(world, 5, evaluation).await
}

/// A request for access after this denial.
pub fn requested(evaluation: &Value, denial: &Value) -> Value {
    let mut body = evaluation.clone();
    body["context"] = json!({ "login_hint": "ada@example.com", "redirect_url": REDIRECT });
    let context = &denial["context"];
    body["denial"] = json!({
        "evaluation_id": context["evaluation_id"],
        "binding_token": context["access_request"]["binding_token"],
    });
    body
}

pub fn get(world: &World, n: u8, task: &str) -> RequestBuilder {
    let url = format!("http://{}{ENDPOINT}/{task}", world.http_address());
    let request = Client::new().get(url);
    request.header("authorization", format!("Bearer {}", token(n).reveal()))
}

async fn shown(world: &World, task: &str) -> Value {
    let shown = get(world, 5, task).send().await.unwrap();
    shown.json().await.unwrap()
}

/// Why an evaluation with an approval is denied, and what to do next.
fn next(answer: &Value) -> [Value; 2] {
    ["reason", "next_action"].map(|name| answer["context"][name].clone())
}

pub async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    let kind = body["type"].as_str().unwrap();
    let name = kind.trim_start_matches("urn:openid:authzen:access-request:error:");
    (status, name.to_owned())
}

pub async fn refused(world: &World, n: u8, body: &Value) -> (u16, String) {
    problem(post_as(world, n, ENDPOINT, body).send().await.unwrap()).await
}

/// The denial of a verification that is too old.
pub async fn denial(world: &World) -> (Value, Value) {
    let asked = evaluation("front-door", "month-old");
    let denied = ask(world, &asked).await;
    assert_eq!(gist(&denied), "false STEP_UP VERIFICATION_TOO_OLD");
    (asked, denied)
}

pub async fn task(world: &World) -> (Value, Value) {
    let (asked, denied) = denial(world).await;
    let body = requested(&asked, &denied);
    let response = post_as(world, 5, ENDPOINT, &body).send().await.unwrap();
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    (asked, response.json().await.unwrap())
}

#[tokio::test]
async fn a_denial_says_how_it_can_be_requested_to_be_changed_and_until_then_it_is_one() {
    let (world, _folder) = world().await;
    let (asked, denied) = denial(&world).await;
    let context = &denied["context"];
    assert_eq!(context["evaluation_id"], context["decision_id"]);
    assert_eq!(context["evaluated_at"], "2026-01-31T12:00:00.000Z");
    assert_eq!(context["reason"], "verification_required");
    let offer = &context["access_request"];
    assert_eq!(
        offer["endpoint"],
        format!("https://pdp.example.org{ENDPOINT}")
    );
    assert_eq!(offer["expires_at"], "2026-01-31T12:15:00.000Z");
    let body = requested(&asked, &denied);
    let response = post_as(&world, 5, ENDPOINT, &body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json().await.unwrap();
    let task = &created["task"];
    assert_eq!(
        (&task["status"], &task["status_endpoint"]),
        (&json!("pending"), &json!(location))
    );
    let id = task["id"].as_str().unwrap();
    assert!(
        location.ends_with(&format!("{ENDPOINT}/{id}")),
        "{location}"
    );
    let pending = get(&world, 5, id).send().await.unwrap();
    assert_eq!(pending.headers()["retry-after"], "3");
    assert_eq!(
        pending.json::<Value>().await.unwrap()["task"]["status"],
        "pending"
    );
    let approved = json!({ "id": id });
    let again = with(asked.clone(), "/context/approval", approved);
    let waiting = ask(&world, &again).await;
    assert_eq!(gist(&waiting), "false STEP_UP VERIFICATION_TOO_OLD");
    assert_eq!(next(&waiting), [json!("grant_pending"), json!("retry")]);
    assert_eq!(waiting["context"]["retry_after"], 3);
    assert_eq!(waiting["context"].get("access_request"), None);
}

#[tokio::test]
async fn when_the_person_has_verified_again_the_same_evaluation_is_permitted_by_that() {
    let (world, _folder) = world().await;
    let (asked, created) = task(&world).await;
    let id = created["task"]["id"].as_str().unwrap();
    let again = with(asked.clone(), "/context/approval", json!({ "id": id }));
    let link = created["task"]["links"]["review"].as_str().unwrap();
    assert_eq!(reqwest::get(link).await.unwrap().status(), 200);
    let is_approved = async || shown(&world, id).await["task"]["status"] == "approved";
    until("the task is approved", is_approved).await;
    let body = shown(&world, id).await;
    assert_eq!(body["result"]["mode"], "reevaluate");
    assert_eq!(body["result"]["approval"]["id"], id);
    let until_at = body["result"]["approval"]["approved_until"].clone();
    let permitted = ask(&world, &again).await;
    assert_eq!(gist(&permitted), "true ALLOW");
    assert_eq!(
        permitted["context"]["approval"],
        json!({ "id": id, "approved_until": until_at })
    );
    // The approval itself permits nothing: without it, the answer is the same, and elsewhere it is of no use.
    assert_eq!(gist(&ask(&world, &asked).await), "true ALLOW");
    let elsewhere = with(
        evaluation("own", "month-old"),
        "/context/approval",
        json!({ "id": id }),
    );
    let elsewhere = ask(&world, &elsewhere).await;
    assert_eq!(elsewhere["decision"], false);
    assert_eq!(next(&elsewhere), [json!("out_of_scope"), json!("request")]);
    world.clock.advance(Duration::from_hours(2));
    let late = with(
        evaluation("front-door", "stale"),
        "/context/approval",
        json!({ "id": id }),
    );
    assert_eq!(
        next(&ask(&world, &late).await),
        [json!("out_of_scope"), json!("request")]
    );
    let body = shown(&world, id).await;
    assert_eq!(
        (&body["task"]["status"], body.get("result")),
        (&json!("expired"), None)
    );
}

#[tokio::test]
async fn a_request_is_bound_to_its_denial_its_evaluation_and_its_caller() {
    let (world, _folder) = world().await;
    let (asked, denied) = denial(&world).await;
    let body = requested(&asked, &denied);
    let token = body["denial"]["binding_token"].as_str().unwrap().to_owned();
    let (expires, seal) = token.split_once('.').unwrap();
    let later = expires.parse::<u64>().unwrap() + 1;
    let other = denial(&world).await.1;
    for (place, value) in [
        ("/denial", json!(null)),
        ("/denial", json!("x")),
        ("/denial/binding_token", json!("")),
        ("/denial/binding_token", json!(seal)),
        ("/denial/binding_token", json!(format!("{later}.{seal}"))),
        ("/denial/binding_token", json!(format!("0{token}"))),
        ("/denial/binding_token", json!(format!("{token}="))),
        (
            "/denial/evaluation_id",
            other["context"]["evaluation_id"].clone(),
        ),
        ("/subject/id", json!("fresh")),
        ("/action/name", json!("own")),
    ] {
        let wrong = with(body.clone(), place, value.clone());
        let expected = (400, "invalid_denial_binding".to_owned());
        assert_eq!(
            refused(&world, 5, &wrong).await,
            expected,
            "{place} {value}"
        );
    }
    assert_eq!(refused(&world, 6, &body).await.1, "invalid_denial_binding");
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn one_denial_makes_one_link_and_only_where_a_step_up_can_begin() {
    let (world, _folder) = world().await;
    let (asked, denied) = denial(&world).await;
    let body = requested(&asked, &denied);
    for (place, value) in [
        ("/context/login_hint", json!("nobody")),
        ("/context/login_hint", json!(7)),
        ("/context/redirect_url", json!("https://evil.example")),
        ("/context/redirect_url", json!("")),
        ("/subject/type", json!("user")),
        ("/action/name", json!("No Policy")),
    ] {
        let wrong = with(body.clone(), place, value.clone());
        let expected = (400, "not_requestable".to_owned());
        assert_eq!(
            refused(&world, 5, &wrong).await,
            expected,
            "{place} {value}"
        );
    }
    assert_eq!(
        refused(&world, 5, &json!({})).await,
        (400, "about:blank".to_owned())
    );
    assert_eq!(world.calls().link, 0);
    let created = async |body: &Value| {
        let response = post_as(&world, 5, ENDPOINT, body).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json::<Value>().await.unwrap()
    };
    let first = created(&body).await;
    assert_eq!(created(&body).await, first);
    let another = with(
        body.clone(),
        "/context/login_hint",
        json!("ben@example.com"),
    );
    assert_eq!(
        refused(&world, 5, &another).await,
        (409, "duplicate_request".to_owned())
    );
    assert_eq!(world.calls().link, 1);
    world.clock.advance(Duration::from_mins(15));
    assert_eq!(
        refused(&world, 5, &body).await,
        (410, "expired_denial".to_owned())
    );
}

#[tokio::test]
async fn a_task_is_that_of_its_caller_and_an_approval_of_anybody_else_is_none() {
    let (world, _folder) = world().await;
    let (asked, created) = task(&world).await;
    let id = created["task"]["id"].as_str().unwrap().to_owned();
    let (uuid, seal) = id.split_once('.').unwrap();
    for (n, task) in [
        (6, id.clone()),
        (1, id.clone()),
        (5, uuid.to_owned()),
        (5, format!("{uuid}.")),
        (5, format!("{id}x")),
        (5, format!("0190a1b2-0000-7000-8000-000000000000.{seal}")),
        (5, "x".to_owned()),
    ] {
        let found = problem(get(&world, n, &task).send().await.unwrap()).await;
        assert_eq!(found, (404, "unknown_task".to_owned()), "{n} {task}");
        let claimed = with(asked.clone(), "/context/approval", json!({ "id": task }));
        if n != 1 {
            let answer = ask_as(&world, n, &claimed).await;
            assert_eq!(answer["decision"], false);
            assert_eq!(
                answer["context"]["reason"], "approval_unverifiable",
                "{n} {task}"
            );
            assert_eq!(answer["context"]["next_action"], "none");
            // An offer beside it would say the opposite.
            assert_eq!(answer["context"].get("access_request"), None);
        }
    }
    let long = json!({ "id": "x".repeat(200) });
    for approval in [json!({}), json!("x"), json!({ "id": 7 }), json!(null), long] {
        let claimed = with(asked.clone(), "/context/approval", approval.clone());
        let answer = ask(&world, &claimed).await;
        assert_eq!(
            answer["context"]["reason"], "approval_unverifiable",
            "{approval}"
        );
    }
    let nobody = Client::new().get(format!("http://{}{ENDPOINT}/{id}", world.http_address()));
    assert_eq!(status(nobody).await, 401);
    assert_eq!(
        status(post_as(&world, 5, &format!("{ENDPOINT}/{id}"), &json!({}))).await,
        405
    );
}

#[tokio::test]
async fn only_what_verifying_again_helps_is_offered_and_only_to_who_may_request_it() {
    let (world, _folder) = world().await;
    for (n, asked) in [
        (1, evaluation("front-door", "month-old")),
        (5, evaluation("front-door", "fresh")),
        (5, evaluation("front-door", "stale")),
        (5, evaluation("mfa", "fresh")),
        (5, evaluation("own", "fresh")),
    ] {
        let answer = ask_as(&world, n, &asked).await;
        for name in ["access_request", "evaluation_id", "reason", "next_action"] {
            assert_eq!(answer["context"].get(name), None, "{n} {name} {asked}");
        }
    }
}

#[tokio::test]
async fn access_requests_are_off_unless_they_are_configured_and_can_help() {
    let (world, _folder) = super::world().await;
    let plain = super::asked(
        &world,
        &with(
            evaluation("front-door", "month-old"),
            "/context/approval",
            json!({ "id": "x" }),
        ),
    )
    .await;
    for name in ["access_request", "evaluation_id", "reason", "next_action"] {
        assert_eq!(plain["context"].get(name), None);
    }
    assert_eq!(status(post_as(&world, 1, ENDPOINT, &json!({}))).await, 404);
    assert_eq!(status(get(&world, 1, "x")).await, 404);
    for (text, expected) in [
        (
            "[authzen]\naccess_requests = true\n",
            "http.public_url is not an https address",
        ),
        (
            "[http]\npublic_url = \"https://x.example\"\n[authzen]\naccess_requests = true\n",
            "step_up.follow_successors is not",
        ),
        (
            "[authzen]\naccess_requests = \"yes\"\n",
            "authzen.access_requests is not of type boolean",
        ),
    ] {
        let error = load(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(load(SETTINGS).unwrap().authzen.access_requests);
    let (world, _folder) = self::world().await;
    let metadata = reqwest::get(format!(
        "http://{}/.well-known/authzen-configuration",
        world.http_address()
    ));
    let metadata: Value = metadata.await.unwrap().json().await.unwrap();
    assert_eq!(
        metadata["access_request_endpoint"],
        format!("https://pdp.example.org{ENDPOINT}")
    );
    assert_eq!(
        metadata["capabilities"],
        json!(["urn:openid:authzen:capability:access-request"])
    );
}
