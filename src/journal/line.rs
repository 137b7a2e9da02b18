//! What a line of the journal says: one JSON object for each decision and for each refused request. What all lines begin with is added
//! by the thread that writes them.

mod parts;
mod basis;
mod birthdays;
mod circumstances;
mod evidence;

use std::io;

use prost_reflect::DynamicMessage;
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use self::{
    basis::{LineShadow, LineVerdict, entry_verdicts},
    birthdays::Instants,
    circumstances::{LineTimings, peer},
    evidence::LineEvidence,
    parts::{LineReason, line_reasons, whole_ms},
};
use super::entry::{Entry, RefusedCaller};
use crate::{
    policy::{
        PolicyName, Timestamp, VerificationId, rfc3339,
        yaml::{is_visible, json_escape},
    },
    proto::remedies::step_up_as_json,
};

/// What becomes a line.
pub(super) trait Body {
    /// When it was recorded or, for a decision, decided.
    fn at(&self) -> Timestamp;

    /// Appends the rest of the line: a JSON object.
    fn append_to(&self, bodies: &mut Vec<u8>);
}

impl Body for Entry {
    fn at(&self) -> Timestamp {
        self.ruling.decision.decided_at()
    }

    fn append_to(&self, bodies: &mut Vec<u8>) {
        append_json(&Line::from(self), bodies);
    }
}

impl Body for RefusedCaller {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn append_to(&self, bodies: &mut Vec<u8>) {
        append_json(&RefusedLine::from(self), bodies);
    }
}

/// A value as JSON whose texts are all visible.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::new();
    append_json(value, &mut json);
    json
}

fn append_json(value: &impl Serialize, json: &mut Vec<u8>) {
    // Serialising texts, numbers and flags into memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(json, VisibleTexts));
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
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_at: Option<String>,
    decision_id: String,
    caller: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'e str,
    policy: &'e str,
    policy_revision: String,
    verification_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<&'e str>,
    deadline_ms: u64,
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
    timings: LineTimings,
    verdicts: Vec<LineVerdict<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<LineShadow<'e>>,
}

#[derive(Serialize)]
struct LineChange {
    at: String,
    to: &'static str,
}

impl<'e> From<&'e Entry> for Line<'e> {
    fn from(entry: &'e Entry) -> Self {
        let Entry {
            request,
            call,
            ruling,
            sets: _,
        } = entry;
        let decision = &ruling.decision;
        let verdicts = entry_verdicts(entry);
        let instants = Instants::of(entry, &verdicts);
        let next_change = decision.next_change();
        let next_change = next_change.filter(|change| instants.show(change.at));
        // An instant that a change determines, and not how long the policy permits reuse.
        let is_hidden =
            |at| Some(at) == decision.next_change().map(|change| change.at) && !instants.show(at);
        Self {
            vendor_at: ruling.vendor_at.map(rfc3339),
            decision_id: ruling.id.to_string(),
            caller: call.caller.as_str(),
            peer: call.peer.map(peer),
            request_id: &request.id,
            policy: request.policy.as_str(),
            policy_revision: ruling.revision.to_string(),
            verification_id: request.verification.as_str(),
            successor_id: ruling.successor.as_ref().map(VerificationId::as_str),
            identity_id: request.identity.as_text(),
            deadline_ms: whole_ms(call.deadline),
            decision: decision.effect().as_str(),
            reasons: line_reasons(decision.reasons()),
            valid_until: decision
                .valid_until()
                .filter(|at| !is_hidden(*at))
                .map(rfc3339),
            next_change: next_change.map(|change| LineChange {
                at: rfc3339(change.at),
                to: change.to.as_str(),
            }),
            step_up: step_up_as_json(decision, |at| instants.show(at)),
            evidence: LineEvidence::from(entry),
            degraded: ruling.degraded,
            timings: LineTimings::from(&ruling.timings),
            verdicts: verdicts.into_iter().map(LineVerdict::from).collect(),
            shadow: ruling.shadow.as_ref().map(LineShadow::from),
        }
    }
}

/// The line of a refused request. It is no decision: it has an event in its place.
#[derive(Serialize)]
struct RefusedLine<'r> {
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
