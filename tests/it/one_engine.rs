//! One engine: the same check has the same answer by every way of asking for it, and the same as `verigate policy explain` gives.

mod answers;
mod checks;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use futures_util::stream::iter;
use serde_json::{Value, json};
use tonic::Request;
use verigate::proto::{
    ext_authz::envoy::service::auth::v3::{
        AttributeContext, CheckRequest, CheckResponse,
        attribute_context::{HttpRequest, Request as Attributes},
        authorization_client::AuthorizationClient,
        check_response::HttpResponse,
    },
    v1::{
        BatchCheckAccessRequest, batch_check_access_result::Result as OfBatch,
        stream_check_access_response::Result as OfStream,
    },
};

use self::{
    answers::{Answered, read_challenge},
    checks::{Check, POLICIES, verifications},
};
use crate::{
    authzen::{ONE, SEVERAL, with_policies},
    world::World,
};

async fn asked_of_envoy(world: &World, check: &Check) -> CheckResponse {
    let headers = check.headers().into_iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let attributes = AttributeContext {
        context_extensions: [("policy".to_owned(), check.policy.to_owned())].into(),
        request: Some(Attributes {
            http: Some(HttpRequest {
                headers: headers.collect(),
                ..HttpRequest::default()
            }),
        }),
        ..AttributeContext::default()
    };
    let server = format!("http://{}", world.grpc_address());
    let mut client = AuthorizationClient::connect(server).await.unwrap();
    let request = Request::new(CheckRequest {
        attributes: Some(attributes),
    });
    client.check(request).await.unwrap().into_inner()
}

/// What Envoy passes on of a decision: its effect, its reasons, and for how many seconds it is valid.
fn shown_by_envoy(answer: &CheckResponse) -> (String, Vec<String>, Option<u64>) {
    use prost_types::value::Kind;
    let fields = &answer.dynamic_metadata.as_ref().unwrap().fields;
    let kind = |name: &str| fields.get(name).and_then(|value| value.kind.clone());
    let text = |kind: Option<Kind>| match kind {
        Some(Kind::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    let reasons = match kind("reasons") {
        Some(Kind::ListValue(list)) => list.values.into_iter().map(|v| text(v.kind)).collect(),
        other => vec![format!("{other:?}")],
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole seconds"
    )]
    let valid_for = match kind("valid_for_s") {
        Some(Kind::NumberValue(seconds)) => Some(seconds as u64),
        _ => None,
    };
    let decision = text(kind("decision"));
    let allowed = answer.status.as_ref().unwrap().code == 0;
    assert_eq!(allowed, decision == "allow", "{answer:?}");
    (decision, reasons, valid_for)
}

/// The challenge of a denial, for the client of Envoy.
fn challenge_of_envoy(answer: &CheckResponse) -> Option<String> {
    let Some(HttpResponse::DeniedResponse(denied)) = &answer.http_response else {
        return None;
    };
    let headers = denied
        .headers
        .iter()
        .filter_map(|option| option.header.as_ref());
    let mut named = headers.filter(|header| header.key == "www-authenticate");
    named.next().map(|header| read_challenge(&header.value))
}

async fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| with_policies(folder.path(), POLICIES, config)).await;
    for (verification, _) in verifications() {
        // From here on everything is answered from memory, at the same instant.
        world.check("young", verification).await;
    }
    (world, folder)
}

