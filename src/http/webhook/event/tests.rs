//! Which bodies are events, and what they say.

use super::*;

const STEP_UP: &str = "01a20651-95fd-7aa6-9e71-11de47f39e77";

fn read(body: &str) -> Option<WebhookEvent> {
    parse(body.as_bytes()).unwrap()
}

fn ids(event: &WebhookEvent) -> Vec<&str> {
    event.ids.iter().map(VerificationId::as_str).collect()
}

#[test]
fn each_spelling_of_a_field_is_accepted() {
    for key in ["event", "eventType", "event_type", "type"] {
        for id in [
            "verificationId",
            "verification_id",
            "verificationTraceId",
            "traceId",
            "id",
        ] {
            for correlation in ["correlationId", "correlation_id"] {
                let body = format!(
                    r#"{{"{key}":"verification.succeeded","{id}":"v-1","{correlation}":"{STEP_UP}","novel":{{"a":[]}}}}"#
                );
                let event = read(&body).unwrap();
                assert_eq!(event.kind, EventKind::Succeeded, "{body}");
                assert_eq!(ids(&event), ["v-1"], "{body}");
                assert_eq!(event.step_up.unwrap().to_string(), STEP_UP, "{body}");
            }
        }
    }
}

#[test]
fn every_id_of_an_event_counts_and_the_verifications_own_comes_first() {
    let event = read(
        r#"{"id":"evt_1","traceId":"t-1","type":"verification.failed","verificationId":"v-1","verificationTraceId":"t-1"}"#,
    );
    let event = event.unwrap();
    assert_eq!(ids(&event), ["v-1", "t-1", "evt_1"]);
    assert_eq!(event.kind, EventKind::Failed);
    assert_eq!(event.step_up, None);
}

#[test]
fn an_id_is_in_its_one_form_and_may_be_a_number() {
    let event = read(
        r#"{"verificationId":"55A951EB-265C-4706-9EBF-99AE35C745AB","traceId":"T-1","id":4711}"#,
    );
    assert_eq!(
        ids(&event.unwrap()),
        ["55a951eb-265c-4706-9ebf-99ae35c745ab", "T-1", "4711"]
    );
    for other in ["1.5", "true", "[4711]"] {
        assert_eq!(read(&format!(r#"{{"id":{other}}}"#)), None, "{other}");
    }
}

#[test]
fn the_first_event_that_is_known_counts() {
    let kind = |body: &str| read(body).unwrap().kind;
    assert_eq!(
        kind(r#"{"event":7,"type":"verification.succeeded","id":"v"}"#),
        EventKind::Succeeded
    );
    assert_eq!(
        kind(r#"{"type":"verification.succeeded","event":"verification.failed","id":"v"}"#),
        EventKind::Failed
    );
    for unknown in [
        "verification.Succeeded",
        "identity.enrolled",
        "",
        "succeeded",
    ] {
        assert_eq!(
            kind(&format!(r#"{{"event":"{unknown}","id":"v"}}"#)),
            EventKind::Other
        );
    }
}

#[test]
fn a_body_that_nothing_can_be_done_with_is_no_event() {
    for body in [
        "{}",
        r#"{"event":"verification.succeeded"}"#,
        r#"{"event":"verification.succeeded","id":"../x"}"#,
        r#"{"event":"verification.succeeded","id":true,"traceId":null,"verificationId":["v-1"]}"#,
        r#"{"event":"verification.started","correlationId":"01a20651-95fd-7aa6-9e71-11de47f39e77"}"#,
        r#"{"event":"verification.failed","correlationId":"mine"}"#,
    ] {
        assert_eq!(read(body), None, "{body}");
    }
    let failed = format!(r#"{{"event":"verification.failed","correlationId":"{STEP_UP}"}}"#);
    assert!(read(&failed).unwrap().ids.is_empty());
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
        assert!(parse(body.as_bytes()).is_err(), "{body}");
    }
    assert!(parse(b"{\"id\":\"\xff\"}").is_err());
}
