//! What one body can cost: it is bounded, and charged to the rate of its caller whatever comes of it.

use serde_json::{Value, json};

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
