//! The cells of `policy diff` in which the decisions lie, in the words of that command.

use serde_json::{Map, Value, json};

use super::super::page::Page;
use crate::{
    audit::shadows::{PolicyCells, ShadowCells},
    cli::screen::{Style, Text},
    policy::{PolicyName, diff::ChangedCell},
};

pub(super) fn write(page: &mut Page, cells: &ShadowCells<'_>) {
    page.blank();
    page.line("cells of `policy diff`");
    for (name, of_policy) in cells.policies() {
        page.wrapped(2, 4, Text::from(name));
        write_policy(page, of_policy);
    }
    if cells.policies().next().is_none() {
        page.labelled("", "no policy of both sets decides anything differently");
    }
    let other = cells.other_policies();
    if other > 0 {
        page.labelled(
            "other",
            format_args!(
                "{other} decisions were made by other policies than those of `--policies`"
            ),
        );
    }
}

fn write_policy(page: &mut Page, of_policy: &PolicyCells<'_>) {
    let (mut unseen, mut all): (u64, u64) = (0, 0);
    for (cell, edits, count) in of_policy.cells() {
        all = all.saturating_add(1);
        if count == 0 {
            unseen = unseen.saturating_add(1);
            continue;
        }
        let edits = edits.iter().map(|edit| edit.words.summary.as_str());
        let edits = format!(" ({})", edits.collect::<Vec<_>>().join("; "));
        let words = kind(cell).and(": ").and(cell.in_short());
        page.labelled(Text::from(count), words.and(Style::Dim.of(edits)));
    }
    if unseen > 0 {
        page.labelled(
            "not seen",
            format_args!("no decision is known to lie in {unseen} of {all} cells"),
        );
    }
    let unknown = of_policy.unknown();
    if unknown > 0 {
        page.labelled(
            "unknown",
            format_args!(
                "{unknown} decisions, of which the lines do not say in which cell they lie"
            ),
        );
    }
    if let Some(error) = of_policy.error() {
        page.labelled(Style::Bad.of("failed"), Text::from(error));
    }
}

fn kind(cell: &ChangedCell) -> Text {
    let old = Style::from(cell.old).of(cell.old);
    old.and(" -> ").and(Style::from(cell.new).of(cell.new))
}

/// The members of the report.
pub(super) fn as_json(cells: &ShadowCells<'_>) -> Map<String, Value> {
    let of_policies = || cells.policies();
    let found = of_policies().flat_map(|(name, of_policy)| {
        let cells = of_policy.cells();
        cells.map(move |(cell, edits, count)| {
            let edits = edits.iter().map(|edit| edit.words.summary.as_str());
            json!({
                "policy": name.as_str(),
                "kind": cell.directions().as_str(),
                "old": cell.old.as_str(),
                "new": cell.new.as_str(),
                "when": cell.when(),
                "edits": edits.collect::<Vec<_>>(),
                "decisions": count,
            })
        })
    });
    let by_policy = |value: &dyn Fn(&PolicyCells<'_>) -> Option<Value>| {
        let values = of_policies();
        let values = values.filter_map(|(name, of_policy)| Some((name, value(of_policy)?)));
        let values = values.map(|(name, value): (&PolicyName, Value)| (name.to_string(), value));
        Value::Object(values.collect())
    };
    let unknown = |of_policy: &PolicyCells<'_>| {
        let count = of_policy.unknown();
        (count > 0).then(|| Value::from(count))
    };
    let failed = |of_policy: &PolicyCells<'_>| Some(Value::from(of_policy.error()?.to_string()));
    let members = [
        ("cells", found.collect::<Value>()),
        ("cells_unknown", by_policy(&unknown)),
        ("cells_failed", by_policy(&failed)),
        ("cells_other_policies", cells.other_policies().into()),
    ];
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}
