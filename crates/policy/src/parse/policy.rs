//! One policy, as a policy file writes it.

use std::time::Duration;

use url::Url;

use super::{
    lists::ListTexts,
    requirement::{self, Context},
};
use crate::{
    effect::Refusal,
    limits::RULES_MAX,
    rule::Rule,
    set::{EvidenceTerms, Policy},
    yaml::{Decoder, Node},
};

const REFUSALS: [(&str, Refusal); 2] = [("step_up", Refusal::StepUp), ("deny", Refusal::Deny)];

/// The policy that this node describes, with the texts of the lists that it names.
pub(super) fn read(decoder: &mut Decoder<'_>, node: &Node, lists: &ListTexts) -> Option<Policy> {
    let mut fields = decoder.fields(node, "a policy")?;
    let description = fields
        .take("description")
        .and_then(|node| decoder.text(node, "`description`"))
        .map(str::to_owned);
    let rules = fields
        .require("require", decoder)
        .and_then(|node| read_rules(decoder, node, lists));
    let evidence = fields
        .take("evidence")
        .map_or(Some(EvidenceTerms::default()), |node| {
            read_evidence(decoder, node)
        });
    let reuse_allow = fields
        .take("reuse")
        .map_or(Some(Duration::ZERO), |node| read_reuse(decoder, node));
    let redirect = fields
        .take("step_up")
        .map_or(Some(None), |node| read_step_up(decoder, node).map(Some));
    fields.finish(decoder);
    let policy = Policy::new(description, rules?, evidence?, reuse_allow?);
    Some(policy.redirecting(redirect?))
}

fn read_rules(decoder: &mut Decoder<'_>, node: &Node, lists: &ListTexts) -> Option<Vec<Rule>> {
    let items = decoder.required_list(node, "`require`")?;
    if items.len() > RULES_MAX {
        let message = format!("more than {RULES_MAX} rules in one policy");
        let hint = "split it into several policies".to_owned();
        decoder.error(node.position, message, Some(hint));
        return None;
    }
    let rules: Vec<Rule> = items
        .iter()
        .filter_map(|item| read_rule(decoder, item, lists))
        .collect();
    (rules.len() == items.len()).then_some(rules)
}

fn read_rule(decoder: &mut Decoder<'_>, node: &Node, lists: &ListTexts) -> Option<Rule> {
    let mut fields = decoder.fields(node, "a rule")?;
    let otherwise = fields
        .take("otherwise")
        .map_or(Some(Refusal::Deny), |node| {
            decoder.word(node, "`otherwise`", &REFUSALS)
        });
    let context = Context {
        lists,
        beside: &["otherwise"],
        depth: 0,
    };
    let position = fields
        .others()
        .next()
        .map_or(node.position, |(key, _)| key.position);
    let requirement = requirement::read(decoder, &fields, context);
    let rule = Rule::new(requirement?, otherwise?);
    Some(rule.read_at(decoder.location(position)))
}

fn read_evidence(decoder: &mut Decoder<'_>, node: &Node) -> Option<EvidenceTerms> {
    let mut fields = decoder.fields(node, "`evidence`")?;
    let EvidenceTerms {
        fresh_for,
        stale_for,
        unavailable,
    } = EvidenceTerms::default();
    let fresh_for = fields.take("fresh_for").map_or(Some(fresh_for), |node| {
        decoder.duration(node, "`fresh_for`")
    });
    let stale_for = fields.take("stale_for").map_or(Some(stale_for), |node| {
        decoder.duration(node, "`stale_for`")
    });
    let unavailable = fields
        .take("unavailable")
        .map_or(Some(unavailable), |node| {
            decoder.word(node, "`unavailable`", &REFUSALS)
        });
    fields.finish(decoder);
    Some(EvidenceTerms {
        fresh_for: fresh_for?,
        stale_for: stale_for?,
        unavailable: unavailable?,
    })
}

fn read_reuse(decoder: &mut Decoder<'_>, node: &Node) -> Option<Duration> {
    let mut fields = decoder.fields(node, "`reuse`")?;
    let allow = fields.take("allow").map_or(Some(Duration::ZERO), |node| {
        decoder.duration(node, "`allow`")
    });
    fields.finish(decoder);
    allow
}

/// Where a browser may be sent; whether that is on the configured allow-list is judged by who knows the configuration.
fn read_step_up(decoder: &mut Decoder<'_>, node: &Node) -> Option<Box<str>> {
    let mut fields = decoder.fields(node, "`step_up`")?;
    let redirect = fields.require("redirect", decoder);
    fields.finish(decoder);
    let text = decoder.text(redirect?, "`redirect`")?;
    let url = Url::parse(text).ok();
    let usable = url.is_some_and(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    if !usable {
        let hint = "such as `https://sso.example.com/step-up`".to_owned();
        let message = format!("`{text}` is not an https URL without a user");
        decoder.error(redirect?.position, message, Some(hint));
        return None;
    }
    Some(text.into())
}
