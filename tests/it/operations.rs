//! What operators see and do: health, readiness, metrics, reflection, and stopping.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use verigate::sim::{ApiCall, Fault};

use crate::{
    components::skip,
    world::{World, check_request, gist},
};

async fn channel(world: &World) -> Channel {
    let url = format!("http://{}", world.grpc_address());
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn it_is_alive_and_ready_once_its_policies_are_in_force() {
    let world = World::new().await;
    assert_eq!(world.get("/livez").await.0, 200);
    let (status, detail) = world.get("/readyz").await;
    assert_eq!(status, 200);
    assert!(detail.contains(r#""policies":3"#), "{detail}");
    let (_, policies) = world.get("/policies").await;
    assert!(policies.contains(r#""name":"front-door""#), "{policies}");
    let mut health = HealthClient::new(channel(&world).await);
    for service in ["", "verigate.v1.AccessService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
}

#[tokio::test]
async fn both_versions_of_reflection_list_the_services() {
    use tonic_reflection::pb::{v1, v1alpha};
    let world = World::new().await;
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(channel(&world).await);
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..v1::ServerReflectionRequest::default()
    };
    let mut answers = client
        .server_reflection_info(futures_util::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let response = format!("{:?}", answers.message().await.unwrap());
    assert!(response.contains("verigate.v1.AccessService"), "{response}");
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&world).await);
    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "verigate.v1.AccessService".to_owned(),
            ),
        ),
        ..v1alpha::ServerReflectionRequest::default()
    };
    let mut answers = client
        .server_reflection_info(futures_util::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let response = format!("{:?}", answers.message().await.unwrap());
    assert!(
        response.contains("FileDescriptorResponse"),
        "{response:.200}"
    );
}

#[tokio::test]
async fn checks_evidence_and_upstream_calls_are_counted() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    world.check("front-door", "fresh").await;
    world.check("front-door", "nobody").await;
    world.inject(ApiCall::Details, Some(1), Fault::AnotherId);
    world.check("front-door", "month-old").await;
    let (_, text) = world.get("/metrics").await;
    for line in [
        r#"verigate_checks_total{decision="allow",policy="front-door"} 2"#,
        r#"verigate_checks_total{decision="deny",policy="front-door"} 2"#,
        r#"verigate_check_duration_seconds_bucket{le="0.00005"}"#,
        r#"verigate_check_duration_seconds_bucket{le="5"} 4"#,
        r#"verigate_evidence_total{source="cache"} 1"#,
        r#"verigate_evidence_total{source="upstream"} 3"#,
        r#"verigate_upstream_calls_total{call="authorize",outcome="ok"} 1"#,
        r#"verigate_upstream_calls_total{call="details",outcome="not_found"} 1"#,
        r#"verigate_upstream_calls_total{call="details",outcome="ok"} 1"#,
        r#"verigate_upstream_calls_total{call="details",outcome="unusable"} 1"#,
        "verigate_cache_entries 1",
        "verigate_cache_negative_entries 2",
        "verigate_policies 3",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for secret in [r#""fresh"#, "nobody", "Ada"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

/// Where Prometheus' own checker is installed, it finds nothing wrong; `.ci/run` installs it.
#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checker) = checker else {
        skip("promtool is not installed");
        return;
    };
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    let (_, text) = world.get("/metrics").await;
    let mut stdin = checker.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = checker.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
}

#[tokio::test]
async fn a_call_in_flight_is_finished_when_the_service_stops() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(300));
    let mut watch = HealthClient::new(channel(&world).await)
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let channel = channel(&world).await;
    let in_flight = tokio::spawn(async move {
        let mut client =
            verigate::proto::v1::access_service_client::AccessServiceClient::new(channel);
        client
            .check_access(check_request("front-door", "fresh"))
            .await
    });
    world.until_asked(1).await;
    let grpc = world.grpc_address();
    let stopping = tokio::spawn(world.stop());
    let health = watch.message().await.unwrap().unwrap();
    assert_eq!(health.status(), ServingStatus::NotServing);
    let answer = in_flight.await.unwrap().unwrap().into_inner();
    assert_eq!(gist(&answer), "ALLOW");
    // A client that watches the health is notified, and does not keep the service from stopping.
    let (stopped, journal) = tokio::time::timeout(Duration::from_secs(5), stopping)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stopped, Ok(()));
    assert!(journal.contains(&answer.decision_id));
    assert!(tokio::net::TcpStream::connect(grpc).await.is_err());
}