async fn authzen(world: &World, path: &str, body: &Value) -> Value {
    let url = format!("http://{}{path}", world.http_address());
    let request = reqwest::Client::new().post(url).body(body.to_string());
    let request = request.header("content-type", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn the_same_check_has_the_same_answer_by_every_call_of_grpc_and_by_authzen() {
    let (world, _folder) = world().await;
    let checks = Check::all();
    let (mut decisions, mut answers) = (BTreeMap::new(), Vec::new());
    for (id, check) in checks.iter().enumerate() {
        let answer = Answered::of_grpc(&world.ask(check.grpc(id)).await.unwrap());
        *decisions.entry(answer.decision.clone()).or_insert(0_u32) += 1;
        let one = authzen(&world, ONE, &check.authzen()).await;
        assert_eq!(Answered::of_authzen(&one), answer, "{one}");
        answers.push(answer);
    }
    assert!(
        decisions.values().all(|count| *count > 9) && decisions.len() == 3,
        "{decisions:?}"
    );
    let requests = || checks.iter().enumerate().map(|(id, q)| q.grpc(id));

    let batch = BatchCheckAccessRequest {
        checks: requests().collect(),
    };
    let batch = world
        .client
        .clone()
        .batch_check_access(batch)
        .await
        .unwrap();
    for (result, answer) in batch.into_inner().results.iter().zip(&answers) {
        let Some(OfBatch::Response(response)) = &result.result else {
            assert_eq!(format!("{result:?}"), "a response");
            continue;
        };
        assert_eq!(&Answered::of_grpc(response), answer);
    }

    let mut client = world.client.clone();
    let mut stream = client
        .stream_check_access(iter(requests().collect::<Vec<_>>()))
        .await
        .unwrap()
        .into_inner();
    let mut streamed = BTreeMap::new();
    while let Some(answer) = stream.message().await.unwrap() {
        let Some(OfStream::Response(response)) = &answer.result else {
            assert_eq!(format!("{answer:?}"), "a response");
            continue;
        };
        streamed.insert(answer.request_id.clone(), Answered::of_grpc(response));
    }
    let expected = answers.iter().cloned().enumerate();
    assert_eq!(
        streamed,
        expected
            .map(|(id, answer)| (format!("q-{id}"), answer))
            .collect()
    );

    let several: Vec<Value> = checks.iter().map(Check::authzen).collect();
    let several = authzen(&world, SEVERAL, &json!({ "evaluations": several })).await;
    let several = several["evaluations"].as_array().unwrap().iter();
    assert_eq!(
        several.map(Answered::of_authzen).collect::<Vec<_>>(),
        answers
    );
}

#[tokio::test]
async fn the_same_check_has_the_same_answer_by_envoy_and_by_forward_auth() {
    let (world, _folder) = world().await;
    let (mut asked, mut challenges) = (0, BTreeSet::new());
    for (id, check) in Check::all().iter().enumerate().filter(|(_, q)| q.is_plain) {
        let response = world.ask(check.grpc(id)).await.unwrap();
        let answer = Answered::of_grpc(&response);
        let valid_for = response
            .valid_for
            .map(|d| u64::try_from(d.seconds).unwrap());
        let envoy = asked_of_envoy(&world, check).await;
        let expected = (answer.decision.clone(), answer.reasons.clone(), valid_for);
        assert_eq!(shown_by_envoy(&envoy), expected, "{envoy:?}");
        let challenge = answer.challenge();
        assert_eq!(challenge_of_envoy(&envoy), challenge, "{envoy:?}");
        challenges.extend(challenge.clone());

        let url = format!("http://{}/check/{}", world.http_address(), check.policy);
        let mut request = reqwest::Client::new().get(url);
        for (name, value) in check.headers() {
            request = request.header(name, value);
        }
        let response_of_check = request.send().await.unwrap();
        let status = match answer.decision.as_str() {
            "allow" => 200,
            "step_up" => 401,
            _ => 403,
        };
        assert_eq!(response_of_check.status(), status, "{response_of_check:?}");
        let header = |name: &str| {
            response_of_check
                .headers()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(
            header("x-verigate-decision").unwrap().to_lowercase(),
            answer.decision
        );
        let header_valid_for = header("x-verigate-valid-for").map(|text| text.parse().unwrap());
        assert_eq!(header_valid_for, valid_for, "{response_of_check:?}");
        let shown = header("www-authenticate").map(|text| read_challenge(&text));
        assert_eq!(shown, challenge, "{response_of_check:?}");
        asked += 1;
    }
    assert_eq!(asked, 90);
    for error in [
        "insufficient_user_authentication|",
        "verification_required|",
    ] {
        let is_there = challenges.iter().any(|shown| shown.starts_with(error));
        assert!(is_there, "{challenges:?}");
    }
}

#[tokio::test]
async fn the_same_check_is_explained_with_the_same_answer() {
    let (world, folder) = world().await;
    let checks = Check::all();
    let cases: Vec<Value> = checks
        .iter()
        .enumerate()
        .map(|(id, q)| q.case(id))
        .collect();
    let file = folder.path().join("cases.yaml");
    // JSON is YAML.
    std::fs::write(&file, json!({ "cases": cases }).to_string()).unwrap();
    let explained = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["policy", "explain", "--format", "json", "--policies"])
        .args([folder.path().join("policies.yaml"), file])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&explained.stderr);
    let explained: Value = serde_json::from_slice(&explained.stdout).expect(&stderr);
    let explained = explained.as_array().unwrap();
    assert_eq!(explained.len(), checks.len());
    for (id, (check, explained)) in checks.iter().zip(explained).enumerate() {
        let answer = Answered::of_grpc(&world.ask(check.grpc(id)).await.unwrap());
        let explained = Answered::of_explanation(explained, &answer.reasons);
        assert_eq!(explained, answer, "{}", check.case(id));
    }
}
