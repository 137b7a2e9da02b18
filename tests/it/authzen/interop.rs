//! The vectors of the interoperability events: a todo application, and gateways that name a method and a route.

use std::fs;

use serde_json::{Value, json};

use super::{ONE, SEVERAL, configure, json_of, raw, with_policies};
use crate::world::World;

fn vectors() -> Value {
    let text = fs::read_to_string("tests/authzen/interop.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn id<'v>(vectors: &'v Value, name: &Value) -> &'v str {
    vectors["subjects"][name.as_str().unwrap()]
        .as_str()
        .unwrap()
}

/// A rule for people who may change what is theirs, and one who may change anything.
fn theirs(vectors: &Value, anybody: &str) -> String {
    let anybody = id(vectors, &json!(anybody));
    let editor = |name: &str, owner: &str| {
        let id = id(vectors, &json!(name));
        format!(
            "          - all_of:\n              - attribute: {{ name: subject.id, in: [{id}] }}\n              - attribute: {{ name: resource.ownerID, in: ['{owner}'] }}\n"
        )
    };
    format!(
        "    require:\n      - any_of:\n          - attribute: {{ name: subject.id, in: [{anybody}] }}\n{}{}",
        editor("morty", "morty@example.org"),
        editor("summer", "summer@example.org")
    )
}

fn policies(vectors: &Value) -> String {
    let ids = |names: &[&str]| {
        let ids: Vec<&str> = names.iter().map(|name| id(vectors, &json!(name))).collect();
        ids.join(", ")
    };
    let writers = ids(&["rick", "morty", "summer"]);
    let everybody = "    require: [{ verified_within: 365d }]\n";
    let only_writers =
        format!("    require: [{{ attribute: {{ name: subject.id, in: [{writers}] }} }}]\n");
    let mut text = "version: 1\npolicies:\n".to_owned();
    for (name, rules) in [
        ("can_read_user", everybody),
        ("can_read_todos", everybody),
        ("can_create_todo", &only_writers),
        ("can_update_todo", &theirs(vectors, "rick")),
        ("can_delete_todo", &theirs(vectors, "rick")),
    ] {
        text += &["  ", name, ":\n", rules].concat();
    }
    text
}

async fn world(settings: &str) -> (World, tempfile::TempDir) {
    let vectors = vectors();
    let mut cast = "people:\n  ada: { full_name: Ada Example }\nverifications:\n".to_owned();
    for (_, id) in vectors["subjects"].as_object().unwrap() {
        let id = id.as_str().unwrap();
        cast += &["  ", id, ": { person: ada, verified_ago: 1d }\n"].concat();
    }
    let folder = tempfile::tempdir().unwrap();
    let world = World::of(&cast, |config| {
        with_policies(folder.path(), &policies(&vectors), config);
        configure(config, settings);
    })
    .await;
    (world, folder)
}

fn todo(vectors: &Value, row: &Value) -> Value {
    let mut resource = json!({ "type": row["type"], "id": row["id"] });
    if !row["owner"].is_null() {
        resource["properties"] = json!({ "ownerID": row["owner"] });
    }
    json!({
        "subject": { "type": "user", "id": id(vectors, &row["subject"]) },
        "action": { "name": row["action"] },
        "resource": resource,
    })
}

#[tokio::test]
async fn the_todo_application_is_answered_as_its_policy_says() {
    let (world, _folder) = world("[authzen]\nsubject_types = [\"user\"]\n").await;
    let vectors = vectors();
    let rows = vectors["todo"].as_array().unwrap();
    assert_eq!(rows.len(), 40);
    for row in rows {
        let answer = json_of(raw(&world, ONE, todo(&vectors, row).to_string())).await;
        assert_eq!(answer["decision"], row["decision"], "{row} {answer}");
    }
    let batches = vectors["todo_batches"].as_array().unwrap();
    assert_eq!(batches.len(), 3);
    for batch in batches {
        let items = batch["items"].as_array().unwrap();
        let evaluations: Vec<Value> = items
            .iter()
            .map(|item| {
                json!({ "resource": { "type": "todo", "id": item["id"], "properties": { "ownerID": item["owner"] } } })
            })
            .collect();
        let body = json!({
            "subject": { "type": "user", "id": id(&vectors, &batch["subject"]) },
            "action": { "name": batch["action"] },
            "evaluations": evaluations,
        });
        let answer = json_of(raw(&world, SEVERAL, body.to_string())).await;
        let found = answer["evaluations"].as_array().unwrap().iter();
        let found: Vec<&Value> = found.map(|one| &one["decision"]).collect();
        let expected: Vec<&Value> = items.iter().map(|item| &item["decision"]).collect();
        assert_eq!(found, expected, "{batch}");
    }
}

#[tokio::test]
async fn gateways_that_name_a_method_and_a_route_get_the_policy_of_a_pattern() {
    let settings = "[authzen]\nsubject_types = [\"identity\"]\n[authzen.policy_from]\n\
        \"GET route *\" = \"can_read_todos\"\n\"GET route /users/*\" = \"can_read_user\"\n\
        \"* route /todos\" = \"can_create_todo\"\n\"* route /todos/*\" = \"can_create_todo\"\n\"GET route /todos\" = \"can_read_todos\"\n";
    let (world, _folder) = world(settings).await;
    let vectors = vectors();
    let rows = vectors["gateway"].as_array().unwrap();
    assert_eq!(rows.len(), 25);
    let ask = async |method: &Value, route: &Value, subject: &Value| {
        let body = json!({
            "subject": { "type": "identity", "id": id(&vectors, subject) },
            "action": { "name": method },
            "resource": { "type": "route", "id": route },
        });
        json_of(raw(&world, ONE, body.to_string())).await
    };
    for row in rows {
        let answer = ask(&row["method"], &row["route"], &row["subject"]).await;
        assert_eq!(answer["decision"], row["decision"], "{row} {answer}");
    }
    // No pattern fits, or two that only overlap.
    let rick = json!("rick");
    let none = ask(&json!("PUT"), &json!("/users/7"), &rick).await;
    assert_eq!(super::gist(&none), "false 404");
    let several = ask(&json!("GET"), &json!("/todos/7"), &rick).await;
    assert_eq!(super::gist(&several), "false 404");
    let warned = several["context"]["error"]["message"].as_str().unwrap();
    assert!(warned.contains("several policies"), "{warned}");
}
