//! One requirement, as a policy file writes it: `key: value`.

mod identities;
mod schedule;
mod situation;
mod zone_names;

use std::collections::{BTreeSet, HashSet};

use self::{
    identities::identities,
    schedule::schedule,
    situation::{attribute, authenticated},
};
use super::list_texts::ReadLists;
use crate::{
    evidence::Scope,
    limits::{AGE_YEARS_MAX, NESTING_MAX},
    phone::is_phone_prefix,
    rule::Requirement,
    yaml::{Decoder, Fields, Key, Node, NodeKind, ProblemCode, Reported, all, unknown_key},
};

/// Every requirement there is.
const KEYS: [&str; 15] = [
    "status",
    "verified_within",
    "scopes",
    "age_at_least",
    "age_below",
    "phone_prefix",
    "identity",
    "identity_in",
    "identity_not_in",
    "project",
    "attribute",
    "authenticated",
    "schedule",
    "any_of",
    "all_of",
];

/// What people write for `same_as_request`.
const OTHER_IDENTITIES: [(&str, &str); 8] = [
    ("same", MEANS_SAME),
    ("request", MEANS_SAME),
    ("match", MEANS_SAME),
    ("matches", MEANS_SAME),
    ("asrequested", MEANS_SAME),
    ("required", MEANS_SAME),
    ("true", MEANS_SAME),
    ("yes", MEANS_SAME),
];
const MEANS_SAME: &str = "did you mean `same_as_request`?";

/// What a requirement has in common with those inside it.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    /// The lists that the files name.
    pub(super) lists: &'c ReadLists,
    /// The keys that may stand beside a requirement.
    pub(super) beside: &'c [&'static str],
    /// How deep inside `any_of` and `all_of` it is.
    pub(super) depth: usize,
}

/// The one requirement among these fields.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    context: Context<'_>,
) -> Result<Requirement, Reported> {
    let mut entries = fields.others();
    let Some((key, node)) = entries.next() else {
        let hint = format!("one of: {}", KEYS.join(", "));
        let message = "the rule requires nothing";
        return Err(decoder.refuse(ProblemCode::MissingKey, fields.position, message, hint));
    };
    let requirement = requirement(decoder, key, node, context);
    let others = entries.map(|(key, _)| surplus(decoder, key, context));
    match others.last() {
        Some(reported) => Err(reported),
        None => requirement,
    }
}

/// Reports a key beside the requirement of a rule.
fn surplus(decoder: &mut Decoder<'_>, key: &Key, context: Context<'_>) -> Reported {
    if KEYS.contains(&key.name.as_str()) {
        let hint = "begin another rule with `-`: a rule has one requirement";
        let message = format!("a second requirement, `{}`, in one rule", key.name);
        decoder.refuse(ProblemCode::UnknownKey, key.position, message, hint)
    } else {
        unknown(decoder, key, context)
    }
}

fn requirement(
    decoder: &mut Decoder<'_>,
    key: &Key,
    node: &Node,
    context: Context<'_>,
) -> Result<Requirement, Reported> {
    let what = &format!("`{}`", key.name);
    match key.name.as_str() {
        "status" => decoder
            .texts(node, what)
            .map(|names| Requirement::Status(set(names))),
        "verified_within" => decoder
            .duration(node, what)
            .map(Requirement::VerifiedWithin),
        "scopes" => scopes(decoder, node, what),
        "age_at_least" => decoder
            .whole_number(node, what, 0..=AGE_YEARS_MAX)
            .map(Requirement::AgeAtLeast),
        "age_below" => decoder
            .whole_number(node, what, 0..=AGE_YEARS_MAX)
            .map(Requirement::AgeBelow),
        "phone_prefix" => phone_prefix(decoder, node, what),
        "identity" => {
            let words = [("same_as_request", Requirement::IdentityAsRequested)];
            decoder.word_or(node, what, &words, &OTHER_IDENTITIES)
        }
        "identity_in" => {
            identities(decoder, node, what, context.lists).map(Requirement::IdentityIn)
        }
        "identity_not_in" => {
            identities(decoder, node, what, context.lists).map(Requirement::IdentityNotIn)
        }
        "project" => decoder
            .texts(node, what)
            .map(|names| Requirement::Project(set(names))),
        "attribute" => attribute(decoder, node, what),
        "authenticated" => authenticated(decoder, node, what),
        "schedule" => schedule(decoder, node, what),
        "any_of" => parts(decoder, node, what, context).map(Requirement::AnyOf),
        "all_of" => parts(decoder, node, what, context).map(Requirement::AllOf),
        _ => Err(unknown(decoder, key, context)),
    }
}

