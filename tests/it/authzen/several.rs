//! Several evaluations in one request: one instant and one snapshot, each verification fetched once, and each with an answer of its own.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use verigate::sim::{ApiCall, Fault};

use super::{SEVERAL, evaluation, gist, json_of, post, raw, with, world};
use crate::world::{World, until};

fn answers(body: &Value) -> Vec<String> {
    body["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(gist)
        .collect()
}

async fn ask(world: &World, items: &[Value], semantic: Option<&str>) -> Vec<String> {
    let mut body = json!({ "evaluations": items });
    if let Some(semantic) = semantic {
        body["options"]["evaluations_semantic"] = json!(semantic);
    }
    answers(&json_of(post(world, SEVERAL, &body)).await)
}

#[tokio::test]
async fn each_semantic_ends_where_it_says_and_asks_for_nothing_after_that() {
    let (world, _folder) = world().await;
    let allow = evaluation("front-door", "fresh");
    let deny = evaluation("front-door", "stale");
    let step_up = evaluation("front-door", "month-old");
    let error = evaluation("none", "fresh");
    let malformed = json!({});
    let [all, deny_first, permit_first] = [
        "execute_all",
        "deny_on_first_deny",
        "permit_on_first_permit",
    ]
    .map(Some);
    let rows = [
        (None, vec![&deny, &allow], 2),
        (all, vec![&deny, &allow, &malformed, &error, &step_up], 5),
        (deny_first, vec![&allow, &deny, &allow], 2),
        (deny_first, vec![&allow, &step_up, &allow], 2),
        (deny_first, vec![&allow, &error, &allow], 2),
        (deny_first, vec![&allow, &malformed, &allow], 2),
        (deny_first, vec![&deny], 1),
        (deny_first, vec![&allow, &allow, &allow], 3),
        (permit_first, vec![&deny, &allow, &deny], 2),
        (
            permit_first,
            vec![&step_up, &error, &malformed, &allow, &allow],
            4,
        ),
        (permit_first, vec![&allow, &deny], 1),
        (permit_first, vec![&deny, &step_up, &deny], 3),
    ];
    let expected = |item: &Value| {
        if *item == allow {
            "true ALLOW"
        } else if *item == deny {
            "false DENY VERIFICATION_TOO_OLD VERIFICATION_TOO_OLD"
        } else if *item == step_up {
            "false STEP_UP VERIFICATION_TOO_OLD"
        } else if *item == error {
            "false 404"
        } else {
            "false 400"
        }
    };
    let mut decided = 0;
    for (semantic, items, count) in rows {
        let asked: Vec<Value> = items.iter().map(|item| (*item).clone()).collect();
        let found = ask(&world, &asked, semantic).await;
        let expected: Vec<&str> = items
            .iter()
            .take(count)
            .map(|item| expected(item))
            .collect();
        assert_eq!(found, expected, "{semantic:?}");
        decided += found
            .iter()
            .filter(|gist| gist.len() > "false 404".len())
            .count();
    }
    // What comes after the end is not decided, so it is neither recorded nor counted.
    let (_, journal) = world.stop().await;
    assert_eq!(
        journal
            .lines()
            .filter(|line| line.contains("\"decision\""))
            .count(),
        decided
    );
}

#[tokio::test]
async fn all_are_judged_by_one_instant_and_one_set_and_each_verification_is_fetched_once() {
    let (world, folder) = world().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(150));
    let items: Vec<Value> = (0..60)
        .map(|n| evaluation("front-door", if n % 2 == 0 { "fresh" } else { "month-old" }))
        .collect();
    let body = json!({ "evaluations": items });
    let asking = tokio::spawn(json_of(post(&world, SEVERAL, &body)));
    world.until_asked(1).await;
    world.clock.advance(Duration::from_secs(7));
    fs::write(
        folder.path().join("policies.yaml"),
        super::POLICIES.replace("90d", "80d"),
    )
    .unwrap();
    world.service.reloader.reload();
    let answer = asking.await.unwrap();
    let context = |n: usize| answer["evaluations"][n]["context"].clone();
    for n in 0..60 {
        assert_eq!(context(n)["decided_at"], context(0)["decided_at"]);
        assert_eq!(context(n)["policy_revision"], context(0)["policy_revision"]);
        assert_eq!(
            context(n)["outcome"],
            if n % 2 == 0 { "ALLOW" } else { "STEP_UP" }
        );
    }
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn an_item_replaces_a_part_whole_and_one_request_without_items_is_one_evaluation() {
    let (world, _folder) = world().await;
    let own = with(
        evaluation("own", "fresh"),
        "/subject/properties/identity_id",
        json!("id-ada"),
    );
    let mut body = own.clone();
    body["evaluations"] = json!([
        {},
        { "subject": { "type": "verification", "id": "fresh" } },
        { "action": { "name": "office" }, "context": { "site": "hq" } },
        { "action": { "name": "office" } },
    ]);
    body["context"] = json!({ "other": 1 });
    let found = answers(&json_of(post(&world, SEVERAL, &body)).await);
    assert_eq!(
        found,
        [
            "true ALLOW",
            "false DENY IDENTITY_NOT_GIVEN",
            "true ALLOW",
            "false DENY ATTRIBUTE_NOT_ACCEPTED",
        ]
    );
    for items in [None, Some(json!([]))] {
        let mut single = own.clone();
        if let Some(items) = items {
            single["evaluations"] = items;
        }
        let answer = json_of(post(&world, SEVERAL, &single)).await;
        assert_eq!(gist(&answer), "true ALLOW");
        assert_eq!(answer.get("evaluations"), None);
    }
}

#[tokio::test]
async fn items_beyond_what_may_be_in_flight_are_refused_and_the_others_decided() {
    let world = World::with(|config| config.in_flight = 8).await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(100));
    let items: Vec<Value> = (0..30)
        .map(|n| evaluation("front-door", &format!("v-{n}")))
        .collect();
    let body = json!({ "evaluations": items });
    let found = answers(&json_of(raw(&world, SEVERAL, body.to_string())).await);
    let shed = found.iter().filter(|gist| *gist == "false 503").count();
    assert_eq!(shed, 22, "{found:?}");
    // Nothing is held after that.
    until("there is room again", async || {
        let body = json!({ "evaluations": [evaluation("front-door", "fresh"), evaluation("front-door", "fresh")] });
        answers(&json_of(raw(&world, SEVERAL, body.to_string())).await) == ["true ALLOW"; 2]
    })
    .await;
}
