//! Cases as a case file, so that what was proposed or found can be kept, read again and run. The one place that writes them.

use std::fmt::Write as _;

use super::{CASES_BYTES_MAX, Case};
use crate::{
    evidence::{Datum, Finding, Scope, Verification},
    limits::EVIDENCE_TEXT_BYTES_MAX,
    reason::ReasonCode,
    request::Request,
    time::Timestamp,
};

/// Words that some readers of YAML take for something else than a text.
const NO_TEXTS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
/// A longer text than a valid answer has: a verification with it cannot be used.
const IMMODEST_BYTES: usize = EVIDENCE_TEXT_BYTES_MAX + 1;
/// How far the cases of a case file are indented.
const INDENT: usize = 2;
/// How long a date is, such as `1990-05-17`.
pub(super) const DATE_BYTES: usize = 10;

/// As many of these cases as a case file can hold, and how many those are.
pub fn write(cases: &[Case]) -> (String, usize) {
    let mut file = String::from("cases:\n");
    for (index, case) in cases.iter().enumerate() {
        let written = one(case, INDENT);
        if file.len().saturating_add(written.len()) > CASES_BYTES_MAX {
            return (file, index);
        }
        file.push_str(&written);
    }
    (file, cases.len())
}

/// This case as an item of a list that is indented so far.
pub fn one(case: &Case, indent: usize) -> String {
    let mut lines = Lines {
        text: String::new(),
        indent,
    };
    lines.add(0, &format!("- name: {}", quoted(&case.name)));
    lines.add(
        1,
        &format!("policy: {}", scalar(case.request.policy.as_str())),
    );
    lines.add(1, &format!("at: {}", case.now));
    match &case.evidence.finding {
        Finding::Present(verification) => lines.verification(verification),
        Finding::Absent => lines.add(1, "upstream: absent"),
        Finding::Unknown => lines.add(1, "upstream: down"),
        Finding::Unusable(_) => {
            lines.add(1, "verification:");
            lines.field("status", Some("x".repeat(IMMODEST_BYTES)));
        }
    }
    lines.request(&case.request);
    lines.expect(case);
    lines.text
}

/// The lines of one case.
struct Lines {
    text: String,
    indent: usize,
}

impl Lines {
    fn add(&mut self, depth: usize, line: &str) {
        let spaces = depth.saturating_mul(2).saturating_add(self.indent);
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{:spaces$}{line}", "");
    }

    fn field(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.add(2, &format!("{key}: {value}"));
        }
    }

    /// Of a person, only what a policy can tell apart: a name stands for any other.
    fn verification(&mut self, verification: &Verification) {
        self.add(1, "verification:");
        let status = verification.status.as_deref().unwrap_or_default();
        self.field("status", Some(scalar(status)));
        self.field(
            "verified_at",
            verification.verified_at.map(|at| at.to_string()),
        );
        let scopes = verification.scopes.iter().map(Scope::as_str);
        self.field("scopes", Some(list(scopes)));
        self.field(
            "identity_id",
            match &verification.identity {
                Datum::Missing => None,
                Datum::Unreadable => Some("x".repeat(IMMODEST_BYTES)),
                Datum::Known(id) => Some(scalar(id)),
            },
        );
        self.field("project_id", verification.project.as_deref().map(scalar));
        self.field(
            "full_name",
            match &verification.name {
                Datum::Known(()) => Some("Ada Example".to_owned()),
                // A name that is there and cannot be read is nothing that a text can say.
                Datum::Missing | Datum::Unreadable => None,
            },
        );
        self.field(
            "phone",
            match &verification.phone {
                Datum::Missing => None,
                Datum::Unreadable => Some("unreadable".to_owned()),
                Datum::Known(phone) => Some(scalar(phone)),
            },
        );
        self.field(
            "date_of_birth",
            match &verification.born {
                Datum::Missing => None,
                // As unreadable as any date in the future.
                Datum::Unreadable => Some("9999-12-30".to_owned()),
                Datum::Known(born) => Some(date(*born)),
            },
        );
    }

    fn request(&mut self, request: &Request) {
        let Request {
            policy: _,
            verification: _,
            identity,
            authentication,
            attributes,
            id: _,
        } = request;
        if identity.is_none() && authentication.is_none() && attributes.is_empty() {
            return;
        }
        self.add(1, "request:");
        self.field("identity_id", identity.as_deref().map(scalar));
        let pairs: Vec<String> = attributes
            .iter()
            .map(|(key, value)| format!("{}: {}", scalar(key), scalar(value)))
            .collect();
        let some = (!pairs.is_empty()).then(|| format!("{{ {} }}", pairs.join(", ")));
        self.field("attributes", some);
        self.field(
            "authentication",
            authentication.as_ref().map(|session| {
                let acr = (!session.acr.is_empty()).then(|| scalar(&session.acr));
                let amr = session.amr.iter().map(String::as_str);
                let amr = (!session.amr.is_empty()).then(|| list(amr));
                let mut fields: Vec<String> = Vec::new();
                fields.extend(acr.map(|acr| format!("acr: {acr}")));
                fields.extend(amr.map(|amr| format!("amr: {amr}")));
                fields.extend(session.auth_time.map(|at| format!("auth_time: {at}")));
                format!("{{ {} }}", fields.join(", "))
            }),
        );
    }

    fn expect(&mut self, case: &Case) {
        let expect = &case.expect;
        let codes = expect
            .reasons
            .as_ref()
            .map(|codes| list(codes.iter().copied().map(ReasonCode::as_str)));
        if expect.effect.is_some() || codes.is_some() || expect.next_change.is_some() {
            self.add(1, "expect:");
        }
        self.field("decision", expect.effect.map(|effect| effect.to_string()));
        self.field("reasons", codes);
        self.field(
            "next_change",
            expect.next_change.map(|next| next.to_string()),
        );
    }
}

/// A midnight in UTC as its date alone, where that can be read back, which has a year of four digits; before the first such
/// year, for which RFC 3339 has no instants, as milliseconds.
fn date(born: Timestamp) -> String {
    let text = born.to_string();
    if text.starts_with('-') {
        return born.as_millisecond().to_string();
    }
    let date = text.strip_suffix("T00:00:00Z");
    let date = date.filter(|date| date.len() == DATE_BYTES);
    date.map(str::to_owned).unwrap_or(text)
}

/// Texts as a YAML list on one line.
pub fn list<'t>(items: impl Iterator<Item = &'t str>) -> String {
    let items: Vec<String> = items.map(scalar).collect();
    format!("[{}]", items.join(", "))
}

/// A text as a YAML scalar: bare where nothing else can be meant, else quoted.
pub fn scalar(text: &str) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(letter);
    if bare && !NO_TEXTS.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Nothing that a reader of YAML takes for the end of a line, or for nothing.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_written_by_its_number() {
        assert_eq!(
            scalar("a\u{7}\u{85}\u{2028}\u{2029}\u{feff}\u{e4}\"\\"),
            r#""a\u0007\u0085\u2028\u2029\uFEFFä\"\\""#
        );
    }
}
