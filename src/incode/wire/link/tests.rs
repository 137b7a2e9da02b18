//! Tests of `wire::link`.

use super::*;

fn read(address: &str, upstream: &str) -> Result<Link, Flaw> {
    let body = serde_json::json!({
        "verificationLink": address,
        "verificationTraceId": "trace-1",
        "novel": [],
    });
    link(body.to_string().as_bytes(), &upstream.parse().unwrap())
}

#[test]
fn a_link_is_one_that_a_browser_may_be_sent_to() {
    let (far, near) = ("https://api.example.com", "http://127.0.0.1:9000");
    let longest = format!("https://e.example/{}", "x".repeat(2030));
    assert_eq!(longest.len(), LINK_BYTES_MAX);
    for (address, upstream) in [
        ("https://verify.example.com/x?y=z#w", far),
        ("https://verify.example.com/x", near),
        ("http://127.0.0.1:9000/sim/links/x", near),
        ("http://localhost/x", near),
        (&longest, far),
    ] {
        let made = read(address, upstream).unwrap();
        assert_eq!(&*made.url, address);
        assert_eq!(made.trace.unwrap().as_str(), "trace-1");
    }
    let too_long = format!("{longest}x");
    for (address, upstream) in [
        ("http://127.0.0.1:9000/x", far),
        ("http://verify.example.com/x", near),
        ("http://verify.example.com/x", far),
        ("javascript:alert(1)", far),
        ("data:text/html,x", near),
        ("//verify.example.com/x", far),
        ("verify.example.com", far),
        ("https://good.example@evil.example/", far),
        ("https://verify.example.com/\nx", far),
        ("https://verify.example.com/ x", far),
        ("", far),
        (&too_long, far),
    ] {
        assert!(read(address, upstream).is_err(), "{address}");
    }
}

#[test]
fn what_is_not_the_agreed_json_is_unreadable() {
    let far = "https://api.example.com".parse().unwrap();
    for body in [
        "{}",
        "[]",
        "null",
        r#"["https://e.example/", "t"]"#,
        r#"{"verificationLink":7}"#,
        r#"{"verificationLink":"https://e.example/","verificationLink":"https://evil.example/"}"#,
    ] {
        assert!(link(body.as_bytes(), &far).is_err(), "{body}");
    }
    let bare = br#"{"verificationLink":"https://e.example/","verificationTraceId":"../x"}"#;
    assert!(link(bare, &far).unwrap().trace.is_none());
}
