//! Writes policies and cases as the YAML files of the design, so that random inputs can be fed to the real parser.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};

use super::clock::DAY;
use super::eval::{COULD_BE_SECONDS, QUARTER};
use super::model::{
    Authentication, Case, IdList, Outcome, Policy, Request, Requirement, Rule, Schedule, Upstream,
    Verification,
};

/// A policy file of these named policies.
pub fn policy_file(policies: &[(&str, &Policy)]) -> String {
    let mut page = Page::default();
    page.line(0, "version: 1");
    page.line(0, "policies:");
    for (name, policy) in policies {
        page.line(1, &format!("{}:", text(name)));
        page.policy(policy);
    }
    page.0
}

/// The files that stand beside the policy file: the name of each, and its text, one id a line.
pub fn list_files(policy: &Policy) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut open: Vec<&Requirement> = policy.rules.iter().map(|rule| &rule.requirement).collect();
    while let Some(requirement) = open.pop() {
        match requirement {
            Requirement::IdentityIn(IdList::File { name, ids })
            | Requirement::IdentityNotIn(IdList::File { name, ids }) => {
                files.push((
                    name.clone(),
                    ids.iter().map(|id| format!("{id}\n")).collect(),
                ));
            }
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => open.extend(parts),
            _ => {}
        }
    }
    files
}

/// One case of a case file.
#[derive(Debug, Clone, Copy)]
pub struct NamedCase<'a> {
    /// Its `name`.
    pub name: &'a str,
    /// The policy it is about.
    pub policy: &'a str,
    /// The facts.
    pub case: &'a Case,
    /// What to expect, if anything.
    pub expect: Option<&'a Outcome>,
}

/// A case file of these cases.
pub fn case_file(cases: &[NamedCase<'_>]) -> String {
    let mut page = Page::default();
    page.line(0, "cases:");
    for named in cases {
        page.line(1, &format!("- name: {}", text(named.name)));
        page.line(2, &format!("policy: {}", text(named.policy)));
        page.line(2, &format!("at: {}", instant(named.case.at)));
        match &named.case.upstream {
            Upstream::Down => page.line(2, "upstream: down"),
            Upstream::Absent => page.line(2, "upstream: absent"),
            Upstream::Answered(verification) => page.verification(verification),
        }
        page.request(&named.case.request);
        if let Some(outcome) = named.expect {
            page.expect(outcome);
        }
    }
    page.0
}

/// A duration as a sum of units, each as often as it goes in: `1d12h`, `29d23h59m59s999ms`, whole weeks as `4w`.
pub fn duration(ms: u64) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    const WEEK: u64 = 604_800_000;
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms.is_multiple_of(WEEK) {
        return format!("{}w", ms / WEEK);
    }
    let mut written = String::new();
    let mut rest = ms;
    for (unit, size) in UNITS {
        if rest >= size {
            let _ = write!(written, "{}{unit}", rest / size); // cannot fail on a String
            rest %= size;
        }
    }
    written
}

/// An instant as RFC 3339 with milliseconds, in UTC.
pub fn instant(ms: i64) -> String {
    match DateTime::from_timestamp_millis(ms) {
        Some(utc) => utc.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => ms.to_string(),
    }
}

/// A date of birth in one of its three forms: a date where it is midnight UTC, milliseconds in every odd quarter of an hour,
/// else RFC 3339. A case file cannot say a date that cannot be read; one in the future is as good.
pub fn date_of_birth(ms: i64) -> String {
    if ms.rem_euclid(QUARTER) != 0 || ms.unsigned_abs() < COULD_BE_SECONDS {
        return "9999-12-30".to_owned();
    }
    let written = instant(ms);
    if ms.rem_euclid(2 * QUARTER) != 0 {
        return ms.to_string();
    }
    match written.split_once('T') {
        Some((date, _)) if ms.rem_euclid(DAY) == 0 => date.to_owned(),
        _ => written,
    }
}

