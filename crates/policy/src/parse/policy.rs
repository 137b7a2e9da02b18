//! One policy, as a policy file writes it.

use std::time::Duration;

use url::Url;

use super::{
    list_texts::ReadLists,
    requirement::{self, Context},
};
use crate::{
    effect::Refusal,
    limits::RULES_MAX,
    rule::Rule,
    set::{EvidenceTerms, Policy},
    yaml::{Decoder, Node, ProblemCode, Reported, all},
};

const REFUSALS: [(&str, Refusal); 2] = [("step_up", Refusal::StepUp), ("deny", Refusal::Deny)];

const NO_ALLOW: &str = "an unmet rule cannot allow: write `step_up` or `deny`; to accept something else, write an alternative in `any_of`";
const MEANS_DENY: &str = "did you mean `deny`?";
const MEANS_STEP_UP: &str = "did you mean `step_up`?";
/// What people write for an effect.
const OTHER_EFFECTS: [(&str, &str); 22] = [
    ("allow", NO_ALLOW),
    ("permit", NO_ALLOW),
    ("grant", NO_ALLOW),
    ("accept", NO_ALLOW),
    ("pass", NO_ALLOW),
    ("ignore", NO_ALLOW),
    ("denied", MEANS_DENY),
    ("refuse", MEANS_DENY),
    ("reject", MEANS_DENY),
    ("block", MEANS_DENY),
    ("forbid", MEANS_DENY),
    ("fail", MEANS_DENY),
    ("no", MEANS_DENY),
    ("false", MEANS_DENY),
    ("closed", MEANS_DENY),
    ("challenge", MEANS_STEP_UP),
    ("mfa", MEANS_STEP_UP),
    ("verify", MEANS_STEP_UP),
    ("reverify", MEANS_STEP_UP),
    ("reauthenticate", MEANS_STEP_UP),
    ("ask", MEANS_STEP_UP),
    ("step", MEANS_STEP_UP),
];

/// What people write for the effect in an outage.
fn in_outage() -> Vec<(&'static str, &'static str)> {
    let others = OTHER_EFFECTS.iter().map(|(word, hint)| match *hint {
        NO_ALLOW => (
            *word,
            "missing evidence cannot allow: write `deny`, and a `stale_for` to use cached evidence in an outage",
        ),
        hint => (*word, hint),
    });
    others.collect()
}

/// Reads the policy at this node, with the lists that it names.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    node: &Node,
    lists: &ReadLists,
) -> Result<Policy, Reported> {
    let mut fields = decoder.fields(node, "a policy")?;
    let description = fields
        .take("description")
        .map(|node| decoder.text(node, "`description`").map(str::to_owned));
    let rules = fields
        .require("require", decoder)
        .and_then(|node| read_rules(decoder, node, lists));
    let evidence = fields
        .take("evidence")
        .map(|node| read_evidence(decoder, node));
    let reuse_allow = fields.take("reuse").map(|node| read_reuse(decoder, node));
    let redirect = fields
        .take("step_up")
        .map(|node| read_step_up(decoder, node));
    let allow_unrecorded = fields
        .take("journal")
        .map(|node| read_journal(decoder, node));
    fields.finish(decoder);
    let evidence = evidence.transpose()?.unwrap_or_default();
    let reuse_allow = reuse_allow.transpose()?.unwrap_or_default();
    // A description that is no text is reported, and the rest of the policy is checked all the same.
    let description = description.and_then(Result::ok);
    let allow_unrecorded = allow_unrecorded.transpose()?.unwrap_or_default();
    let policy = Policy::new(description, rules?, evidence, reuse_allow)
        .allowing_unrecorded(allow_unrecorded);
    Ok(policy.redirecting(redirect.transpose()?))
}

fn read_rules(
    decoder: &mut Decoder<'_>,
    node: &Node,
    lists: &ReadLists,
) -> Result<Vec<Rule>, Reported> {
    let items = decoder.required_list(node, "`require`")?;
    if items.len() > RULES_MAX {
        let message = format!("more than {RULES_MAX} rules in one policy");
        let hint = "split it into several policies";
        return Err(decoder.refuse(ProblemCode::TooMany, node.position, message, hint));
    }
    all(items.iter().map(|item| read_rule(decoder, item, lists)))
}

fn read_rule(decoder: &mut Decoder<'_>, node: &Node, lists: &ReadLists) -> Result<Rule, Reported> {
    requirement::refuse_text(decoder, node, "a rule")?;
    let mut fields = decoder.fields(node, "a rule")?;
    let otherwise = fields
        .take("otherwise")
        .map(|node| decoder.word_or(node, "`otherwise`", &REFUSALS, &OTHER_EFFECTS));
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
    let otherwise = otherwise.transpose()?.unwrap_or(Refusal::Deny);
    let rule = Rule::new(requirement?, otherwise);
    Ok(rule.read_at(decoder.location(position)))
}

fn read_evidence(decoder: &mut Decoder<'_>, node: &Node) -> Result<EvidenceTerms, Reported> {
    let mut fields = decoder.fields(node, "`evidence`")?;
    let fresh_for = fields
        .take("fresh_for")
        .map(|node| decoder.duration(node, "`fresh_for`"));
    let stale_for = fields
        .take("stale_for")
        .map(|node| decoder.duration(node, "`stale_for`"));
    let unavailable = fields
        .take("unavailable")
        .map(|node| decoder.word_or(node, "`unavailable`", &REFUSALS, &in_outage()));
    fields.finish(decoder);
    let terms = EvidenceTerms::default();
    Ok(EvidenceTerms {
        fresh_for: fresh_for.transpose()?.unwrap_or(terms.fresh_for),
        stale_for: stale_for.transpose()?.unwrap_or(terms.stale_for),
        unavailable: unavailable.transpose()?.unwrap_or(terms.unavailable),
    })
}

fn read_reuse(decoder: &mut Decoder<'_>, node: &Node) -> Result<Duration, Reported> {
    let mut fields = decoder.fields(node, "`reuse`")?;
    let allow = fields
        .take("allow")
        .map(|node| decoder.duration(node, "`allow`"));
    fields.finish(decoder);
    Ok(allow.transpose()?.unwrap_or_default())
}

fn read_journal(decoder: &mut Decoder<'_>, node: &Node) -> Result<bool, Reported> {
    let mut fields = decoder.fields(node, "`journal`")?;
    let allow = fields
        .require("allow_unrecorded", decoder)
        .and_then(|node| {
            decoder.word(
                node,
                "`allow_unrecorded`",
                &[("true", true), ("false", false)],
            )
        });
    fields.finish(decoder);
    allow
}

/// The URL of a step-up. Whether it is on the configured allow-list is checked by those who know the configuration.
fn read_step_up(decoder: &mut Decoder<'_>, node: &Node) -> Result<Box<str>, Reported> {
    let mut fields = decoder.fields(node, "`step_up`")?;
    let redirect = fields.require("redirect", decoder);
    fields.finish(decoder);
    let redirect = redirect?;
    let text = decoder.text(redirect, "`redirect`")?;
    let url = Url::parse(text).ok();
    let usable = url.is_some_and(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    if usable {
        return Ok(text.into());
    }
    let hint = "such as `https://sso.example.com/step-up`";
    let message = format!("`{text}` is not an https URL without a user");
    Err(decoder.refuse(ProblemCode::InvalidValue, redirect.position, message, hint))
}
