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

/// A configuration file with this text, read as the service reads it.
fn with_file(path: &std::path::Path, text: &str, config: &mut Config) {
    fs::write(path, text).unwrap();
    (config.callers, _) = Config::read_callers(path).unwrap();
    config.file = Some(path.to_owned());
}

#[tokio::test]
async fn callers_are_read_again_and_a_file_that_cannot_be_used_keeps_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let section = |n: u8| {
        let entry = token(n).entry();
        format!("[callers.c{n}]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"*\"]\n")
    };
    let mut world = World::with(|config| with_file(&path, &section(1), config)).await;
    let requested = std::sync::Arc::new(tokio::sync::Notify::new());
    world.service.watch(std::sync::Arc::clone(&requested));
    let codes = async || {
        let mut codes = Vec::new();
        for n in [1, 2] {
            let answer = ask(&world, Some(&bearer(n)), check_request("front-door", "fresh")).await;
            codes.push(answer.map_or_else(|status| status.code(), |()| Code::Ok));
        }
        codes
    };
    let (ok, refused) = (Code::Ok, Code::Unauthenticated);
    assert_eq!(codes().await, [ok, refused]);
    for (text, expected, failed) in [
        (section(1) + &section(2), [ok, ok], 0),
        ("[callers.c1".to_owned(), [ok, ok], 1),
        (section(2) + "[callers.c3]\npolicy = []\n", [ok, ok], 1),
        (section(2) + "[log]\nlevel = \"debug\"\n", [refused, ok], 0),
        (String::new(), [refused, refused], 0),
        (section(1), [ok, refused], 0),
    ] {
        fs::write(&path, &text).unwrap();
        requested.notify_one();
        let gauge = format!("\nverigate_callers_reload_failed {failed}\n");
        crate::world::until(&format!("in force: {text}"), async || {
            codes().await == expected && world.metrics().await.contains(&gauge)
        })
        .await;
    }
    fs::remove_file(&path).unwrap();
    requested.notify_one();
    crate::world::until("the failure shows", async || {
        let (status, ready) = world.get_json("/readyz").await;
        status == 200 && ready["callers"]["reload_failure"].is_string()
    })
    .await;
    assert_eq!(codes().await, [ok, refused]);
}

/// A key set with one key, and tokens that it signs.
struct Issuer(ring::signature::Ed25519KeyPair);

