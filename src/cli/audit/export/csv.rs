//! Decisions as comma-separated values (RFC 4180), safe for spreadsheets.

use serde_json::Value;

use crate::cli::audit::summary::Summary;

/// The columns that are members of the line. The codes of the reasons follow.
const COLUMNS: [&str; 12] = [
    "at",
    "index",
    "decision_id",
    "decision",
    "policy",
    "policy_revision",
    "caller",
    "verification_id",
    "identity_id",
    "request_id",
    "valid_until",
    "degraded",
];

/// The names of the columns.
pub(super) fn header() -> String {
    format!("{},reasons\r\n", COLUMNS.join(","))
}

/// A decision.
pub(super) fn row(line: &Value) -> String {
    let cell = |name: &&str| match line.get(*name) {
        Some(Value::String(text)) => quoted(text),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut cells: Vec<String> = COLUMNS.iter().map(cell).collect();
    cells.push(quoted(&Summary::of(line).reasons().join(" ")));
    format!("{}\r\n", cells.join(","))
}

/// A text as a cell. One that a spreadsheet takes for a formula has an apostrophe before it.
fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{text}", if is_formula { "'" } else { "" });
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_and_never_a_formula() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("@x,y"), "\"'@x,y\"");
    }
}
