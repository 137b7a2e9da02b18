//! Requests that are no evaluation: each has a status that says so, never 415 or 422, and none is answered true.

use std::{convert::Infallible, sync::Arc};

use futures_util::stream::iter;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::Level;
use verigate::sim::{ApiCall, Fault};

use super::{
    ONE, SEVERAL, asked, evaluation, gist, header, json_of, post, post_as, raw, status, token,
    with, world,
};
use crate::{
    log::{Log, is_line},
    world::{World, until},
};

fn bearer() -> String {
    format!("Bearer {}", token(1).reveal())
}

#[tokio::test]
async fn a_member_that_is_missing_or_of_another_type_is_400_with_its_name() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    let others = [
        json!(null),
        json!(7),
        json!(true),
        json!("none"),
        json!([]),
        json!({}),
    ];
    for place in [
        "/subject",
        "/action",
        "/resource",
        "/subject/type",
        "/subject/id",
        "/action/name",
        "/resource/type",
        "/resource/id",
        "/subject/properties",
        "/action/properties",
        "/resource/properties",
        "/context",
    ] {
        for other in &others {
            let is_fine = (place.ends_with("properties") || place == "/context")
                && other.is_object()
                || matches!(place.rsplit('/').next(), Some("type" | "id" | "name"))
                    && other.is_string();
            let broken = with(whole.clone(), place, other.clone());
            for path in [ONE, SEVERAL] {
                let response = post(&world, path, &broken).send().await.unwrap();
                let status = response.status().as_u16();
                assert_eq!(
                    status,
                    if is_fine { 200 } else { 400 },
                    "{path} {place} {other}"
                );
                if !is_fine {
                    let text = response.text().await.unwrap();
                    let name = place.trim_start_matches('/').replace('/', ".");
                    assert!(text.contains(&name), "{text} {place}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_wrong_in_an_item_is_that_item_alone_and_in_the_defaults_all_of_it() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    let item = |item: Value| json!({ "evaluations": [whole, item], "subject": whole["subject"], "action": whole["action"] });
    for broken in [
        json!({ "subject": 7, "resource": whole["resource"] }),
        json!({ "subject": { "type": "verification" }, "resource": whole["resource"] }),
        json!({}),
        json!({ "resource": whole["resource"], "context": [] }),
    ] {
        let answer = json_of(post(&world, SEVERAL, &item(broken))).await;
        let found: Vec<String> = answer["evaluations"]
            .as_array()
            .unwrap()
            .iter()
            .map(gist)
            .collect();
        assert_eq!(found, ["true ALLOW", "false 400"]);
    }
    let defaults = with(item(json!({})), "/resource", json!({ "type": "door" }));
    assert_eq!(status(post(&world, SEVERAL, &defaults)).await, 400);
    for options in [
        json!(7),
        json!({ "evaluations_semantic": 7 }),
        json!({ "evaluations_semantic": "all" }),
        json!(null),
    ] {
        let body = with(item(json!({})), "/options", options);
        assert_eq!(status(post(&world, SEVERAL, &body)).await, 400);
    }
}

#[tokio::test]
async fn a_body_that_is_no_strict_json_is_400_and_not_counted_as_an_evaluation() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh").to_string();
    let inside = |what: &str| whole.replacen('{', &format!("{{{what},"), 1);
    let deep = inside(&format!("\"x\":{}1{}", "[".repeat(200), "]".repeat(200)));
    let bodies = [
        String::new(),
        " ".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"x\"".to_owned(),
        format!("{whole}{whole}"),
        format!("{whole},"),
        format!("\u{feff}{whole}"),
        whole.replace('"', "'"),
        inside("\"x\":NaN"),
        inside("\"x\":01"),
        inside("\"x\":{\"a\":1,\"a\":2}"),
        inside("\"x\":[{\"a\":1,\"\\u0061\":2}]"),
        inside("\"action\":{\"name\":\"front-door\"}"),
        inside("\"x\":\"\\udfff\""),
        inside("\"\\ud800\":1"),
        inside("\"x\":\"\t\""),
        deep,
    ];
    for body in bodies {
        for path in [ONE, SEVERAL] {
            let request = raw(&world, path, body.clone()).header("authorization", bearer());
            assert_eq!(status(request).await, 400, "{body:.60}");
        }
    }
    let latin = b"{\"subject\":{\"type\":\"verification\",\"id\":\"\xff\"}}".to_vec();
    let request = raw(&world, ONE, String::new()).header("authorization", bearer());
    assert_eq!(status(request.body(latin)).await, 400);
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn a_body_of_another_type_or_that_is_compressed_is_400() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    let typed = |kinds: &[&'static str], encoding: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        for kind in kinds {
            headers.append("content-type", HeaderValue::from_static(kind));
        }
        if let Some(encoding) = encoding {
            headers.insert("content-encoding", HeaderValue::from_static(encoding));
        }
        let url = format!("http://{}{ONE}", world.http_address());
        let request = reqwest::Client::new().post(url).body(whole.to_string());
        request.headers(headers).header("authorization", bearer())
    };
    assert_eq!(status(typed(&["application/json"], None)).await, 200);
    assert_eq!(
        status(typed(&["application/json"], Some("identity"))).await,
        200
    );
    for (kinds, encoding) in [
        (&[][..], None),
        (&["text/plain"], None),
        (&["application/x-www-form-urlencoded"], None),
        (&["application/json", "application/json"], None),
        (&["application/json"], Some("gzip")),
        (&["application/json"], Some("br")),
    ] {
        assert_eq!(
            status(typed(kinds, encoding)).await,
            400,
            "{kinds:?} {encoding:?}"
        );
    }
}

#[tokio::test]
async fn bodies_and_arrays_have_their_bounds() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    for (path, bytes_max) in [(ONE, 16 * 1024), (SEVERAL, 1024 * 1024)] {
        let padded = |bytes: usize| {
            let text = whole.to_string();
            format!("{text}{}", " ".repeat(bytes - text.len()))
        };
        let sized = |bytes| raw(&world, path, padded(bytes)).header("authorization", bearer());
        assert_eq!(status(sized(bytes_max)).await, 200);
        assert_eq!(status(sized(bytes_max + 1)).await, 413);
        // Without a length that is known before.
        let chunks = [padded(bytes_max), " ".to_owned()];
        let frames = chunks.map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))));
        let streamed = reqwest::Body::wrap(StreamBody::new(iter(frames)));
        assert_eq!(status(sized(bytes_max).body(streamed)).await, 413);
    }
    let items = |count: usize| json!({ "evaluations": vec![&whole; count] });
    assert_eq!(
        json_of(post(&world, SEVERAL, &items(256))).await["evaluations"]
            .as_array()
            .unwrap()
            .len(),
        256
    );
    assert_eq!(status(post(&world, SEVERAL, &items(257))).await, 400);
}

