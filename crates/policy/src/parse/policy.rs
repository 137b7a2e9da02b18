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
    yaml::{Node, Reader},
};

const REFUSALS: [(&str, Refusal); 2] = [("step_up", Refusal::StepUp), ("deny", Refusal::Deny)];

/// The policy that this node describes, with the texts of the lists that it names.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, lists: &ListTexts) -> Option<Policy> {
    let mut fields = reader.fields(node, "a policy")?;
    let description = fields
        .take("description")
        .and_then(|node| reader.text(node, "`description`"))
        .map(str::to_owned);
    let rules = fields
        .require("require", reader)
        .and_then(|node| read_rules(reader, node, lists));
    let evidence = fields
        .take("evidence")
        .map_or(Some(EvidenceTerms::default()), |node| {
            read_evidence(reader, node)
        });
    let reuse_allow = fields
        .take("reuse")
        .map_or(Some(Duration::ZERO), |node| read_reuse(reader, node));
    let redirect = fields
        .take("step_up")
        .map_or(Some(None), |node| read_step_up(reader, node).map(Some));
    fields.finish(reader);
    let policy = Policy::new(description, rules?, evidence?, reuse_allow?);
    Some(policy.redirecting(redirect?))
}

fn read_rules(reader: &mut Reader<'_>, node: &Node, lists: &ListTexts) -> Option<Vec<Rule>> {
    let items = reader.required_list(node, "`require`")?;
    if items.len() > RULES_MAX {
        let message = format!("more than {RULES_MAX} rules in one policy");
        let hint = "split it into several policies".to_owned();
        reader.error(node.place, message, Some(hint));
        return None;
    }
    let rules: Vec<Rule> = items
        .iter()
        .filter_map(|item| read_rule(reader, item, lists))
        .collect();
    (rules.len() == items.len()).then_some(rules)
}

fn read_rule(reader: &mut Reader<'_>, node: &Node, lists: &ListTexts) -> Option<Rule> {
    let mut fields = reader.fields(node, "a rule")?;
    let otherwise = fields
        .take("otherwise")
        .map_or(Some(Refusal::Deny), |node| {
            reader.word(node, "`otherwise`", &REFUSALS)
        });
    let context = Context {
        lists,
        beside: &["otherwise"],
        depth: 0,
    };
    let place = fields
        .others()
        .next()
        .map_or(node.place, |(key, _)| key.place);
    let requirement = requirement::read(reader, &fields, context);
    let rule = Rule::new(requirement?, otherwise?);
    Some(rule.read_at(reader.spot(place)))
}

fn read_evidence(reader: &mut Reader<'_>, node: &Node) -> Option<EvidenceTerms> {
    let mut fields = reader.fields(node, "`evidence`")?;
    let EvidenceTerms {
        fresh_for,
        stale_for,
        unavailable,
    } = EvidenceTerms::default();
    let fresh_for = fields
        .take("fresh_for")
        .map_or(Some(fresh_for), |node| reader.duration(node, "`fresh_for`"));
    let stale_for = fields
        .take("stale_for")
        .map_or(Some(stale_for), |node| reader.duration(node, "`stale_for`"));
    let unavailable = fields
        .take("unavailable")
        .map_or(Some(unavailable), |node| {
            reader.word(node, "`unavailable`", &REFUSALS)
        });
    fields.finish(reader);
    Some(EvidenceTerms {
        fresh_for: fresh_for?,
        stale_for: stale_for?,
        unavailable: unavailable?,
    })
}

fn read_reuse(reader: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    let mut fields = reader.fields(node, "`reuse`")?;
    let allow = fields.take("allow").map_or(Some(Duration::ZERO), |node| {
        reader.duration(node, "`allow`")
    });
    fields.finish(reader);
    allow
}

/// Where a browser may be sent; whether that is on the configured allow-list is judged by who knows the configuration.
fn read_step_up(reader: &mut Reader<'_>, node: &Node) -> Option<Box<str>> {
    let mut fields = reader.fields(node, "`step_up`")?;
    let redirect = fields.require("redirect", reader);
    fields.finish(reader);
    let text = reader.text(redirect?, "`redirect`")?;
    let url = Url::parse(text).ok();
    let usable = url.is_some_and(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    if !usable {
        let hint = "such as `https://sso.example.com/step-up`".to_owned();
        let message = format!("`{text}` is not an https URL without a user");
        reader.error(redirect?.place, message, Some(hint));
        return None;
    }
    Some(text.into())
}
