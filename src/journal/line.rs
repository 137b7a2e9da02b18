//! The format of the journal: one line of JSON for each decision.

use std::io;

use prost_reflect::DynamicMessage;
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::entry::{Entry, Record, RefusedCaller};
use crate::{
    policy::{
        Evidence, Finding, PolicyName, Verification, VerificationId, rfc3339,
        yaml::{is_visible, json_escape},
    },
    proto::remedies::step_up_as_json,
    provenance::Origin,
};

/// The records as lines of JSON.
pub(super) fn lines(records: &[Record]) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        let mut json = Serializer::with_formatter(&mut lines, VisibleTexts);
        // Serialising texts and flags into memory cannot fail.
        let _ = match record {
            Record::Decision(entry) => Line::from(&**entry).serialize(&mut json),
            Record::RefusedCaller(refused) => RefusedLine::from(&**refused).serialize(&mut json),
        };
        lines.push(b'\n');
    }
    lines
}

/// JSON whose texts are all visible: a caller's text may reach a terminal, and what a terminal might obey is escaped as JSON escapes it.
struct VisibleTexts;

impl Formatter for VisibleTexts {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        if fragment.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if is_visible(c) {
                write!(writer, "{c}")?;
            } else {
                writer.write_all(json_escape(c).as_bytes())?;
            }
        }
        Ok(())
    }
}

/// One line. Holds no person's data.
#[derive(Serialize)]
struct Line<'e> {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_at: Option<String>,
    decision_id: String,
    caller: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'e str,
    policy: &'e str,
    policy_revision: String,
    verification_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<&'e str>,
    decision: &'static str,
    reasons: Vec<LineReason<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_change: Option<LineChange>,
    /// `remedies` and `alternatives`, as the JSON of the answer has them.
    #[serde(flatten)]
    step_up: Option<DynamicMessage>,
    evidence: LineEvidence<'e>,
    degraded: bool,
}

#[derive(Serialize)]
struct LineReason<'e> {
    code: &'static str,
    rule: &'e str,
}

#[derive(Serialize)]
struct LineChange {
    at: String,
    to: &'static str,
}

#[derive(Serialize)]
struct LineEvidence<'e> {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
}

impl<'e> From<&'e Entry> for Line<'e> {
    fn from(entry: &'e Entry) -> Self {
        let Entry {
            request,
            caller,
            ruling,
        } = entry;
        let decision = &ruling.decision;
        let reasons = decision.reasons().iter().map(|reason| LineReason {
            code: reason.code.as_str(),
            rule: &reason.rule,
        });
        Self {
            at: rfc3339(decision.decided_at()),
            vendor_at: ruling.vendor_at.map(rfc3339),
            decision_id: ruling.id.to_string(),
            caller: caller.as_str(),
            request_id: &request.id,
            policy: request.policy.as_str(),
            policy_revision: ruling.revision.to_string(),
            verification_id: request.verification.as_str(),
            successor_id: ruling.successor.as_ref().map(VerificationId::as_str),
            identity_id: request.identity.as_text(),
            decision: decision.effect().as_str(),
            reasons: reasons.collect(),
            valid_until: decision.valid_until().map(rfc3339),
            next_change: decision.next_change().map(|change| LineChange {
                at: rfc3339(change.at),
                to: change.to.as_str(),
            }),
            step_up: step_up_as_json(decision),
            evidence: LineEvidence::new(&ruling.evidence, ruling.origin),
            degraded: ruling.degraded,
        }
    }
}

impl<'e> LineEvidence<'e> {
    fn new(evidence: &'e Evidence, origin: Origin) -> Self {
        let verification: Option<&Verification> = match &evidence.finding {
            Finding::Present(verification) => Some(verification),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
        };
        let answered = !matches!(evidence.finding, Finding::Unknown);
        Self {
            source: origin.as_str(),
            seen_at: answered.then(|| rfc3339(evidence.seen_at)),
            verified_at: verification.and_then(|v| v.verified_at).map(rfc3339),
            status: verification.and_then(|v| v.status.as_deref()),
            trace_id: verification.and_then(|v| v.trace_id.as_deref()),
        }
    }
}

/// The line of a refused request. It is no decision: it has an event in its place.
#[derive(Serialize)]
struct RefusedLine<'r> {
    at: String,
    event: &'static str,
    caller: &'r str,
    address: String,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'r str>,
    #[serde(skip_serializing_if = "is_zero")]
    suppressed: u64,
}

impl<'r> From<&'r RefusedCaller> for RefusedLine<'r> {
    fn from(refused: &'r RefusedCaller) -> Self {
        Self {
            at: rfc3339(refused.at),
            event: "caller_refused",
            caller: &refused.caller,
            address: refused.from.to_string(),
            reason: refused.reason,
            policy: refused.policy.as_ref().map(PolicyName::as_str),
            suppressed: refused.suppressed,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_line_is_visible_and_reads_back_as_it_was() {
        let text = "r-1 ä😀\"\\ \n\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}\u{200b}\u{e0041}";
        let mut line = Vec::new();
        let mut json = Serializer::with_formatter(&mut line, VisibleTexts);
        text.serialize(&mut json).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert!(line.chars().all(is_visible), "{line:?}");
        assert!(line.contains("ä😀"), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
