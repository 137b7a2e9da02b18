//! Envoy's external authorization from the outside: every answer is OK for gRPC, and only an ALLOW has the status 0.

mod claims;
mod envoy;
mod refused;

use std::collections::HashMap;

use prost_types::value::Kind;
use tonic::Request;
use verigate::{
    config::Config,
    gateway::UrlTemplate,
    proto::ext_authz::envoy::{
        config::core::v3::{HeaderMap, HeaderValue},
        service::auth::v3::{
            AttributeContext, CheckRequest, CheckResponse,
            attribute_context::{HttpRequest, Request as Attributes},
            authorization_client::AuthorizationClient,
            check_response::HttpResponse,
        },
    },
    sim::{ApiCall, Fault},
};

use crate::{
    callers::{bearer, caller},
    world::World,
};

/// What a route of Envoy asks about this verification by this policy.
pub fn asking(policy: &str, verification: &str) -> AttributeContext {
    let headers = [
        (":path", "/door"),
        ("x-verification-id", verification),
        ("x-request-id", "r-1"),
    ];
    AttributeContext {
        context_extensions: [("policy".to_owned(), policy.to_owned())].into(),
        request: Some(Attributes {
            http: Some(HttpRequest {
                headers: texts(&headers),
                scheme: "https".to_owned(),
                host: "app.example.org".to_owned(),
                path: "/door?a=b".to_owned(),
                ..HttpRequest::default()
            }),
        }),
        ..AttributeContext::default()
    }
}

fn texts(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub fn http(attributes: &mut AttributeContext) -> &mut HttpRequest {
    let request = attributes.request.as_mut().unwrap();
    request.http.as_mut().unwrap()
}

pub fn with_header(mut attributes: AttributeContext, key: &str, value: &str) -> AttributeContext {
    let headers = &mut http(&mut attributes).headers;
    headers.insert(key.to_owned(), value.to_owned());
    attributes
}

fn without_header(mut attributes: AttributeContext, key: &str) -> AttributeContext {
    http(&mut attributes).headers.remove(key);
    attributes
}

fn text(text: &str) -> Kind {
    Kind::StringValue(text.to_owned())
}

async fn ask_as(world: &World, token: Option<u8>, attributes: AttributeContext) -> CheckResponse {
    let server = format!("http://{}", world.grpc_address());
    let mut client = AuthorizationClient::connect(server).await.unwrap();
    let mut request = Request::new(CheckRequest {
        attributes: Some(attributes),
    });
    if let Some(n) = token {
        let token = bearer(n).parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    }
    client.check(request).await.unwrap().into_inner()
}

pub async fn ask(world: &World, attributes: AttributeContext) -> CheckResponse {
    ask_as(world, None, attributes).await
}

/// The status of an answer and its HTTP status, such as `7 403`; `0` for one that lets the request pass.
pub fn shown(answer: &CheckResponse) -> String {
    let code = answer.status.as_ref().expect("a status").code;
    match answer.http_response.as_ref().expect("a response") {
        HttpResponse::OkResponse(_) => {
            assert_eq!(code, 0);
            "0".to_owned()
        }
        HttpResponse::DeniedResponse(denied) => {
            assert_ne!(code, 0);
            format!("{code} {}", denied.status.as_ref().unwrap().code)
        }
    }
}

/// The headers of an answer: for what is behind Envoy, or for the client.
fn headers(answer: &CheckResponse) -> HashMap<String, String> {
    let headers = match answer.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(ok) => &ok.headers,
        HttpResponse::DeniedResponse(denied) => &denied.headers,
    };
    let pairs = headers.iter().map(|option| {
        assert_eq!(option.append_action, 2, "{option:?}");
        let header = option.header.clone().unwrap();
        assert!(!header.value.contains(char::is_control));
        (header.key, header.value)
    });
    pairs.collect()
}

const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 90d
      - verified_within: 30d
        otherwise: step_up
    reuse: { allow: 10m }
  login:
    require:
      - authenticated: { within: 5m, acr_any: [mfa] }
        otherwise: step_up
  owner:
    require:
      - identity: same_as_request
";

async fn world(adjust: impl FnOnce(&mut Config)) -> World {
    World::with(|config| {
        std::fs::write(&config.policies, POLICIES).unwrap();
        adjust(config);
    })
    .await
}

