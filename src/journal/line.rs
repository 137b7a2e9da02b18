//! What a line of the journal says: one JSON object for each decision and for each refused request. What all lines begin with is added
//! by the thread that writes them.

mod object;
mod parts;
mod basis;
mod birthdays;
mod circumstances;
mod evidence;
mod facts;
mod remedies;

use std::{collections::BTreeMap, io};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use self::{
    basis::{entry_verdicts, verdicts},
    birthdays::Instants,
    circumstances::{peer, timings},
    evidence::evidence,
    facts::sealed_facts,
    object::{Object, push_object},
    parts::{reasons, whole_ms},
    remedies::remedies,
};
use super::entry::{Entry, RefusedCaller};
use crate::policy::{
    Decision, PolicyName, Timestamp,
    yaml::{is_visible, json_escape},
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
        push_object(bodies, |line| decision_line(self, line));
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

/// The line of a decision. Holds no person's data that can be read without a key.
fn decision_line(entry: &Entry, line: &mut Object<'_>) {
    let Entry {
        request,
        call,
        ruling,
        protection,
        ..
    } = entry;
    if let Some(at) = ruling.vendor_at {
        line.instant("vendor_at", at);
    }
    line.uuid("decision_id", ruling.id);
    line.text("caller", call.caller.as_str());
    if let Some(address) = call.peer {
        peer(line, address);
    }
    if !request.id.is_empty() {
        line.text("request_id", &request.id);
    }
    line.text("policy", request.policy.as_str());
    line.revision("policy_revision", ruling.revision);
    let verification = protection.verification(request.verification.as_str());
    line.text("verification_id", &verification);
    if let Some(successor) = &ruling.successor {
        line.text("successor_id", &protection.verification(successor.as_str()));
    }
    if let Some(identity) = request.identity.as_text() {
        line.text("identity_id", &protection.identity(identity));
    }
    attributes(line, entry);
    line.number("deadline_ms", whole_ms(call.deadline));
    let on = entry_verdicts(entry);
    outcome(line, &ruling.decision, &Instants::of(entry, &on));
    evidence(line, entry);
    line.flag("degraded", ruling.degraded);
    timings(line, &ruling.timings);
    verdicts(line, &on);
    if let Some(shadow) = &ruling.shadow {
        basis::shadow(line, shadow);
    }
    if let Some(sealed) = sealed_facts(entry, ruling.id) {
        line.object("sealed_facts", |object| {
            object.text("key", &sealed.key);
            object.text("data", &sealed.data);
        });
    }
}

/// What was decided, until when that holds, and what would change it. Instants that are not to be shown are left out.
fn outcome(line: &mut Object<'_>, decision: &Decision, instants: &Instants<'_>) {
    line.text("decision", decision.effect().as_str());
    reasons(line, decision.reasons());
    let change = decision.next_change();
    // An instant that a change determines, and not how long the policy permits reuse.
    let is_hidden = |at| !instants.show(at) && change.is_some_and(|change| change.at == at);
    if let Some(until) = decision.valid_until().filter(|at| !is_hidden(*at)) {
        line.instant("valid_until", until);
    }
    if let Some(change) = change.filter(|change| instants.show(change.at)) {
        line.object("next_change", |object| {
            object.instant("at", change.at);
            object.text("to", change.to.as_str());
        });
    }
    remedies(line, decision.alternatives(), |at| instants.show(at));
}

/// The attributes of the request that are to be recorded, in the order of their names.
fn attributes(line: &mut Object<'_>, entry: &Entry) {
    let given = &entry.request.attributes;
    let names = entry.attributes.iter();
    let named: BTreeMap<&str, &str> = names
        .filter_map(|name| Some((&**name, given.get(&**name)?.as_str())))
        .collect();
    if !named.is_empty() {
        line.object("attributes", |object| {
            for (name, value) in named {
                object.text_of_any_name(name, value);
            }
        });
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
