//! Cases as a case file, so that cases that were generated or found can be kept, read again and run. Nothing else writes one.

use std::fmt::Write as _;

use super::{
    case::{CASES_BYTES_MAX, Case, DATE_BYTES, EvidenceUse},
    remedies::{alternatives, remedies},
};
use crate::{
    evidence::{Datum, Finding, Scope, Verification},
    limits::EVIDENCE_TEXT_BYTES_MAX,
    reason::ReasonCode,
    request::Request,
    time::{Shown, Timestamp},
    yaml::{list, quoted, scalar},
};

/// A longer text than a valid answer of the upstream has: a verification with it cannot be used.
const UNUSABLE_BYTES: usize = EVIDENCE_TEXT_BYTES_MAX + 1;
/// How far the cases of a case file are indented.
const INDENT: usize = 2;
/// A date of birth in the future, which cannot be read as one.
const UNREADABLE_DATE: &str = "9999-12-30";

/// A case file with as many of these cases as it can hold, and how many those are.
pub fn write(cases: &[Case]) -> (String, usize) {
    let mut file = String::from("cases:\n");
    for (index, case) in cases.iter().enumerate() {
        let written = write_case(case, INDENT);
        if file.len().saturating_add(written.len()) > CASES_BYTES_MAX {
            return (file, index);
        }
        file.push_str(&written);
    }
    (file, cases.len())
}

/// A case as an item of a list that is indented by this many spaces.
pub fn write_case(case: &Case, indent: usize) -> String {
    let mut lines = Lines {
        text: String::new(),
        indent,
    };
    lines.line(0, &format!("- name: {}", quoted(&case.name)));
    lines.line(
        1,
        &format!("policy: {}", scalar(case.request.policy.as_str())),
    );
    lines.line(1, &format!("at: {}", case.now));
    match &case.evidence.finding {
        Finding::Present(verification) => lines.verification(verification),
        Finding::Absent => lines.line(1, "upstream: absent"),
        Finding::Unknown => lines.line(1, "upstream: down"),
        Finding::Unusable(_) => {
            lines.line(1, "verification:");
            lines.field("status", Some("x".repeat(UNUSABLE_BYTES)));
        }
    }
    if let Some(cached) = case.cached {
        if cached.upstream_down {
            lines.line(1, "upstream: down");
        }
        lines.line(
            1,
            &format!("evidence: {{ seen_ago: {} }}", Shown(cached.age)),
        );
    }
    lines.request(&case.request);
    lines.expect(case);
    lines.text
}

/// The lines of one case. A depth is a level of the case: its keys are at 1, what is below them at 2.
struct Lines {
    text: String,
    indent: usize,
}

impl Lines {
    fn line(&mut self, depth: usize, line: &str) {
        let spaces = depth.saturating_mul(2).saturating_add(self.indent);
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{:spaces$}{line}", "");
    }

    fn field(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.line(2, &format!("{key}: {value}"));
        }
    }

    /// Of a person, only what a policy can distinguish: one name stands for every other.
    fn verification(&mut self, verification: &Verification) {
        self.line(1, "verification:");
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
                Datum::Unreadable => Some("x".repeat(UNUSABLE_BYTES)),
                Datum::Known(id) => Some(scalar(id.as_str())),
            },
        );
        self.field("project_id", verification.project.as_deref().map(scalar));
        self.field(
            "full_name",
            match &verification.name {
                Datum::Known(()) => Some("Ada Example".to_owned()),
                // A case file cannot say that there is a name that cannot be read.
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
                Datum::Unreadable => Some(UNREADABLE_DATE.to_owned()),
                Datum::Known(born) => Some(date(born.instant())),
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
        if identity.as_text().is_none() && authentication.is_none() && attributes.is_empty() {
            return;
        }
        self.line(1, "request:");
        self.field("identity_id", identity.as_text().map(scalar));
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
        if !expect.is_empty() {
            self.line(1, "expect:");
        }
        self.field("decision", expect.effect.map(|effect| effect.to_string()));
        self.field("reasons", codes);
        self.field(
            "next_change",
            expect.next_change.map(|next| next.to_string()),
        );
        self.field(
            "valid_until",
            expect.valid_until.map(|until| until.to_string()),
        );
        self.field("remedies", expect.remedies.as_deref().map(remedies));
        self.field(
            "alternatives",
            expect.alternatives.as_deref().map(alternatives),
        );
        let evidence = expect.evidence.map(EvidenceUse::as_str);
        self.field("evidence", evidence.map(str::to_owned));
    }
}

/// A date of birth so that it can be read back: a midnight in UTC as its date, another instant as RFC 3339 has it, and one
/// before the year 0, for which RFC 3339 has no instants, as milliseconds.
fn date(born: Timestamp) -> String {
    let text = born.to_string();
    if text.starts_with('-') {
        return born.as_millisecond().to_string();
    }
    let date = text.strip_suffix("T00:00:00Z");
    let date = date.filter(|date| date.len() == DATE_BYTES);
    date.map(str::to_owned).unwrap_or(text)
}
