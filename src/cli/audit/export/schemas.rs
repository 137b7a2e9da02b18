//! Decisions in the schemas of others: OCSF, ECS, and the badging events of Microsoft Purview.

use serde_json::{Value, json};

use crate::{
    build_info::VERSION,
    cli::audit::summary::Summary,
    policy::{Effect, Timestamp},
};

/// The version of OCSF whose attributes are used.
const OCSF_VERSION: &str = "1.5.0";

/// API Activity (class 6003) with the profile security_control.
pub(super) fn ocsf(summary: &Summary<'_>, at: Timestamp) -> Value {
    let (action_id, action, disposition_id, status_id) = match summary.effect() {
        Some(Effect::Allow) => (1, "Allowed", 1, 1),
        Some(Effect::StepUp) => (99, "Step-up", 2, 2),
        Some(Effect::Deny) | None => (2, "Denied", 2, 2),
    };
    let policy = json!({
        "name": summary.text("policy"),
        "uid": summary.text("policy"),
        "version": summary.text("policy_revision"),
    });
    json!({
        "activity_id": 2,
        "category_uid": 6,
        "class_uid": 6003,
        "type_uid": 600_302,
        "time": at.as_millisecond(),
        "severity_id": 1,
        "status_id": status_id,
        "status_detail": summary.reasons().join(", "),
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": summary.text("decision_id"),
            "profiles": ["security_control"],
            "product": { "name": "verigate", "vendor_name": "verigate", "version": VERSION },
        },
        "api": { "operation": "CheckAccess", "service": { "name": "verigate" } },
        "actor": {
            "user": { "uid": subject(summary) },
            "authorizations": [{ "decision": summary.text("decision"), "policy": policy }],
        },
        "src_endpoint": { "name": summary.text("caller") },
    })
}

/// Elastic Common Schema.
pub(super) fn ecs(summary: &Summary<'_>) -> Value {
    let is_allowed = summary.effect() == Some(Effect::Allow);
    let (kind, outcome) = if is_allowed {
        ("allowed", "success")
    } else {
        ("denied", "failure")
    };
    json!({
        "@timestamp": summary.text("at"),
        "ecs": { "version": "8.11.0" },
        "event": {
            "kind": "event",
            "category": ["iam"],
            "type": ["access", kind],
            "outcome": outcome,
            "action": "check-access",
            "id": summary.text("decision_id"),
            "reason": summary.reasons().join(", "),
        },
        "rule": { "name": summary.text("policy"), "version": summary.text("policy_revision") },
        "user": { "id": subject(summary) },
        "source": { "user": { "name": summary.text("caller") } },
        "verigate": { "decision": summary.text("decision") },
    })
}

/// A badging event of Microsoft Purview: only ALLOW opens a door.
pub(super) fn purview(summary: &Summary<'_>) -> Value {
    let status = match summary.effect() {
        Some(Effect::Allow) => "Success",
        Some(Effect::StepUp | Effect::Deny) | None => "Failed",
    };
    json!({
        "UserId": subject(summary),
        "AssetId": summary.text("policy"),
        "AssetName": summary.text("caller"),
        "EventTime": summary.text("at"),
        "AccessStatus": status,
    })
}

/// Whom the decision is about: the identity if it is known, else the verification.
fn subject<'l>(summary: &Summary<'l>) -> &'l str {
    match summary.text("identity_id") {
        "" => summary.text("verification_id"),
        identity => identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is not ALLOW, also what nobody knows, is exported as refused.
    #[test]
    fn only_allow_is_exported_as_a_success() {
        for (decision, is_allowed) in [
            ("allow", true),
            ("step_up", false),
            ("deny", false),
            ("ALLOW", false),
            ("", false),
        ] {
            let line = json!({ "decision": decision });
            let summary = Summary::of(&line);
            assert_eq!(purview(&summary)["AccessStatus"] == "Success", is_allowed);
            assert_eq!(ecs(&summary)["event"]["outcome"] == "success", is_allowed);
            let ocsf = ocsf(&summary, Timestamp::UNIX_EPOCH);
            assert_eq!(ocsf["action_id"] == 1, is_allowed);
            assert_eq!(ocsf["disposition_id"] == 1, is_allowed);
        }
    }
}