#[tokio::test]
async fn an_allow_passes_with_our_headers_in_place_of_those_of_the_client() {
    let world = world(|_| {}).await;
    let spoofed = with_header(
        asking("front-door", "fresh"),
        "X-Verigate-Decision",
        "ALLOW",
    );
    let spoofed = with_header(spoofed, "x-verigate-other", "1");
    let spoofed = with_header(spoofed, "x-verigate-step-up-url", "https://evil.example/");
    let answer = ask(&world, spoofed).await;
    assert_eq!(shown(&answer), "0");
    let set = headers(&answer);
    assert_eq!(set["x-verigate-decision"], "ALLOW");
    assert_eq!(set["x-verigate-valid-for"], "600");
    let Some(HttpResponse::OkResponse(ok)) = &answer.http_response else {
        panic!("{answer:?}");
    };
    assert_eq!(
        ok.headers_to_remove,
        ["x-verigate-other", "x-verigate-step-up-url"],
        "what is removed is removed after what is set"
    );
    let metadata = answer.dynamic_metadata.unwrap().fields;
    let kind = |name: &str| metadata[name].kind.clone().unwrap();
    assert_eq!(kind("decision_id"), text(&set["x-verigate-decision-id"]));
    assert_eq!(kind("policy"), text("front-door"));
    assert_eq!(kind("valid_for_s"), Kind::NumberValue(600.0));
    assert!(metadata.contains_key("policy_revision") && metadata.contains_key("reasons"));
    let (_, journal) = world.stop().await;
    assert!(journal.contains(r#""request_id":"r-1""#), "{journal}");
}

#[tokio::test]
async fn every_decision_is_that_of_check_access_and_nothing_else_has_the_status_0() {
    let world = World::new().await;
    let ids = [
        "fresh",
        "month-old",
        "stale",
        "pending",
        "scopeless",
        "minor",
        "nobody",
        "too-soon",
    ];
    let mut seen = HashMap::new();
    for policy in ["front-door", "adults", "tolerant"] {
        for id in ids {
            let decision = world.check(policy, id).await.decision();
            let expected = match decision.as_str_name() {
                "DECISION_ALLOW" => "0",
                "DECISION_STEP_UP" => "16 401",
                _ => "7 403",
            };
            let answer = ask(&world, asking(policy, id)).await;
            assert_eq!(shown(&answer), expected, "{id} at {policy}");
            let set = headers(&answer);
            let name = decision.as_str_name().trim_start_matches("DECISION_");
            assert_eq!(set["x-verigate-decision"], name);
            *seen.entry(expected).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 3, "each decision was among them");
}

#[tokio::test]
async fn a_step_up_is_a_challenge_or_a_redirect_on_routes_for_browsers() {
    let (log, _guard) = crate::log::Log::begin(tracing::Level::WARN);
    let world = world(|config| {
        let gateway = &mut config.forward_auth.gateway;
        let template = "https://app.example.org/start?rd={original_url}&acr={acr_values}";
        gateway.step_up_url = Some(UrlTemplate::parse(template).unwrap());
        gateway.return_hosts = verigate::gateway::ReturnHosts::parse(["app.example.org"]).unwrap();
    })
    .await;
    let answer = ask(&world, asking("login", "fresh")).await;
    assert_eq!(shown(&answer), "16 401");
    let challenge = &headers(&answer)["www-authenticate"];
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#));
    assert!(challenge.contains(r#"acr_values="mfa""#), "{challenge}");
    assert!(challenge.contains(r#"max_age="300""#), "{challenge}");
    let page = |attributes| with_header(attributes, "accept", "text/html,*/*;q=0.8");
    let answer = ask(&world, page(asking("login", "fresh"))).await;
    assert_eq!(shown(&answer), "16 401", "the route is not for browsers");
    let mut browser = page(asking("login", "fresh"));
    let extensions = &mut browser.context_extensions;
    extensions.insert("profile".to_owned(), "browser".to_owned());
    let answer = ask(&world, browser.clone()).await;
    assert_eq!(shown(&answer), "16 302");
    assert_eq!(
        headers(&answer)["location"],
        "https://app.example.org/start?rd=https%3A%2F%2Fapp.example.org%2Fdoor%3Fa%3Db&acr=mfa"
    );
    // Nobody is sent to another host.
    http(&mut browser).host = "evil.example".to_owned();
    let answer = ask(&world, browser).await;
    assert_eq!(shown(&answer), "16 401");
    assert!(!headers(&answer).contains_key("location"));
    let reason = |line: &serde_json::Value| line["fields"]["reason"].clone();
    let logged: Vec<_> = log.lines().iter().map(reason).collect();
    assert_eq!(logged, ["no_original_url"], "a browser is sent nowhere");
    // To verify again is no authentication.
    let answer = ask(&world, asking("front-door", "month-old")).await;
    assert_eq!(shown(&answer), "16 401");
    let challenge = &headers(&answer)["www-authenticate"];
    assert!(!challenge.contains("insufficient_user"), "{challenge}");
}

#[tokio::test]
async fn the_policy_is_that_of_the_route_and_an_id_is_one_in_either_form() {
    let world = world(|_| {}).await;
    let fresh = || asking("front-door", "fresh");
    let raw = |values: &[&str]| {
        let mut attributes = without_header(fresh(), "x-verification-id");
        let headers = values.iter().map(|value| HeaderValue {
            key: "x-verification-id".to_owned(),
            raw_value: value.as_bytes().to_vec().into(),
            ..HeaderValue::default()
        });
        http(&mut attributes).header_map = Some(HeaderMap {
            headers: headers.collect(),
        });
        attributes
    };
    let mut no_policy = fresh();
    no_policy.context_extensions.clear();
    let by_client = with_header(no_policy.clone(), "policy", "front-door");
    let mut no_request = fresh();
    no_request.request = None;
    for (what, attributes, expected) in [
        ("joined", fresh(), "0"),
        ("raw", raw(&["fresh"]), "0"),
        ("twice", raw(&["fresh", "fresh"]), "7 403"),
        ("two", raw(&["fresh", "minor"]), "7 403"),
        ("comma", asking("front-door", "fresh,fresh"), "7 403"),
        (
            "comma and blank",
            asking("front-door", "fresh, minor"),
            "7 403",
        ),
        (
            "in another case",
            with_header(fresh(), "X-Verification-Id", "fresh"),
            "7 403",
        ),
        (
            "none",
            without_header(fresh(), "x-verification-id"),
            "7 403",
        ),
        ("empty", asking("front-door", ""), "7 403"),
        ("bad", asking("front-door", "../x"), "7 403"),
        (
            "identity twice",
            with_header(asking("owner", "fresh"), "x-identity-id", "id-ada,x"),
            "7 403",
        ),
        (
            "identity",
            with_header(asking("owner", "fresh"), "x-identity-id", "id-ada"),
            "0",
        ),
        (
            "of somebody else",
            with_header(asking("owner", "fresh"), "x-identity-id", "x"),
            "7 403",
        ),
        ("no policy", no_policy, "7 403"),
        ("a policy of the client", by_client, "7 403"),
        ("unknown policy", asking("none", "fresh"), "7 403"),
        ("malformed policy", asking("No Policy", "fresh"), "7 403"),
        ("no request", no_request, "7 403"),
        ("nothing", AttributeContext::default(), "7 403"),
    ] {
        assert_eq!(shown(&ask(&world, attributes).await), expected, "{what}");
    }
    let (_, journal) = world.stop().await;
    assert_eq!(journal.lines().count(), 4, "{journal}");
}

#[tokio::test]
async fn reflection_describes_the_service() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest,
    };
    let world = world(|_| {}).await;
    let server = format!("http://{}", world.grpc_address());
    let channel = tonic::transport::Channel::from_shared(server).unwrap();
    let mut client = ServerReflectionClient::new(channel.connect().await.unwrap());
    for request in [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("envoy.service.auth.v3.CheckRequest".to_owned()),
        MessageRequest::FileContainingSymbol("google.rpc.Status".to_owned()),
    ] {
        let request = ServerReflectionRequest {
            message_request: Some(request),
            ..ServerReflectionRequest::default()
        };
        let answers = client.server_reflection_info(futures_util::stream::iter([request]));
        let answer = answers.await.unwrap().into_inner().message().await.unwrap();
        let text = format!("{answer:?}");
        let is_known = text.contains("envoy.service.auth.v3.Authorization")
            || text.contains("FileDescriptorResponse");
        assert!(is_known, "{text:.300}");
    }
}
