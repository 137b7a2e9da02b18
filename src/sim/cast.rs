//! Reads a cast, the made-up people and their verifications, from YAML.

use std::{collections::BTreeMap, sync::Arc};

use super::people::{Cast, Person, VerificationRecord};
use crate::policy::{
    Diagnostics, POLICY_FILE_BYTES_MAX, ParseError, SourceText, Timestamp, VerificationId, after,
    before,
    yaml::{Decoder, Fields, Node, NodeKind},
};

/// The built-in cast.
pub const BUILT_IN: &str = include_str!("cast.yaml");

impl Cast {
    /// Reads a cast. Relative times such as `verified_ago` are relative to `now`. Returns every problem with its position.
    pub fn read(path: &str, text: &str, now: Timestamp) -> Result<Self, ParseError> {
        let mut problems = Diagnostics::default();
        let source = Arc::new(SourceText {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        let cast = read_cast(&mut Decoder::new(source, &mut problems), now);
        match cast {
            Some(cast) => problems.into_result(cast),
            None => Err(problems.into_error()),
        }
    }
}

fn read_cast(reader: &mut Decoder<'_>, now: Timestamp) -> Option<Cast> {
    let root = reader.document(POLICY_FILE_BYTES_MAX).ok()?;
    let mut fields = reader.fields(&root, "a cast").ok()?;
    let people = fields.require("people", reader).ok();
    let verifications = fields.require("verifications", reader).ok();
    fields.finish(reader);
    let people = people.and_then(|node| reader.fields(node, "`people`").ok())?;
    let people: BTreeMap<&str, Person> = people
        .others()
        .filter_map(|(key, node)| Some((key.name.as_str(), read_person(reader, node)?)))
        .collect();
    let listed = verifications.and_then(|node| reader.fields(node, "`verifications`").ok())?;
    let mut verifications = BTreeMap::new();
    for (key, node) in listed.others() {
        let id = VerificationId::parse(&key.name);
        if let Err(why) = &id {
            let message = format!("`{}` cannot name a verification", key.name);
            reader.error(key.position, message, Some(format!("it {why}")));
        }
        let verification = read_verification(reader, &key.name, node, &people, now);
        verifications.extend(id.ok().zip(verification));
    }
    let people = people.into_iter();
    let people = people.map(|(name, person)| (name.to_owned(), person));
    Some(Cast {
        people: people.collect(),
        verifications,
    })
}

fn read_person(reader: &mut Decoder<'_>, node: &Node) -> Option<Person> {
    let mut fields = reader.fields(node, "a person").ok()?;
    let mut text = |key: &'static str| owned(reader, &mut fields, key);
    let identity_id = text("identity_id");
    let full_name = text("full_name");
    let first_name = text("first_name");
    let last_name = text("last_name");
    let phone = text("phone");
    let date_of_birth = fields.take("date_of_birth").and_then(|node| {
        let day = reader.text(node, "`date_of_birth`").ok()?;
        let midnight = format!("{day}T00:00:00Z").parse().ok();
        if midnight.is_none() {
            let message = format!("`{day}` is not a date such as `1990-05-17`");
            reader.error(node.position, message, None);
        }
        midnight
    });
    fields.finish(reader);
    Some(Person {
        identity_id,
        full_name,
        first_name,
        last_name,
        phone,
        date_of_birth,
    })
}

fn read_verification(
    reader: &mut Decoder<'_>,
    id: &str,
    node: &Node,
    people: &BTreeMap<&str, Person>,
    now: Timestamp,
) -> Option<VerificationRecord> {
    let mut fields = reader.fields(node, "a verification").ok()?;
    let person = fields.require("person", reader).ok().and_then(|node| {
        let name = reader.text(node, "`person`").ok()?;
        let person = people.get(name);
        if person.is_none() {
            let message = format!("`{name}` is not among the people");
            reader.error(node.position, message, None);
        }
        person
    });
    let about = owned(reader, &mut fields, "about");
    let status = owned(reader, &mut fields, "status").unwrap_or_else(|| "VERIFIED".to_owned());
    let trace_id = owned(reader, &mut fields, "trace_id").unwrap_or_else(|| format!("trace-{id}"));
    let project_id =
        owned(reader, &mut fields, "project_id").unwrap_or_else(|| "project-demo".to_owned());
    let verified_at = read_verified_at(reader, &mut fields, now);
    let scopes = match fields.take("scopes") {
        Some(node) if !matches!(&node.kind, NodeKind::List(items) if items.is_empty()) => {
            reader.texts(node, "`scopes`").ok()?
        }
        _ => Vec::new(),
    };
    fields.finish(reader);
    Some(VerificationRecord {
        about,
        status,
        verified_at,
        scopes: scopes.into_iter().map(str::to_owned).collect(),
        trace_id,
        project_id,
        person: person?.clone(),
    })
}

/// When the person verified: a time (`verified_at`), or relative to `now` (`verified_ago`, `verified_in`).
fn read_verified_at(
    reader: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    now: Timestamp,
) -> Option<Timestamp> {
    let instant = fields.take("verified_at").and_then(|node| {
        let text = reader.text(node, "`verified_at`").ok()?;
        let instant = text.parse().ok();
        if instant.is_none() {
            let message = format!("`{text}` is not a time such as `2026-01-31T00:00:00Z`");
            reader.error(node.position, message, None);
        }
        instant
    });
    let ago = fields.take("verified_ago").and_then(|node| {
        let ago = reader.duration(node, "`verified_ago`").ok()?;
        Some(before(now, ago))
    });
    let ahead = fields.take("verified_in").and_then(|node| {
        let ahead = reader.duration(node, "`verified_in`").ok()?;
        Some(after(now, ahead))
    });
    instant.or(ago).or(ahead)
}

fn owned(reader: &mut Decoder<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let node = fields.take(key)?;
    reader
        .text(node, &format!("`{key}`"))
        .ok()
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
