//! The vendor's JSON, written from the vendor's documentation: the requests that the simulator reads and the bodies that it
//! sends. It shares no type with the client of the vendor's API, so that a wrong belief of one about the wire fails against the
//! other.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::people::VerificationRecord;
use crate::policy::Timestamp;

/// Request body of `POST /v1/integration/authorize/server`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizeRequest {
    #[serde(rename = "integrationId")]
    pub integration_id: String,
    pub secret: String,
}

/// Request body of `POST /v1/verification/generate-verification-link`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkRequest {
    #[serde(rename = "integrationId")]
    pub integration_id: String,
    /// The email address of the person.
    #[serde(rename = "loginHint")]
    pub login_hint: String,
    /// Where the browser goes after the verification.
    #[serde(rename = "redirectUrl")]
    pub redirect_url: String,
    /// Comes back in webhooks, if it is set.
    #[serde(rename = "correlationId")]
    pub correlation_id: Option<String>,
}

/// Response body of `POST /v1/integration/authorize/server`.
pub(super) fn authorized(token: &str) -> Value {
    json!({ "token": token })
}

/// Response body of `POST /v1/verification/generate-verification-link`.
pub(super) fn link(url: &str, trace_id: &str) -> Value {
    json!({
        "verificationLink": url,
        "verificationTraceId": trace_id,
    })
}

/// Response body of `GET /v1/verification/details/{id}`. `verifiedAt` is in milliseconds since 1970.
pub(super) fn details(id: &str, verification: &VerificationRecord) -> Value {
    json!({
        "id": id,
        "projectId": verification.project_id,
        "traceId": verification.trace_id,
        "verifiedAt": verification.verified_at.map(Timestamp::as_millisecond),
        "status": verification.status,
        "scopes": verification.scopes,
        "data": data(verification),
    })
}

/// The person's data: the identity always, the rest as the scopes grant it. `dateOfBirth` is in milliseconds since 1970.
fn data(verification: &VerificationRecord) -> Map<String, Value> {
    let person = &verification.person;
    let granted = |scope: &str| verification.scopes.iter().any(|granted| granted == scope);
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let mut data = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(key.to_owned(), value);
        }
    };
    put("identityId", text(&person.identity_id));
    if granted("NAME") {
        put("fullName", text(&person.full_name));
        put("firstName", text(&person.first_name));
        put("lastName", text(&person.last_name));
    }
    if granted("DATE_OF_BIRTH") {
        let birth = person.date_of_birth;
        put("dateOfBirth", birth.map(|at| at.as_millisecond().into()));
    }
    if granted("PHONE") {
        put("phone", text(&person.phone));
    }
    data
}

/// Response body of an error. The vendor's `status` may be a code of its own; this one is the HTTP status.
pub(super) fn error(status: StatusCode, at: Timestamp, path: &str) -> Value {
    json!({
        "timestamp": at.as_millisecond(),
        "status": status.as_u16(),
        "error": status.canonical_reason().unwrap_or_default(),
        "message": "refused by the simulator",
        "path": path,
    })
}

/// Body of a webhook: the event, the trace id, and the correlation id of the link if one was set. The vendor documents these
/// facts, but not the keys.
pub(super) fn webhook(event: &str, trace_id: &str, correlation_id: Option<&str>) -> Value {
    let mut body = json!({
        "event": event,
        "verificationTraceId": trace_id,
    });
    if let (Some(fields), Some(id)) = (body.as_object_mut(), correlation_id) {
        fields.insert("correlationId".to_owned(), id.into());
    }
    body
}
