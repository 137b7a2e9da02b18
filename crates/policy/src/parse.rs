//! Policy files in, one compiled set out; or every problem in all of them at once.

mod duration;
mod requirement;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use url::Url;

use self::requirement::Context;
use super::{
    effect::Refusal,
    limits::{POLICIES_MAX, RULES_MAX, TEXT_BYTES_MAX},
    request::PolicyName,
    rule::Rule,
    set::{EvidenceTerms, Policy, PolicySet},
    yaml::{Diagnostic, Node, Place, Problems, Reader, SourceText, Spot},
};

const REFUSALS: [(&str, Refusal); 2] = [("step_up", Refusal::StepUp), ("deny", Refusal::Deny)];

/// Finds the text of a list that a policy file names: given the policy file's path and the name in it, or why not.
pub type Lists<'l> = &'l dyn Fn(&str, &str) -> Result<String, String>;

/// Compiles every file into one set. Pure: the texts of lists are handed in by who may read files.
pub fn parse(files: &[Arc<SourceText>], lists: Lists<'_>) -> Result<PolicySet, Problems> {
    let mut problems = Problems::default();
    let mut policies = BTreeMap::new();
    let mut first_seen: BTreeMap<PolicyName, String> = BTreeMap::new();
    let mut empty = None;
    for file in files {
        let mut reader = Reader::new(Arc::clone(file), &mut problems);
        for (place, name, policy) in read_file(&mut reader, lists, &mut empty) {
            if let Some(path) = first_seen.get(&name) {
                let message = format!("the policy `{name}` is defined twice");
                reader.error(place, message, Some(format!("the other is in {path}")));
            }
            if policies.len() >= POLICIES_MAX {
                let message = format!("more than {POLICIES_MAX} policies");
                let hint = "run another service for the rest".to_owned();
                reader.error(place, message, Some(hint));
                return Err(problems.in_order());
            }
            first_seen
                .entry(name.clone())
                .or_insert_with(|| file.path.clone());
            policies.insert(name, policy);
        }
    }
    // One file of several may have none; all together may not.
    if let Some(spot) = empty.filter(|_| policies.is_empty() && problems.is_empty()) {
        problems.push(Diagnostic {
            spot,
            message: "`policies` is empty".to_owned(),
            hint: Some("write at least one".to_owned()),
        });
    }
    if problems.is_empty() {
        Ok(PolicySet::new(policies))
    } else {
        Err(problems.in_order())
    }
}

/// The policies of one file that could be read; and where there should be some, if it has none.
fn read_file(
    reader: &mut Reader<'_>,
    lists: Lists<'_>,
    empty: &mut Option<Spot>,
) -> Vec<(Place, PolicyName, Policy)> {
    let Some(root) = reader.document(TEXT_BYTES_MAX) else {
        return Vec::new();
    };
    let Some(mut fields) = reader.fields(&root, "a policy file") else {
        return Vec::new();
    };
    if let Some(cases) = fields.mistaken_for("cases", "policies") {
        let hint = "`verigate policy test` runs cases against policies".to_owned();
        let message = "this is a case file, not a policy file";
        reader.error(cases.place, message, Some(hint));
        return Vec::new();
    }
    if let Some(version) = fields.require("version", reader) {
        let hint = "this release reads version 1 of the language";
        if reader.text(version, "`version`").is_some_and(|v| v != "1") {
            let message = "this version of the language is not known";
            reader.error(version.place, message, Some(hint.to_owned()));
        }
    }
    let policies = fields
        .require("policies", reader)
        .and_then(|node| reader.fields(node, "`policies`"));
    fields.finish(reader);
    let Some(policies) = policies else {
        return Vec::new();
    };
    if policies.is_empty() {
        empty.get_or_insert_with(|| reader.spot(policies.place));
    }
    policies
        .others()
        .filter_map(|(key, node)| {
            let name = PolicyName::parse(&key.name)
                .map_err(|why| {
                    let message = format!("`{}` cannot name a policy", key.name);
                    reader.error(key.place, message, Some(format!("a name {why}")));
                })
                .ok();
            let policy = read_policy(reader, node, lists);
            let policy = policy?.read_at(reader.spot(key.place));
            Some((key.place, name?, policy))
        })
        .collect()
}

fn read_policy(reader: &mut Reader<'_>, node: &Node, lists: Lists<'_>) -> Option<Policy> {
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

fn read_rules(reader: &mut Reader<'_>, node: &Node, lists: Lists<'_>) -> Option<Vec<Rule>> {
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

fn read_rule(reader: &mut Reader<'_>, node: &Node, lists: Lists<'_>) -> Option<Rule> {
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
