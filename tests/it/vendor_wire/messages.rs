//! The recorded messages, and how two messages are compared.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use verigate::policy::from_millis;

/// What the vendor's sample is about.
pub const ID: &str = "55a951eb-265c-4706-9ebf-99ae35c745ab";
pub const PROJECT: &str = "ad30fbcb-a41c-465b-a9d3-f245ab418b18";
pub const TRACE: &str = "46cb353b-5b3b-4de9-9676-9b2d5d081027";
pub const CORRELATION: &str = "01a20651-95fd-7aa6-9e71-11de47f39e77";
pub const REDIRECT: &str = "https://sso.example.com/step-up";
pub const LINK_PATH: &str = "/v1/verification/generate-verification-link";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/incode")
}

pub fn recorded(file: &str) -> String {
    fs::read_to_string(folder().join(file)).expect(file)
}

pub fn recorded_json(file: &str) -> Value {
    serde_json::from_str(&recorded(file)).unwrap()
}

/// The names of the messages that begin like this.
pub fn all_recorded(beginning: &str) -> BTreeSet<String> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.into_string().unwrap()
    });
    names.filter(|name| name.starts_with(beginning)).collect()
}

/// Every path in a message with the type that stands there: `data.phone: string`.
pub fn shape(message: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    add_shape(message, "", &mut lines);
    lines
}

fn add_shape(value: &Value, path: &str, lines: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    lines.insert(format!("{path}: {kind}"));
    match value {
        Value::Array(items) => {
            for item in items {
                add_shape(item, &format!("{path}[]"), lines);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                add_shape(field, &format!("{path}.{key}"), lines);
            }
        }
        _ => {}
    }
}

/// A cast of the one verification that these details describe.
pub fn cast_of(details: &Value) -> String {
    let data = &details["data"];
    let mut person = json!({});
    for (key, ours) in [
        ("identityId", "identity_id"),
        ("fullName", "full_name"),
        ("firstName", "first_name"),
        ("lastName", "last_name"),
        ("phone", "phone"),
    ] {
        if let Some(value) = data.get(key) {
            person[ours] = value.clone();
        }
    }
    if let Some(ms) = data["dateOfBirth"].as_i64() {
        let midnight = from_millis(ms).to_string();
        person["date_of_birth"] = midnight.split('T').next().unwrap().into();
    }
    let mut verification = json!({
        "person": "ada",
        "status": details["status"],
        "scopes": details["scopes"],
        "project_id": details["projectId"],
        "trace_id": details["traceId"],
    });
    if let Some(ms) = details["verifiedAt"].as_i64() {
        verification["verified_at"] = from_millis(ms).to_string().into();
    }
    let id = details["id"].as_str().unwrap();
    // JSON is YAML.
    json!({ "people": { "ada": person }, "verifications": { id: verification } }).to_string()
}