/// Text in double quotes.
fn text(raw: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in raw.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            unseen if unseen.is_control() || (!unseen.is_ascii() && !unseen.is_alphanumeric()) => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(unseen)); // cannot fail on a String
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| text(item)).collect();
    format!("[{}]", quoted.join(", "))
}

fn id_list(list_of_ids: &IdList) -> String {
    match list_of_ids {
        IdList::Inline(ids) => list(ids),
        IdList::File { name, .. } => format!("{{ file: {} }}", text(name)),
    }
}

fn time_of_day(minute: u32) -> String {
    format!("\"{:02}:{:02}\"", minute / 60, minute % 60)
}

fn schedule(schedule: &Schedule) -> String {
    let days: Vec<String> = schedule
        .days
        .iter()
        .map(|day| day.to_string().to_lowercase())
        .collect();
    let (from, to) = (time_of_day(schedule.from), time_of_day(schedule.to));
    format!(
        "{{ days: [{}], from: {from}, to: {to}, zone: {} }}",
        days.join(", "),
        schedule.zone
    )
}

fn authenticated(within: u64, amr_any: &[String], acr_any: &[String]) -> String {
    let mut fields = vec![format!("within: {}", duration(within))];
    if !amr_any.is_empty() {
        fields.push(format!("amr_any: {}", list(amr_any)));
    }
    if !acr_any.is_empty() {
        fields.push(format!("acr_any: {}", list(acr_any)));
    }
    format!("{{ {} }}", fields.join(", "))
}

