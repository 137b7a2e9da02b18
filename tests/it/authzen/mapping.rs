//! What of an evaluation becomes what of a request, and what a caller may assert by it.

use serde_json::{Value, json};

use super::{ONE, asked, evaluation, gist, json_of, post_as, status, with, world, world_with};

#[tokio::test]
async fn the_facts_of_an_evaluation_reach_the_policy_that_reads_them() {
    let (world, _folder) = world().await;
    let ask = async |evaluation: Value| gist(&asked(&world, &evaluation).await);
    let own = |identity: Value| {
        with(
            evaluation("own", "fresh"),
            "/subject/properties/identity_id",
            identity,
        )
    };
    assert_eq!(ask(own(json!("id-ada"))).await, "true ALLOW");
    assert_eq!(
        ask(own(json!("id-bob"))).await,
        "false DENY IDENTITY_MISMATCH"
    );
    assert_eq!(ask(own(json!(null))).await, "false DENY IDENTITY_NOT_GIVEN");
    assert_eq!(ask(own(json!(7))).await, "false 400");
    assert_eq!(ask(own(json!("x".repeat(129)))).await, "false 400");
    let office = |place: &str, site: Value| with(evaluation("office", "fresh"), place, site);
    assert_eq!(
        ask(office("/context/site", json!("hq"))).await,
        "true ALLOW"
    );
    assert_eq!(
        ask(office("/context/site", json!("lab"))).await,
        "false DENY ATTRIBUTE_NOT_ACCEPTED"
    );
    assert_eq!(
        ask(office("/subject/properties/site", json!("hq"))).await,
        "false DENY ATTRIBUTE_NOT_ACCEPTED"
    );
    assert_eq!(
        ask(office("/context/site", json!("h".repeat(257)))).await,
        "false 400"
    );
    let record = |status: Value| {
        with(
            evaluation("record", "fresh"),
            "/resource/properties/status",
            status,
        )
    };
    assert_eq!(ask(evaluation("record", "fresh")).await, "true ALLOW");
    assert_eq!(ask(record(json!("active"))).await, "true ALLOW");
    assert_eq!(
        ask(record(json!("archived"))).await,
        "false DENY ATTRIBUTE_NOT_ACCEPTED"
    );
    // The rule would hold for an attribute that is absent: what cannot be read is not.
    for status in [
        json!(null),
        json!(1.5),
        json!(["archived"]),
        json!({ "x": "archived" }),
        json!(1e300),
    ] {
        assert_eq!(ask(record(status.clone())).await, "false 400", "{status}");
    }
    // No policy that is asked for reads it.
    let many: serde_json::Map<String, Value> = (0..200)
        .map(|n| (format!("p{n}"), json!([n, null])))
        .collect();
    let many = with(
        evaluation("front-door", "fresh"),
        "/resource/properties",
        many.into(),
    );
    assert_eq!(ask(many).await, "true ALLOW");
}

#[tokio::test]
async fn the_context_says_how_the_session_was_authenticated() {
    let (world, _folder) = world().await;
    let ask = async |context: Value| {
        let evaluation = with(evaluation("mfa", "fresh"), "/context", context);
        gist(&asked(&world, &evaluation).await)
    };
    let required = "false STEP_UP AUTHENTICATION_REQUIRED";
    for time in [
        json!("2026-01-31T11:50:00Z"),
        json!(1_769_860_200),
        json!("2026-01-31T12:50:00+01:00"),
    ] {
        let session = |acr: &str, amr: Value| json!({ "acr": acr, "amr": amr, "auth_time": time });
        assert_eq!(
            ask(session("gold", json!(["hwk"]))).await,
            "true ALLOW",
            "{time}"
        );
        assert_eq!(ask(session("gold", json!("face"))).await, "true ALLOW");
        assert_eq!(ask(session("tin", json!(["hwk"]))).await, required);
        assert_eq!(ask(session("gold", json!(["pwd"]))).await, required);
    }
    for late in [
        json!("2026-01-31T11:45:00Z"),
        json!("2026-01-30T12:00:00Z"),
        json!(null),
    ] {
        let session = json!({ "acr": "gold", "amr": ["hwk"], "auth_time": late });
        assert_eq!(ask(session).await, required, "{late}");
    }
    // A part of what is said would be another authentication.
    for wrong in [
        json!({ "acr": 1 }),
        json!({ "acr": ["gold"] }),
        json!({ "amr": [1] }),
        json!({ "amr": {} }),
        json!({ "auth_time": "yesterday" }),
        json!({ "auth_time": true }),
        json!({ "auth_time": "2026-01-31T13:00:00Z" }),
        json!({ "auth_time": -1 }),
    ] {
        assert_eq!(ask(wrong.clone()).await, "false 400", "{wrong}");
    }
}

