//! Access requests that are refused: without the permission first, and whatever is there and has another type than it must.

use serde_json::{Value, json};

use super::{
    access_requests::{
        ENDPOINT, denial, get, problem, refused, requested, task, world, world_with,
    },
    evaluation, post_as, status, token, with,
};

#[tokio::test]
async fn without_the_permission_to_begin_step_ups_it_is_403_whatever_is_requested() {
    let (world, _folder) = world().await;
    let (asked, denied) = denial(&world).await;
    let body = requested(&asked, &denied);
    for body in [
        body.clone(),
        with(body.clone(), "/denial", json!(null)),
        with(body.clone(), "/subject", json!(7)),
        with(body, "/action/name", json!("No Policy")),
        json!({}),
        json!([]),
    ] {
        let expected = (403, "about:blank".to_owned());
        assert_eq!(refused(&world, 1, &body).await, expected, "{body}");
    }
    // A policy outside of what it may ask for, whether there is one or not, and whatever it is bound to.
    for policy in ["hidden", "absent"] {
        let foreign = requested(&evaluation(policy, "month-old"), &denied);
        let expected = (403, "about:blank".to_owned());
        assert_eq!(refused(&world, 5, &foreign).await, expected, "{policy}");
    }
    assert_eq!(world.calls().link, 0);
    let metrics = world.metrics().await;
    let line = "verigate_callers_refused_total{reason=\"step_ups_not_permitted\"} 6";
    assert!(metrics.contains(line));
}

#[tokio::test]
async fn a_member_that_is_there_and_not_a_string_is_400_with_its_place_and_nothing_stands_in_for_it()
 {
    let (world, _folder) = world().await;
    let (asked, denied) = denial(&world).await;
    let body = requested(&asked, &denied);
    let eve = with(
        body.clone(),
        "/subject/properties/email",
        json!("eve@example.com"),
    );
    let mut by_email = body.clone();
    by_email["context"]
        .as_object_mut()
        .unwrap()
        .remove("login_hint");
    for wrong in [
        json!(["ada@example.com"]),
        json!({ "id": "ada@example.com" }),
        json!(7),
        json!(true),
        json!(null),
    ] {
        for (body, place) in [
            (&eve, "context.login_hint"),
            (&eve, "context.redirect_url"),
            (&by_email, "subject.properties.email"),
        ] {
            let pointer = format!("/{}", place.replace('.', "/"));
            let body = with(body.clone(), &pointer, wrong.clone());
            let response = post_as(&world, 5, ENDPOINT, &body).send().await.unwrap();
            assert_eq!(response.status(), 400, "{place} {wrong}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["detail"], format!("`{place}` is not a string"));
        }
    }
    assert_eq!(refused(&world, 5, &by_email).await.1, "not_requestable");
    assert_eq!(world.calls().link, 0);
    let fallen_back = with(
        by_email,
        "/subject/properties/email",
        json!("ada@example.com"),
    );
    assert_eq!(
        status(post_as(&world, 5, ENDPOINT, &fallen_back)).await,
        201
    );
}

#[tokio::test]
async fn asking_for_a_task_counts_like_a_call_and_is_in_flight_like_one() {
    let slow = |config: &mut verigate::config::Config| {
        for caller in &mut config.callers {
            caller.calls = Some(verigate::rate_limit::Rate {
                per_second: 1,
                burst: 3,
            });
        }
    };
    let (world, _folder) = world_with(slow).await;
    // The denial and the request are two.
    let (_, created) = task(&world).await;
    let id = created["task"]["id"].as_str().unwrap();
    assert_eq!(status(get(&world, 5, id)).await, 200);
    for task in [id, "x"] {
        let response = get(&world, 5, task).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(problem(response).await, (429, "about:blank".to_owned()));
    }
    // What begins nothing is not free.
    for expected in [400, 400, 400, 429] {
        assert_eq!(
            status(post_as(&world, 6, ENDPOINT, &json!({}))).await,
            expected
        );
    }
    let (full, _folder) = world_with(|config| config.in_flight = 0).await;
    let response = get(&full, 5, "x").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(!token(5).reveal().is_empty());
}
