//! A witness as a case of a case file, to be pasted there.

use std::fmt::Write as _;

use super::witness::Witness;
use crate::policy::{
    decision::Effect,
    evidence::{Datum, Finding, Verification},
    request::Request,
    time::{Timestamp, from_millis},
};

const DAY_MS: i64 = 86_400_000;
/// Words that YAML readers take for something else than a text.
const NO_TEXTS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// One item of `cases:`.
pub(super) fn of(witness: &Witness, name: &str, expected: Effect) -> String {
    let Witness {
        request,
        evidence,
        now,
    } = witness;
    let mut lines = Lines::default();
    lines.add(0, "- name", &scalar(name));
    lines.add(1, "policy", &scalar(request.policy.as_str()));
    lines.add(1, "at", &now.to_string());
    match &evidence.finding {
        Finding::Present(verification) => lines.verification(verification),
        Finding::Absent => lines.add(1, "upstream", "absent"),
        Finding::Unusable(_) | Finding::Unknown(_) => lines.add(1, "upstream", "down"),
    }
    lines.request(request);
    lines.add(1, "expect", &format!("{{ decision: {expected} }}"));
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, depth: usize, key: &str, value: &str) {
        let space = if value.is_empty() { "" } else { " " };
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{:1$}{key}:{space}{value}", "", depth * 2);
    }

    fn verification(&mut self, verification: &Verification) {
        self.add(1, "verification", "");
        if let Some(status) = &verification.status {
            self.add(2, "status", &scalar(status));
        }
        if let Some(at) = verification.verified_at {
            self.add(2, "verified_at", &at.to_string());
        }
        let scopes = verification
            .scopes
            .iter()
            .map(|scope| scalar(scope.as_str()));
        self.add(2, "scopes", &list(scopes));
        if let Datum::Known(id) = &verification.identity {
            self.add(2, "identity_id", &scalar(id));
        }
        if let Some(project) = &verification.project {
            self.add(2, "project_id", &scalar(project));
        }
        if let Datum::Known(()) = verification.name {
            self.add(2, "full_name", "Ada Example");
        }
        if let Datum::Known(phone) = &verification.phone {
            self.add(2, "phone", &scalar(phone));
        }
        if let Datum::Known(born) = verification.born {
            self.add(2, "date_of_birth", &date(born));
        }
    }

    fn request(&mut self, request: &Request) {
        let mut fields = Vec::new();
        if let Some(id) = &request.identity {
            fields.push(format!("identity_id: {}", scalar(id)));
        }
        if !request.attributes.is_empty() {
            let pairs = request.attributes.iter();
            let pairs = pairs.map(|(name, value)| format!("{}: {}", scalar(name), scalar(value)));
            let pairs: Vec<String> = pairs.collect();
            fields.push(format!("attributes: {{ {} }}", pairs.join(", ")));
        }
        if let Some(session) = &request.authentication {
            let mut parts = Vec::new();
            if !session.acr.is_empty() {
                parts.push(format!("acr: {}", scalar(&session.acr)));
            }
            if !session.amr.is_empty() {
                let methods = session.amr.iter().map(|method| scalar(method));
                parts.push(format!("amr: {}", list(methods)));
            }
            if let Some(at) = session.auth_time {
                parts.push(format!("auth_time: {at}"));
            }
            fields.push(format!("authentication: {{ {} }}", parts.join(", ")));
        }
        if !fields.is_empty() {
            self.add(1, "request", &format!("{{ {} }}", fields.join(", ")));
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A date alone means its midnight in UTC.
fn date(born: Timestamp) -> String {
    let text = born.to_string();
    match text.split_once('T') {
        Some((date, _))
            if from_millis(born.as_millisecond()) == born
                && born.as_millisecond().rem_euclid(DAY_MS) == 0 =>
        {
            date.to_owned()
        }
        _ => text,
    }
}

/// A text bare where no reader can take it for something else, else in quotes.
fn scalar(text: &str) -> String {
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let taken = NO_TEXTS.contains(&text.to_ascii_lowercase().as_str());
    if letter && !taken && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
