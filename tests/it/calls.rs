//! Every call is counted by method and code, whichever way it ends; and what runs says which build it is.

use std::process::Command;

use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use verigate::{
    build_info::{COMMIT, VERSION},
    proto::v1::{
        BatchCheckAccessRequest, BeginStepUpRequest, access_service_client::AccessServiceClient,
    },
    sim::{ApiCall, Fault},
};

use crate::world::{World, check_request, until};

async fn channel(world: &World) -> Channel {
    let url = format!("http://{}", world.grpc_address());
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

/// How many calls of this method ended with this code.
async fn counted(world: &World, method: &str, code: &str) -> u64 {
    let name = format!(r#"verigate_calls_total{{code="{code}",method="{method}"}} "#);
    let metrics = world.metrics().await;
    let mut counts = metrics.lines().filter_map(|line| line.strip_prefix(&name));
    counts.next().map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn calls_that_fail_are_counted_by_method_and_code() {
    let world = World::new().await;
    // Before anything has happened, so that the first error is seen as a rise.
    assert!(
        world
            .metrics()
            .await
            .contains(r#"verigate_calls_total{code="NOT_FOUND",method="CheckAccess"} 0"#)
    );
    world.check("front-door", "fresh").await;
    for _ in 0..7 {
        assert_eq!(
            world.refused(check_request("front-dor", "fresh")).await,
            Code::NotFound
        );
        assert_eq!(
            world.refused(check_request("front-door", "no id")).await,
            Code::InvalidArgument
        );
    }
    assert!(world.begin(BeginStepUpRequest::default()).await.is_err());
    let mut client = AccessServiceClient::new(channel(&world).await);
    assert!(
        client
            .batch_check_access(BatchCheckAccessRequest {
                checks: vec![check_request("front-door", "fresh"); 257],
            })
            .await
            .is_err()
    );
    let mut health = HealthClient::new(channel(&world).await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    let unknown = HealthCheckRequest {
        service: "nobody".to_owned(),
    };
    assert_eq!(
        health.check(unknown).await.unwrap_err().code(),
        Code::NotFound
    );
    for (method, code, count) in [
        ("CheckAccess", "OK", 1),
        ("CheckAccess", "NOT_FOUND", 7),
        ("CheckAccess", "INVALID_ARGUMENT", 7),
        ("BeginStepUp", "INVALID_ARGUMENT", 1),
        ("BatchCheckAccess", "INVALID_ARGUMENT", 1),
        ("Health/Check", "OK", 1),
        ("Health/Check", "NOT_FOUND", 1),
    ] {
        assert_eq!(
            counted(&world, method, code).await,
            count,
            "{method} {code}"
        );
    }
    let seconds = r#"verigate_call_duration_seconds_count{method="CheckAccess"} 15"#;
    assert!(world.metrics().await.contains(seconds));
}

/// Calls a path with a message that is not of the contract; the code.
async fn call(channel: &Channel, path: &'static str) -> Code {
    type Codec = tonic_prost::ProstCodec<prost_types::Duration, prost_types::Duration>;
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    let message = prost_types::Duration {
        seconds: 5,
        nanos: 0,
    };
    let request = tonic::Request::new(message);
    let answer = client.unary(request, path, Codec::default()).await;
    answer.unwrap_err().code()
}

#[tokio::test]
async fn a_call_is_counted_although_no_handler_sees_it() {
    let world = World::new().await;
    let before = world.metrics().await.len();
    let channel = channel(&world).await;
    for path in [
        "/no.such.Service/Method",
        "/verigate.v1.AccessService/Nothing",
        "/verigate.v1.AccessService/checkaccess",
        "/x",
        "/",
    ] {
        assert_eq!(call(&channel, path).await, Code::Unimplemented, "{path}");
    }
    assert_eq!(counted(&world, "other", "UNIMPLEMENTED").await, 5);
    // Whatever is asked for, the series are few.
    assert!(world.metrics().await.len() < before + 2000);
    // The first field of the message is a number, not a text.
    let code = call(&channel, "/verigate.v1.AccessService/CheckAccess").await;
    let name = match code {
        Code::Internal => "INTERNAL",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        other => panic!("{other:?}"),
    };
    assert_eq!(counted(&world, "CheckAccess", name).await, 1);
}

#[tokio::test]
async fn a_call_whose_caller_leaves_is_counted_as_cancelled() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(2000));
    tokio::select! {
        answer = world.check("front-door", "fresh") => panic!("{answer:?}"),
        () = world.until_asked(1) => {}
    }
    until("it is counted", async || {
        counted(&world, "CheckAccess", "CANCELLED").await == 1
    })
    .await;
    assert_eq!(counted(&world, "CheckAccess", "OK").await, 0);
}

#[tokio::test]
async fn what_runs_says_which_build_it_is_and_which_files_it_uses() {
    let world = World::new().await;
    let metrics = world.metrics().await;
    let info = format!(r#"verigate_build_info{{commit="{COMMIT}",version="{VERSION}"}} 1"#);
    for line in [
        info.as_str(),
        "process_open_fds ",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, ready) = world.get_json("/readyz").await;
    assert_eq!(ready["version"], VERSION);
    assert_eq!(ready["commit"], COMMIT);
    assert!(ready["config_path"].is_null());
    assert_eq!(ready["journal_path"], world.journal.to_str().unwrap());
    let verigate = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .arg("--version")
        .output();
    let printed = String::from_utf8(verigate.unwrap().stdout).unwrap();
    assert_eq!(printed, format!("verigate {VERSION} (commit {COMMIT})\n"));
}
