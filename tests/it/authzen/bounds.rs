//! What one body can cost: it is bounded, and charged to the rate of its caller whatever comes of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use verigate::sim::{ApiCall, Fault};

use super::{ONE, SEVERAL, callers, evaluation, gist, json_of, post, post_as, status, with, world};
use crate::{callers::caller, world::World};

/// What the items of several are answered.
async fn gists(request: reqwest::RequestBuilder) -> Vec<String> {
    let answer = json_of(request).await;
    let items = answer["evaluations"].as_array().unwrap().iter();
    items.map(gist).collect()
}

/// A world in which the caller 7 may ask this often at once, and then no more.
async fn world_with_burst(burst: u32) -> World {
    World::with(|config| {
        config.callers = callers();
        let mut slow = caller(7, "slower", &["front-door", "none"], &[], false);
        slow.calls = Some(verigate::rate_limit::Rate {
            per_second: 1,
            burst,
        });
        config.callers.push(slow);
    })
    .await
}

#[tokio::test]
async fn a_list_or_an_object_over_its_bound_is_400_with_its_place_wherever_it_stands() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    let list = |count: usize| json!(vec![0; count]);
    let object = |count: usize| {
        let members = (0..count).map(|n| (format!("m{n}"), json!(n)));
        Value::Object(members.collect())
    };
    for place in ["/context/x", "/x", "/subject/properties/x"] {
        for (fine, over) in [(list(1024), list(1025)), (object(1024), object(1025))] {
            let asked =
                |value: Value| json!({ "evaluations": [with(whole.clone(), place, value)] });
            assert_eq!(
                gists(post(&world, SEVERAL, &asked(fine))).await,
                ["true ALLOW"]
            );
            let refused = post(&world, SEVERAL, &asked(over)).send().await.unwrap();
            assert_eq!(refused.status(), 400, "{place}");
            let text = refused.text().await.unwrap();
            assert!(text.contains("more than 1024"), "{text}");
            assert!(text.contains("line 1 column"), "{text}");
        }
    }
    let amr = with(whole.clone(), "/context/amr", json!(vec!["a"; 2000]));
    assert_eq!(status(post(&world, ONE, &amr)).await, 400);
}

