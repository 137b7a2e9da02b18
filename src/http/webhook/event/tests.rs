//! Which bodies are events, and what they say.

use super::*;

const STEP_UP: &str = "01a20651-95fd-7aa6-9e71-11de47f39e77";

fn read(body: &str) -> Option<WebhookEvent> {
    match parse(body.as_bytes()).unwrap() {
        Parsed::Event(event) | Parsed::Unsure { event, .. } => Some(event),
        Parsed::Nothing { .. } => None,
    }
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
    for (name, expected) in [
        ("identity.enrolled", EventKind::Other),
        ("verification.started", EventKind::Other),
        ("verification.Succeeded", EventKind::Unrecognized),
        ("verification.revoked", EventKind::Unrecognized),
        ("", EventKind::Unrecognized),
        ("succeeded", EventKind::Unrecognized),
    ] {
        let body = format!(r#"{{"event":"{name}","id":"v"}}"#);
        assert_eq!(kind(&body), expected, "{name}");
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

#[test]
fn the_fields_may_be_in_an_envelope_whatever_it_is_called() {
    let kinds = ["event", "eventType", "event_type", "type"];
    for envelope in [
        "data",
        "payload",
        "verification",
        "object",
        "detail",
        "event",
    ] {
        for id in [
            "verificationId",
            "verification_id",
            "verificationTraceId",
            "traceId",
            "id",
        ] {
            for kind in kinds.into_iter().filter(|kind| *kind != envelope) {
                let fields = format!(r#""{id}":"v-1","correlationId":"{STEP_UP}""#);
                let event = r#""verification.failed""#;
                for body in [
                    format!(r#"{{"{kind}":{event},"{envelope}":{{{fields}}}}}"#),
                    format!(r#"{{"{envelope}":{{"{kind}":{event},{fields}}}}}"#),
                    format!(
                        r#"{{"{envelope}":{{{fields},"novel":[{{}}]}},"at":7,"{kind}":{event}}}"#
                    ),
                ] {
                    let event = read(&body).unwrap();
                    assert_eq!(event.kind, EventKind::Failed, "{body}");
                    assert_eq!(ids(&event), ["v-1"], "{body}");
                    assert_eq!(event.step_up.unwrap().to_string(), STEP_UP, "{body}");
                }
            }
        }
    }
}

#[test]
fn every_id_is_named_once_and_that_of_the_envelope_comes_last() {
    let event = read(
        r#"{"id":"evt_1","type":"verification.failed","traceId":"t-1","data":{"id":"v-2","verificationId":"v-1","traceId":"t-1"},"previous":{"verificationId":"v-0"}}"#,
    );
    assert_eq!(ids(&event.unwrap()), ["v-1", "v-0", "t-1", "v-2", "evt_1"]);
}

#[test]
fn of_what_names_nothing_the_keys_are_shown() {
    let keys = |body: &str| match parse(body.as_bytes()).unwrap() {
        Parsed::Nothing { keys } => keys,
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(keys("{}"), "");
    assert_eq!(
        keys(r#"{"event":"verification.succeeded","data":[{"id":"v-1"}],"a":{"b":{"id":"v-1"}}}"#),
        "a, data, event"
    );
    assert_eq!(keys(r#"{"a\nb\u001b[31m":1}"#), r"a\nb\u{1b}[31m");
    let many: Vec<String> = (10..40)
        .map(|n| format!(r#""{n}{}":1"#, "k".repeat(50)))
        .collect();
    let keys = keys(&format!("{{{}}}", many.join(",")));
    assert!(keys.chars().count() < 600 && keys.ends_with('…'), "{keys}");
}

#[test]
fn an_id_that_may_be_that_of_the_envelope_alone_is_not_trusted() {
    for (body, sure) in [
        (r#"{"id":"evt_1","data":{"verification":"v-1"}}"#, false),
        (r#"{"id":"evt_1","data":{}}"#, false),
        (r#"{"id":"evt_1","data":{"id":"v-1"}}"#, true),
        (r#"{"verificationId":"v-1","data":{}}"#, true),
        (r#"{"id":"v-1"}"#, true),
        (r#"{"id":"v-1","data":"text"}"#, true),
    ] {
        let parsed = parse(body.as_bytes()).unwrap();
        assert_eq!(matches!(parsed, Parsed::Event(_)), sure, "{body}");
        assert!(!ids(&read(body).unwrap()).is_empty(), "{body}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_an_error_in_an_envelope_too() {
    for body in [
        r#"{"data":{"id":"v-1","id":"v-2"}}"#,
        r#"{"data":{"id":"v-1"},"data":{"id":"v-2"}}"#,
        r#"{"id":{"id":"v-1"},"id":"v-2"}"#,
    ] {
        assert!(parse(body.as_bytes()).is_err(), "{body}");
    }
}