impl Issuer {
    fn new(path: &std::path::Path) -> Self {
        use ring::signature::KeyPair as _;
        let random = ring::rand::SystemRandom::new();
        let key = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let key = ring::signature::Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let x = base64url(key.public_key().as_ref());
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}]}}"#);
        fs::write(path, set).unwrap();
        Self(key)
    }

    fn token(&self, audience: &str, subject: &str, expires_at: i64) -> String {
        let header = base64url(br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#);
        let claims = format!(
            r#"{{"iss":"https://id.example.com","aud":"{audience}","sub":"{subject}","exp":{expires_at}}}"#
        );
        let signed = format!("{header}.{}", base64url(claims.as_bytes()));
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", base64url(signature.as_ref()))
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn a_jwt_names_its_caller_by_issuer_audience_and_subject() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (folder.path().join("verigate.toml"), folder.path().join("jwks.json"));
    let (issuer, foreign) = (Issuer::new(&keys), Issuer::new(&folder.path().join("other.json")));
    let text = format!(
        "[callers.sso]\njwt = {{ issuer = \"https://id.example.com\", audience = \"verigate\", jwks_file = \"{}\", subjects = [\"gateway-1\"] }}\npolicies = [\"*\"]\n[callers.door]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\n",
        keys.display(),
        token(1).entry()
    );
    let world = World::with(|config| with_file(&path, &text, config)).await;
    let now = world.clock_now().as_second();
    let good = issuer.token("verigate", "gateway-1", now + 600);
    let session = issuer.token("wiki", "ada", now + 600);
    let cases = [
        (format!("Bearer {good}"), None, Code::Ok),
        (format!("Bearer {session}"), None, Code::Unauthenticated),
        (format!("Bearer {session}"), Some(good.clone()), Code::Ok),
        (format!("Bearer {session}"), Some(token(1).reveal().to_owned()), Code::Ok),
        (format!("Bearer {good}"), Some(token(1).reveal().to_owned()), Code::Unauthenticated),
        (format!("Bearer {}", issuer.token("verigate", "gateway-2", now + 600)), None, Code::Unauthenticated),
        (format!("Bearer {}", issuer.token("verigate", "gateway-1", now - 60)), None, Code::Unauthenticated),
        (format!("Bearer {}", issuer.token("verigate", "", now - 60)), Some(token(1).reveal().to_owned()), Code::Unauthenticated),
        (format!("Bearer {}", foreign.token("verigate", "gateway-1", now + 600)), None, Code::Unauthenticated),
        (format!("Bearer {session}"), Some(session.clone()), Code::Unauthenticated),
        ("Bearer a.b.c".to_owned(), None, Code::Unauthenticated),
        ("Bearer a.b.c".to_owned(), Some("a.b.c".to_owned()), Code::Unauthenticated),
    ];
    for (authorization, own, expected) in cases {
        let address = format!("http://{}", world.service.addresses.grpc);
        let mut client = AccessServiceClient::connect(address).await.unwrap();
        let mut request = Request::new(check_request("front-door", "fresh"));
        let metadata = request.metadata_mut();
        metadata.insert("authorization", authorization.parse().unwrap());
        if let Some(own) = &own {
            metadata.insert("x-verigate-token", own.parse().unwrap());
        }
        let answer = client.check_access(request).await;
        let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected, "{authorization} {own:?}");
    }
}

#[test]
fn every_key_of_a_jwt_is_needed_and_two_callers_never_share_one() {
    let jwt = |rest: &str| format!("jwt = {{ issuer = \"https://id.example.com\", {rest} }}\n");
    let good = "audience = \"a\", jwks_url = \"https://id.example.com/keys\", subjects = [\"s\"]";
    let one = |rest: &str| problems(&format!("[callers.one]\n{}", jwt(rest)));
    assert_eq!(one(good), "");
    for (rest, expected) in [
        (good.replace("audience = \"a\", ", ""), "jwt.audience is not set"),
        (good.replace("https://id.example.com/keys", "http://id.example.com/keys"), "jwks_url must be https"),
        (good.replace("[\"s\"]", "[]"), "jwt.subjects is not a list"),
        (good.replace("jwks_url", "jwks_uri"), "jwt.jwks_uri is no setting"),
        (format!("{good}, jwks_file = \"f\""), "needs one of jwks_url and jwks_file"),
    ] {
        assert!(one(&rest).contains(expected), "{rest}\n{}", one(&rest));
    }
    let two = problems(&format!("[callers.one]\n{}[callers.two]\n{}", jwt(good), jwt(good)));
    assert!(two.contains("4:1: callers.two.jwt: tokens of this issuer"), "{two}");
}

#[test]
fn a_new_token_is_printed_with_the_entry_that_the_configuration_takes() {
    let run = |name: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_verigate"));
        { output }.args(["token", "new", name]).output().unwrap()
    };
    let (one, other) = (run("door-1"), run("door-1"));
    assert!(one.status.success());
    assert_ne!(one.stdout, other.stdout);
    let stdout = String::from_utf8(one.stdout).unwrap();
    let [text, entry] = stdout.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(Token::parse(text).unwrap().entry().to_string(), entry);
    assert_eq!(problems(&format!("[callers.door-1]\ntoken_sha256 = [\"{entry}\"]")), "");
    for name in ["", "Door", "anonymous", "a b"] {
        let refused = run(name);
        assert_eq!(refused.status.code(), Some(2), "{name}");
        assert!(refused.stdout.is_empty());
    }
}
