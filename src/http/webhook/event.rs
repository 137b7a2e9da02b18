//! A webhook's body. The vendor documents neither its field names nor whether they stand in an envelope, so several spellings are
//! accepted for each field, at the top and in every object one level below.

mod body;

use uuid::Uuid;

use self::body::{Body, Field};
use crate::{
    policy::VerificationId,
    webhook_queue::{EventKind, WebhookEvent},
};

/// What a body says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Something has happened to a verification.
    Event(WebhookEvent),
    /// As above, but all that is named is the `id` at the top of an envelope, which may be the webhook's own: then the verification's is
    /// in a form that is not known here.
    Unsure {
        /// What has happened.
        event: WebhookEvent,
        /// The keys at the top, for the log.
        keys: String,
    },
    /// Nothing that can be acted on.
    Nothing {
        /// The keys at the top, for the log.
        keys: String,
    },
}

/// The spellings of a field, the most specific one first. Those of an envelope and of what is in it count alike.
const EVENTS: [Field; 4] = [
    Field::Event,
    Field::EventTypeCamel,
    Field::EventType,
    Field::Type,
];
const VERIFICATIONS: [Field; 4] = [
    Field::VerificationIdCamel,
    Field::VerificationId,
    Field::VerificationTraceId,
    Field::TraceId,
];
const CORRELATIONS: [Field; 2] = [Field::CorrelationIdCamel, Field::CorrelationId];

/// Parses a body.
pub(super) fn parse(body: &[u8]) -> Result<Parsed, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let mut events = EVENTS.into_iter().flat_map(|field| body.texts(field));
    let kind = events.find_map(kind);
    let ids = ids(&body);
    let mut correlations = CORRELATIONS.into_iter().flat_map(|field| body.texts(field));
    let step_up = correlations.find_map(|id| Uuid::try_parse(id).ok());
    if ids.is_empty() && (kind != Some(EventKind::Failed) || step_up.is_none()) {
        return Ok(Parsed::Nothing { keys: body.keys() });
    }
    let unsure = ids.len() == 1 && body.has_objects() && !names_verification(&body);
    let event = WebhookEvent {
        kind: kind.unwrap_or(EventKind::Other),
        ids,
        step_up,
    };
    Ok(if unsure {
        let keys = body.keys();
        Parsed::Unsure { event, keys }
    } else {
        Parsed::Event(event)
    })
}

/// Every identifier that may be a verification's, each once. That of an envelope itself comes last: it is rather the webhook's own.
fn ids(body: &Body) -> Vec<VerificationId> {
    let named = VERIFICATIONS
        .into_iter()
        .flat_map(|field| body.texts(field));
    let below = body.texts_below(Field::Id);
    let mut ids = Vec::new();
    for id in named.chain(below).chain(body.text_at_top(Field::Id)) {
        let Ok(id) = VerificationId::parse(id) else {
            continue;
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Whether a field says that it names a verification, or an `id` is inside of an envelope.
fn names_verification(body: &Body) -> bool {
    let mut named = VERIFICATIONS
        .into_iter()
        .flat_map(|field| body.texts(field));
    named.next().is_some() || body.texts_below(Field::Id).next().is_some()
}

fn kind(text: &str) -> Option<EventKind> {
    match text {
        "verification.succeeded" => Some(EventKind::Succeeded),
        "verification.failed" => Some(EventKind::Failed),
        "verification.started" | "identity.enrolled" => Some(EventKind::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
