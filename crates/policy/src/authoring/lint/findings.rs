//! Collects the warnings of one policy.

use super::warning::{Warning, WarningCode};
use crate::{
    request::PolicyName,
    rule::{Requirement, Rule},
    yaml::Location,
};

/// How much of a requirement a message shows.
const SHOWN_CHARS_MAX: usize = 100;
/// How many names a message lists.
const NAMES_MAX: usize = 6;

/// The warnings of one policy so far.
#[derive(Debug)]
pub(super) struct Findings<'n> {
    policy: &'n PolicyName,
    warnings: Vec<Warning>,
}

impl<'n> Findings<'n> {
    pub(super) fn of(policy: &'n PolicyName) -> Self {
        Self {
            policy,
            warnings: Vec::new(),
        }
    }

    /// Adds a warning.
    pub(super) fn add(
        &mut self,
        code: WarningCode,
        location: Option<Location>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add_related(code, location, message, hint, Vec::new());
    }

    /// Adds a warning that names rules at other places.
    pub(super) fn add_related(
        &mut self,
        code: WarningCode,
        location: Option<Location>,
        message: impl Into<String>,
        hint: impl Into<String>,
        related: Vec<Location>,
    ) {
        self.warnings.push(Warning {
            code,
            policy: self.policy.clone(),
            location,
            message: message.into(),
            hint: hint.into(),
            related,
        });
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }
}

/// A requirement as a policy writes it, cut where it is long.
pub(super) fn shown(requirement: &Requirement) -> String {
    cut(&requirement.to_string())
}

/// A rule by its text. A rule that is not written is the default rule about the status.
pub(super) fn named(rule: &Rule) -> String {
    let default = if rule.location().is_some() {
        ""
    } else {
        " (the default)"
    };
    format!("`{}`{default}", shown(rule.requirement()))
}

/// A text, cut where it is long.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Names in a sentence: `a`, `b` and `c`. Names beyond a limit are counted.
pub(super) fn joined(names: &[String], last: &str) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut names: Vec<String> = names.iter().take(NAMES_MAX).cloned().collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, others)) => format!("{} {last} {end}", others.join(", ")),
    }
}
