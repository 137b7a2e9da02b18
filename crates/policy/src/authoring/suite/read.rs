//! Case files in, cases out; or every problem in all of them at once. What a case knows about a person is judged readable
//! by the same rules as what the upstream sends, so that a case that passes here passes at a door.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{civil::Date, tz::TimeZone};

use super::{CASES_BYTES_MAX, Case, Expect, Next, write::DATE_BYTES};
use crate::{
    effect::{Change, Effect},
    evidence::{Datum, Evidence, Finding, Flaw, Outage, Scope, Verification, are_within_bounds},
    reason::ReasonCode,
    request::{Authentication, PolicyName, Request, VerificationId},
    set::PolicySet,
    time::{Timestamp, from_millis, parse_instant},
    yaml::{
        Decoder, Diagnostics, Fields, Node, NodeKind, ParseError, Position, SourceText,
        did_you_mean,
    },
};

/// How many cases are run together.
const CASES_MAX: usize = 100_000;
/// More names than these are no hint.
const NAMES_SHOWN_MAX: usize = 12;
/// The verification that every case asks about. No policy can tell one identifier from another.
const VERIFICATION: &str = "the-verification";

const EFFECTS: [(&str, Effect); 3] = [
    ("allow", Effect::Allow),
    ("step_up", Effect::StepUp),
    ("deny", Effect::Deny),
];

/// The same as an identifier, which it is.
pub(super) fn verification_id() -> Option<VerificationId> {
    VerificationId::parse(VERIFICATION).ok()
}

/// Reads every case of these files, which are about the policies of this set.
pub fn read(files: &[Arc<SourceText>], policies: &PolicySet) -> Result<Vec<Case>, ParseError> {
    let mut problems = Diagnostics::default();
    let mut cases = Vec::new();
    for file in files {
        let mut reader = Decoder::new(Arc::clone(file), &mut problems);
        for (place, draft) in read_file(&mut reader, policies) {
            if cases.len() >= CASES_MAX {
                let message = format!("more than {CASES_MAX} cases");
                let hint = "run the rest apart".to_owned();
                reader.error(place, message, Some(hint));
                return Err(problems.into_error());
            }
            cases.push(draft.into_case(file, place));
        }
    }
    problems.into_result(cases)
}

/// A case that does not know yet where it stands.
struct Draft {
    name: String,
    request: Request,
    finding: Finding,
    now: Timestamp,
    expect: Expect,
}

