//! Decisions as messages of syslog (RFC 5424), with what they say as structured data.

use crate::{
    cli::audit::summary::Summary,
    policy::{Effect, Timestamp},
};

/// The private enterprise number for examples (RFC 5612).
pub(super) const EXAMPLE_ENTERPRISE: u32 = 32473;
/// Facility 10 (security and authorization), severity 5 (notice).
const NOTICE: u8 = 85;
/// The same facility, severity 6 (informational).
const INFO: u8 = 86;
/// What every receiver takes, in bytes.
const MESSAGE_BYTES_MAX: usize = 2048;
/// The length of a host's name, by the RFC.
const HOST_MAX: usize = 255;

/// The parameters and the members of the line that they are.
const PARAMETERS: [(&str, &str); 8] = [
    ("decision", "decision"),
    ("id", "decision_id"),
    ("policy", "policy"),
    ("caller", "caller"),
    ("verification", "verification_id"),
    ("identity", "identity_id"),
    ("request", "request_id"),
    ("revision", "policy_revision"),
];

/// A message, without an end of line. Parameters that do not fit are not in it.
pub(super) fn message(summary: &Summary<'_>, at: Timestamp, host: &str, enterprise: u32) -> String {
    let priority = match summary.effect() {
        Some(Effect::Allow | Effect::StepUp) => INFO,
        Some(Effect::Deny) | None => NOTICE,
    };
    let mut message =
        format!("<{priority}>1 {at:.3} {host} verigate - decision [verigate@{enterprise}");
    let reasons = summary.reasons().join(" ");
    let members = PARAMETERS.map(|(name, member)| (name, summary.text(member)));
    for (name, value) in members.into_iter().chain([("reasons", &*reasons)]) {
        let parameter = format!(" {name}=\"{}\"", escaped(value));
        let fits = message.len().saturating_add(parameter.len()) < MESSAGE_BYTES_MAX;
        if !value.is_empty() && fits {
            message.push_str(&parameter);
        }
    }
    message.push(']');
    message
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        // A control character could end the message.
        escaped.push(if c.is_control() { '?' } else { c });
    }
    escaped
}

/// A name that may stand in a message.
pub(super) fn host(text: &str) -> Result<String, String> {
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

    #[test]
    fn a_message_has_its_parameters_escaped_and_no_second_line() {
        let line = json!({
            "decision": "deny", "decision_id": "0198", "policy": "front-door", "request_id": "a\"]\\\n<1>",
            "reasons": [{ "code": "UNDER_AGE" }, { "code": "IDENTITY_BLOCKED" }],
        });
        let message = message(&Summary::of(&line), Timestamp::UNIX_EPOCH, "host", 32473);
        assert_eq!(
            message,
            "<85>1 1970-01-01T00:00:00.000Z host verigate - decision [verigate@32473 decision=\"deny\" id=\"0198\" policy=\"front-door\" request=\"a\\\"\\]\\\\?<1>\" reasons=\"UNDER_AGE IDENTITY_BLOCKED\"]"
        );
    }

    #[test]
    fn a_message_is_never_too_long() {
        let line =
            json!({ "decision": "allow", "verification_id": "]".repeat(3000), "caller": "door" });
        let message = message(&Summary::of(&line), Timestamp::UNIX_EPOCH, "-", 1);
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        assert!(message.starts_with("<86>1 ") && message.contains("caller=\"door\""));
    }

    #[test]
    fn a_host_that_could_end_its_field_is_rejected() {
        assert!(host("door-1.example.com").is_ok() && host("-").is_ok());
        assert!(host("a b").is_err() && host("").is_err() && host("a\n").is_err());
    }
}
