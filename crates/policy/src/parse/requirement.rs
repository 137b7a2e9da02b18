//! One requirement, as a policy file writes it: `key: value`.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::lists::{ListFile, ListTexts};
use crate::{
    evidence::Scope,
    limits::{AGE_YEARS_MAX, EVIDENCE_TEXT_BYTES_MAX, IDENTITIES_MAX, NESTING_MAX},
    phone::is_phone_prefix,
    rule::{Authenticated, Identities, Requirement},
    schedule::{DAYS, Schedule, TimeOfDay, Zone},
    yaml::{Decoder, Fields, Key, Node, NodeKind, unknown_key},
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

/// What is the same for a requirement and for those inside it.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    /// Where the texts of lists come from.
    pub(super) lists: &'c ListTexts,
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
) -> Option<Requirement> {
    let mut entries = fields.others();
    let Some((key, node)) = entries.next() else {
        let hint = format!("one of: {}", KEYS.join(", "));
        decoder.error(fields.position, "the rule requires nothing", Some(hint));
        return None;
    };
    let requirement = requirement(decoder, key, node, context);
    let mut alone = true;
    for (key, _) in entries {
        alone = false;
        if KEYS.contains(&key.name.as_str()) {
            let hint = "begin another rule with `-`: a rule has one requirement";
            let message = format!("a second requirement, `{}`, in one rule", key.name);
            decoder.error(key.position, message, Some(hint.to_owned()));
        } else {
            unknown(decoder, key, context);
        }
    }
    requirement.filter(|_| alone)
}

fn requirement(
    decoder: &mut Decoder<'_>,
    key: &Key,
    node: &Node,
    context: Context<'_>,
) -> Option<Requirement> {
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
            decoder.word(node, what, &words)
        }
        "identity_in" => identities(decoder, node, what, context).map(Requirement::IdentityIn),
        "identity_not_in" => {
            identities(decoder, node, what, context).map(Requirement::IdentityNotIn)
        }
        "project" => decoder
            .texts(node, what)
            .map(|names| Requirement::Project(set(names))),
        "attribute" => attribute(decoder, node, what),
        "authenticated" => authenticated(decoder, node, what),
        "schedule" => schedule(decoder, node, what),
        "any_of" => parts(decoder, node, what, context).map(Requirement::AnyOf),
        "all_of" => parts(decoder, node, what, context).map(Requirement::AllOf),
        _ => {
            unknown(decoder, key, context);
            None
        }
    }
}

fn unknown(decoder: &mut Decoder<'_>, key: &Key, context: Context<'_>) {
    if context.depth > 0 && key.name == "otherwise" {
        let hint = "only a whole rule has one: write it beside `any_of` or `all_of`";
        let message = "`otherwise` inside a requirement";
        return decoder.error(key.position, message, Some(hint.to_owned()));
    }
    let beside = context.beside.iter().copied();
    unknown_key(decoder, key, KEYS.into_iter().chain(beside));
}

fn set(texts: Vec<&str>) -> BTreeSet<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

