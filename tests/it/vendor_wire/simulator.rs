//! The simulator sends what the vendor sends.

use std::sync::Arc;

use reqwest::Client;
use serde_json::Value;
use verigate::{
    clock::ManualClock,
    sim::{
        ApiCall, BUILT_IN, Cast, Credentials, Fault, PlannedFault, Simulator, TOKEN_LIFE,
        WebhookTarget,
    },
};

use super::{
    messages::{ID, LINK_PATH, all_recorded, cast_of, recorded, recorded_json, shape},
    replay::Replay,
};
use crate::{
    webhook::HEADER,
    world::{BEGINNING, loopback},
};

/// Details that the simulator cannot send: its casts have no such people.
const DETAILS_OF_OTHERS: [&str; 2] = ["details-birth-as-text.json", "details-tenant-scope.json"];

/// A simulator that plays these people.
async fn simulator(cast: &str) -> Simulator {
    let now = BEGINNING.parse().unwrap();
    let cast = Cast::read("cast.yaml", cast, now).unwrap();
    let clock = Arc::new(ManualClock::at(now));
    Simulator::start(loopback(), cast, Credentials::default(), TOKEN_LIFE, clock)
        .await
        .unwrap()
}

/// A client of a simulator, written from the vendor's documentation.
struct Visitor {
    http: Client,
    base: String,
    token: String,
}

impl Visitor {
    async fn of(simulator: &Simulator) -> Self {
        let mut visitor = Self {
            http: Client::builder().no_proxy().build().unwrap(),
            base: format!("http://{}", simulator.address),
            token: String::new(),
        };
        let mut request = recorded_json("authorize.request.json");
        request["integrationId"] = "demo-integration".into();
        request["secret"] = "demo-secret".into();
        let (status, body) = visitor
            .authorize("demo-api-key", &request.to_string())
            .await;
        assert_eq!(status, 200);
        assert_eq!(shape(&body), shape(&recorded_json("authorize.json")));
        body["token"]
            .as_str()
            .unwrap()
            .clone_into(&mut visitor.token);
        // It looks like a JWT.
        assert!(visitor.token.starts_with("eyJhbGciOiJIUzI1NiJ9."));
        assert_eq!(visitor.token.split('.').count(), 3);
        visitor
    }

    async fn authorize(&self, key: &str, body: &str) -> (u16, Value) {
        let url = format!("{}/v1/integration/authorize/server", self.base);
        let request = self.http.post(url).header("x-api-key", key);
        answer(request.body(body.to_owned())).await
    }

    async fn details(&self, id: &str) -> (u16, Value) {
        let url = format!("{}/v1/verification/details/{id}", self.base);
        answer(self.http.get(url).header("x-auth-token", &self.token)).await
    }

    async fn link(&self, body: &Value) -> (u16, Value) {
        let url = format!("{}{LINK_PATH}", self.base);
        let request = self.http.post(url).header("x-auth-token", &self.token);
        answer(request.body(body.to_string())).await
    }

