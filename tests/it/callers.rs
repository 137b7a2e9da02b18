//! Callers: who is admitted, what each may do, and that nothing else reaches the vendor.

use std::{fs, time::Duration};

use tonic::{Code, Request, Status, metadata::MetadataValue};
use verigate::{
    callers::{Assertion, CallerConfig, CallerName, Glob, Token},
    config::Config,
    proto::v1::{
        Authentication, BeginStepUpRequest, CheckAccessRequest,
        access_service_client::AccessServiceClient,
    },
    rate_limit::Rate,
};

use crate::world::{World, check_request};

fn token(n: u8) -> Token {
    Token::from_random([n; 8], [n; 32])
}

/// A caller with the token of this number.
fn caller(
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
async fn ask(
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

fn bearer(n: u8) -> String {
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

/// The problems of a configuration file with this text in front of what is required.
fn problems(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let rest = "[incode]\nurl = \"https://api.example.com\"\napi_key = \"k-1\"\nintegration_id = \"i\"\nsecret = \"s-1\"\n";
    fs::write(&path, format!("{text}\n{rest}")).unwrap();
    match Config::load(Some(&path), []) {
        Ok(_) => String::new(),
        Err(error) => error
            .to_string()
            .replace(&format!("{}:", path.display()), ""),
    }
}

#[test]
fn every_problem_with_callers_is_reported_at_once_with_its_place_and_no_token() {
    let token = token(1);
    let entry = token.entry();
    let text = format!(
        "[callers.door]\ntoken_sha256 = [\"{entry}\", \"{secret}\", \"vg_x\"]\npolices = [\"a\"]\npolicies = \"door-*\"\nasserts = [\"name\"]\nstep_ups = \"yes\"\nrate = 0\npriority = \"first\"\ncertificate = [\"spiffe://example.org/a/../b\", \"dns:*.example.org\"]\n[callers.other]\ntoken_sha256 = [\"{entry}\"]\nrate_burst = 5\n[callers.Bad_Name]\n[callers.anonymous]\n",
        secret = token.reveal()
    );
    let problems = problems(&text);
    for expected in [
        "2:1: callers.door.token_sha256: an item has a token in it",
        "2:1: callers.door.token_sha256: an item is not",
        "3:1: callers.door.polices is no setting",
        "4:1: callers.door.policies is not a list of texts",
        "5:1: callers.door.asserts: `name` is not one of",
        "6:1: callers.door.step_ups is not true or false",
        "7:1: callers.door.rate is not a whole number",
        "8:1: callers.door.priority is not one of",
        "9:1: callers.door.certificate: `spiffe://example.org/a/../b`",
        "9:1: callers.door.certificate: `dns:*.example.org`",
        "11:1: callers.other.token_sha256: the token id `vg_bbbbbbbb` is that of `callers.door` too",
        "12:1: callers.other.rate_burst is set, but callers.other.rate is not",
        "callers: `Bad_Name` is not a name",
        "callers: `anonymous` is a name that",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    assert!(!problems.contains(&token.reveal()[12..]), "{problems}");
}

#[test]
fn other_machines_are_answered_with_callers_or_by_a_plain_word() {
    let anywhere = "[grpc]\nlisten = \"0.0.0.0:50051\"";
    let caller = format!("[callers.door]\ntoken_sha256 = [\"{}\"]", token(1).entry());
    assert!(problems(anywhere).contains("is not a loopback address"));
    assert_eq!(problems(&format!("{anywhere}\n{caller}")), "");
    assert_eq!(
        problems(&format!("insecure_allow_anonymous = true\n{anywhere}")),
        ""
    );
    let misplaced = problems(&format!("{anywhere}\ninsecure_allow_anonymous = true"));
    assert!(
        misplaced.contains("write `insecure_allow_anonymous` before the first section"),
        "{misplaced}"
    );
    let text = problems("insecure_allow_anonymous = \"true\"");
    assert!(
        text.contains("insecure_allow_anonymous is not of type boolean"),
        "{text}"
    );
}

#[test]
fn the_environment_sets_no_callers_and_says_so() {
    for name in [
        "VERIGATE_CALLERS__DOOR__POLICIES",
        "VERIGATE_CALLERS",
        "VERIGATE_CALLERS__DOOR",
    ] {
        let error = Config::load(None, [(name.into(), "x".into())]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("callers cannot be set by the environment"),
            "{error}"
        );
    }
    let error = Config::load(
        None,
        [
            ("VERIGATE_INSECURE_ALLOW_ANONYMOUS".into(), "true".into()),
            ("VERIGATE_GRPC__LISTEN".into(), "0.0.0.0:1".into()),
        ],
    )
    .unwrap_err();
    assert!(!error.to_string().contains("loopback"), "{error}");
}
