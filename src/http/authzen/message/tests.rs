//! Reading what is asked, and naming the place of what is wrong.

use super::*;

fn read(text: &str) -> StrictJson {
    StrictJson::parse(text.as_bytes()).unwrap()
}

const WHOLE: &str = r#"{"subject":{"type":"t","id":"i"},"action":{"name":"n"},"resource":{"type":"u","id":"j","properties":{"k":1}},"context":{"c":true}}"#;

#[test]
fn an_evaluation_is_read_with_what_it_has() {
    let json = read(WHOLE);
    let evaluation = one(&json).unwrap();
    assert_eq!((evaluation.subject.kind, evaluation.subject.id), ("t", "i"));
    assert_eq!(evaluation.action.name, "n");
    assert_eq!(
        (evaluation.resource.kind, evaluation.resource.id),
        ("u", "j")
    );
    assert!(evaluation.resource.properties.get("k").is_some());
    assert!(evaluation.subject.properties.get("k").is_none());
    assert!(evaluation.context.get("c").is_some());
}

#[test]
fn what_is_wrong_in_an_item_names_its_place() {
    let text = WHOLE.replacen(
        '{',
        r#"{"evaluations":[{},{"resource":{"type":1}},{"action":7}],"#,
        1,
    );
    let json = read(&text);
    let Asked::Several { items, semantic } = several(&json, 3).unwrap() else {
        panic!("several");
    };
    assert_eq!(semantic, Semantic::ExecuteAll);
    let shown = items.iter().map(|item| {
        item.as_ref()
            .map_or_else(ToString::to_string, |_| "fine".to_owned())
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "fine",
            "`evaluations[1].resource.type` is not a string",
            "`evaluations[2].action` is not an object",
        ]
    );
    assert_eq!(
        several(&json, 2).unwrap_err().to_string(),
        "`evaluations` has more than 2 items"
    );
}
