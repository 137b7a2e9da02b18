//! A comparison for a program.

use serde_json::{Value, json};

use crate::policy::{
    PolicyName,
    diff::{ChangedCell, ChangedSetting, Comparison, Directions, PolicyChanges, RuleEdit},
};

/// The report. Of each cell, `case` is an item of a case file.
pub(super) fn report(comparison: &Comparison) -> Value {
    let names = |names: &[PolicyName]| names.iter().map(PolicyName::as_str).collect::<Value>();
    let renamed = comparison.renamed.iter();
    let renamed = renamed.map(|r| json!({ "old": r.old.as_str(), "new": r.new.as_str() }));
    let changed = comparison.changed.iter();
    let changed = changed.map(|(name, changes)| changes_of(name, changes));
    let failed = comparison.failed.iter();
    let failed = failed
        .map(|error| json!({ "policy": error.policy.as_str(), "error": error.source.to_string() }));
    // Policies that were not compared may differ in either direction.
    let known = |is_so: bool| (is_so || comparison.failed.is_empty()).then_some(is_so);
    let loosening = comparison.cells().filter(|cell| cell.loosens()).count();
    let all = comparison.cells().count();
    json!({
        "added": names(&comparison.added),
        "removed": names(&comparison.removed),
        "renamed": renamed.collect::<Value>(),
        "changed": changed.collect::<Value>(),
        "failed": failed.collect::<Value>(),
        "ignored_settings": comparison.ignored_settings,
        "loosens": known(comparison.loosens()),
        "tightens": known(comparison.tightens()),
        "cells_loosen": loosening,
        "cells_tighten": all.saturating_sub(loosening),
    })
}

fn changes_of(name: &PolicyName, changes: &PolicyChanges) -> Value {
    json!({
        "policy": name.as_str(),
        "edits": changes.edits.iter().map(edit).collect::<Value>(),
        "settings": changes.settings.iter().map(setting).collect::<Value>(),
        "cells": changes.cells.iter().map(cell).collect::<Value>(),
    })
}

fn edit(edit: &RuleEdit) -> Value {
    let words = &edit.words;
    let mut value = json!({
        "rule": words.rule,
        "old": words.old,
        "new": words.new,
        "direction": edit.directions.map(Directions::as_str),
        "summary": words.summary,
        "place": words.place,
    });
    if let (Some(list), Some(object)) = (edit.list(), value.as_object_mut()) {
        object.insert("came".to_owned(), json!(list.came));
        object.insert("left".to_owned(), json!(list.left));
    }
    value
}

fn setting(setting: &ChangedSetting) -> Value {
    json!({
        "name": setting.name,
        "old": setting.old,
        "new": setting.new,
        "direction": setting.directions.as_str(),
    })
}

fn cell(cell: &ChangedCell) -> Value {
    json!({
        "kind": cell.directions().as_str(),
        "old": cell.old.as_str(),
        "new": cell.new.as_str(),
        "when": cell.when(),
        "edits": cell.edits,
        "case": cell.as_case(),
    })
}
