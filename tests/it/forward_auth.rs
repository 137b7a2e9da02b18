//! Forward auth, over real sockets: what a proxy is answered, and that nobody gets in by another way than an ALLOW.

mod listening;
mod refused;
mod sent_nowhere;
mod session;
mod settings;

use std::{path::Path, sync::Arc};

use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use tempfile::TempDir;
use tokio::task::JoinSet;
use verigate::{
    gateway::{ReturnHosts, UrlTemplate},
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use crate::{callers::with_file, world::World};

/// The token of a caller, by number.
fn token(n: u8) -> verigate::callers::Token {
    verigate::callers::Token::from_random([n; 8], [n; 32])
}

/// Policies that end in every way.
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
  once:
    require:
      - verified_within: 90d
  mfa:
    require:
      - verified_within: 90d
      - authenticated: { within: 15m, acr_any: ['urn:x:mfa'] }
        otherwise: step_up
  own:
    require:
      - verified_within: 90d
      - identity: same_as_request
  hidden:
    require:
      - verified_within: 90d
";

/// Callers: a proxy, one that may assert nothing, and one that may ask once.
fn callers() -> String {
    let entry = |n| token(n).entry();
    format!(
        "[callers.proxy]\ntoken_sha256 = [\"{}\"]\npolicies = [\"front-door\", \"once\", \"mfa\", \"own\", \"none\"]\nasserts = [\"identity\"]\n\
         [callers.plain]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\n\
         [callers.slow]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\nrate = 1\nrate_burst = 1\n",
        entry(1),
        entry(2),
        entry(3)
    )
}

fn with_policies(folder: &Path, config: &mut verigate::config::Config) {
    crate::authzen::with_policies(folder, POLICIES, config);
}

/// A world with callers, and with addresses to which people are sent.
async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), config);
        with_file(&folder.path().join("verigate.toml"), &callers(), config);
        let gateway = &mut config.forward_auth.gateway;
        let template = |text| Some(UrlTemplate::parse(text).unwrap());
        gateway.step_up_url =
            template("/start?rd={original_url}&acr_values={acr_values}&max_age={max_age}");
        gateway.verify_url = template("/verify?rd={original_url}");
        gateway.return_hosts = ReturnHosts::parse(["app.example.org"]).unwrap();
    })
    .await;
    (world, folder)
}

fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

fn get(world: &World, path: &str) -> RequestBuilder {
    client().get(format!("http://{}{path}", world.http_address()))
}

/// A request of the proxy about this verification.
fn asked(world: &World, path: &str, verification: &str) -> RequestBuilder {
    get(world, path)
        .header("x-verigate-token", token(1).reveal())
        .header("x-verification-id", verification)
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

fn shown<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|v| v.to_str().unwrap())
}