fn scopes(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Requirement> {
    let names = decoder.texts(node, what)?;
    let mut seen = HashSet::new();
    let scopes = names.into_iter().filter(|name| seen.insert(*name));
    Some(Requirement::Scopes(scopes.map(Scope::from).collect()))
}

fn phone_prefix(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Requirement> {
    let items = decoder.list(node, what)?;
    let mut prefixes = BTreeSet::new();
    for item in items {
        let text = decoder.text(item, "a prefix")?;
        if !is_phone_prefix(text) {
            let hint = r#"a plus sign and digits, in quotes, such as "+1""#;
            let message = format!("`{text}` does not begin a telephone number");
            decoder.error(item.position, message, Some(hint.to_owned()));
            return None;
        }
        prefixes.insert(text.into());
    }
    Some(Requirement::PhonePrefix(prefixes))
}

/// Identities in place, or in a file beside the policy: `{file: people.txt}`, one a line.
fn identities(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    context: Context<'_>,
) -> Option<Identities> {
    let identities = if let NodeKind::Map(_) = &node.kind {
        listed(decoder, node, what, context)?
    } else {
        let ids = set(decoder.texts(node, what)?);
        if let Some(odd) = ids.iter().find(|id| !is_one_identity(id)) {
            let message = format!("{what}: `{odd}` is not an identity");
            let hint = "without spaces and invisible characters, and not a comment".to_owned();
            decoder.error(node.position, message, Some(hint));
            return None;
        }
        Identities {
            file: None,
            ids: Arc::new(ids),
        }
    };
    let problem = if identities.ids.len() > IDENTITIES_MAX {
        format!("{what} lists more than {IDENTITIES_MAX} identities")
    } else if identities
        .ids
        .iter()
        .any(|id| id.len() > EVIDENCE_TEXT_BYTES_MAX)
    {
        format!("{what} lists an identity longer than {EVIDENCE_TEXT_BYTES_MAX} bytes")
    } else {
        return Some(identities);
    };
    decoder.error(node.position, problem, None);
    None
}

/// Whether this is what it looks like. An attempted comment, a space or a character that nobody sees, such as the mark that
/// some editors put at the beginning of a file, would take an identity off a block list without a word. So it is made of what
/// can be seen: letters and digits of any script, and the signs of ASCII.
fn is_one_identity(text: &str) -> bool {
    // Letters by their class, but without a shape.
    let filler = |c| matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    let seen = |c: char| c.is_ascii_graphic() || (c.is_alphanumeric() && !filler(c));
    !text.starts_with('#') && text.chars().all(seen)
}

fn listed(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    context: Context<'_>,
) -> Option<Identities> {
    let mut fields = decoder.fields(node, what)?;
    let named = fields.require("file", decoder);
    fields.finish(decoder);
    let name = decoder.text(named?, "`file`")?;
    let list = ListFile {
        policy_path: decoder.path().to_owned(),
        name: name.to_owned(),
    };
    let text = context
        .lists
        .get(&list)
        .map(|text| text.as_deref().map_err(String::as_str));
    match text.unwrap_or(Err("its text is not there")) {
        Ok(text) => {
            let lines = text.lines().enumerate();
            let mut ids = BTreeSet::new();
            for (index, line) in lines.map(|(index, line)| (index, line.trim())) {
                if !line.is_empty() && !is_one_identity(line) {
                    let number = index.saturating_add(1);
                    let message = format!("`{name}`, line {number}: not one identity");
                    let hint =
                        "one a line, without spaces, comments and invisible characters".to_owned();
                    decoder.error(named?.position, message, Some(hint));
                    return None;
                }
                if !line.is_empty() {
                    ids.insert(line.into());
                }
            }
            if ids.is_empty() {
                let hint = "a block list that was emptied by mistake would let everybody in";
                let message = format!("the list `{name}` is empty");
                decoder.error(named?.position, message, Some(hint.to_owned()));
                return None;
            }
            Some(Identities {
                file: Some(name.into()),
                ids: Arc::new(ids),
            })
        }
        Err(why) => {
            let message = format!("the list `{name}` cannot be read: {why}");
            decoder.error(named?.position, message, None);
            None
        }
    }
}

fn attribute(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Requirement> {
    let mut fields = decoder.fields(node, what)?;
    let name = fields
        .require("name", decoder)
        .and_then(|node| decoder.text(node, "`name`"));
    let values = fields
        .require("in", decoder)
        .and_then(|node| decoder.texts(node, "`in`"));
    fields.finish(decoder);
    Some(Requirement::Attribute(name?.into(), set(values?)))
}

fn authenticated(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Requirement> {
    let mut fields = decoder.fields(node, what)?;
    let within = fields
        .require("within", decoder)
        .and_then(|node| decoder.duration(node, "`within`"));
    let mut any = |key: &'static str| match fields.take(key) {
        Some(node) => decoder.texts(node, &format!("`{key}`")).map(set),
        None => Some(BTreeSet::new()),
    };
    let (amr_any, acr_any) = (any("amr_any"), any("acr_any"));
    fields.finish(decoder);
    Some(Requirement::Authenticated(Authenticated {
        within: within?,
        amr_any: amr_any?,
        acr_any: acr_any?,
    }))
}

fn schedule(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Requirement> {
    let mut fields = decoder.fields(node, what)?;
    let days = fields
        .require("days", decoder)
        .and_then(|node| days(decoder, node));
    let from = fields
        .require("from", decoder)
        .and_then(|node| time_of_day(decoder, node, "`from`"));
    let to = fields
        .require("to", decoder)
        .and_then(|node| time_of_day(decoder, node, "`to`"));
    let zone = fields
        .require("zone", decoder)
        .and_then(|node| zone(decoder, node));
    fields.finish(decoder);
    let (from, to) = (from?, to?);
    if from == to || from.is_end() {
        let hint = r#"a whole day is from "00:00" to "24:00""#;
        let message = format!("{what} from {from} to {to} is no time");
        decoder.error(node.position, message, Some(hint.to_owned()));
        return None;
    }
    Some(Requirement::Schedule(Schedule::new(days?, from, to, zone?)))
}

fn days(decoder: &mut Decoder<'_>, node: &Node) -> Option<Vec<u16>> {
    let words: Vec<(&str, u16)> = DAYS.into_iter().zip(0..).collect();
    let items = decoder.list(node, "`days`")?;
    let days: Vec<u16> = items
        .iter()
        .filter_map(|item| decoder.word(item, "a day", &words))
        .collect();
    (days.len() == items.len()).then_some(days)
}

fn time_of_day(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<TimeOfDay> {
    let text = decoder.text(node, what)?;
    let time = TimeOfDay::parse(text);
    if time.is_none() {
        let hint = r#"two digits and two, in quotes, such as "07:00""#;
        let message = format!("{what}: `{text}` is not a time of day");
        decoder.error(node.position, message, Some(hint.to_owned()));
    }
    time
}

fn zone(decoder: &mut Decoder<'_>, node: &Node) -> Option<Zone> {
    let name = decoder.text(node, "`zone`")?;
    let zone = Zone::named(name);
    if zone.is_none() {
        let hint = "a name of the IANA time zone database, such as `Europe/Berlin` or `UTC`";
        let message = format!("`{name}` is not a time zone");
        decoder.error(node.position, message, Some(hint.to_owned()));
    }
    zone
}

fn parts(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    context: Context<'_>,
) -> Option<Vec<Requirement>> {
    let context = Context {
        depth: context.depth.saturating_add(1),
        beside: &[],
        ..context
    };
    if context.depth > NESTING_MAX {
        let message = format!("`any_of` and `all_of` nest more than {NESTING_MAX} deep");
        let hint = "split the rule into several".to_owned();
        decoder.error(node.position, message, Some(hint));
        return None;
    }
    let items = decoder.list(node, what)?;
    let parts: Vec<Requirement> = items
        .iter()
        .filter_map(|item| {
            let fields = decoder.fields(item, "a requirement")?;
            read(decoder, &fields, context)
        })
        .collect();
    (parts.len() == items.len()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use crate::{SourceText, parse};

    /// What is told of a policy of this one requirement, with a list `many.txt` of so many identities.
    fn told_of(requirement: &str, identities: usize) -> Option<String> {
        let text = format!("version: 1\npolicies: {{p: {{require: [{{{requirement}}}]}}}}");
        let path = "p.yaml".to_owned();
        let list = |policy: &str, name: &str| {
            assert_eq!((policy, name), ("p.yaml", "many.txt"));
            let lines: Vec<String> = (0..identities).map(|n| format!("id-{n}")).collect();
            Ok(lines.join("\n"))
        };
        let source = SourceText { path, text };
        let read = parse(&[source.into()], &list);
        read.err().map(|problems| problems.to_string())
    }

    fn told(requirement: &str) -> Option<String> {
        told_of(requirement, 1)
    }

    #[test]
    fn requirements_nest_four_deep_and_no_deeper() {
        let nested = |depth: usize| {
            let begin =
                "any_of: [{ all_of: [{ ".repeat(depth / 2) + &"any_of: [{ ".repeat(depth % 2);
            format!("{begin}age_at_least: 18{}", " }]".repeat(depth))
        };
        assert_eq!(told(&nested(4)), None);
        let deeper = told(&nested(5)).unwrap();
        assert!(deeper.contains("nest more than 4 deep"), "{deeper}");
    }

    #[test]
    fn otherwise_is_a_word_of_a_whole_rule_only() {
        let inside = told("any_of: [{ age_at_least: 18, otherwise: deny }]").unwrap();
        assert!(
            inside.contains("`otherwise` inside a requirement"),
            "{inside}"
        );
        let hinted = told("age_at_least: 18, otherwis: deny").unwrap();
        assert!(hinted.contains("did you mean `otherwise`?"), "{hinted}");
        let unhinted = told("any_of: [{ age_at_least: 18, otherwis: deny }]").unwrap();
        assert!(unhinted.contains("unknown key `otherwis`"), "{unhinted}");
        assert!(!unhinted.contains("`otherwise`"), "{unhinted}");
        let another = told("age_at_least: 18, any_if: []").unwrap();
        assert!(another.contains("unknown key `any_if`"), "{another}");
    }

    #[test]
    fn what_stands_beside_a_requirement_is_told_apart_from_another_one() {
        let second = told("age_at_least: 18, age_below: 21").unwrap();
        assert!(
            second.contains("a second requirement, `age_below`"),
            "{second}"
        );
        let unknown = told("age_at_least: 18, age: 21").unwrap();
        assert!(unknown.contains("unknown key `age`"), "{unknown}");
    }

    #[test]
    fn a_prefix_is_a_plus_sign_and_up_to_15_digits_without_a_leading_zero() {
        for right in ["+1", "+49", "+123456789012345"] {
            assert_eq!(told(&format!("phone_prefix: ['{right}']")), None);
        }
        for wrong in ["1", "+", "+0", "+01", "+1a", "++1", "+1234567890123456"] {
            let told = told(&format!("phone_prefix: ['+1', '{wrong}']")).unwrap();
            let expected = format!("`{wrong}` does not begin a telephone number");
            assert!(told.contains(&expected), "{told}");
        }
    }

    #[test]
    fn an_identity_has_at_most_256_bytes() {
        let of = |bytes: usize| told(&format!("identity_not_in: [{}]", "x".repeat(bytes)));
        assert_eq!(of(256), None);
        assert!(
            of(257)
                .unwrap()
                .contains("an identity longer than 256 bytes")
        );
    }

    #[test]
    fn a_list_has_at_most_100_000_identities() {
        let of = |identities| told_of("identity_not_in: {file: many.txt}", identities);
        assert_eq!(of(100_000), None);
        assert!(of(100_001).unwrap().contains("more than 100000 identities"));
    }

    #[test]
    fn an_identity_with_a_character_that_nobody_sees_is_refused() {
        for unseen in [
            "\\t", "\\a", "\\xad", "\\u200b", "\\u200f", "\\u2028", "\\u202f", "\\u2060",
            "\\u206f", "\\ufeff",
        ] {
            let told = told(&format!("identity_not_in: [\"id-{unseen}1\"]")).unwrap();
            assert!(told.contains("is not an identity"), "{told}");
        }
    }
}
