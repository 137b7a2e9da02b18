//! Which bodies are the vendor's.

use super::*;

fn problem(body: &str, message: Message) -> Option<&'static str> {
    check(body.as_bytes(), message).err().map(|e| e.problem)
}

#[test]
fn an_error_of_the_vendor_has_five_keys() {
    let right = r#"{"timestamp":1,"status":4004,"error":"e","message":"m","path":"/v1"}"#;
    assert_eq!(problem(right, Message::Error), None);
    for (from, to) in [
        (r#""message":"m""#, r#""message":null"#),
        ("{", r#"{"code":7,"#),
        (r#""timestamp":1"#, r#""timestamp":1.0e3"#),
    ] {
        let other = right.replace(from, to);
        assert_eq!(problem(&other, Message::Error), None, "{other}");
    }
    for (from, to, what) in [
        (r#""timestamp":1,"#, "", "it has no number `timestamp`"),
        (
            r#""timestamp":1"#,
            r#""timestamp":"2026-01-31T12:00:00Z""#,
            "it has no number `timestamp`",
        ),
        (r#""status":4004,"#, "", "it has no number `status`"),
        ("4004", r#""error""#, "it has no number `status`"),
        (r#""error":"e","#, "", "it has no text `error`"),
        (
            r#""error":"e""#,
            r#""error":{"code":404}"#,
            "it has no text `error`",
        ),
        (r#""message":"m","#, "", "it has no `message`"),
        (
            r#""message":"m""#,
            r#""message":["m"]"#,
            "it has no `message`",
        ),
        (r#","path":"/v1""#, "", "it has no text `path`"),
        (r#""/v1""#, "null", "it has no text `path`"),
        ("}", r#","status":200}"#, "it has a key twice"),
    ] {
        let other = right.replace(from, to);
        assert_eq!(problem(&other, Message::Error), Some(what), "{other}");
    }
}

#[test]
fn details_have_an_identifier_a_status_and_another_key_of_details() {
    for body in [
        // What is unfinished or revoked has nothing about the person.
        r#"{"id":"v","status":"PENDING","verifiedAt":null,"scopes":null,"data":null}"#,
        r#"{"id":"v","status":"REVOKED","projectId":"p"}"#,
        r#"{"id":"v","traceId":"t","status":"REVOKED"}"#,
        r#"{"id":"v","traceId":"t","status":null}"#,
        r#"{"id":"v","status":"VERIFIED","scopes":[]}"#,
        r#"{"traceId":7,"status":"","data":{}}"#,
        // What is wrong with these is for the decoder to say.
        r#"{"id":"v","status":"FAILED","status":"VERIFIED","scopes":[]}"#,
        r#"{"id":"v","status":"VERIFIED","verifiedAt":"soon"}"#,
        r#"{"id":"v","status":"VERIFIED","data":[]}"#,
    ] {
        assert_eq!(problem(body, Message::Details), None, "{body}");
    }
    for (body, what) in [
        ("{}", "it has neither `id` nor `traceId`"),
        (
            r#"{"timestamp":1,"status":401,"error":"e","message":"m","path":"/"}"#,
            "it has neither `id` nor `traceId`",
        ),
        (
            r#"{"id":null,"status":"VERIFIED","scopes":[]}"#,
            "it has neither `id` nor `traceId`",
        ),
        (r#"{"id":"v","error":"down"}"#, "it has no text `status`"),
        (
            r#"{"id":"v","status":503,"data":{}}"#,
            "it has no text `status`",
        ),
        (
            r#"{"id":"v","status":"UP"}"#,
            "it has no other key of the details of a verification",
        ),
    ] {
        assert_eq!(problem(body, Message::Details), Some(what), "{body}");
    }
}

#[test]
fn a_token_and_a_link_are_texts() {
    assert_eq!(problem(r#"{"token":"t"}"#, Message::Token), None);
    assert_eq!(problem(r#"{"verificationLink":"x"}"#, Message::Link), None);
    for body in ["{}", r#"{"token":null,"verificationLink":7}"#] {
        assert!(problem(body, Message::Token).is_some(), "{body}");
        assert!(problem(body, Message::Link).is_some(), "{body}");
    }
}

#[test]
fn what_is_not_an_object_of_json_is_nobodys_message_and_the_place_is_named() {
    for (body, problem, position) in [
        ("", "the body is not JSON", (1, 0)),
        (
            "<html>\n<h1>502</h1></html>",
            "the body is not JSON",
            (1, 1),
        ),
        ("default backend - 404", "the body is not JSON", (1, 1)),
        ("null", "the body is not a JSON object", (1, 4)),
        ("[]", "the body is not a JSON object", (1, 0)),
        ("\"v\"", "the body is not a JSON object", (1, 3)),
        ("{\n\"id\": \"v\",\n", "the body is not JSON", (3, 0)),
        ("{\"id\":\"v\"}\nx", "the body is not JSON", (2, 1)),
        ("\u{feff}{}", "the body is not JSON", (1, 1)),
    ] {
        for message in [
            Message::Token,
            Message::Details,
            Message::Link,
            Message::Error,
        ] {
            let expected = ShapeError {
                problem,
                position: Some(position),
            };
            assert_eq!(check(body.as_bytes(), message), Err(expected), "{body}");
        }
    }
}