#[tokio::test]
async fn other_methods_are_405_and_a_request_id_that_cannot_come_back_as_it_is_is_400() {
    let (world, _folder) = world().await;
    let whole = evaluation("front-door", "fresh");
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
        let url = format!("http://{}{ONE}", world.http_address());
        let request = reqwest::Client::new().request(method.parse().unwrap(), url);
        let response = request
            .header("authorization", bearer())
            .send()
            .await
            .unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "allow")),
            (405, Some("POST"))
        );
    }
    let named = |ids: &[&str]| {
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append("x-request-id", HeaderValue::from_str(id).unwrap());
        }
        post(&world, ONE, &whole).headers(headers)
    };
    let longest = "r".repeat(128);
    for id in ["r-1", "a/b\"c\\~", longest.as_str()] {
        let response = named(&[id]).send().await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                header(&response, "x-request-id")
            ),
            (200, Some(id))
        );
    }
    let too_long = "r".repeat(129);
    for ids in [
        &["a b"][..],
        &["r\u{e4}"],
        &["a", "b"],
        &["a", "a"],
        &[&too_long],
        &["a\tb"],
    ] {
        let response = named(ids).send().await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                header(&response, "x-request-id")
            ),
            (400, None),
            "{ids:?}"
        );
    }
    let (_, journal) = world.stop().await;
    assert!(journal.contains("\"request_id\":\"r-1\""));
}

