//! Misspelled names of scopes, statuses, methods and classes of authentication. Texts are compared character by character, so
//! nothing matches such a name. A tenant's own names are not reported.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    findings::{Findings, cut, joined},
    known::{
        CLASSES, METHOD_ALIASES, METHODS, OTHER_METHODS, SCOPE_ALIASES, SCOPES, STATUSES, alias,
        is_one_letter_off, nearly,
    },
    proof::visit,
    warning::WarningCode,
    written::Part,
};
use crate::{
    evidence::Scope,
    rule::{Authenticated, Requirement},
    set::PolicySet,
    yaml::{Location, letters},
};

/// Shorter parts of a class may differ by one letter on purpose: `level-a` and `level-b`.
const CLASS_WORD_CHARS_MIN: usize = 4;

/// The authentication classes of a whole set, each with the number of lists that name it.
#[derive(Debug, Default)]
pub(super) struct Classes<'s>(BTreeMap<&'s str, usize>);

impl<'s> Classes<'s> {
    pub(super) fn of(set: &'s PolicySet) -> Self {
        let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, policy) in set.iter() {
            for rule in policy.rules() {
                visit(rule.requirement(), &mut |requirement| {
                    if let Requirement::Authenticated(wanted) = requirement {
                        for class in wanted.acr_any.iter().filter(|class| is_plain(class)) {
                            let count = classes.entry(class).or_default();
                            *count = count.saturating_add(1);
                        }
                    }
                });
            }
        }
        Self(classes)
    }

    /// A similar class that the other lists of the set name more often.
    fn nearly(&self, written: &str, list: &BTreeSet<Box<str>>) -> Option<&'s str> {
        let count = self.0.get(written).copied().unwrap_or_default();
        let others = self.0.iter().filter(|(other, _)| !list.contains(**other));
        let others = others.filter(|(_, times)| **times > count);
        let mut near = others.filter(|(other, times)| {
            let same = letters(other) == letters(written);
            same || (**times > 1 && is_misspelled_word(written, other))
        });
        near.next().map(|(other, _)| *other)
    }
}

/// Whether one word of the two is misspelled, and the others are the same.
fn is_misspelled_word(written: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.map(str::to_owned).collect()
    };
    let (written, other) = (words(written), words(other));
    let mut differing = written
        .iter()
        .zip(&other)
        .filter(|(one, other)| one != other);
    let (Some((one, another)), None) = (differing.next(), differing.next()) else {
        return false;
    };
    let long = |word: &str| word.chars().count() >= CLASS_WORD_CHARS_MIN;
    written.len() == other.len() && long(one) && long(another) && is_one_letter_off(one, another)
}

/// Finds misspelled names in one requirement, without the requirements inside it.
pub(super) fn misspelled(
    requirement: &Requirement,
    place: Option<Part<'_>>,
    classes: &Classes<'_>,
    findings: &mut Findings<'_>,
) {
    let at = |text: &str| place.map(|place| place.text(text));
    match requirement {
        Requirement::Status(list) => statuses(list, at, findings),
        Requirement::Scopes(scopes) => {
            for scope in scopes.iter().filter(|scope| is_plain(scope.as_str())) {
                unknown_scope(scope, at(scope.as_str()), findings);
            }
        }
        Requirement::Authenticated(wanted) => authentication(wanted, at, classes, findings),
        _ => {}
    }
}

/// Whether it has no look-alike letters: another warning reports those.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.trim() == text
}

fn unknown_scope(scope: &Scope, location: Option<Location>, findings: &mut Findings<'_>) {
    let Scope::Other(name) = scope else {
        return;
    };
    let near = nearly(name, &SCOPES).or_else(|| alias(name, &SCOPE_ALIASES));
    if let Some(known) = near {
        let shown = cut(name);
        let message = format!("`{shown}` is not the scope `{known}`: scopes are compared exactly");
        let hint = format!(
            "write `{known}`; as `{shown}`, it is a scope of your own that reads no data and must be granted under exactly this name"
        );
        findings.add(WarningCode::UnknownScope, location, message, hint);
    }
}

fn statuses(
    list: &BTreeSet<Box<str>>,
    at: impl Fn(&str) -> Option<Location>,
    findings: &mut Findings<'_>,
) {
    let mut explained = list.iter().any(|status| !is_plain(status));
    for status in list.iter().filter(|status| is_plain(status)) {
        if let Some(known) = nearly(status, &STATUSES) {
            explained = true;
            let message = format!(
                "`{}` is not the status `{known}`: statuses are compared exactly",
                cut(status)
            );
            let hint = format!("write `{known}`");
            findings.add(WarningCode::UnknownStatus, at(status), message, hint);
        }
    }
    let known = list.iter().any(|status| STATUSES.contains(&&**status));
    if !known && !explained {
        let names: Vec<String> = list
            .iter()
            .map(|status| format!("`{}`", cut(status)))
            .collect();
        let message = format!(
            "the vendor is not known to send {}: it may be that no verification ever has such a status",
            joined(&names, "or")
        );
        let hint = format!(
            "write `VERIFIED`, which every policy requires by default; known are {}",
            STATUSES.join(", ")
        );
        let location = list.first().and_then(|status| at(status));
        findings.add(WarningCode::UnknownStatus, location, message, hint);
    }
}

fn authentication(
    wanted: &Authenticated,
    at: impl Fn(&str) -> Option<Location>,
    classes: &Classes<'_>,
    findings: &mut Findings<'_>,
) {
    for method in wanted.amr_any.iter().filter(|method| is_plain(method)) {
        if let Some(meant) = meant_method(method, &wanted.amr_any) {
            let shown = cut(method);
            let message = format!("`{shown}` is not a method of authentication of RFC 8176");
            let hint = format!(
                "write {meant}; methods are compared exactly, so `{shown}` is right only if your identity provider sends exactly this text"
            );
            findings.add(WarningCode::UnknownAmr, at(method), message, hint);
        }
    }
    for class in wanted.acr_any.iter().filter(|class| is_plain(class)) {
        let known = nearly(class, &CLASSES).filter(|known| !wanted.acr_any.contains(*known));
        let of_set = || {
            let is_known = CLASSES.contains(&&**class);
            (!is_known).then(|| classes.nearly(class, &wanted.acr_any))?
        };
        let known = known.or_else(of_set);
        if let Some(known) = known {
            let message = format!(
                "`{}` looks like the class `{}` and is not equal to it: classes are compared exactly",
                cut(class),
                cut(known)
            );
            let hint = format!("write `{}`, if that is meant", cut(known));
            findings.add(WarningCode::UnknownAcr, at(class), message, hint);
        }
    }
}

/// The methods that are meant by this one, if it is none.
fn meant_method(written: &str, list: &BTreeSet<Box<str>>) -> Option<String> {
    if METHODS.contains(&written) || OTHER_METHODS.contains(&written) {
        return None;
    }
    if let Some(known) = nearly(written, &METHODS) {
        // Both spellings in one list are written on purpose.
        let both = list.contains(known) && letters(known) == letters(written);
        return (!both).then(|| format!("`{known}`"));
    }
    alias(written, &METHOD_ALIASES).map(str::to_owned)
}