#[tokio::test]
async fn what_a_caller_may_not_assert_is_refused_and_never_ignored() {
    let (world, _folder) = world().await;
    let asserted = [
        with(
            evaluation("front-door", "fresh"),
            "/subject/properties/identity_id",
            json!("id-ada"),
        ),
        with(
            evaluation("front-door", "fresh"),
            "/context/acr",
            json!("gold"),
        ),
        with(evaluation("front-door", "fresh"), "/context/amr", json!([])),
        with(
            evaluation("front-door", "fresh"),
            "/context/auth_time",
            json!(1_769_860_200),
        ),
        with(evaluation("office", "fresh"), "/context/site", json!("hq")),
        with(
            evaluation("record", "fresh"),
            "/resource/properties/status",
            json!("active"),
        ),
        with(
            evaluation("record", "fresh"),
            "/resource/properties/status",
            json!("archived"),
        ),
    ];
    for evaluation in &asserted {
        let expected = if evaluation["context"]["amr"] == json!([]) {
            200
        } else {
            403
        };
        assert_eq!(
            status(post_as(&world, 2, ONE, evaluation)).await,
            expected,
            "{evaluation}"
        );
        let several = json!({ "evaluations": [evaluation] });
        let answer = json_of(post_as(&world, 2, super::SEVERAL, &several)).await;
        let found = gist(&answer["evaluations"][0]);
        let expected = if expected == 200 {
            "true ALLOW"
        } else {
            "false 403"
        };
        assert_eq!(found, expected, "{evaluation}");
        assert_ne!(
            status(post_as(&world, 1, ONE, evaluation)).await,
            403,
            "{evaluation}"
        );
    }
    let refused = world.metrics().await;
    for line in [
        "verigate_callers_refused_total{reason=\"identity_not_permitted\"} 2",
        "verigate_callers_refused_total{reason=\"authentication_not_permitted\"} 4",
        "verigate_callers_refused_total{reason=\"attributes_not_permitted\"} 6",
    ] {
        assert!(refused.contains(line), "{line}");
    }
}

#[tokio::test]
async fn without_the_permission_it_is_403_whatever_else_is_wrong() {
    let (world, _folder) = world().await;
    let wrong = [
        json!(null),
        json!(5),
        json!(1.5),
        json!(["x"]),
        json!({}),
        json!("x".repeat(300)),
    ];
    let refused = async |evaluation: Value, message: &str| {
        let response = post_as(&world, 2, ONE, &evaluation).send().await.unwrap();
        assert_eq!(response.status(), 403, "{evaluation}");
        assert_eq!(response.text().await.unwrap(), message, "{evaluation}");
    };
    for value in &wrong {
        let status = with(
            evaluation("record", "fresh"),
            "/resource/properties/status",
            value.clone(),
        );
        refused(status, "this caller may not assert `attributes`\n").await;
    }
    for value in wrong.iter().filter(|value| !value.is_null()) {
        let identity = with(
            evaluation("front-door", "a b"),
            "/subject/properties/identity_id",
            value.clone(),
        );
        refused(identity, "this caller may not assert `identity_id`\n").await;
        for name in ["acr", "acrs", "amr", "auth_time"] {
            let claim = with(
                evaluation("front-door", "a b"),
                &format!("/context/{name}"),
                value.clone(),
            );
            refused(claim, "this caller may not assert `authentication`\n").await;
        }
    }
    // Nor does it learn whether an id or a type of subject would do for a policy that it may not ask for.
    for policy in ["hidden", "absent"] {
        for (place, value) in [
            ("/subject/id", json!("a b")),
            ("/subject/id", json!("")),
            ("/subject/type", json!("user")),
            ("/subject/properties/identity_id", json!(5)),
            ("/context/acr", json!(5)),
        ] {
            let asked = with(evaluation(policy, "fresh"), place, value);
            refused(asked, "this caller may not ask for this policy\n").await;
        }
    }
    // What says nothing is no assertion, and its form is looked at.
    let nothing = with(
        evaluation("front-door", "fresh"),
        "/context/acrs",
        json!([]),
    );
    assert_eq!(status(post_as(&world, 2, ONE, &nothing)).await, 200);
}