impl Draft {
    fn into_case(self, file: &Arc<SourceText>, place: Position) -> Case {
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

/// The cases of one file that could be read.
fn read_file(reader: &mut Decoder<'_>, policies: &PolicySet) -> Vec<(Position, Draft)> {
    let Some(root) = reader.document(CASES_BYTES_MAX).ok() else {
        return Vec::new();
    };
    let Some(mut fields) = reader.fields(&root, "a case file").ok() else {
        return Vec::new();
    };
    if let Some(policies) = fields.mistaken_for("policies", "cases") {
        let hint = "give policies by `--policies`, and case files after it".to_owned();
        let message = "this is a policy file, not a case file";
        reader.error(policies.position, message, Some(hint));
        return Vec::new();
    }
    let items = fields
        .require("cases", reader)
        .ok()
        .and_then(|node| reader.required_list(node, "`cases`").ok());
    fields.finish(reader);
    items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| Some((item.position, read_case(reader, item, policies)?)))
        .collect()
}

fn read_case(reader: &mut Decoder<'_>, node: &Node, policies: &PolicySet) -> Option<Draft> {
    let mut fields = reader.fields(node, "a case").ok()?;
    let name = fields
        .require("name", reader)
        .ok()
        .and_then(|node| reader.text(node, "`name`").ok());
    let policy = fields
        .require("policy", reader)
        .ok()
        .and_then(|node| read_policy(reader, node, policies));
    let now = fields
        .require("at", reader)
        .ok()
        .and_then(|node| instant(reader, node, "`at`"));
    let finding = read_finding(reader, &mut fields);
    let asked = fields
        .take("request")
        .map_or(Some(Asked::default()), |node| read_asked(reader, node));
    let expect = fields
        .take("expect")
        .map_or(Some(Expect::default()), |node| read_expect(reader, node));
    fields.finish(reader);
    let asked = asked?;
    Some(Draft {
        name: name?.to_owned(),
        request: Request {
            policy: policy?,
            verification: verification_id()?,
            identity: asked.identity,
            authentication: asked.authentication,
            attributes: asked.attributes,
            id: "".into(),
        },
        finding: finding?,
        now: now?,
        expect: expect?,
    })
}

fn read_policy(reader: &mut Decoder<'_>, node: &Node, policies: &PolicySet) -> Option<PolicyName> {
    let text = reader.text(node, "`policy`").ok()?;
    let name = PolicyName::parse(text).ok();
    let found = name.filter(|name| policies.find(name).is_some());
    if found.is_none() {
        let names = || policies.iter().map(|(name, _)| name.as_str());
        let hint = did_you_mean(text, names()).or_else(|| {
            let known: Vec<&str> = names().take(NAMES_SHOWN_MAX + 1).collect();
            (known.len() <= NAMES_SHOWN_MAX).then(|| format!("there are: {}", known.join(", ")))
        });
        let message = format!("there is no policy `{text}`");
        reader.error(node.position, message, hint);
    }
    found
}

/// What the upstream said: a `verification`, or in its place that there was none to be had.
fn read_finding(reader: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Option<Finding> {
    let place = fields.position;
    match (fields.take("verification"), fields.take("upstream")) {
        (Some(node), None) => read_verification(reader, node),
        (None, Some(node)) => {
            let words = [
                ("down", Finding::Unknown(Outage::Failed)),
                ("absent", Finding::Absent),
            ];
            reader.word(node, "`upstream`", &words).ok()
        }
        (Some(verification), Some(node)) => {
            // It does not count, and its mistakes are told all the same.
            let _ = read_verification(reader, verification);
            let hint =
                "`upstream: down` and `upstream: absent` stand in the place of a `verification`";
            let message = "both `verification` and `upstream` in one case";
            reader.error(node.position, message, Some(hint.to_owned()));
            None
        }
        (None, None) => {
            let hint =
                "write `verification:`, or `upstream: down` or `upstream: absent` in its place";
            let message = "the case does not say what is known";
            reader.error(place, message, Some(hint.to_owned()));
            None
        }
    }
}

fn read_verification(reader: &mut Decoder<'_>, node: &Node) -> Option<Finding> {
    let mut fields = reader.fields(node, "`verification`").ok()?;
    let status = match fields.take("status") {
        Some(node) => any_text(reader, node, "`status`"),
        None => Some("VERIFIED"),
    };
    let verified_at = match filled(fields.take("verified_at")) {
        Some(node) => instant(reader, node, "`verified_at`").map(Some),
        None => Some(None),
    };
    let scopes = match fields.take("scopes") {
        Some(node) => any_texts(reader, node, "`scopes`"),
        None => Some(Vec::new()),
    };
    let mut text = |key: &'static str| match filled(fields.take(key)) {
        Some(node) => any_text(reader, node, &format!("`{key}`")).map(Some),
        None => Some(None),
    };
    let (identity, project) = (text("identity_id"), text("project_id"));
    let (full, first, last) = (text("full_name"), text("first_name"), text("last_name"));
    let phone = text("phone");
    let born = match filled(fields.take("date_of_birth")) {
        Some(node) => date_of_birth(reader, node),
        None => Some(Datum::Missing),
    };
    fields.finish(reader);

    let (status, project, scopes) = (status?, project?, scopes?);
    if !are_within_bounds([status].into_iter().chain(project), scopes.iter().copied()) {
        return Some(Finding::Unusable(Flaw::TooLarge));
    }
    let datum = |text: Option<&str>| text.map_or(Datum::Missing, Datum::text);
    Some(Finding::Present(Verification {
        id: Some(VERIFICATION.into()),
        trace_id: None,
        project: project.map(Into::into),
        status: Some(status.into()),
        verified_at: verified_at?,
        scopes: scopes.into_iter().map(Scope::from).collect(),
        identity: datum(identity?).as_identity(),
        name: Datum::name(datum(full?), datum(first?), datum(last?)),
        phone: datum(phone?).as_phone(),
        born: born?,
    }))
}

/// What the caller says about the situation.
#[derive(Default)]
struct Asked {
    identity: Option<Box<str>>,
    attributes: BTreeMap<String, String>,
    authentication: Option<Authentication>,
}

fn read_asked(reader: &mut Decoder<'_>, node: &Node) -> Option<Asked> {
    let mut fields = reader.fields(node, "`request`").ok()?;
    let identity = match filled(fields.take("identity_id")) {
        Some(node) => any_text(reader, node, "`identity_id`"),
        None => Some(""),
    };
    let attributes = match filled(fields.take("attributes")) {
        Some(node) => read_attributes(reader, node),
        None => Some(BTreeMap::new()),
    };
    let authentication = match filled(fields.take("authentication")) {
        Some(node) => read_authentication(reader, node).map(Some),
        None => Some(None),
    };
    fields.finish(reader);
    Some(Asked {
        // As a door's question is read: an empty identity is none.
        identity: identity.map(|id| (!id.is_empty()).then(|| id.into()))?,
        attributes: attributes?,
        authentication: authentication?,
    })
}

fn read_attributes(reader: &mut Decoder<'_>, node: &Node) -> Option<BTreeMap<String, String>> {
    let fields = reader.fields(node, "`attributes`").ok()?;
    let (mut attributes, mut all) = (BTreeMap::new(), true);
    for (key, node) in fields.others() {
        match any_text(reader, node, &format!("the attribute `{}`", key.name)) {
            Some(value) => drop(attributes.insert(key.name.clone(), value.to_owned())),
            None => all = false,
        }
    }
    all.then_some(attributes)
}

fn read_authentication(reader: &mut Decoder<'_>, node: &Node) -> Option<Authentication> {
    let mut fields = reader.fields(node, "`authentication`").ok()?;
    let acr = match filled(fields.take("acr")) {
        Some(node) => any_text(reader, node, "`acr`"),
        None => Some(""),
    };
    let amr = match filled(fields.take("amr")) {
        Some(node) => any_texts(reader, node, "`amr`"),
        None => Some(Vec::new()),
    };
    let auth_time = match filled(fields.take("auth_time")) {
        Some(node) => instant(reader, node, "`auth_time`").map(Some),
        None => Some(None),
    };
    fields.finish(reader);
    Some(Authentication {
        acr: acr?.to_owned(),
        amr: amr?.into_iter().map(str::to_owned).collect(),
        auth_time: auth_time?,
    })
}

fn read_expect(reader: &mut Decoder<'_>, node: &Node) -> Option<Expect> {
    let mut fields = reader.fields(node, "`expect`").ok()?;
    let effect = match fields.take("decision") {
        Some(node) => reader.word(node, "`decision`", &EFFECTS).ok().map(Some),
        None => Some(None),
    };
    let reasons = match fields.take("reasons") {
        Some(node) => read_reasons(reader, node).map(Some),
        None => Some(None),
    };
    let next_change = match fields.take("next_change") {
        Some(node) => read_change(reader, node).map(Some),
        None => Some(None),
    };
    fields.finish(reader);
    Some(Expect {
        effect: effect?,
        reasons: reasons?,
        next_change: next_change?,
    })
}

fn read_reasons(reader: &mut Decoder<'_>, node: &Node) -> Option<Vec<ReasonCode>> {
    if is_empty_list(node) {
        return Some(Vec::new());
    }
    let items = reader.list(node, "`reasons`").ok()?;
    let codes: Vec<ReasonCode> = items
        .iter()
        .filter_map(|item| read_reason(reader, item))
        .collect();
    (codes.len() == items.len()).then_some(codes)
}

fn read_reason(reader: &mut Decoder<'_>, node: &Node) -> Option<ReasonCode> {
    let text = reader.text(node, "a reason").ok()?;
    let mut codes = ReasonCode::ALL.into_iter();
    let code = codes.find(|code| code.as_str() == text);
    if code.is_none() {
        let names = ReasonCode::ALL.map(ReasonCode::as_str);
        let hint = did_you_mean(text, names.into_iter())
            .unwrap_or_else(|| format!("one of: {}", names.join(", ")));
        reader.error(
            node.position,
            format!("there is no reason `{text}`"),
            Some(hint),
        );
    }
    code
}

fn read_change(reader: &mut Decoder<'_>, node: &Node) -> Option<Next> {
    if let NodeKind::Text(text) = &node.kind {
        if text == "never" {
            return Some(Next::Never);
        }
        let hint = "write `never`, or such as `{ at: 2026-04-01T00:00:00Z, to: deny }`";
        let message = format!("`next_change`: `{text}` is no change");
        reader.error(node.position, message, Some(hint.to_owned()));
        return None;
    }
    let mut fields = reader.fields(node, "`next_change`").ok()?;
    let at = fields
        .require("at", reader)
        .ok()
        .and_then(|node| instant(reader, node, "`at`"));
    let to = fields
        .require("to", reader)
        .ok()
        .and_then(|node| reader.word(node, "`to`", &EFFECTS).ok());
    fields.finish(reader);
    Some(Next::Change(Change { at: at?, to: to? }))
}

fn instant(reader: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Timestamp> {
    let text = reader.text(node, what).ok()?;
    let instant = parse_instant(text);
    if instant.is_none() {
        let hint = "an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`";
        let message = format!("{what}: `{text}` is not an instant");
        reader.error(node.position, message, Some(hint.to_owned()));
    }
    instant
}

/// A date of birth as people write it, as an instant, or as the upstream sends it.
fn date_of_birth(reader: &mut Decoder<'_>, node: &Node) -> Option<Datum<Timestamp>> {
    let text = any_text(reader, node, "`date_of_birth`")?;
    if text.trim().is_empty() {
        return Some(Datum::Missing);
    }
    let midnight = || {
        // Nothing but a date: of a longer text the parser would drop the time without a word.
        let date: Date = text.parse().ok().filter(|_| text.len() == DATE_BYTES)?;
        date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    };
    // A year, or a date without dashes, would be read as the first hours of 1970.
    let looks_like_a_date = text.len() == 4 || text.len() == 8 && text.parse::<Date>().is_ok();
    let millis = text.parse().ok().filter(|_| !looks_like_a_date);
    let born = millis
        .map(from_millis)
        .or_else(|| parse_instant(text))
        .or_else(midnight);
    if born.is_none() {
        let hint = "a date such as `1990-05-17` (midnight UTC), an instant such as `1990-05-17T00:00:00Z`, or milliseconds since 1970";
        let message = format!("`date_of_birth`: `{text}` is not a date");
        reader.error(node.position, message, Some(hint.to_owned()));
    }
    born.map(Datum::Known)
}

/// A node that says something. The upstream's `null` says nothing, and so does that of a case.
fn filled(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !matches!(node.kind, NodeKind::Null))
}

/// A text that may be empty, as it may come from the upstream or a caller.
fn any_text<'n>(reader: &mut Decoder<'_>, node: &'n Node, what: &str) -> Option<&'n str> {
    match &node.kind {
        NodeKind::Text(text) => Some(text),
        _ => reader.text(node, what).ok(),
    }
}

/// Texts of a list, which may be empty, as may the list.
fn any_texts<'n>(reader: &mut Decoder<'_>, node: &'n Node, what: &str) -> Option<Vec<&'n str>> {
    if is_empty_list(node) {
        return Some(Vec::new());
    }
    let items = reader.list(node, what).ok()?;
    let texts: Vec<&str> = items
        .iter()
        .filter_map(|item| any_text(reader, item, &format!("an item of {what}")))
        .collect();
    (texts.len() == items.len()).then_some(texts)
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::List(items) if items.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn a_few_policies_are_named_to_who_asked_for_another_and_many_are_not() {
        let source = |text: String| {
            let path = "f.yaml".to_owned();
            [Arc::new(SourceText { path, text })]
        };
        let told = |count: usize| {
            let policies: Vec<String> = (0..count)
                .map(|n| format!("  a-policy-{n:02}: {{require: [verified_within: 1d]}}\n"))
                .collect();
            let text = format!("version: 1\npolicies:\n{}", policies.concat());
            let set = parse(&source(text), &|_, _| Err("no file".to_owned())).unwrap();
            let case = "cases: [{name: n, policy: nothing-like-it, at: \"2026-01-31T00:00:00Z\", upstream: down}]";
            read(&source(case.to_owned()), &set)
                .unwrap_err()
                .to_string()
        };
        let few = told(NAMES_SHOWN_MAX);
        assert!(
            few.contains("there are: a-policy-00, ") && few.contains("a-policy-11"),
            "{few}"
        );
        let many = told(NAMES_SHOWN_MAX + 1);
        assert!(!many.contains("there are"), "{many}");
    }
}
