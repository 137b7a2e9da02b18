//! Callers: who is admitted, what each may do, and that nothing else reaches the vendor.

mod configuration;
pub mod forged;
pub mod issuer;
mod jwt;
mod key_sets;
pub mod listeners;
pub mod reload;
mod token_cache;

use std::{fs, path::Path, time::Duration};

use tonic::{Code, Request, Status, metadata::MetadataValue};
use verigate::{
    callers::{Assertion, CallerConfig, CallerName, Glob, Token},
    config::Config,
    listener::ListenAddress,
    proto::v1::{
        Authentication, BeginStepUpRequest, CheckAccessRequest,
        access_service_client::AccessServiceClient,
    },
    rate_limit::Rate,
};

use self::issuer::Issuer;
use crate::world::{World, check_request};

pub fn token(n: u8) -> Token {
    Token::from_random([n; 8], [n; 32])
}

/// A caller with the token of this number.
pub fn caller(
    n: u8,
    name: &str,
    policies: &[&str],
    asserts: &[Assertion],
    step_ups: bool,
) -> CallerConfig {
    let mut config = CallerConfig::new(CallerName::parse(name).unwrap());
    config.tokens.push(token(n).entry());
    config.permissions.policies = policies.iter().map(|p| Glob::parse(p).unwrap()).collect();
    config.permissions.asserts = asserts.to_vec();
    config.permissions.step_ups = step_ups;
    config
}

const ALL: [Assertion; 3] = [
    Assertion::Identity,
    Assertion::Authentication,
    Assertion::Attributes,
];

fn callers() -> Vec<CallerConfig> {
    vec![
        caller(1, "nothing", &[], &[], false),
        caller(2, "door", &["front-*"], &[Assertion::Identity], false),
        caller(
            3,
            "gateway",
            &["adults", "tolerant"],
            &[Assertion::Authentication],
            true,
        ),
        caller(4, "all", &["*"], &ALL, true),
    ]
}

async fn world() -> World {
    World::with(|config| config.callers = callers()).await
}