#[tokio::test]
async fn what_a_policy_reads_is_not_shown_to_a_caller_that_may_not_ask_for_it() {
    let (world, _folder) = world().await;
    // What has no effect is no assertion.
    let without_effect = with(
        evaluation("front-door", "fresh"),
        "/resource/properties/status",
        json!("x"),
    );
    assert_eq!(
        gist(&json_of(post_as(&world, 2, ONE, &without_effect)).await),
        "true ALLOW"
    );
    // A policy outside of what it may ask for is not shown, neither by what is there nor by what is not.
    for policy in ["hidden", "absent"] {
        for status_of in [json!("open"), json!(["open"]), json!("x".repeat(300))] {
            let hidden = with(
                evaluation(policy, "fresh"),
                "/resource/properties/status",
                status_of,
            );
            let response = post_as(&world, 2, ONE, &hidden).send().await.unwrap();
            assert_eq!(response.status(), 403);
            let text = response.text().await.unwrap();
            assert_eq!(
                text, "this caller may not ask for this policy\n",
                "{policy}"
            );
        }
    }
    assert_eq!(
        status(post_as(&world, 4, ONE, &evaluation("front-door", "fresh"))).await,
        403
    );
    let line = "verigate_callers_refused_total{reason=\"policy_not_permitted\"} 7";
    assert!(world.metrics().await.contains(line));
}

#[tokio::test]
async fn the_policy_and_the_verification_are_named_as_configured() {
    let by_resource = "[authzen]\npolicy_from = \"resource.id\"\nsubject_types = [\"user\", \"identity\"]\nverification_from = \"subject.properties.verification_id\"\n";
    let (world, _folder) = world_with(by_resource).await;
    let ask = async |kind: &str, properties: Value, resource: &str| {
        let evaluation = json!({
            "subject": { "type": kind, "id": "ada@example.org", "properties": properties },
            "action": { "name": "GET" },
            "resource": { "type": "route", "id": resource },
        });
        gist(&asked(&world, &evaluation).await)
    };
    let fresh = json!({ "verification_id": "fresh" });
    for kind in ["user", "identity"] {
        assert_eq!(ask(kind, fresh.clone(), "front-door").await, "true ALLOW");
    }
    assert_eq!(
        ask("verification", fresh.clone(), "front-door").await,
        "false 400"
    );
    assert_eq!(ask("user", fresh, "none").await, "false 404");
    for properties in [
        json!({}),
        json!({ "verification_id": 7 }),
        json!({ "verification_id": "a b" }),
        json!({ "verification_id": null }),
    ] {
        assert_eq!(ask("user", properties, "front-door").await, "false 400");
    }
    let by_type = "[authzen]\npolicy_from = \"resource.type\"\n";
    let (world, _folder) = world_with(by_type).await;
    let typed = with(
        evaluation("open", "fresh"),
        "/resource/type",
        json!("front-door"),
    );
    assert_eq!(gist(&asked(&world, &typed).await), "true ALLOW");
}