#[tokio::test]
async fn each_outcome_has_its_status() {
    let (world, _folder) = world().await;
    let allowed = asked(&world, "/check/front-door", "fresh")
        .send()
        .await
        .unwrap();
    assert_eq!(allowed.status(), 200);
    assert_eq!(shown(&allowed, "x-verigate-decision"), Some("ALLOW"));
    assert_eq!(shown(&allowed, "x-verigate-valid-for"), Some("600"));
    assert_eq!(
        shown(&allowed, "cache-control"),
        Some("private, max-age=600")
    );
    let id = shown(&allowed, "x-verigate-decision-id")
        .unwrap()
        .to_owned();
    assert_eq!(allowed.text().await.unwrap(), "allow\n");
    let stepped = asked(&world, "/check/front-door", "month-old")
        .send()
        .await
        .unwrap();
    assert_eq!(stepped.status(), 401);
    assert_eq!(shown(&stepped, "x-verigate-decision"), Some("STEP_UP"));
    assert_eq!(shown(&stepped, "cache-control"), Some("no-store"));
    let challenge = shown(&stepped, "www-authenticate").unwrap();
    assert!(
        !challenge.contains("insufficient_user_authentication"),
        "{challenge}"
    );
    let denied = asked(&world, "/check/front-door", "stale")
        .send()
        .await
        .unwrap();
    assert_eq!(denied.status(), 403);
    assert_eq!(shown(&denied, "x-verigate-decision"), Some("DENY"));
    assert_eq!(shown(&denied, "www-authenticate"), None);
    let once = asked(&world, "/check/once", "fresh").send().await.unwrap();
    assert_eq!(
        (once.status().as_u16(), shown(&once, "cache-control")),
        (200, Some("no-store"))
    );
    let mfa = asked(&world, "/check/mfa", "fresh").send().await.unwrap();
    assert_eq!(mfa.status(), 401);
    let challenge = shown(&mfa, "www-authenticate").unwrap();
    assert!(
        challenge.contains("acr_values=\"urn:x:mfa\", max_age=\"900\""),
        "{challenge}"
    );
    assert_eq!(
        status(asked(&world, "/check/own", "fresh").header("x-identity-id", "id-ada")).await,
        200
    );
    assert_eq!(
        status(asked(&world, "/check/own", "fresh").header("x-identity-id", "id-bob")).await,
        403
    );
    assert_eq!(status(asked(&world, "/check/own", "fresh")).await, 403);
    let metrics = world.metrics().await;
    for line in [
        "verigate_forward_auth_total{outcome=\"allow\"} 3",
        "verigate_forward_auth_total{outcome=\"step_up\"} 2",
        "verigate_forward_auth_total{outcome=\"deny\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    let (_, journal) = world.stop().await;
    assert!(journal.contains(&id));
}

#[tokio::test]
async fn browsers_are_redirected_and_others_offered_where_they_can_help_themselves() {
    let (world, _folder) = world().await;
    let from_app = |request: RequestBuilder| {
        request
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "app.example.org")
            .header("x-forwarded-uri", "/door?x=1")
            .header("accept", "text/html,application/xhtml+xml;q=0.9")
    };
    let login = "/start?rd=https%3A%2F%2Fapp.example.org%2Fdoor%3Fx%3D1&acr_values=urn%3Ax%3Amfa&max_age=900";
    let verify = "/verify?rd=https%3A%2F%2Fapp.example.org%2Fdoor%3Fx%3D1";
    for (path, verification, url) in [
        ("/check/mfa?profile=browser", "fresh", login),
        (
            "/check/front-door/x?q=1&profile=browser",
            "month-old",
            verify,
        ),
    ] {
        let response = from_app(asked(&world, path, verification))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(shown(&response, "location"), Some(url));
        assert_eq!(shown(&response, "www-authenticate"), None);
        let (path, _) = path.split_once('?').unwrap();
        let response = from_app(asked(&world, path, verification))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(shown(&response, "location"), None);
        assert_eq!(shown(&response, "x-verigate-step-up-url"), Some(url));
    }
    // A program, an address elsewhere, and a denial.
    let program =
        asked(&world, "/check/mfa?profile=browser", "fresh").header("accept", "application/json");
    assert_eq!(status(program).await, 401);
    let elsewhere = asked(&world, "/check/mfa?profile=browser", "fresh")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-uri", "/")
        .header("accept", "text/html");
    let response = elsewhere.send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            shown(&response, "x-verigate-step-up-url")
        ),
        (401, None)
    );
    let denied = from_app(asked(&world, "/check/front-door?profile=browser", "stale"));
    assert_eq!(status(denied).await, 403);
}