#[tokio::test]
async fn a_default_that_is_too_long_is_refused_in_each_item_that_has_it() {
    let (world, _folder) = world().await;
    for name in ["acr", "acrs", "amr", "auth_time"] {
        for value in [json!(vec!["a"; 1000]), json!("a".repeat(500_000))] {
            let mut body = evaluation("front-door", "fresh");
            body["evaluations"] = json!(vec![json!({}); 256]);
            let body = with(body, &format!("/context/{name}"), value);
            let found = gists(post(&world, SEVERAL, &body)).await;
            assert_eq!(found, ["false 400"; 256], "{name}");
        }
    }
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn what_is_malformed_or_refused_is_charged_to_the_rate_of_its_caller_like_a_decision() {
    let good = evaluation("front-door", "fresh");
    for bad in [
        json!({}),
        with(good.clone(), "/subject/type", json!("user")),
        with(good.clone(), "/subject/id", json!("a b")),
        with(good.clone(), "/action/name", json!("No Policy")),
        with(good.clone(), "/subject", json!(7)),
    ] {
        let world = world_with_burst(3).await;
        let items = json!({ "evaluations": [bad, bad, bad, bad, bad] });
        let found = gists(post_as(&world, 7, SEVERAL, &items)).await;
        let expected = [
            "false 400",
            "false 400",
            "false 400",
            "false 429",
            "false 429",
        ];
        assert_eq!(found, expected, "{bad}");
        assert_eq!(status(post_as(&world, 7, ONE, &good)).await, 429);
    }
    // A body that is no evaluation at all.
    let world = world_with_burst(2).await;
    for expected in [400, 400, 429] {
        assert_eq!(status(post_as(&world, 7, ONE, &json!([]))).await, expected);
    }
    // Without the permission, it is said all the same, and not for free.
    let world = world_with_burst(1).await;
    let foreign = evaluation("own", "fresh");
    for _ in 0..2 {
        assert_eq!(status(post_as(&world, 7, ONE, &foreign)).await, 403);
    }
    assert_eq!(status(post_as(&world, 7, ONE, &good)).await, 429);
}

/// A connection that has sent a request but for the last byte of its body, and that byte.
async fn almost_sent(world: &World, body: &Value) -> (TcpStream, [u8; 1]) {
    let body = body.to_string();
    let (last, rest) = body.as_bytes().split_last().unwrap();
    let length = body.len();
    let head = format!(
        "POST {SEVERAL} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(world.http_address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(rest).await.unwrap();
    (stream, [*last])
}

/// How many items of several were refused for this, so far.
async fn counted(world: &World, outcome: &str) -> u32 {
    let series = format!("verigate_authzen_evaluations_total{{outcome=\"{outcome}\"}} ");
    let metrics = world.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.expect(&series).parse().unwrap()
}

#[tokio::test]
async fn four_bodies_of_several_evaluations_are_read_at_once_and_the_next_waits_for_one_of_them() {
    // One thread runs the world and the test, so that their order is always the same.
    let world = World::new().await;
    let several = |name: &str, count: usize| {
        let mut body = evaluation(name, "fresh");
        body["evaluations"] = json!(vec![json!({}); count]);
        body
    };
    let mut long = Vec::new();
    for _ in 0..4 {
        long.push(almost_sent(&world, &several("none", 256)).await);
    }
    let (mut short, last) = almost_sent(&world, &several("No Policy", 1)).await;
    // All of them wait for the last byte.
    tokio::time::sleep(Duration::from_millis(50)).await;
    for (stream, last) in &long {
        assert_eq!(stream.try_write(last).unwrap(), 1);
    }
    assert_eq!(short.try_write(&last).unwrap(), 1);
    let mut answer = Vec::new();
    short.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    // Alone it would be ready long before any of the others.
    let before = counted(&world, "no_such_policy").await;
    assert!(before > 0, "nothing was ready before it");
    for (mut stream, _) in long {
        stream.read_to_end(&mut answer).await.unwrap();
    }
    assert_eq!(counted(&world, "no_such_policy").await, 4 * 256);
    assert_eq!(counted(&world, "bad_policy_name").await, 1);
}

#[tokio::test]
async fn an_answer_comes_by_the_deadline_also_while_the_vendor_does_not_answer() {
    const LONG: Duration = Duration::from_mins(10);
    for (call, fault) in [
        (ApiCall::Details, Fault::Hang),
        (ApiCall::Details, Fault::SlowBody),
        (ApiCall::Details, Fault::LatencyMs(600_000)),
        (ApiCall::Authorize, Fault::Hang),
    ] {
        let world = World::with(|config| {
            config.incode.timeout = LONG;
            config.incode.connect_timeout = LONG;
            config.authzen.deadline = Duration::from_millis(400);
        })
        .await;
        if call == ApiCall::Details {
            assert_eq!(
                gist(&super::asked(&world, &evaluation("front-door", "fresh")).await),
                "true ALLOW"
            );
        }
        let what = format!("{call:?} {fault:?}");
        world.inject(call, None, fault);
        let asked = |path, body: &Value| {
            // One that waits for the vendor would wait for ten minutes.
            let request = super::raw(&world, path, body.to_string());
            json_of(request.timeout(Duration::from_secs(20)))
        };
        let tolerant = evaluation("tolerant", "month-old");
        let strict = evaluation("front-door", "month-old");
        for (body, expected) in [
            (&tolerant, "false STEP_UP EVIDENCE_UNAVAILABLE"),
            (&strict, "false DENY EVIDENCE_UNAVAILABLE"),
        ] {
            let answer = asked(ONE, body).await;
            assert_eq!(gist(&answer), expected, "{what}");
            assert_eq!(answer["context"]["degraded"], true);
        }
        for semantic in ["execute_all", "permit_on_first_permit"] {
            let body = json!({
                "evaluations": [tolerant, strict, evaluation("front-door", "other")],
                "options": { "evaluations_semantic": semantic },
            });
            let answer = asked(SEVERAL, &body).await;
            let items = answer["evaluations"].as_array().unwrap();
            assert_eq!(items.len(), 3, "{what}");
            for item in items {
                let is_late = item["context"]["error"]["status"] == 503;
                assert!(
                    is_late || gist(item).ends_with("EVIDENCE_UNAVAILABLE"),
                    "{item}"
                );
                assert_eq!(item["decision"], false);
            }
        }
    }
}