/// A requirement that fits a line, as `key: value`; `None` for those made of others.
fn one_line(requirement: &Requirement) -> Option<String> {
    Some(match requirement {
        Requirement::Status(names) => format!("status: {}", list(names)),
        Requirement::VerifiedWithin(span) => format!("verified_within: {}", duration(*span)),
        Requirement::Scopes(names) => format!("scopes: {}", list(names)),
        Requirement::AgeAtLeast(years) => format!("age_at_least: {years}"),
        Requirement::AgeBelow(years) => format!("age_below: {years}"),
        Requirement::PhonePrefix(prefixes) => format!("phone_prefix: {}", list(prefixes)),
        Requirement::IdentitySameAsRequest => "identity: same_as_request".to_owned(),
        Requirement::IdentityIn(ids) => format!("identity_in: {}", id_list(ids)),
        Requirement::IdentityNotIn(ids) => format!("identity_not_in: {}", id_list(ids)),
        Requirement::Project(ids) => format!("project: {}", list(ids)),
        Requirement::Attribute { name, accepted } => {
            format!(
                "attribute: {{ name: {}, in: {} }}",
                text(name),
                list(accepted)
            )
        }
        Requirement::AttributeNotIn {
            name,
            refused,
            absent_holds,
        } => {
            // The default is written as often as it is left out.
            let if_absent = match (*absent_holds, refused.len() % 2) {
                (true, _) => ", if_absent: holds",
                (false, 0) => ", if_absent: fails",
                (false, _) => "",
            };
            format!(
                "attribute: {{ name: {}, not_in: {}{if_absent} }}",
                text(name),
                list(refused)
            )
        }
        Requirement::Authenticated {
            within,
            amr_any,
            acr_any,
        } => {
            format!(
                "authenticated: {}",
                authenticated(*within, amr_any, acr_any)
            )
        }
        Requirement::Schedule(hours) => format!("schedule: {}", schedule(hours)),
        Requirement::AnyOf(_) | Requirement::AllOf(_) => return None,
    })
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, depth: usize, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{:indent$}{line}", "", indent = depth * 2);
    }

    fn optional(&mut self, depth: usize, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.line(depth, &format!("{key}: {value}"));
        }
    }

    fn policy(&mut self, policy: &Policy) {
        self.optional(2, "description", policy.description.as_deref().map(text));
        self.line(2, "require:");
        for rule in &policy.rules {
            self.rule(rule);
        }
        if policy.fresh_for.is_some() || policy.stale_for.is_some() || policy.unavailable.is_some()
        {
            self.line(2, "evidence:");
            self.optional(3, "fresh_for", policy.fresh_for.map(duration));
            self.optional(3, "stale_for", policy.stale_for.map(duration));
            let unavailable = policy
                .unavailable
                .map(|otherwise| otherwise.decision().name().to_owned());
            self.optional(3, "unavailable", unavailable);
        }
        if let Some(allow) = policy.reuse_allow {
            self.line(2, "reuse:");
            self.line(3, &format!("allow: {}", duration(allow)));
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.requirement(3, &rule.requirement);
        let otherwise = rule
            .otherwise
            .map(|otherwise| otherwise.decision().name().to_owned());
        self.optional(4, "otherwise", otherwise);
    }

    fn requirement(&mut self, depth: usize, requirement: &Requirement) {
        let (key, parts) = match requirement {
            Requirement::AnyOf(parts) => ("any_of", parts.as_slice()),
            Requirement::AllOf(parts) => ("all_of", parts.as_slice()),
            _ => ("", [].as_slice()),
        };
        match one_line(requirement) {
            Some(line) => self.line(depth, &format!("- {line}")),
            None if parts.is_empty() => self.line(depth, &format!("- {key}: []")),
            None => self.line(depth, &format!("- {key}:")),
        }
        for part in parts {
            self.requirement(depth + 2, part);
        }
    }

    fn verification(&mut self, verification: &Verification) {
        let quoted = |field: &Option<String>| field.as_deref().map(text);
        self.line(2, "verification:");
        self.line(3, &format!("scopes: {}", list(&verification.scopes)));
        self.optional(3, "status", quoted(&verification.status));
        self.optional(3, "verified_at", verification.verified_at.map(instant));
        self.optional(3, "identity_id", quoted(&verification.identity_id));
        self.optional(3, "project_id", quoted(&verification.project_id));
        self.optional(3, "full_name", quoted(&verification.full_name));
        self.optional(3, "first_name", quoted(&verification.first_name));
        self.optional(3, "last_name", quoted(&verification.last_name));
        self.optional(3, "phone", quoted(&verification.phone));
        self.optional(
            3,
            "date_of_birth",
            verification.date_of_birth.map(date_of_birth),
        );
    }

    fn request(&mut self, request: &Request) {
        if *request == Request::default() {
            return;
        }
        self.line(2, "request:");
        self.optional(3, "identity_id", request.identity_id.as_deref().map(text));
        if !request.attributes.is_empty() {
            let pairs: Vec<String> = request
                .attributes
                .iter()
                .map(|(name, value)| format!("{}: {}", text(name), text(value)))
                .collect();
            self.line(3, &format!("attributes: {{ {} }}", pairs.join(", ")));
        }
        if let Some(authentication) = &request.authentication {
            self.authentication(authentication);
        }
    }

    fn authentication(&mut self, authentication: &Authentication) {
        let mut fields = Vec::new();
        fields.extend(
            authentication
                .acr
                .as_deref()
                .map(|acr| format!("acr: {}", text(acr))),
        );
        fields.push(format!("amr: {}", list(&authentication.amr)));
        fields.extend(
            authentication
                .auth_time
                .map(|time| format!("auth_time: {}", instant(time))),
        );
        self.line(3, &format!("authentication: {{ {} }}", fields.join(", ")));
    }

    fn expect(&mut self, outcome: &Outcome) {
        let codes: Vec<&str> = outcome.reasons.iter().map(|reason| reason.0).collect();
        let change = match outcome.next_change {
            Some((at, to)) => format!("{{ at: {}, to: {} }}", instant(at), to.name()),
            None => "never".to_owned(),
        };
        self.line(2, "expect:");
        self.line(3, &format!("decision: {}", outcome.decision.name()));
        self.line(3, &format!("reasons: [{}]", codes.join(", ")));
        self.line(3, &format!("next_change: {change}"));
    }
}
