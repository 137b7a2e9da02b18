//! A step-up: false, and what would lead to ALLOW.

use serde_json::{Value, json};

use super::{asked, evaluation, with, world};

fn declaring(evaluation: Value, obligations: Value) -> Value {
    with(evaluation, "/context/supported_obligations", obligations)
}

#[tokio::test]
async fn an_authentication_that_would_be_enough_is_said_and_its_obligation_to_those_who_know_it() {
    let (world, _folder) = world().await;
    let plain = asked(&world, &evaluation("mfa", "fresh")).await;
    let context = &plain["context"];
    assert_eq!(plain["decision"], false);
    assert_eq!(context["outcome"], "STEP_UP");
    assert_eq!(context["acr_values"], "gold urn:x:mfa");
    assert_eq!(context["amr_values"], "face hwk");
    assert_eq!(context["max_age"], 900);
    assert_eq!(
        context["remedies"],
        json!([{ "authenticate": { "acr": ["gold", "urn:x:mfa"], "amr": ["face", "hwk"], "maxAge": "900s", "amrAllOf": [{ "amr": ["face", "hwk"] }] } }])
    );
    assert_eq!(context["alternatives"].as_array().unwrap().len(), 1);
    assert_eq!(context.get("valid_until"), None);
    let expected = |answer: &Value| {
        json!([{
            "id": answer["context"]["decision_id"],
            "type": "step-up",
            "properties": { "acr_value": "gold", "amr_values": ["face", "hwk"] },
        }])
    };
    for (declared, is_given) in [
        (json!(["step-up"]), true),
        (json!(["step-up", "x"]), true),
        (json!([7, null, "step-up"]), true),
        (json!(["notification"]), false),
        (json!(["step_up"]), false),
        (json!(["STEP-UP"]), false),
        (json!([]), false),
        (json!("step-up"), false),
        (json!({ "step-up": true }), false),
        (json!(null), false),
    ] {
        let answer = asked(
            &world,
            &declaring(evaluation("mfa", "fresh"), declared.clone()),
        )
        .await;
        assert_eq!(answer["decision"], false);
        let obligations = answer["context"].get("obligations");
        assert_eq!(
            obligations.cloned(),
            is_given.then(|| expected(&answer)),
            "{declared}"
        );
    }
}

#[tokio::test]
async fn where_an_authentication_alone_does_not_help_nobody_is_sent_to_one() {
    let (world, _folder) = world().await;
    let all = json!(["step-up"]);
    let verify = asked(
        &world,
        &declaring(evaluation("front-door", "month-old"), all.clone()),
    )
    .await;
    assert_eq!(verify["context"]["outcome"], "STEP_UP");
    assert_eq!(
        verify["context"]["remedies"],
        json!([{ "reverify": { "maxAge": "2592000s" } }])
    );
    let allowed = asked(
        &world,
        &declaring(evaluation("front-door", "fresh"), all.clone()),
    )
    .await;
    let denied = asked(&world, &declaring(evaluation("mfa", "stale"), all)).await;
    for answer in [verify, allowed, denied] {
        for name in ["obligations", "acr_values", "amr_values", "max_age"] {
            assert_eq!(answer["context"].get(name), None, "{name} {answer}");
        }
    }
}
