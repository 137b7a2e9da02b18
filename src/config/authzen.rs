//! `[authzen]`: how evaluations of AuthZEN name the person and the policy.

use std::{collections::BTreeSet, time::Duration};

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::{
    http::authzen::{ActionPattern, Config, PolicySource, PublicUrl, VerificationSource},
    policy::PolicyName,
    web_url::web_url,
};

/// The longest deadline, as for forward auth.
const DEADLINE_MAX: Duration = Duration::from_secs(10);
const POLICY_HINT: &str = r#"such as { "GET route /todos/*" = "read-todos" }"#;

/// The settings of AuthZEN.
pub(super) fn read(reader: &mut Reader) -> Result<Config, Reported> {
    // What is wrong with it was reported where the hosts are read.
    let public_url = web_url(reader.section("http").text("public_url")).ok();
    let public_url = public_url.as_ref().and_then(PublicUrl::of);
    let are_followed = reader.section("step_up").boolean("follow_successors");
    // One of another type is refused before.
    let are_followed = are_followed.unwrap_or_default();
    let section = &mut reader.section("authzen");
    let access_requests = access_requests(section, public_url.is_some(), are_followed);
    let deadline = deadline(section);
    let subject_types = subject_types(section);
    let policy_from = policy_from(section);
    let verification_from = verification_from(section);
    Ok(Config {
        deadline: deadline?,
        subject_types: subject_types?,
        policy_from: policy_from?,
        verification_from: verification_from?,
        access_requests: access_requests?,
        public_url,
    })
}

/// Whether access can be requested: an endpoint must have an address, and a link must lead to another decision.
fn access_requests(
    section: &mut Section<'_>,
    has_address: bool,
    are_followed: bool,
) -> Result<bool, Reported> {
    let is_on = section.boolean("access_requests")?;
    let needed = match (has_address, are_followed) {
        _ if !is_on => return Ok(false),
        (false, _) => "http.public_url is not an https address",
        (true, false) => "step_up.follow_successors is not",
        (true, true) => return Ok(true),
    };
    let message = format!("authzen.access_requests is set, but {needed}");
    Err(section.problem("access_requests", message, None))
}

fn deadline(section: &mut Section<'_>) -> Result<Duration, Reported> {
    let deadline = section.duration("deadline")?;
    if deadline > DEADLINE_MAX {
        let message = format!(
            "authzen.deadline is longer than {}s",
            DEADLINE_MAX.as_secs()
        );
        return Err(section.problem("deadline", message, None));
    }
    Ok(deadline)
}

fn subject_types(section: &mut Section<'_>) -> Result<BTreeSet<Box<str>>, Reported> {
    let types: Option<BTreeSet<Box<str>>> = section
        .list("subject_types")
        .into_iter()
        .map(|text| text.filter(|text| !text.is_empty()).map(Into::into))
        .collect();
    match types {
        Some(types) if !types.is_empty() => Ok(types),
        _ => {
            let message = "authzen.subject_types is not a list of types";
            Err(section.problem("subject_types", message, Some(r#"such as ["user"]"#)))
        }
    }
}

fn policy_from(section: &mut Section<'_>) -> Result<PolicySource, Reported> {
    match section.text("policy_from") {
        "action.name" => Ok(PolicySource::ActionName),
        "resource.id" => Ok(PolicySource::ResourceId),
        "resource.type" => Ok(PolicySource::ResourceType),
        "" => patterns(section),
        text => {
            let message = format!(
                "authzen.policy_from: `{text}` is not one of: action.name, resource.id, resource.type"
            );
            let hint = format!("or a table of patterns, {POLICY_HINT}");
            Err(section.problem("policy_from", message, Some(&hint)))
        }
    }
}

fn patterns(section: &mut Section<'_>) -> Result<PolicySource, Reported> {
    let table = section.table("policy_from");
    let mut patterns = Ok(Vec::new());
    for (text, policy) in &table {
        let pattern = ActionPattern::parse(text);
        let pattern = pattern.map_err(|error| format!("authzen.policy_from: `{text}` {error}"));
        let policy = PolicyName::parse(policy.unwrap_or_default());
        let policy =
            policy.map_err(|error| format!("authzen.policy_from: the policy of `{text}` {error}"));
        match (pattern, policy, &mut patterns) {
            (Ok(pattern), Ok(policy), Ok(patterns)) => patterns.push((pattern, policy)),
            (Ok(_), Ok(_), Err(_)) => {}
            (Err(message), _, patterns) | (_, Err(message), patterns) => {
                *patterns = Err(section.problem("policy_from", message, Some(POLICY_HINT)));
            }
        }
    }
    let patterns = patterns?;
    if patterns.is_empty() {
        let message = "authzen.policy_from is empty";
        return Err(section.problem("policy_from", message, Some(POLICY_HINT)));
    }
    Ok(PolicySource::Patterns(patterns))
}

fn verification_from(section: &mut Section<'_>) -> Result<VerificationSource, Reported> {
    let text = section.text("verification_from");
    if text == "subject.id" {
        return Ok(VerificationSource::SubjectId);
    }
    match text.strip_prefix("subject.properties.") {
        Some(name) if !name.is_empty() => Ok(VerificationSource::Property(name.into())),
        _ => {
            let message = format!(
                "authzen.verification_from: `{text}` is not `subject.id` or `subject.properties.NAME`"
            );
            let hint = r#"such as "subject.properties.verification_id""#;
            Err(section.problem("verification_from", message, Some(hint)))
        }
    }
}