    async fn open(&self, link: &Value, query: &str) {
        let url = format!("{}{query}", link.as_str().unwrap());
        let opened = self.http.get(url).send().await.unwrap();
        assert_eq!(opened.status().as_u16(), 200);
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/json");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// The request for a link, as the simulator's integration sends it.
fn link_request() -> Value {
    let mut request = recorded_json("link.request.json");
    request["integrationId"] = "demo-integration".into();
    request
}

#[tokio::test]
async fn the_simulator_sends_the_recorded_details_of_the_same_person() {
    let mut files = all_recorded("details");
    for file in DETAILS_OF_OTHERS {
        assert!(files.remove(file));
    }
    for file in files {
        let details = recorded_json(&file);
        let simulator = simulator(&cast_of(&details)).await;
        let visitor = Visitor::of(&simulator).await;
        assert_eq!(visitor.details(ID).await, (200, details), "{file}");
    }
}

#[tokio::test]
async fn details_of_the_built_in_cast_have_a_recorded_shape() {
    let recorded: Vec<_> = all_recorded("details")
        .iter()
        .map(|file| shape(&recorded_json(file)))
        .collect();
    let simulator = simulator(BUILT_IN).await;
    let visitor = Visitor::of(&simulator).await;
    for id in simulator.cast().verifications.keys() {
        let (status, details) = visitor.details(id.as_str()).await;
        assert_eq!(status, 200, "{id:?}");
        assert!(recorded.contains(&shape(&details)), "{details:#}");
    }
    // Those that come of a link, too.
    for query in ["", "?outcome=failed"] {
        let (status, link) = visitor.link(&link_request()).await;
        assert_eq!(status, 200);
        assert_eq!(shape(&link), shape(&recorded_json("link.json")));
        visitor.open(&link["verificationLink"], query).await;
        let trace = link["verificationTraceId"].as_str().unwrap();
        let (_, details) = visitor.details(trace).await;
        assert!(recorded.contains(&shape(&details)), "{details:#}");
    }
}

#[tokio::test]
async fn errors_of_the_simulator_have_the_recorded_shape() {
    let simulator = simulator(BUILT_IN).await;
    let visitor = Visitor::of(&simulator).await;
    let authorize = recorded("authorize.request.json");
    let mut other = link_request();
    other["integrationId"] = "another".into();
    let mut nobody = link_request();
    nobody["loginHint"] = "ada".into();
    let mut errors = vec![
        (400, visitor.authorize("demo-api-key", "{").await),
        // A key that the vendor does not document is most likely a misspelt one.
        (
            400,
            visitor
                .authorize("demo-api-key", r#"{"integration_id":"x","secret":"x"}"#)
                .await,
        ),
        (401, visitor.authorize("demo-api-key", &authorize).await),
        (403, visitor.authorize("another-key", &authorize).await),
        (404, visitor.details("nobody").await),
        (403, visitor.link(&other).await),
        (400, visitor.link(&nobody).await),
    ];
    for status in [406, 429, 500, 503] {
        let fault = PlannedFault {
            call: ApiCall::Details,
            id: None,
            times: Some(1),
            fault: Fault::Status(status),
        };
        simulator.faults().plan(fault).unwrap();
        errors.push((status, visitor.details("ada-fresh").await));
    }
    simulator.expire_tokens();
    errors.push((401, visitor.details("ada-fresh").await));
    for (expected, (status, body)) in errors {
        assert_eq!(status, expected, "{body}");
        let recorded = recorded_json(&format!("error-{status}.json"));
        assert_eq!(shape(&body), shape(&recorded), "{status}");
    }
}

#[tokio::test]
async fn webhooks_of_the_simulator_have_the_recorded_shape() {
    let receiver = Replay::of(|_| (204, String::new())).await;
    let simulator = simulator(BUILT_IN).await;
    let url = format!("http://{}/", receiver.address);
    simulator.send_webhooks(WebhookTarget::new(&url, HEADER, "the-secret").unwrap());
    let visitor = Visitor::of(&simulator).await;
    let mut without = link_request();
    without.as_object_mut().unwrap().remove("correlationId");
    for (request, query) in [
        (link_request(), ""),
        (link_request(), "?outcome=failed"),
        (without, ""),
    ] {
        let (_, link) = visitor.link(&request).await;
        visitor.open(&link["verificationLink"], query).await;
    }
    let received = receiver.asked();
    let received: Vec<Value> = received
        .iter()
        .map(|asked| serde_json::from_str(&asked.body).unwrap())
        .collect();
    let expected = [
        "webhook-started.json",
        "webhook-succeeded.json",
        "webhook-started.json",
        "webhook-failed.json",
        "webhook-no-correlation.json",
        "webhook-no-correlation.json",
    ];
    assert_eq!(received.len(), expected.len());
    for (n, (received, file)) in received.iter().zip(expected).enumerate() {
        let recorded = recorded_json(file);
        assert_eq!(shape(received), shape(&recorded), "{n} {file}");
        // The started event of a link without a correlation id is not recorded.
        assert!(
            received["event"] == recorded["event"] || n == 4,
            "{n} {file}"
        );
    }
}
