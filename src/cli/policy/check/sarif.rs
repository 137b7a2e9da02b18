//! The report as SARIF 2.1.0, the format of static analysis that code scanning reads.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::finding::{CheckedSet, FILE_NOT_READ, FilePosition, Finding};
use crate::{
    build_info::VERSION,
    live::LoadError,
    policy::{ProblemCode, WarningCode},
};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The base of relative addresses: the root of the sources, where the command runs.
const ROOT: &str = "%SRCROOT%";

pub(super) fn report(sets: &[CheckedSet]) -> Value {
    let rules = rules();
    let errors = sets
        .iter()
        .flat_map(|set| &set.problems)
        .map(|f| ("error", f));
    let warnings = sets
        .iter()
        .flat_map(|set| &set.warnings)
        .map(|f| ("warning", f));
    let results: Vec<Value> = errors
        .chain(warnings)
        .map(|(level, finding)| result(level, finding, &rules))
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|(id, summary, level)| {
            json!({
                "id": id,
                "shortDescription": { "text": summary },
                "help": { "text": format!("docs/lint.md of verigate describes `{id}`, with an example and the cure.") },
                "defaultConfiguration": { "level": level },
            })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "verigate", "semanticVersion": VERSION, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notes(sets) }],
            "results": results,
        }],
    })
}

/// Every code with its summary and level.
fn rules() -> Vec<(&'static str, &'static str, &'static str)> {
    let warnings = WarningCode::ALL.map(|code| (code.as_str(), code.summary(), "warning"));
    let problems = ProblemCode::ALL.map(|code| (code.as_str(), code.summary(), "error"));
    let files = LoadError::CODES.map(|(code, summary)| (code, summary, "error"));
    let unread = (
        FILE_NOT_READ,
        "A file beside the policies is not read.",
        "warning",
    );
    let all = warnings.into_iter().chain(problems);
    all.chain(files).chain([unread]).collect()
}

fn result(level: &str, finding: &Finding, rules: &[(&str, &str, &str)]) -> Value {
    let index = rules.iter().position(|(id, ..)| *id == finding.code);
    let related: Vec<Value> = finding.related.iter().map(location).collect();
    let mut result = json!({
        "ruleId": finding.code,
        "level": level,
        "message": { "text": finding.text() },
        "locations": finding.place.iter().map(location).collect::<Vec<Value>>(),
    });
    if let Some(fields) = result.as_object_mut() {
        if let Some(index) = index {
            fields.insert("ruleIndex".to_owned(), json!(index));
        }
        if !related.is_empty() {
            fields.insert("relatedLocations".to_owned(), json!(related));
        }
    }
    result
}

fn location(place: &FilePosition) -> Value {
    let mut physical = json!({ "artifactLocation": artifact(&place.path) });
    if let (Some(range), Some(fields)) = (place.range, physical.as_object_mut()) {
        let region = json!({
            "startLine": range.line,
            "startColumn": range.column,
            "endColumn": range.end_column(),
        });
        fields.insert("region".to_owned(), region);
    }
    json!({ "physicalLocation": physical })
}

/// A file by its address: relative to the root, or absolute if it is not below it.
fn artifact(path: &str) -> Value {
    let path = relative(path);
    if let Some(url) = Path::new(&path)
        .is_absolute()
        .then(|| Url::from_file_path(&path).ok())
        .flatten()
    {
        return json!({ "uri": url.as_str() });
    }
    let segments: Vec<String> = path.split('/').map(encoded).collect();
    json!({ "uri": segments.join("/"), "uriBaseId": ROOT })
}

/// One segment of a path, percent-encoded for an address.
fn encoded(segment: &str) -> String {
    if segment == ".." {
        return segment.to_owned();
    }
    let mut url = Url::parse("file:///").ok();
    if let Some(mut segments) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        segments.clear().push(segment);
    }
    let path = url.as_ref().map_or(segment, Url::path);
    // In a relative address, a colon in the first segment would end a scheme.
    path.trim_start_matches('/').replace(':', "%3A")
}

/// The path relative to the folder in which the command runs, if it is below it: code hosts name files in this way.
pub(super) fn relative(path: &str) -> String {
    let here = std::env::current_dir().ok();
    let below = here
        .as_deref()
        .and_then(|here| Path::new(path).strip_prefix(here).ok());
    let path = below.and_then(Path::to_str).unwrap_or(path);
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

/// What the command could not finish.
fn notes(sets: &[CheckedSet]) -> Vec<Value> {
    let note = |text: String| json!({ "level": "note", "message": { "text": text } });
    let unfinished = sets.iter().flat_map(|set| &set.unfinished).map(|policy| {
        note(format!(
            "policy `{policy}` is too large to prove what each of its parts changes"
        ))
    });
    let more = sets.iter().filter(|set| set.more > 0);
    let more = more.map(|set| note(format!("{}: {} more are not shown", set.path, set.more)));
    unfinished.chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_relative_and_has_no_sign_that_means_something_else() {
        let uri = |path: &str| artifact(path)["uri"].as_str().map(str::to_owned);
        assert_eq!(
            uri("./policies/a b.yaml").as_deref(),
            Some("policies/a%20b.yaml")
        );
        assert_eq!(uri("../x#1?.yaml").as_deref(), Some("../x%231%3F.yaml"));
        assert_eq!(uri("c:/p.yaml").as_deref(), Some("c%3A/p.yaml"));
        assert_eq!(artifact("p.yaml")["uriBaseId"], "%SRCROOT%");
        let outside = artifact("/no/such/p.yaml");
        assert_eq!(outside["uri"], "file:///no/such/p.yaml");
        assert!(outside.get("uriBaseId").is_none());
    }
}