/// Asks with this value of `authorization`.
pub async fn ask(
    world: &World,
    authorization: Option<&str>,
    request: CheckAccessRequest,
) -> Result<(), Status> {
    let mut client =
        AccessServiceClient::connect(format!("http://{}", world.service.addresses.grpc))
            .await
            .unwrap();
    let mut request = Request::new(request);
    if let Some(text) = authorization {
        let value = MetadataValue::try_from(text).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    client.check_access(request).await.map(drop)
}

pub fn bearer(n: u8) -> String {
    format!("Bearer {}", token(n).reveal())
}

/// The code that a check must end with, written down without the code under test.
fn expected(credential: u8, policy: &str, asserted: &[&str]) -> Code {
    let (policies, asserts): (fn(&str) -> bool, &[&str]) = match credential {
        1 => (|_| false, &[]),
        2 => (|policy| policy.starts_with("front-"), &["identity"]),
        3 => (
            |policy| policy == "adults" || policy == "tolerant",
            &["authentication"],
        ),
        4 => (|_| true, &["identity", "authentication", "attributes"]),
        _ => return Code::Unauthenticated,
    };
    if !policies(policy) || asserted.iter().any(|fact| !asserts.contains(fact)) {
        return Code::PermissionDenied;
    }
    match policy {
        "front-door" | "adults" | "tolerant" => Code::Ok,
        _ => Code::NotFound,
    }
}

/// A request that asserts these facts.
fn asserting(policy: &str, asserted: &[&str]) -> CheckAccessRequest {
    let mut request = check_request(policy, "fresh");
    for fact in asserted {
        match *fact {
            "identity" => "id-ada".clone_into(&mut request.identity_id),
            "authentication" => {
                request.authentication = Some(Authentication {
                    acr: "high".to_owned(),
                    ..Authentication::default()
                });
            }
            _ => drop(
                request
                    .attributes
                    .insert("site".to_owned(), "hq".to_owned()),
            ),
        }
    }
    request
}

#[tokio::test]
async fn callers_credentials_policies_and_assertions_are_a_matrix_without_holes() {
    let world = world().await;
    let facts = ["identity", "authentication", "attributes"];
    let mut cells = 0;
    for credential in 0..=5_u8 {
        let header = match credential {
            0 => None,
            n => Some(bearer(n)),
        };
        for policy in ["front-door", "adults", "tolerant", "front-none", "none"] {
            for asserted in 0..8_u8 {
                let asserted: Vec<&str> = (0..3)
                    .filter(|bit| asserted & (1 << bit) != 0)
                    .map(|bit| facts[bit])
                    .collect();
                let request = asserting(policy, &asserted);
                let asked = world.calls().details;
                let answer = ask(&world, header.as_deref(), request).await;
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                assert_eq!(
                    code,
                    expected(credential, policy, &asserted),
                    "{credential} {policy} {asserted:?}"
                );
                if code != Code::Ok {
                    assert_eq!(world.calls().details, asked, "the vendor was asked");
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 240);
    let metrics = world.metrics().await;
    assert!(
        metrics.contains("verigate_caller_calls_total{caller=\"door\",code=\"OK\"}"),
        "{metrics}"
    );
    assert!(
        metrics.contains("verigate_callers_refused_total{reason=\"bad_token\"} 40"),
        "{metrics}"
    );
    let (_, journal) = world.stop().await;
    assert!(journal.contains("\"caller\":\"gateway\""));
    let refused = journal
        .lines()
        .filter(|line| line.contains("\"event\":\"caller_refused\""))
        .count();
    assert_eq!(refused, 100, "the burst of the lines");
    for n in 1..=5 {
        assert!(
            !journal.contains(&token(n).reveal()[12..]),
            "a secret is in the journal"
        );
    }
}

#[tokio::test]
async fn step_ups_begin_for_callers_that_may_and_say_nothing_of_policies_to_others() {
    let world = World::with(|config| {
        config.callers = callers();
        config.step_up.redirects = ["https://sso.example.com/".to_owned()].into();
    })
    .await;
    let begin = async |n: u8, policy: &str, redirect: &str| {
        let mut client =
            AccessServiceClient::connect(format!("http://{}", world.service.addresses.grpc))
                .await
                .unwrap();
        let mut request = Request::new(BeginStepUpRequest {
            verification_id: "stale".into(),
            policy: policy.into(),
            login_hint: "ada@example.com".into(),
            redirect_url: redirect.into(),
            ..BeginStepUpRequest::default()
        });
        request
            .metadata_mut()
            .insert("authorization", bearer(n).parse().unwrap());
        client.begin_step_up(request).await.map_or_else(
            |status| (status.code(), status.message().to_owned()),
            |_| (Code::Ok, String::new()),
        )
    };
    let url = "https://sso.example.com/";
    assert_eq!(begin(3, "adults", url).await.0, Code::Ok);
    assert_eq!(begin(4, "adults", url).await.0, Code::Ok);
    for redirect in [url, "", "https://evil.example/"] {
        for n in [1, 2] {
            for policy in ["front-door", "adults", "none"] {
                assert_eq!(
                    begin(n, policy, redirect).await.0,
                    Code::PermissionDenied,
                    "{n} {policy}"
                );
            }
        }
        let (there_is, there_is_none) = (
            begin(3, "front-door", redirect).await,
            begin(3, "front-none", redirect).await,
        );
        assert_eq!(there_is, there_is_none);
        assert_eq!(there_is.0, Code::PermissionDenied);
    }
    assert_eq!(world.calls().link, 2);
}

#[tokio::test]
async fn one_refusal_is_like_the_other() {
    let world = world().await;
    let mut messages = Vec::new();
    let odd = [
        "Bearer vg_",
        "Bearer vg_bbbbbbbb_x",
        "Basic eA==",
        "vg_x",
        &bearer(9),
        &bearer(1).to_uppercase(),
    ];
    for header in [None]
        .into_iter()
        .chain(odd.iter().map(|header| Some(&**header)))
    {
        let status = ask(&world, header, check_request("front-door", "fresh"))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{header:?}");
        messages.push(status.message().to_owned());
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn a_caller_above_its_rate_is_refused_with_a_time_to_retry_and_others_are_served() {
    let world = World::with(|config| {
        config.callers = callers();
        config.callers[1].calls = Some(Rate {
            per_second: 1,
            burst: 2,
        });
    })
    .await;
    let request = || check_request("front-door", "fresh");
    for _ in 0..2 {
        ask(&world, Some(&bearer(2)), request()).await.unwrap();
    }
    let status = ask(&world, Some(&bearer(2)), request()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(!status.details().is_empty());
    ask(&world, Some(&bearer(4)), request()).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    ask(&world, Some(&bearer(2)), request()).await.unwrap();
}

#[tokio::test]
async fn what_is_for_operators_is_for_callers_that_may_see_it_where_other_machines_reach_it() {
    let status = async |world: &World, path: &str, token: Option<&Token>| {
        let port = world.service.addresses.admin.to_string();
        let port = port.rsplit_once(':').unwrap().1;
        let client = reqwest::Client::new();
        let mut request = client.get(format!("http://127.0.0.1:{port}{path}"));
        if let Some(token) = token {
            request = request.header("x-verigate-token", token.reveal());
        }
        request.send().await.unwrap().status().as_u16()
    };
    let everywhere = || ListenAddress::Tcp(([0, 0, 0, 0], 0).into());
    let exposed = World::with(|config| {
        config.callers = callers();
        config.callers[3].permissions.admin = true;
        config.admin = everywhere();
    })
    .await;
    let step_up = "/step-ups/0190a1b2-0000-7000-8000-000000000000";
    for (path, found) in [("/policies", 200), (step_up, 404)] {
        assert_eq!(status(&exposed, path, None).await, 401);
        assert_eq!(status(&exposed, path, Some(&token(9))).await, 401);
        assert_eq!(status(&exposed, path, Some(&token(3))).await, 403);
        assert_eq!(status(&exposed, path, Some(&token(4))).await, found);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(status(&exposed, path, None).await, 200);
    }
    let anonymous = World::with(|config| config.admin = everywhere()).await;
    assert_eq!(status(&anonymous, "/policies", None).await, 401);
    let local = world().await;
    assert_eq!(status(&local, "/policies", None).await, 200);
}

/// A file whose caller has the token of number 1, or a JSON Web Token whose keys are in this file.
pub fn with_issuer(keys: &Path) -> String {
    fs::write(keys, Issuer::new("ec").ec_set()).unwrap();
    format!(
        "[callers.door]\ntoken_sha256 = [\"{}\"]\njwt = {{ issuer = \"https://id.example.com\", audience = \"verigate\", jwks_file = \"{}\", subjects = [\"door-1\"] }}\npolicies = [\"*\"]\n",
        token(1).entry(),
        keys.display()
    )
}

/// A configuration file with this text, read as the service reads it.
pub fn with_file(path: &Path, text: &str, config: &mut Config) {
    fs::write(path, text).unwrap();
    (config.callers, _) = Config::read_callers(path, None).unwrap();
    config.file = Some(path.to_owned());
}