#[tokio::test]
async fn while_a_verification_is_looked_up_the_answer_is_to_ask_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), config);
        config.forward_auth.deadline = std::time::Duration::from_millis(50);
    })
    .await;
    world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(400));
    let first = asked(&world, "/check/front-door", "fresh")
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 503);
    assert_eq!(shown(&first, "retry-after"), Some("1"));
    assert_eq!(shown(&first, "cache-control"), Some("no-store"));
    assert_eq!(shown(&first, "x-verigate-decision"), Some("DENY"));
    let browser =
        asked(&world, "/check/front-door?profile=browser", "fresh").header("accept", "text/html");
    let browser = browser.send().await.unwrap();
    assert_eq!(browser.status(), 503);
    let page = browser.text().await.unwrap();
    assert!(
        page.contains("http-equiv=\"refresh\" content=\"1\""),
        "{page}"
    );
    crate::world::until("the verification is known", async || {
        status(asked(&world, "/check/front-door", "fresh")).await == 200
    })
    .await;
    assert_eq!(world.calls().details, 1);
    let metrics = world.metrics().await;
    assert!(!metrics.contains("verigate_forward_auth_total{outcome=\"pending\"} 0"));
    // A vendor that fails is another matter: nothing is known, and the policy says what that means.
    world.inject(ApiCall::Details, None, Fault::Status(500));
    crate::world::until("the failure is known", async || {
        status(asked(&world, "/check/front-door", "month-old")).await == 403
    })
    .await;
}

#[tokio::test]
async fn too_fast_too_many_and_not_recorded_are_503() {
    let (world, _folder) = world().await;
    let slow = || {
        let request = get(&world, "/check/front-door").header("x-verification-id", "fresh");
        request.header("x-verigate-token", token(3).reveal())
    };
    assert_eq!(status(slow()).await, 200);
    let refused = slow().send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), shown(&refused, "retry-after")),
        (503, Some("1"))
    );
    let limited = World::with(|config| {
        config.cache.fetches = Rate {
            per_second: 1,
            burst: 1,
        };
    })
    .await;
    assert_eq!(
        status(asked(&limited, "/check/front-door", "fresh")).await,
        200
    );
    assert_eq!(
        status(asked(&limited, "/check/front-door", "stale")).await,
        503
    );
    let full = World::with(|config| config.journal = "/dev/full".into()).await;
    // The first one is in the queue of the journal before the disk is full.
    crate::world::until("nothing can be recorded", async || {
        status(asked(&full, "/check/front-door", "fresh")).await == 503
    })
    .await;
    let unrecorded = asked(&full, "/check/front-door", "fresh");
    let unrecorded = unrecorded.send().await.unwrap();
    assert_eq!(unrecorded.status(), 503);
    assert!(shown(&unrecorded, "retry-after").is_some());
    let few = Arc::new(World::with(|config| config.in_flight = 1).await);
    few.inject(ApiCall::Details, None, Fault::LatencyMs(200));
    let mut all = JoinSet::new();
    for n in 0..20 {
        let few = Arc::clone(&few);
        all.spawn(async move { status(asked(&few, "/check/front-door", &format!("v-{n}"))).await });
    }
    let all = all.join_all().await;
    assert!(all.contains(&503), "{all:?}");
    assert!(
        all.iter().all(|status| matches!(status, 403 | 503)),
        "{all:?}"
    );
    let shed = few.metrics().await;
    assert!(!shed.contains("verigate_forward_auth_total{outcome=\"shed\"} 0"));
}

#[tokio::test]
async fn every_method_and_policy_is_asked_with_the_caller_alone_where_none_is_configured() {
    let world = World::new().await;
    // Everybody on this machine may ask, as over gRPC.
    let open = get(&world, "/check/front-door").header("x-verification-id", "fresh");
    assert_eq!(status(open).await, 200);
    let identity = get(&world, "/check/front-door")
        .header("x-verification-id", "fresh")
        .header("x-identity-id", "id-ada");
    assert_eq!(status(identity).await, 200);
    let foreign = client()
        .request(
            Method::GET,
            format!("http://{}/check/front-door", world.http_address()),
        )
        .header("host", "app.example.org")
        .header("x-verification-id", "fresh");
    assert_eq!(status(foreign).await, 421);
}
