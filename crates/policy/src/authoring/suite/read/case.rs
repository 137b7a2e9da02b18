//! One case of a case file.

use std::sync::Arc;

use super::{
    super::case::{CachedCopy, Case, Expect, verification_id},
    evidence::read_finding,
    expect::read_expect,
    fixtures::Fixtures,
    request::{RequestFacts, read_request},
    values::{instant, optional},
};
use crate::{
    evidence::{Evidence, Finding},
    request::{PolicyName, Request},
    set::PolicySet,
    time::{Timestamp, before, from_millis},
    yaml::{Decoder, Node, Position, Reported, SourceText, did_you_mean},
};

/// More names than these are no help in a hint.
pub(super) const NAMES_SHOWN_MAX: usize = 12;

/// A case without its place in a file.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) name_position: Position,
    request: Request,
    finding: Finding,
    cached: Option<CachedCopy>,
    now: Timestamp,
    expect: Expect,
}

impl Draft {
    pub(super) fn into_case(self, file: &Arc<SourceText>, position: Position) -> Case {
        Case {
            name: self.name,
            source: Arc::clone(file),
            position,
            request: self.request,
            evidence: Evidence {
                finding: self.finding,
                seen_at: self
                    .cached
                    .map_or(self.now, |copy| before(self.now, copy.age)),
            },
            cached: self.cached,
            now: self.now,
            expect: self.expect,
        }
    }
}

/// One case.
pub(super) fn read_case(
    decoder: &mut Decoder<'_>,
    node: &Node,
    policies: &PolicySet,
    fixtures: &Fixtures<'_>,
    must_expect: bool,
) -> Result<Draft, Reported> {
    let mut fields = decoder.fields(node, "a case")?;
    let name = fields
        .require("name", decoder)
        .and_then(|node| Ok((decoder.text(node, "`name`")?, node.position)));
    let policy = fields
        .require("policy", decoder)
        .and_then(|node| read_policy(decoder, node, policies));
    let now = match (fields.take("at"), fixtures.at) {
        (None, Some(at)) => Ok(at),
        _ => fields
            .require("at", decoder)
            .and_then(|node| instant(decoder, node, "`at`")),
    };
    // A missing instant is reported, so ages do not matter then.
    let known_now = now.unwrap_or(from_millis(0));
    let finding = read_finding(decoder, &mut fields, &fixtures.verifications, known_now);
    let request = optional(fields.take("request"), RequestFacts::default(), |node| {
        let node = fixtures.requests.resolve(decoder, node)?;
        read_request(decoder, &node, known_now)
    });
    let expect = optional(fields.take("expect"), Expect::default(), |node| {
        read_expect(decoder, node)
    });
    fields.finish(decoder);
    let expect = expect.and_then(|expect| {
        if must_expect && expect.is_empty() {
            let message = "the case expects nothing, so it cannot fail";
            let hint =
                "write what it expects, such as `expect: { decision: deny, reasons: [VERIFICATION_TOO_OLD] }`";
            return Err(decoder.error(node.position, message, Some(hint.to_owned())));
        }
        Ok(expect)
    });
    let verification = verification_id().ok_or_else(|| {
        let message = "no identifier for the verification; this is a mistake in verigate";
        decoder.error(node.position, message, None)
    });
    let ((name, name_position), request, (finding, cached)) = (name?, request?, finding?);
    Ok(Draft {
        name: name.to_owned(),
        name_position,
        request: Request {
            policy: policy?,
            verification: verification?,
            identity: request.identity,
            authentication: request.authentication,
            attributes: request.attributes,
            id: "".into(),
        },
        finding,
        cached,
        now: now?,
        expect: expect?,
    })
}

/// The name of a policy of this set.
fn read_policy(
    decoder: &mut Decoder<'_>,
    node: &Node,
    policies: &PolicySet,
) -> Result<PolicyName, Reported> {
    let text = decoder.text(node, "`policy`")?;
    let name = PolicyName::parse(text).ok();
    let found = name.filter(|name| policies.find(name).is_some());
    found.ok_or_else(|| {
        let names = || policies.iter().map(|(name, _)| name.as_str());
        let hint = did_you_mean(text, names()).or_else(|| {
            let known: Vec<&str> = names().take(NAMES_SHOWN_MAX + 1).collect();
            (known.len() <= NAMES_SHOWN_MAX).then(|| format!("there are: {}", known.join(", ")))
        });
        let message = format!("there is no policy `{text}`");
        decoder.error(node.position, message, hint)
    })
}