fn unknown(decoder: &mut Decoder<'_>, key: &Key, context: Context<'_>) -> Reported {
    if context.depth > 0 && key.name == "otherwise" {
        let hint = "only a whole rule has one: write it beside `any_of` or `all_of`";
        let message = "`otherwise` inside a requirement";
        return decoder.refuse(ProblemCode::UnknownKey, key.position, message, hint);
    }
    let beside = context.beside.iter().copied();
    unknown_key(decoder, key, KEYS.into_iter().chain(beside))
}

fn set(texts: Vec<&str>) -> BTreeSet<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

fn scopes(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Result<Requirement, Reported> {
    let names = decoder.texts(node, what)?;
    let mut seen = HashSet::new();
    let scopes = names.into_iter().filter(|name| seen.insert(*name));
    Ok(Requirement::Scopes(scopes.map(Scope::from).collect()))
}

fn phone_prefix(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let items = decoder.list(node, what)?;
    let mut prefixes = BTreeSet::new();
    for item in items {
        let text = decoder.text(item, "a prefix")?;
        if !is_phone_prefix(text) {
            let hint = prefix_hint(text);
            let message = format!("`{text}` does not begin a telephone number");
            return Err(decoder.refuse(ProblemCode::InvalidValue, item.position, message, hint));
        }
        prefixes.insert(text.into());
    }
    Ok(Requirement::PhonePrefix(prefixes))
}

/// What to write instead of a text that is not a prefix of a telephone number.
fn prefix_hint(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let international = digits.strip_prefix("00").unwrap_or(&digits);
    let prefix = format!("+{international}");
    if is_phone_prefix(&prefix) {
        format!("write a plus sign and digits alone, in quotes: `\"{prefix}\"`")
    } else {
        "write a plus sign and digits that begin with a country code, in quotes, such as `\"+1\"`"
            .to_owned()
    }
}

/// Refuses a text where a requirement with its value belongs: somebody quoted it, or left the value out.
pub(super) fn refuse_text(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<(), Reported> {
    let NodeKind::Text(text) = &node.kind else {
        return Ok(());
    };
    let hint = match text.split_once(':') {
        Some((key, value)) => {
            let value = value.trim_start();
            format!(
                "write it without quotation marks, and with a space after the colon: `{key}: {value}`"
            )
        }
        None if KEYS.contains(&text.as_str()) => {
            format!("write its value after a colon, such as `{text}: …`")
        }
        None => format!("one of: {}", KEYS.join(", ")),
    };
    let message = format!("{what} is a map of keys and values, not a text");
    Err(decoder.refuse(ProblemCode::WrongType, node.position, message, hint))
}

fn parts(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    context: Context<'_>,
) -> Result<Vec<Requirement>, Reported> {
    let context = Context {
        depth: context.depth.saturating_add(1),
        beside: &[],
        ..context
    };
    if context.depth > NESTING_MAX {
        let message = format!("`any_of` and `all_of` nest more than {NESTING_MAX} deep");
        let hint = "split the rule into several";
        return Err(decoder.refuse(ProblemCode::TooMany, node.position, message, hint));
    }
    let items = decoder.list(node, what)?.iter();
    all(items.map(|item| {
        refuse_text(decoder, item, "a requirement")?;
        let fields = decoder.fields(item, "a requirement")?;
        read(decoder, &fields, context)
    }))
}

#[cfg(test)]
mod tests;
