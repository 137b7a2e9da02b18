//! The part of Cerbos's interface that the comparison uses (`cerbos/request/v1/request.proto`), and the facts that it is given.

use std::collections::BTreeMap;

use prost_types::{ListValue, Value, value::Kind};

use crate::policy::Timestamp;

/// The facts of a check: Cerbos has no source of evidence, so the request carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who asks, and who was verified.
    pub identity: String,
    /// The id of the verification.
    pub verification: String,
    /// When.
    pub verified_at: Timestamp,
    /// The date of birth, at midnight.
    pub born_at: Timestamp,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckResourcesRequest {
    #[prost(message, optional, tag = "3")]
    principal: Option<Principal>,
    #[prost(message, repeated, tag = "4")]
    resources: Vec<ResourceEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceEntry {
    #[prost(string, repeated, tag = "1")]
    actions: Vec<String>,
    #[prost(message, optional, tag = "2")]
    resource: Option<Resource>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Principal {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(btree_map = "string, message", tag = "4")]
    attr: BTreeMap<String, Value>,
}

impl CheckResourcesRequest {
    /// May this person enter by the front door?
    pub(super) fn of(person: &Person) -> Self {
        let attributes = [
            ("status", text("VERIFIED")),
            ("identity", text(&person.identity)),
            ("verifiedAt", text(&person.verified_at.to_string())),
            ("scopes", list(&["NAME", "DATE_OF_BIRTH"])),
            ("bornAt", text(&person.born_at.to_string())),
        ];
        let resource = Resource {
            kind: "door".to_owned(),
            id: person.verification.clone(),
            attr: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        };
        Self {
            principal: Some(Principal {
                id: person.identity.clone(),
                roles: vec!["person".to_owned()],
            }),
            resources: vec![ResourceEntry {
                actions: vec!["enter".to_owned()],
                resource: Some(resource),
            }],
        }
    }
}

fn text(text: &str) -> Value {
    let kind = Some(Kind::StringValue(text.to_owned()));
    Value { kind }
}

fn list(texts: &[&str]) -> Value {
    let values = texts.iter().map(|of| text(of)).collect();
    let kind = Some(Kind::ListValue(ListValue { values }));
    Value { kind }
}
