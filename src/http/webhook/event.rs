//! A webhook's body. The vendor does not document its field names, so several spellings are accepted for each field. Fields are read by
//! type, and a duplicate key is an error.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    json::{Lenient, Object},
    policy::VerificationId,
    webhook_queue::{EventKind, WebhookEvent},
};

/// A body, with every spelling that its fields may have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct RawEvent {
    event: Lenient,
    #[serde(rename = "eventType")]
    event_type_camel: Lenient,
    event_type: Lenient,
    r#type: Lenient,
    #[serde(rename = "verificationId")]
    verification_id_camel: Lenient,
    verification_id: Lenient,
    #[serde(rename = "verificationTraceId")]
    verification_trace_id: Lenient,
    #[serde(rename = "traceId")]
    trace_id: Lenient,
    id: Lenient,
    #[serde(rename = "correlationId")]
    correlation_id_camel: Lenient,
    correlation_id: Lenient,
}

/// Parses a body; `None` if it has nothing that can be acted on.
pub(super) fn parse(body: &[u8]) -> Result<Option<WebhookEvent>, serde_json::Error> {
    let Object(raw) = serde_json::from_slice::<Object<RawEvent>>(body)?;
    let events = [
        &raw.event,
        &raw.event_type_camel,
        &raw.event_type,
        &raw.r#type,
    ];
    let kind = events.into_iter().find_map(kind);
    let id_fields = [
        &raw.verification_id_camel,
        &raw.verification_id,
        &raw.verification_trace_id,
        &raw.trace_id,
        &raw.id,
    ];
    let mut ids: Vec<VerificationId> = Vec::new();
    for id in id_fields.into_iter().filter_map(identifier) {
        let Ok(id) = VerificationId::parse(&id) else {
            continue;
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let correlations = [&raw.correlation_id_camel, &raw.correlation_id];
    let mut correlations = correlations.into_iter().filter_map(text);
    let step_up = correlations.find_map(|id| Uuid::try_parse(id).ok());
    let usable = !ids.is_empty() || (kind == Some(EventKind::Failed) && step_up.is_some());
    Ok(usable.then(|| WebhookEvent {
        kind: kind.unwrap_or(EventKind::Other),
        ids,
        step_up,
    }))
}

fn kind(field: &Lenient) -> Option<EventKind> {
    match text(field)? {
        "verification.succeeded" => Some(EventKind::Succeeded),
        "verification.failed" => Some(EventKind::Failed),
        "verification.started" | "identity.enrolled" => Some(EventKind::Other),
        _ => None,
    }
}

/// An identifier, by the rule for those of the vendor's other answers.
fn identifier(field: &Lenient) -> Option<Cow<'_, str>> {
    match field {
        Lenient::Text(text) => Some(Cow::Borrowed(text)),
        Lenient::Number(number) => Some(Cow::Owned(number.to_string())),
        Lenient::Missing | Lenient::Other => None,
    }
}

fn text(field: &Lenient) -> Option<&str> {
    match field {
        Lenient::Text(text) => Some(text),
        Lenient::Missing | Lenient::Number(_) | Lenient::Other => None,
    }
}

#[cfg(test)]
mod tests;
