//! What is logged of a text from outside, and how a path is named.

use super::*;

#[test]
fn a_text_from_outside_is_logged_without_control_characters_and_not_without_end() {
    for (text, chars_max, expected) in [
        ("front-door", 64, "front-door"),
        ("a\nb\r\tc", 64, r"a\nb\r\tc"),
        ("\u{1b}[31mred\u{202e}", 64, r"\u{1b}[31mred\u{202e}"),
        ("123456789", 8, "12345678…"),
        ("12345678", 8, "12345678"),
    ] {
        assert_eq!(shown(text, chars_max), expected, "{text:?}");
    }
}

#[test]
fn whatever_path_is_asked_for_the_names_of_methods_are_few() {
    assert_eq!(
        method_of("/verigate.v1.AccessService/CheckAccess"),
        "CheckAccess"
    );
    for path in [
        "",
        "/",
        "/verigate.v1.AccessService/Checkaccess",
        "/x/CheckAccess",
        "CheckAccess",
    ] {
        assert_eq!(method_of(path), "other", "{path}");
    }
}

#[test]
fn an_answer_that_is_not_of_grpc_has_the_code_that_clients_read() {
    for (status, code) in [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (415, Code::Unknown),
        (431, Code::Unknown),
        (503, Code::Unavailable),
    ] {
        let response = Response::builder()
            .status(status)
            .body(Body::empty())
            .unwrap();
        assert_eq!(status_of_head(&response).unwrap().code(), code, "{status}");
    }
    assert!(status_of_head(&Response::new(Body::empty())).is_none());
}
