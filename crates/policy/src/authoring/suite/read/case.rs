//! One case of a case file.

use std::sync::Arc;

use super::{
    super::case::{Case, Expect, verification_id},
    evidence::read_finding,
    expect::read_expect,
    request::{RequestFacts, read_request},
    values::{instant, optional},
};
use crate::{
    evidence::{Evidence, Finding},
    request::{PolicyName, Request},
    set::PolicySet,
    time::Timestamp,
    yaml::{Node, Place, Reader, SourceText, did_you_mean},
};

/// More names than these are no help in a hint.
pub(super) const NAMES_SHOWN_MAX: usize = 12;

/// A case without its place in a file.
pub(super) struct Draft {
    name: String,
    request: Request,
    finding: Finding,
    now: Timestamp,
    expect: Expect,
}

impl Draft {
    pub(super) fn into_case(self, file: &Arc<SourceText>, place: Place) -> Case {
        Case {
            name: self.name,
            source: Arc::clone(file),
            place,
            request: self.request,
            evidence: Evidence {
                finding: self.finding,
                seen_at: self.now,
            },
            now: self.now,
            expect: self.expect,
        }
    }
}

/// A case; `None` if it has problems, which are then reported.
pub(super) fn read_case(
    reader: &mut Reader<'_>,
    node: &Node,
    policies: &PolicySet,
) -> Option<Draft> {
    let mut fields = reader.fields(node, "a case")?;
    let name = fields
        .require("name", reader)
        .and_then(|node| reader.text(node, "`name`"));
    let policy = fields
        .require("policy", reader)
        .and_then(|node| read_policy(reader, node, policies));
    let now = fields
        .require("at", reader)
        .and_then(|node| instant(reader, node, "`at`"));
    let finding = read_finding(reader, &mut fields);
    let request = optional(fields.take("request"), RequestFacts::default(), |node| {
        read_request(reader, node)
    });
    let expect = optional(fields.take("expect"), Expect::default(), |node| {
        read_expect(reader, node)
    });
    fields.finish(reader);
    let request = request?;
    Some(Draft {
        name: name?.to_owned(),
        request: Request {
            policy: policy?,
            verification: verification_id()?,
            identity: request.identity,
            authentication: request.authentication,
            attributes: request.attributes,
            id: "".into(),
        },
        finding: finding?,
        now: now?,
        expect: expect?,
    })
}

/// The name of a policy of this set.
fn read_policy(reader: &mut Reader<'_>, node: &Node, policies: &PolicySet) -> Option<PolicyName> {
    let text = reader.text(node, "`policy`")?;
    let name = PolicyName::parse(text).ok();
    let found = name.filter(|name| policies.find(name).is_some());
    if found.is_none() {
        let names = || policies.iter().map(|(name, _)| name.as_str());
        let hint = did_you_mean(text, names()).or_else(|| {
            let known: Vec<&str> = names().take(NAMES_SHOWN_MAX + 1).collect();
            (known.len() <= NAMES_SHOWN_MAX).then(|| format!("there are: {}", known.join(", ")))
        });
        let message = format!("there is no policy `{text}`");
        reader.error(node.place, message, hint);
    }
    found
}
