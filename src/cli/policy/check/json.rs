//! The report as JSON.

use serde_json::{Value, json};

use super::finding::{CheckedSet, FilePosition, Finding, Range};

pub(super) fn report(sets: &[CheckedSet]) -> Value {
    let sets: Vec<Value> = sets.iter().map(set).collect();
    json!({ "sets": sets })
}

fn set(set: &CheckedSet) -> Value {
    let problems: Vec<Value> = set.problems.iter().map(problem).collect();
    let warnings: Vec<Value> = set.warnings.iter().map(warning).collect();
    json!({
        "path": set.path,
        "policies": set.policies,
        "revision": set.revision,
        "problems": problems,
        "warnings": warnings,
        "more": set.more,
        "unfinished": set.unfinished,
    })
}

fn problem(finding: &Finding) -> Value {
    let place = finding.place.as_ref();
    let range = place.and_then(|place| place.range);
    json!({
        "code": finding.code,
        "path": place.map(|place| &place.path),
        "line": range.map(|range| range.line),
        "column": range.map(|range| range.column),
        "width": range.map(|range| range.width),
        "message": finding.message,
        "hint": finding.hint,
    })
}

fn warning(finding: &Finding) -> Value {
    let mut value = problem(finding);
    if let Some(fields) = value.as_object_mut() {
        let related: Vec<Value> = finding.related.iter().map(related).collect();
        fields.insert("policy".to_owned(), json!(finding.policy));
        fields.insert("related".to_owned(), json!(related));
    }
    value
}

fn related(place: &FilePosition) -> Value {
    let Range {
        line,
        column,
        width,
    } = place.range.unwrap_or(Range {
        line: 1,
        column: 1,
        width: 1,
    });
    json!({ "path": place.path, "line": line, "column": column, "width": width })
}