#[tokio::test]
async fn nobody_without_a_credential_learns_anything_but_that() {
    let (world, _folder) = world().await;
    for path in [ONE, SEVERAL, "/access/v1/search/subject", "/access/v1/x"] {
        for body in [
            "",
            "{",
            &evaluation("front-door", "fresh").to_string(),
            &"x".repeat(2_000_000),
        ] {
            for method in ["POST", "GET"] {
                let url = format!("http://{}{path}", world.http_address());
                let request = reqwest::Client::new().request(method.parse().unwrap(), url);
                let request = request.body(body.to_owned()).header("x-request-id", "r-1");
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 401, "{method} {path}");
                assert_eq!(header(&response, "www-authenticate"), Some("Bearer"));
                assert_eq!(header(&response, "x-request-id"), Some("r-1"));
            }
        }
    }
    assert_eq!(
        status(post_as(&world, 9, ONE, &evaluation("front-door", "fresh"))).await,
        401
    );
    assert_eq!(world.calls().details, 0);
    assert!(
        world
            .metrics()
            .await
            .contains("verigate_authzen_evaluations_total{outcome=\"no_caller\"} 33")
    );
}

#[tokio::test]
async fn too_fast_too_many_late_and_not_recorded_are_no_decisions() {
    let (world, _folder) = world().await;
    let slow = |path: &str, body: &Value| post_as(&world, 3, path, body);
    let whole = evaluation("front-door", "fresh");
    assert_eq!(status(slow(ONE, &whole)).await, 200);
    let refused = slow(ONE, &whole).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "retry-after")),
        (429, Some("1"))
    );
    let several = json_of(slow(SEVERAL, &json!({ "evaluations": [whole, whole] }))).await;
    assert_eq!(gist(&several["evaluations"][1]), "false 429");
    assert_eq!(several["evaluations"][1]["context"]["retry_after"], 1);

    let full = World::with(|config| config.journal.path = "/dev/full".into()).await;
    let ask = || raw(&full, ONE, whole.to_string());
    // Those of the first moment are in the queue of the journal before it knows that the disk is full.
    until("nothing can be recorded", async || {
        status(ask()).await == 503
    })
    .await;
    let several = raw(
        &full,
        SEVERAL,
        json!({ "evaluations": [whole] }).to_string(),
    );
    assert_eq!(gist(&json_of(several).await["evaluations"][0]), "false 503");

    let few = Arc::new(World::with(|config| config.in_flight = 1).await);
    few.inject(ApiCall::Details, None, Fault::LatencyMs(200));
    let mut all = JoinSet::new();
    for n in 0..20 {
        let few = Arc::clone(&few);
        let evaluation = evaluation("front-door", &format!("v-{n}"));
        all.spawn(async move { status(raw(&few, ONE, evaluation.to_string())).await });
    }
    let all = all.join_all().await;
    assert!(all.contains(&503), "{all:?}");
    assert!(
        all.iter().all(|status| matches!(status, 200 | 429 | 503)),
        "{all:?}"
    );
}

#[tokio::test]
async fn while_the_vendor_is_asked_the_answer_is_a_denial_that_says_when_to_ask_again() {
    let world =
        World::with(|config| config.authzen.deadline = std::time::Duration::from_millis(60)).await;
    world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(400));
    let ask = async || {
        json_of(raw(
            &world,
            ONE,
            evaluation("front-door", "fresh").to_string(),
        ))
        .await
    };
    let first = ask().await;
    assert_eq!(gist(&first), "false DENY EVIDENCE_UNAVAILABLE");
    assert_eq!(first["context"]["retry_after"], 1);
    assert_eq!(first["context"]["degraded"], true);
    until("the verification is known", async || {
        gist(&ask().await) == "true ALLOW"
    })
    .await;
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn what_cannot_be_decided_is_logged_with_what_to_do() {
    let (log, _logging) = Log::begin(Level::WARN);
    let (world, _folder) = world().await;
    for policy in ["none", "none", "No Policy"] {
        asked(&world, &evaluation(policy, "fresh")).await;
    }
    assert_eq!(status(post(&world, ONE, &json!({}))).await, 400);
    let lines = log.lines();
    for (reason, policy) in [
        ("no_such_policy", json!("none")),
        ("bad_policy_name", json!(null)),
        ("malformed", json!(null)),
    ] {
        let mut fields = json!({ "event": "authzen_refused", "reason": reason });
        if !policy.is_null() {
            fields["policy"] = policy;
        }
        let found = lines.iter().filter(|line| is_line(line, "WARN", &fields));
        assert_eq!(found.count(), 1, "{reason} {lines:?}");
    }
}
