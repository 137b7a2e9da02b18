//! How streams end: at a stop, at the age of the connection, idle, by a message that is none, and when their callers leave.

use prost::Message as _;
use tonic_types::StatusExt as _;

use super::*;
use crate::messages::{call, frame};

const PATH: &str = "/verigate.v1.AccessService/StreamCheckAccess";

/// A stream that was ended to be replaced says when to open another.
fn assert_replaced(ended: &Status) {
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");
    let retry = ended.get_details_retry_info().unwrap().retry_delay.unwrap();
    let bounds = Duration::from_millis(100)..=Duration::from_millis(1_100);
    assert!(bounds.contains(&retry), "{retry:?}");
    assert!(ended.metadata().contains_key("grpc-retry-pushback-ms"));
}

#[tokio::test]
async fn at_a_stop_what_is_in_flight_is_answered_and_then_the_stream_ends() {
    let world = World::new().await;
    delay(&world, "month-old", 1_000);
    let mut asking = Asking::begin(&world).await;
    let mut idle = Asking::begin(&world).await;
    assert_eq!(idle.check("1", "front-door", "fresh").await.1, "ALLOW");
    asking.ask("a", "front-door", "month-old").await;
    world.until_asked(2).await;
    let stopping = tokio::spawn(world.stop());
    assert_replaced(&idle.next().await.unwrap_err());
    // More is not read any more.
    let _ = asking.requests.try_send(CheckAccessRequest {
        request_id: "b".to_owned(),
        ..check_request("front-door", "fresh")
    });
    assert_eq!(
        asking.answer().await,
        pair("a", "STEP_UP VERIFICATION_TOO_OLD")
    );
    assert_replaced(&asking.next().await.unwrap_err());
    let (stopped, journal) = stopping.await.unwrap();
    assert_eq!(stopped, Ok(()));
    assert_eq!(journal.lines().count(), 2);
}

#[tokio::test]
async fn at_the_age_of_its_connection_a_stream_ends_and_the_next_call_is_answered() {
    let world = World::with(|config| {
        config.limits.connection_age = Duration::from_mins(1);
    })
    .await;
    let mut asking = Asking::begin(&world).await;
    assert_eq!(asking.check("1", "front-door", "fresh").await.1, "ALLOW");
    tokio::time::pause();
    let ended = asking.answers.message().await.unwrap_err();
    assert_replaced(&ended);
    assert!(ended.message().contains("replaced"), "{ended}");
    tokio::time::resume();
    let mut asking = Asking::begin(&world).await;
    assert_eq!(asking.check("1", "front-door", "fresh").await.1, "ALLOW");
}

#[tokio::test]
async fn a_stream_without_a_check_for_five_minutes_ends() {
    let world = World::new().await;
    let mut unused = Asking::begin(&world).await;
    let mut used = Asking::begin(&world).await;
    assert_eq!(used.check("1", "front-door", "fresh").await.1, "ALLOW");
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(used.check("2", "front-door", "fresh").await.1, "ALLOW");
    tokio::time::sleep(Duration::from_secs(200)).await;
    let ended = unused.answers.message().await.unwrap_err();
    assert_replaced(&ended);
    assert!(ended.message().contains("5 minutes"), "{ended}");
    assert_eq!(used.check("3", "front-door", "fresh").await.1, "ALLOW");
}

#[tokio::test]
async fn a_message_that_is_none_ends_the_stream_after_the_answers_before_it() {
    let world = World::new().await;
    let whole = CheckAccessRequest {
        request_id: "1".to_owned(),
        ..check_request("front-door", "fresh")
    };
    let whole = frame(0, &whole.encode_to_vec());
    let large = frame(0, &vec![0; 16 * 1024 + 1]);
    for (bad, code) in [
        (frame(0, b"\xff\xff"), Code::InvalidArgument),
        (frame(2, b""), Code::InvalidArgument),
        (vec![0, 0, 0], Code::InvalidArgument),
        (large, Code::OutOfRange),
    ] {
        let answer = call(&world, PATH, &[], [whole.clone(), bad].concat()).await;
        assert_eq!(answer.code, code);
        let first = answer.first::<StreamCheckAccessResponse>();
        assert_eq!(shown(&first), "ALLOW");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_takes_its_checks_with_it() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::Hang);
    let asking = Asking::begin(&world).await;
    asking.ask("1", "front-door", "fresh").await;
    asking.ask("2", "front-door", "minor").await;
    until_metric(&world, "verigate_calls_in_flight 2").await;
    drop(asking);
    until_metric(&world, "verigate_calls_in_flight 0").await;
    until_metric(&world, "verigate_check_streams 0").await;
    let cancelled = r#"verigate_call_items_total{code="CANCELLED",method="StreamCheckAccess"} 2"#;
    until_metric(&world, cancelled).await;
}
