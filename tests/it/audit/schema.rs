//! The JSON Schema of the lines: it accepts every line that a journal of the tests has, and rejects what is no line.

use std::{fs, path::Path};

use boon::{Compiler, SchemaIndex, Schemas};
use expect_test::expect_file;
use serde_json::Value;

use super::naive::journal;

/// The schema of a line.
struct LineSchema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl LineSchema {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/journal.schema.json");
        let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("line.json", schema).unwrap();
        let index = compiler.compile("line.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, line: &Value) -> Result<(), String> {
        let validated = self.schemas.validate(line, self.index);
        validated.map_err(|error| format!("{line}\n{error:#}"))
    }
}

/// Fails if a line of this journal is not as the schema says.
pub fn check_lines(journal: &str) {
    let schema = LineSchema::load();
    for line in journal.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        schema.check(&line).unwrap();
    }
}

#[test]
fn the_lines_and_checkpoints_are_what_others_parse() {
    let writer = journal();
    let lines: Vec<u8> = writer
        .files
        .iter()
        .flat_map(|file| file.lines.concat())
        .collect();
    let lines = String::from_utf8(lines).unwrap();
    check_lines(&lines);
    expect_file!["../../golden/journal.jsonl"].assert_eq(&lines);
    expect_file!["../../golden/journal.checkpoints"].assert_eq(&writer.checkpoints.concat());
}

#[test]
fn what_is_no_line_is_rejected() {
    let schema = LineSchema::load();
    let writer = journal();
    let lines = writer.files.iter().flat_map(|file| &file.lines);
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let with = |name: &str, value: &str| {
        let mut found = lines.iter().filter(|line| line[name] == *value);
        found.next().unwrap().clone()
    };
    let mut rejected = 0;
    for (line, member, value) in [
        (
            with("event", "segment_opened"),
            "tree",
            serde_json::json!(["AAAA"]),
        ),
        (with("event", "segment_opened"), "origin", Value::Null),
        (with("event", "segment_closed"), "root", "".into()),
        (with("event", "tree"), "previous", "00".into()),
        (with("decision", "deny"), "decision", "DENY".into()),
        (
            with("decision", "deny"),
            "at",
            "2026-01-31T12:00:00Z".into(),
        ),
        (with("decision", "deny"), "index", (-1).into()),
        (with("decision", "allow"), "decision_id", "1".into()),
        (with("decision", "allow"), "v", 3.into()),
        (
            with("decision", "allow"),
            "attributes",
            serde_json::json!({ "site": 7 }),
        ),
        (
            with("decision", "allow"),
            "reasons",
            serde_json::json!([{ "code": "x" }]),
        ),
    ] {
        schema.check(&line).unwrap();
        let mut other = line.clone();
        other[member] = value;
        assert!(schema.check(&other).is_err(), "{other}");
        rejected += 1;
    }
    assert_eq!(rejected, 11);
    for line in ["[]", "{}", r#"{"at":"2026-01-31T12:00:00.000Z"}"#] {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(schema.check(&line).is_err(), "{line}");
    }
}
