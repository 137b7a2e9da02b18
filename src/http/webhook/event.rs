//! An event as the vendor writes it. How exactly is not documented, so that several names are taken for the same; what is
//! read is read by type, and a key that comes twice is an error.

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    hints::{Event, Hint},
    json::{Lenient, Object},
    policy::VerificationId,
};

/// An event, under every name that its fields may have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
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

/// Reads an event; nothing if it names nothing that could be followed.
pub(super) fn hint(body: &[u8]) -> Result<Option<Hint>, serde_json::Error> {
    let Object(told) = serde_json::from_slice::<Object<Told>>(body)?;
    let events = [
        &told.event,
        &told.event_type_camel,
        &told.event_type,
        &told.r#type,
    ];
    let event = events.into_iter().find_map(event);
    let ids = [
        &told.verification_id_camel,
        &told.verification_id,
        &told.verification_trace_id,
        &told.trace_id,
        &told.id,
    ];
    let mut names: Vec<VerificationId> = Vec::new();
    for id in ids.into_iter().filter_map(text) {
        let Ok(name) = VerificationId::parse(id) else {
            continue;
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let correlations = [&told.correlation_id_camel, &told.correlation_id];
    let mut correlations = correlations.into_iter().filter_map(text);
    let step_up = correlations.find_map(|id| Uuid::try_parse(id).ok());
    let followed = !names.is_empty() || (event == Some(Event::Failed) && step_up.is_some());
    Ok(followed.then(|| Hint {
        event: event.unwrap_or(Event::Other),
        names,
        step_up,
    }))
}

fn event(field: &Lenient) -> Option<Event> {
    match text(field)? {
        "verification.succeeded" => Some(Event::Succeeded),
        "verification.failed" => Some(Event::Failed),
        "verification.started" | "identity.enrolled" => Some(Event::Other),
        _ => None,
    }
}

fn text(field: &Lenient) -> Option<&str> {
    match field {
        Lenient::Text(text) => Some(text),
        Lenient::Missing | Lenient::Number(_) | Lenient::Odd => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_UP: &str = "01a20651-95fd-7aa6-9e71-11de47f39e77";

    fn read(body: &str) -> Option<Hint> {
        hint(body.as_bytes()).unwrap()
    }

    fn names(hint: &Hint) -> Vec<&str> {
        hint.names.iter().map(VerificationId::as_str).collect()
    }

    #[test]
    fn an_event_is_read_under_each_of_its_names() {
        for event in ["event", "eventType", "event_type", "type"] {
            for id in [
                "verificationId",
                "verification_id",
                "verificationTraceId",
                "traceId",
                "id",
            ] {
                for correlation in ["correlationId", "correlation_id"] {
                    let body = format!(
                        r#"{{"{event}":"verification.succeeded","{id}":"v-1","{correlation}":"{STEP_UP}","novel":{{"a":[]}}}}"#
                    );
                    let hint = read(&body).unwrap();
                    assert_eq!(hint.event, Event::Succeeded, "{body}");
                    assert_eq!(names(&hint), ["v-1"], "{body}");
                    assert_eq!(hint.step_up.unwrap().to_string(), STEP_UP, "{body}");
                }
            }
        }
    }

    #[test]
    fn every_name_that_an_event_tells_counts_and_the_verifications_own_comes_first() {
        let hint = read(
            r#"{"id":"evt_1","traceId":"t-1","type":"verification.failed","verificationId":"v-1","verificationTraceId":"t-1"}"#,
        );
        let hint = hint.unwrap();
        assert_eq!(names(&hint), ["v-1", "t-1", "evt_1"]);
        assert_eq!(hint.event, Event::Failed);
        assert_eq!(hint.step_up, None);
    }

    #[test]
    fn the_first_event_that_is_known_counts() {
        let event = |body: &str| read(body).unwrap().event;
        assert_eq!(
            event(r#"{"event":7,"type":"verification.succeeded","id":"v"}"#),
            Event::Succeeded
        );
        assert_eq!(
            event(r#"{"type":"verification.succeeded","event":"verification.failed","id":"v"}"#),
            Event::Failed
        );
        for unknown in [
            "verification.Succeeded",
            "identity.enrolled",
            "",
            "succeeded",
        ] {
            assert_eq!(
                event(&format!(r#"{{"event":"{unknown}","id":"v"}}"#)),
                Event::Other
            );
        }
    }

    #[test]
    fn what_names_nothing_that_could_be_followed_is_no_hint() {
        for body in [
            "{}",
            r#"{"event":"verification.succeeded"}"#,
            r#"{"event":"verification.succeeded","id":"../x"}"#,
            r#"{"event":"verification.succeeded","id":7,"traceId":null,"verificationId":["v-1"]}"#,
            r#"{"event":"verification.started","correlationId":"01a20651-95fd-7aa6-9e71-11de47f39e77"}"#,
            r#"{"event":"verification.failed","correlationId":"mine"}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
        let failed = format!(r#"{{"event":"verification.failed","correlationId":"{STEP_UP}"}}"#);
        assert!(read(&failed).unwrap().names.is_empty());
    }

    #[test]
    fn what_is_no_object_or_has_a_key_twice_is_an_error() {
        for body in [
            "",
            "null",
            "7",
            r#""verification.succeeded""#,
            r#"["verification.succeeded",null,null,null,"v-1"]"#,
            r#"{"event":"verification.succeeded","id":"v-1""#,
            r#"{"id":"v-1"} x"#,
            r#"{"id":"v-1","id":"v-2"}"#,
            r#"{"id":"v-1","id":"v-1"}"#,
            "event=verification.succeeded&id=v-1",
            "<event/>",
        ] {
            assert!(hint(body.as_bytes()).is_err(), "{body}");
        }
        assert!(hint(b"{\"id\":\"\xff\"}").is_err());
    }
}
