//! The token of a session: what a valid one proves, and that anything else proves nothing.

mod purged;

use std::{fs, path::Path, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use verigate::{
    callers::{CallerConfig, CallerJwt, CallerName, Callers, Proven},
    clock::ManualClock,
    deps::Deps,
    jwt::{self, KeySets, Keys, Rejected, jwks_url},
    live,
    metrics::render,
    policy::{PolicyName, PolicySet, Timestamp},
    session::{Config, Session, SessionToken, Sessions, TokenRefusal},
};

use crate::{
    callers::{
        forged::forged,
        issuer::{AUDIENCE, ISSUER, Issuer},
    },
    world::BEGINNING,
};

/// The tokens of the sessions of an issuer, whose keys are in a file.
struct Scene {
    sessions: Sessions,
    issuer: Issuer,
    header: HeaderName,
    deps: Deps,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

fn now() -> Timestamp {
    BEGINNING.parse().unwrap()
}

const ENOUGH: Duration = Duration::from_secs(5);

impl Scene {
    fn new(header: &'static str) -> Self {
        Self::with(header, &[], |_| {})
    }

    /// A scene beside callers with JSON Web Tokens of the same issuer, for these audiences.
    fn with(header: &'static str, callers: &[&str], adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        let issuer = Issuer::new("ec");
        fs::write(&file, issuer.set()).unwrap();
        let clock = Arc::new(ManualClock::at(now()));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let key_sets = KeySets::new(&deps).unwrap();
        let configs: Vec<CallerConfig> = callers.iter().map(|a| caller(a, &file)).collect();
        let callers = Callers::new(&configs, key_sets.clone(), Arc::clone(&clock) as _).unwrap();
        let mut config = config(header, Keys::File(file));
        adjust(&mut config);
        let sessions = Sessions::new(Some(&config), &key_sets, callers, &deps).unwrap();
        Self {
            sessions,
            issuer,
            header: config.header,
            deps,
            clock,
            _folder: folder,
        }
    }

    async fn of(&self, value: &str) -> SessionToken {
        let mut headers = HeaderMap::new();
        headers.insert(&self.header, HeaderValue::from_str(value).unwrap());
        let now = verigate::clock::Clock::now(&*self.clock);
        self.sessions.authenticate(&headers, now, ENOUGH).await
    }

    /// What a right token with these claims beside its own proves.
    async fn with_claims(&self, claims: Value) -> SessionToken {
        let token = self.issuer.token(now().as_second(), json!({}), claims);
        self.of(&self.sent(&token)).await
    }

    fn sent(&self, token: &str) -> String {
        if self.header == "authorization" {
            format!("Bearer {token}")
        } else {
            token.to_owned()
        }
    }

    fn counted(&self, result: &str) -> u64 {
        let line = format!("verigate_session_tokens_total{{result=\"{result}\"}} ");
        let text = render(&self.deps.registry).unwrap();
        let count = text.lines().find_map(|l| l.strip_prefix(&line)).unwrap();
        count.parse().unwrap()
    }
}

fn config(header: &'static str, keys: Keys) -> Config {
    Config {
        header: HeaderName::from_static(header),
        token: jwt::Config::new(ISSUER, vec![AUDIENCE.to_owned()], keys),
        identity_claim: Some("person".to_owned()),
        verification_claim: Some("verification".to_owned()),
        email_claim: None,
    }
}

fn caller(audience: &str, keys: &Path) -> CallerConfig {
    let mut config = CallerConfig::new(CallerName::parse("gateway").unwrap());
    config.jwt = Some(CallerJwt {
        issuer: ISSUER.to_owned(),
        audience: audience.to_owned(),
        keys: Keys::File(keys.to_owned()),
        subjects: vec!["gateway-1".to_owned()],
    });
    config
}

fn verified(token: SessionToken) -> Session {
    let shown = format!("{token:?}");
    match token {
        SessionToken::Verified(session) => Some(session),
        _ => None,
    }
    .expect(&shown)
}

fn refused(token: &SessionToken) -> Option<TokenRefusal> {
    match token {
        SessionToken::Refused(refused) => Some(*refused),
        SessionToken::None | SessionToken::Verified(_) => None,
    }
}

#[tokio::test]
async fn no_forged_token_proves_anything_about_a_session() {
    for header in ["authorization", "x-forwarded-access-token"] {
        let scene = Scene::new(header);
        let seconds = now().as_second();
        let forged = forged(&scene.issuer, &Issuer::new("ec"), seconds);
        assert!(forged.len() > 140, "{}", forged.len());
        for (what, token) in &forged {
            let found = scene.of(&scene.sent(token)).await;
            assert!(refused(&found).is_some(), "{header}: {what}: {found:?}");
        }
        assert_eq!((scene.counted("accepted"), scene.counted("none")), (0, 0));
        // What is right, and nearly wrong, is accepted.
        for (header, claims) in [
            (json!({}), json!({})),
            (json!({ "typ": "at+jwt" }), json!({ "sub": null })),
            (json!({ "typ": null }), json!({ "iat": null })),
            (json!({}), json!({ "aud": ["wiki", AUDIENCE] })),
            (json!({}), json!({ "exp": seconds - 29 })),
        ] {
            let token = scene.issuer.token(seconds, header, claims.clone());
            let found = scene.of(&scene.sent(&token)).await;
            assert!(matches!(found, SessionToken::Verified(_)), "{claims}");
        }
    }
}

#[tokio::test]
async fn a_token_that_was_accepted_is_refused_once_it_has_expired() {
    let scene = Scene::new("authorization");
    let token = scene.issuer.token(now().as_second(), json!({}), json!({}));
    let bearer = format!("Bearer {token}");
    verified(scene.of(&bearer).await);
    scene.clock.advance(Duration::from_secs(629));
    verified(scene.of(&bearer).await);
    scene.clock.advance(Duration::from_secs(1));
    let expired = TokenRefusal::Token(Rejected::Expired);
    assert_eq!(refused(&scene.of(&bearer).await), Some(expired));
    assert_eq!(
        (scene.counted("accepted"), scene.counted("expired")),
        (2, 1)
    );
}

#[tokio::test]
async fn a_valid_token_proves_what_its_claims_say() {
    let scene = Scene::new("authorization");
    let at = now().as_second() - 60;
    let claims = json!({
        "acr": "gold", "amr": ["hwk", "pin"], "auth_time": at, "person": "id-ada", "verification": "fresh",
    });
    let session = verified(scene.with_claims(claims).await);
    let authentication = session.authentication(None);
    assert_eq!(authentication.acr, "gold");
    assert_eq!(authentication.amr, ["hwk", "pin"]);
    assert_eq!(authentication.auth_time.unwrap().as_second(), at);
    assert_eq!(session.identity().as_text(), Some("id-ada"));
    assert_eq!(session.verification().unwrap().as_str(), "fresh");
    let all = Proven {
        identity: true,
        authentication: true,
    };
    assert_eq!(session.proven(), all);
    let shown = format!("{session:?}");
    for secret in ["ada", "gold", "fresh", "hwk"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // A method alone, a fraction of a second, and nulls.
    let claims = json!({ "amr": "hwk", "auth_time": 1_700_000_000.25, "person": null });
    let session = verified(scene.with_claims(claims).await);
    let authentication = session.authentication(None);
    assert_eq!(authentication.amr, ["hwk"]);
    assert_eq!(
        authentication.auth_time.unwrap().as_millisecond(),
        1_700_000_000_250
    );
    assert_eq!(
        (session.identity().as_text(), session.verification()),
        (None, None)
    );
    // Whose it is must then be asserted by the caller.
    assert!(!session.proven().identity);
}

#[tokio::test]
async fn a_claim_of_a_wrong_type_refuses_the_whole_token() {
    let scene = Scene::new("authorization");
    let seconds = now().as_second();
    let long = "x".repeat(300);
    let many: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    let cases = [
        json!({ "acr": 1 }),
        json!({ "acr": true }),
        json!({ "acr": ["gold"] }),
        json!({ "acr": {} }),
        json!({ "acr": long }),
        json!({ "acrs": 1 }),
        json!({ "acrs": ["c1", 2] }),
        json!({ "acrs": { "c1": true } }),
        json!({ "acrs": many }),
        json!({ "acrs": [long] }),
        json!({ "amr": 1 }),
        json!({ "amr": ["hwk", null] }),
        json!({ "amr": [["hwk"]] }),
        json!({ "amr": many }),
        json!({ "amr": ["x".repeat(65)] }),
        json!({ "auth_time": "1700000000" }),
        json!({ "auth_time": -1 }),
        json!({ "auth_time": 1e300 }),
        json!({ "auth_time": u64::MAX }),
        json!({ "auth_time": true }),
        json!({ "auth_time": [seconds] }),
        json!({ "auth_time": seconds + 31 }),
        json!({ "auth_time": seconds * 1000 }),
        json!({ "person": 1 }),
        json!({ "person": ["id-ada"] }),
        json!({ "person": "x".repeat(129) }),
        json!({ "verification": 1 }),
        json!({ "verification": ["fresh"] }),
        json!({ "verification": "" }),
        json!({ "verification": "../../x" }),
        json!({ "verification": "fresh,soon" }),
    ];
    for claims in &cases {
        // Beside claims that are right.
        let mut all =
            json!({ "acr": "gold", "amr": ["hwk"], "auth_time": seconds, "person": "id-ada" });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let found = scene.with_claims(all).await;
        assert_eq!(
            refused(&found),
            Some(TokenRefusal::BadClaim),
            "{claims}: {found:?}"
        );
    }
    assert_eq!(scene.counted("bad_claim"), cases.len() as u64);
    verified(
        scene
            .with_claims(json!({ "auth_time": seconds + 30 }))
            .await,
    );
}

/// Policies that name classes.
fn policies(folder: &TempDir) -> PolicySet {
    let path = folder.path().join("policies.yaml");
    let text = "\
version: 1
policies:
  either:
    require:
      - authenticated: { within: 1h, acr_any: [c2, c3] }
  both:
    require:
      - authenticated: { within: 1h, acr_any: [c1, c3] }
      - any_of:
          - authenticated: { within: 10m, acr_any: [c3] }
          - verified_within: 1h
        otherwise: step_up
  none:
    require:
      - verified_within: 1h
";
    fs::write(&path, text).unwrap();
    live::load(&path).unwrap()
}

#[tokio::test]
async fn of_several_classes_the_one_counts_that_the_policy_names_most() {
    let scene = Scene::new("authorization");
    let folder = tempfile::tempdir().unwrap();
    let set = policies(&folder);
    for (claims, [either, both, none]) in [
        (json!({ "acr": "1" }), ["1", "1", "1"]),
        (json!({ "acrs": ["c1", "c2", "c3"] }), ["c2", "c3", "c1"]),
        (json!({ "acrs": "c3" }), ["c3", "c3", "c3"]),
        (json!({ "acr": "1", "acrs": ["c2"] }), ["c2", "1", "1"]),
        (json!({ "acr": "c1", "acrs": ["c9"] }), ["c1", "c1", "c1"]),
        (json!({}), ["", "", ""]),
    ] {
        let session = verified(scene.with_claims(claims.clone()).await);
        for (name, expected) in [("either", either), ("both", both), ("none", none)] {
            let policy = set.find(&PolicyName::parse(name).unwrap());
            let found = session.authentication(policy);
            assert_eq!(found.acr, expected, "{claims} {name}");
        }
    }
}

#[tokio::test]
async fn header_issuer_and_audience_distinguish_tokens_of_callers_and_of_sessions() {
    let of_a_caller = json!({ "aud": "verigate-callers" });
    let of_both = json!({ "aud": ["verigate-callers", AUDIENCE] });
    for header in ["authorization", "x-id-token"] {
        let scene = Scene::with(header, &["verigate-callers"], |_| {});
        verified(scene.with_claims(json!({})).await);
        let both = scene.with_claims(of_both.clone()).await;
        assert_eq!(refused(&both), Some(TokenRefusal::OfACaller));
        let callers = scene.with_claims(of_a_caller.clone()).await;
        if header == "authorization" {
            // It is the caller's credential.
            assert!(matches!(callers, SessionToken::None), "{callers:?}");
        } else {
            let other = TokenRefusal::Token(Rejected::WrongAudience);
            assert_eq!(refused(&callers), Some(other));
        }
    }
    let scene = Scene::new("authorization");
    let own = verigate::callers::Token::from_random([1; 8], [1; 32]);
    for absent in [
        format!("Bearer {}", own.reveal()),
        own.reveal().to_owned(),
        "Basic eA==".to_owned(),
        "Negotiate x".to_owned(),
    ] {
        let found = scene.of(&absent).await;
        assert!(matches!(found, SessionToken::None), "{absent}: {found:?}");
    }
    assert_eq!(scene.counted("none"), 4);
    let other = Scene::new("x-id-token");
    let token = other.issuer.token(now().as_second(), json!({}), json!({}));
    // With a scheme or without.
    verified(other.of(&format!("bearer {token}")).await);
    assert!(matches!(other.of("").await, SessionToken::None));
    let malformed = Some(TokenRefusal::Token(Rejected::Malformed));
    assert_eq!(refused(&other.of("Basic eA==").await), malformed);
    assert_eq!(refused(&other.of(own.reveal()).await), malformed);
}

#[tokio::test]
async fn a_header_that_is_given_twice_or_is_no_text_proves_nothing() {
    for name in ["authorization", "x-id-token"] {
        let scene = Scene::new(name);
        let token = scene.issuer.token(now().as_second(), json!({}), json!({}));
        let right = HeaderValue::from_str(&scene.sent(&token)).unwrap();
        let mut twice = HeaderMap::new();
        twice.append(&scene.header, right.clone());
        twice.append(&scene.header, right);
        let mut bytes = HeaderMap::new();
        bytes.insert(
            &scene.header,
            HeaderValue::from_bytes(b"Bearer \xff").unwrap(),
        );
        for headers in [twice, bytes] {
            let found = scene.sessions.authenticate(&headers, now(), ENOUGH).await;
            assert_eq!(refused(&found), Some(TokenRefusal::Repeated));
        }
        let none = HeaderMap::new();
        let found = scene.sessions.authenticate(&none, now(), ENOUGH).await;
        assert!(matches!(found, SessionToken::None));
    }
}

#[tokio::test]
async fn without_a_configuration_no_token_is_read() {
    let scene = Scene::new("authorization");
    let deps = Deps::new(Arc::clone(&scene.clock) as _);
    let key_sets = KeySets::new(&deps).unwrap();
    let callers = Callers::new(&[], key_sets.clone(), Arc::clone(&scene.clock) as _).unwrap();
    let sessions = Sessions::new(None, &key_sets, callers, &deps).unwrap();
    let token = scene.issuer.token(now().as_second(), json!({}), json!({}));
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {token}");
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    let found = sessions.authenticate(&headers, now(), ENOUGH).await;
    assert!(matches!(found, SessionToken::None));
}

#[tokio::test]
async fn an_issuer_that_never_answers_holds_a_call_no_longer_than_the_call_can_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/jwks.json", silent.local_addr().unwrap());
    let scene = Scene::with("authorization", &[], |config| {
        config.token.keys = Keys::Url {
            url: jwks_url(&url).unwrap(),
            ca: None,
        };
    });
    let token = scene.issuer.token(now().as_second(), json!({}), json!({}));
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {token}");
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    for wait_max in [Duration::ZERO, Duration::from_millis(20), ENOUGH] {
        let asked = scene.sessions.authenticate(&headers, now(), wait_max);
        // Well before its keys' own timeout.
        let found = tokio::time::timeout(Duration::from_secs(2), asked)
            .await
            .unwrap();
        let unavailable = TokenRefusal::Token(Rejected::KeysUnavailable);
        assert_eq!(refused(&found), Some(unavailable), "{wait_max:?}");
    }
}
