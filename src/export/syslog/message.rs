//! Lines of the journal as messages of syslog (RFC 5424), with what they say as structured data.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{audit::Brief, export::severity::Severity, policy::Timestamp};

/// The private enterprise number for examples (RFC 5612).
pub const EXAMPLE_ENTERPRISE: u32 = 32473;
/// Security and authorization.
const FACILITY: u8 = 10;
/// What every receiver takes, in bytes, also in one datagram.
pub(super) const MESSAGE_BYTES_MAX: usize = 2048;
/// The length of a host's name, by the RFC.
const HOST_MAX: usize = 255;

/// The parameters and the members of the line that they are.
const PARAMETERS: [(&str, &str); 9] = [
    ("event", "event"),
    ("decision", "decision"),
    ("id", "decision_id"),
    ("policy", "policy"),
    ("caller", "caller"),
    ("verification", "verification_id"),
    ("identity", "identity_id"),
    ("request", "request_id"),
    ("revision", "policy_revision"),
];

/// Who sends messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name of the machine; `-` where it is not known.
    pub host: Box<str>,
    /// The process; `-` where it is not known.
    pub process: Box<str>,
    /// The private enterprise number.
    pub enterprise: u32,
}

impl Sender {
    /// A message, without an end of line, of at most 2048 bytes. Parameters that do not fit are not in it.
    pub fn message(&self, line: &Value, at: Timestamp) -> String {
        let mut message = String::new();
        self.write(line, at, &mut message);
        message
    }

    /// The same, in the place of what is in this buffer.
    pub(super) fn write(&self, line: &Value, at: Timestamp, message: &mut String) {
        let brief = Brief::of(line);
        let priority = FACILITY * 8 + Severity::of(brief).syslog();
        let kind = if brief.event().is_some() {
            "event"
        } else {
            "decision"
        };
        let Self {
            host,
            process,
            enterprise,
        } = self;
        message.clear();
        // Writing to memory cannot fail.
        let _ = write!(
            message,
            "<{priority}>1 {at:.3} {host} verigate {process} {kind} [verigate@{enterprise}"
        );
        push_parameter(message, "index", &brief.index());
        for (name, member) in PARAMETERS {
            push_parameter(message, name, brief.text(member));
        }
        push_parameter(message, "reasons", &brief.reasons().join(" "));
        message.push(']');
    }
}

/// Adds a parameter, if it has a value and fits.
fn push_parameter(message: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let before = message.len();
    for part in [" ", name, "=\""] {
        message.push_str(part);
    }
    push_escaped(message, value);
    message.push('"');
    if message.len() >= MESSAGE_BYTES_MAX {
        message.truncate(before);
    }
}

fn push_escaped(message: &mut String, value: &str) {
    let is_plain = |c: char| !matches!(c, '"' | '\\' | ']') && !c.is_control();
    if value.chars().all(is_plain) {
        return message.push_str(value);
    }
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            message.push('\\');
        }
        // A control character could end the message.
        message.push(if c.is_control() { '?' } else { c });
    }
}

/// A name that may stand in a message.
pub fn host(text: &str) -> Result<String, String> {
    let is_host =
        !text.is_empty() && text.len() <= HOST_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    is_host.then(|| text.to_owned()).ok_or_else(|| {
        "not a host name: visible ASCII characters without spaces, 255 at most".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sender(host: &str) -> Sender {
        Sender {
            host: host.into(),
            process: "-".into(),
            enterprise: EXAMPLE_ENTERPRISE,
        }
    }

    #[test]
    fn a_message_has_its_parameters_escaped_and_no_second_line() {
        let line = json!({
            "index": 7, "decision": "deny", "decision_id": "0198", "policy": "front-door", "request_id": "a\"]\\\n<1>",
            "reasons": [{ "code": "UNDER_AGE" }, { "code": "IDENTITY_BLOCKED" }],
        });
        let message = sender("host").message(&line, Timestamp::UNIX_EPOCH);
        assert_eq!(
            message,
            "<85>1 1970-01-01T00:00:00.000Z host verigate - decision [verigate@32473 index=\"7\" decision=\"deny\" id=\"0198\" policy=\"front-door\" request=\"a\\\"\\]\\\\?<1>\" reasons=\"UNDER_AGE IDENTITY_BLOCKED\"]"
        );
    }

    #[test]
    fn an_event_has_its_name_and_its_severity() {
        for (event, priority) in [
            ("gap", 83),
            ("tail_cut", 84),
            ("caller_refused", 85),
            ("tree", 86),
        ] {
            let line = json!({ "index": 0, "event": event, "caller": "door" });
            let message = sender("-").message(&line, Timestamp::UNIX_EPOCH);
            assert_eq!(
                message,
                format!(
                    "<{priority}>1 1970-01-01T00:00:00.000Z - verigate - event [verigate@32473 index=\"0\" event=\"{event}\" caller=\"door\"]"
                )
            );
        }
    }

    #[test]
    fn a_message_is_never_too_long() {
        let line =
            json!({ "decision": "allow", "verification_id": "]".repeat(3000), "caller": "door" });
        let message = sender(&"h".repeat(HOST_MAX)).message(&line, Timestamp::UNIX_EPOCH);
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        assert!(message.starts_with("<86>1 ") && message.contains("caller=\"door\""));
    }

    #[test]
    fn a_host_that_could_end_its_field_is_rejected() {
        assert!(host("door-1.example.com").is_ok() && host("-").is_ok());
        assert!(host("a b").is_err() && host("").is_err() && host("a\n").is_err());
    }
}
