//! Policy files in, one compiled set out; or every problem in all of them at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    decision::Refusal,
    diagnostic::{Place, Problems, SourceText},
    document::{Fields, Key, Node, Reader, unknown_key},
    evidence::Scope,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{EvidenceTerms, Policy, PolicySet},
};

/// How many policies a set may have.
const POLICIES_MAX: usize = 1000;
/// How many rules a policy may have.
const RULES_MAX: usize = 64;
/// The greatest age that can be asked for, in years.
const AGE_MAX: u16 = 150;

const REFUSALS: [(&str, Refusal); 2] = [("step_up", Refusal::StepUp), ("deny", Refusal::Deny)];

/// The requirements that can be written today.
const REQUIREMENTS: [&str; 4] = ["status", "verified_within", "scopes", "age_at_least"];
/// The requirements that the language names and this version does not judge yet.
const REQUIREMENTS_TO_COME: [&str; 11] = [
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

/// Compiles every file into one set.
pub fn parse(files: &[Arc<SourceText>]) -> Result<PolicySet, Problems> {
    let mut problems = Problems::default();
    let mut policies = BTreeMap::new();
    let mut first_seen: BTreeMap<PolicyName, String> = BTreeMap::new();
    for file in files {
        let mut reader = Reader::new(Arc::clone(file), &mut problems);
        for (place, name, policy) in read_file(&mut reader) {
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
    if problems.is_empty() {
        Ok(PolicySet::new(policies))
    } else {
        Err(problems.in_order())
    }
}

/// The policies of one file that could be read.
fn read_file(reader: &mut Reader<'_>) -> Vec<(Place, PolicyName, Policy)> {
    let Some(root) = reader.document() else {
        return Vec::new();
    };
    let Some(mut fields) = reader.fields(&root, "a policy file") else {
        return Vec::new();
    };
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
    policies
        .others()
        .filter_map(|(key, node)| {
            let name = PolicyName::parse(&key.name)
                .map_err(|why| {
                    let message = format!("`{}` cannot name a policy", key.name);
                    reader.error(key.place, message, Some(format!("a name {why}")));
                })
                .ok();
            let policy = read_policy(reader, node);
            Some((key.place, name?, policy?))
        })
        .collect()
}

fn read_policy(reader: &mut Reader<'_>, node: &Node) -> Option<Policy> {
    let mut fields = reader.fields(node, "a policy")?;
    let description = fields
        .take("description")
        .and_then(|node| reader.text(node, "`description`"))
        .map(str::to_owned);
    let rules = fields
        .require("require", reader)
        .and_then(|node| read_rules(reader, node));
    let evidence = fields
        .take("evidence")
        .map_or(Some(EvidenceTerms::default()), |node| {
            read_evidence(reader, node)
        });
    let reuse_allow = fields
        .take("reuse")
        .map_or(Some(Duration::ZERO), |node| read_reuse(reader, node));
    if let Some(node) = fields.take("step_up") {
        let message = "`step_up` is part of the language, but this version does not act on it yet";
        let hint = "leave it out: a policy never promises what is not done";
        reader.error(node.place, message, Some(hint.to_owned()));
    }
    fields.finish(reader);
    Some(Policy::new(description, rules?, evidence?, reuse_allow?))
}

fn read_rules(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Rule>> {
    let items = reader.list(node, "`require`")?;
    if items.len() > RULES_MAX {
        let message = format!("more than {RULES_MAX} rules in one policy");
        let hint = "split it into several policies".to_owned();
        reader.error(node.place, message, Some(hint));
        return None;
    }
    let rules: Vec<Rule> = items
        .iter()
        .filter_map(|item| read_rule(reader, item))
        .collect();
    (rules.len() == items.len()).then_some(rules)
}

fn read_rule(reader: &mut Reader<'_>, node: &Node) -> Option<Rule> {
    let mut fields = reader.fields(node, "a rule")?;
    let otherwise = fields
        .take("otherwise")
        .map_or(Some(Refusal::Deny), |node| {
            reader.word(node, "`otherwise`", &REFUSALS)
        });
    let requirement = read_requirement(reader, &fields);
    Some(Rule::new(requirement?, otherwise?))
}

/// The one requirement among the fields of a rule.
fn read_requirement(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Requirement> {
    let mut others = fields.others();
    let Some((key, node)) = others.next() else {
        let hint = format!("one of: {}", REQUIREMENTS.join(", "));
        reader.error(fields.place, "the rule requires nothing", Some(hint));
        return None;
    };
    let requirement = requirement(reader, key, node);
    let mut alone = true;
    for (key, _) in others {
        alone = false;
        if REQUIREMENTS.contains(&key.name.as_str()) {
            let hint = "begin another rule with `-`: a rule has one requirement";
            let message = format!("a second requirement, `{}`, in one rule", key.name);
            reader.error(key.place, message, Some(hint.to_owned()));
        } else {
            unknown_requirement(reader, key);
        }
    }
    requirement.filter(|_| alone)
}

fn requirement(reader: &mut Reader<'_>, key: &Key, node: &Node) -> Option<Requirement> {
    let what = format!("`{}`", key.name);
    match key.name.as_str() {
        "status" => reader
            .texts(node, &what)
            .map(|names| Requirement::Status(names.into_iter().map(Into::into).collect())),
        "verified_within" => reader
            .duration(node, &what)
            .map(Requirement::VerifiedWithin),
        "scopes" => reader.texts(node, &what).map(|names| {
            let mut seen = BTreeSet::new();
            let scopes = names.into_iter().filter(|name| seen.insert(*name));
            Requirement::Scopes(scopes.map(Scope::from).collect())
        }),
        "age_at_least" => reader
            .whole_number(node, &what, 0..=AGE_MAX)
            .map(Requirement::AgeAtLeast),
        _ => {
            unknown_requirement(reader, key);
            None
        }
    }
}

fn unknown_requirement(reader: &mut Reader<'_>, key: &Key) {
    if REQUIREMENTS_TO_COME.contains(&key.name.as_str()) {
        let message = format!("this version does not judge `{}` yet", key.name);
        let hint = format!("known today: {}", REQUIREMENTS.join(", "));
        reader.error(key.place, message, Some(hint));
    } else {
        let known = REQUIREMENTS.into_iter().chain(["otherwise"]);
        unknown_key(reader, key, known);
    }
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
