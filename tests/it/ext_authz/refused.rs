//! What cannot be decided, in the handler and before it: OK for gRPC, and never a status of 0.

use tonic::Code;
use verigate::rate_limit::Rate;

use super::*;
use crate::messages::{call, frame, gzip};

const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

#[tokio::test]
async fn what_is_refused_before_the_handler_is_a_denial_too() {
    use prost::Message as _;
    let world = world(|_| {}).await;
    let message = |attributes| {
        CheckRequest {
            attributes: Some(attributes),
        }
        .encode_to_vec()
    };
    let good = message(asking("front-door", "fresh"));
    let sized = |bytes: usize| {
        message(with_header(
            asking("front-door", "fresh"),
            "cookie",
            &"x".repeat(bytes),
        ))
    };
    for (what, encodings, body, expected) in [
        ("good", &[][..], frame(0, &good), "0"),
        ("zipped", &["gzip"], frame(1, &gzip(&good)), "0"),
        ("large", &[], frame(0, &sized(120 * 1024)), "0"),
        ("too large", &[], frame(0, &sized(128 * 1024)), "7 403"),
        (
            "a bomb",
            &["gzip"],
            frame(1, &gzip(&sized(4 << 20))),
            "7 403",
        ),
        ("no protobuf", &[], frame(0, b"\xff\xff\xff"), "7 403"),
        ("no message", &[], vec![], "7 403"),
        (
            "half a message",
            &[],
            frame(0, &good)[..20].to_vec(),
            "7 403",
        ),
        (
            "two messages",
            &[],
            [frame(0, &good), frame(0, &good)].concat(),
            "7 403",
        ),
        ("an empty message", &[], frame(0, b""), "7 403"),
        ("another compression", &["br"], frame(1, &good), "7 403"),
        ("a flag of 2", &[], frame(2, &good), "7 403"),
    ] {
        let answer = call(&world, PATH, encodings, body).await;
        assert_eq!(answer.code, Code::Ok, "{what}");
        assert_eq!(shown(&answer.first()), expected, "{what}");
    }
    // A method that is not there stays an error.
    let other = "/envoy.service.auth.v3.Authorization/Other";
    let answer = call(&world, other, &[], frame(0, &good)).await;
    assert_eq!(answer.code, Code::Unimplemented);
}

#[tokio::test]
async fn who_is_no_caller_and_who_may_not_ask_is_denied_before_the_handler() {
    let world = world(|config| {
        config.callers = vec![caller(1, "gateway", &["front-*"], &[], false)];
    })
    .await;
    for (what, token, policy, expected) in [
        ("a caller", Some(1), "front-door", "0"),
        ("nobody", None, "front-door", "7 403"),
        ("another token", Some(2), "front-door", "7 403"),
        ("a policy of others", Some(1), "login", "7 403"),
        ("a policy of others that is none", Some(1), "none", "7 403"),
        ("a policy that is none", Some(1), "front-none", "7 403"),
    ] {
        let answer = ask_as(&world, token, asking(policy, "fresh")).await;
        assert_eq!(shown(&answer), expected, "{what}");
        if expected != "0" {
            assert!(answer.dynamic_metadata.is_none(), "{what}");
        }
    }
    let (_, journal) = world.stop().await;
    assert_eq!(journal.matches(r#""decision":""#).count(), 1, "{journal}");
}

#[tokio::test]
async fn a_message_that_does_not_end_is_denied_when_the_time_of_its_call_is_over() {
    let world = world(|_| {}).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    let begun = hyper::body::Frame::data(bytes::Bytes::from_static(&[0, 0, 0]));
    let begun = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(begun)]);
    let never_ends = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
    let never_ends = http_body_util::StreamBody::new(never_ends);
    let request = client
        .build()
        .unwrap()
        .post(format!("http://{}{PATH}", world.grpc_address()));
    let request = request
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "300m")
        .body(reqwest::Body::wrap(never_ends));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.bytes().await.unwrap();
    let answer = <CheckResponse as prost::Message>::decode(&body[5..]).unwrap();
    assert_eq!(shown(&answer), "7 503");
}

#[tokio::test]
async fn metadata_that_takes_too_much_is_a_denial() {
    let world = world(|_| {}).await;
    let server = format!("http://{}", world.grpc_address());
    let mut client = AuthorizationClient::connect(server).await.unwrap();
    let mut request = Request::new(CheckRequest {
        attributes: Some(asking("front-door", "fresh")),
    });
    let large = "x".repeat(20_000).parse().unwrap();
    request.metadata_mut().insert("x-large", large);
    let answer = client.check(request).await.unwrap().into_inner();
    assert!(["7 403", "7 503"].contains(&&*shown(&answer)));
}

#[tokio::test]
async fn what_is_shed_late_over_a_rate_or_not_recorded_is_a_denial_for_now() {
    let world = world(|config| {
        config.in_flight = 1;
        config.deadlines.default = std::time::Duration::from_millis(400);
        let mut slow = caller(1, "slow", &["*"], &[], false);
        slow.calls = Some(Rate {
            per_second: 1,
            burst: 1,
        });
        config.callers = vec![slow, caller(2, "other", &["*"], &[], false)];
    })
    .await;
    let by = |n| ask_as(&world, Some(n), asking("front-door", "fresh"));
    assert_eq!(shown(&by(1).await), "0");
    let over_rate = by(1).await;
    assert_eq!(shown(&over_rate), "7 503");
    assert!(headers(&over_rate).contains_key("retry-after"));
    // The first fetch is under way: not known yet, and no denial.
    world.inject(ApiCall::Details, None, Fault::Hang);
    let hangs = ask_as(&world, Some(2), asking("front-door", "minor"));
    let shed = async {
        world.until_asked(2).await;
        by(2).await
    };
    let (hangs, shed) = tokio::join!(hangs, shed);
    assert_eq!(
        (shown(&hangs), shown(&shed)),
        ("7 503".to_owned(), "7 503".to_owned())
    );
}

#[tokio::test]
async fn a_decision_that_cannot_be_recorded_is_a_denial() {
    let world = world(|config| config.journal.path = "/dev/full".into()).await;
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(shown(&ask(&world, asking("front-door", "fresh")).await));
        if all.last().unwrap() == "7 503" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{all:?}");
}
