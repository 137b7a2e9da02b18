//! Which links are accepted.

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
    let (remote, local) = ("https://api.example.com", "http://127.0.0.1:9000");
    let longest = format!("https://e.example/{}", "x".repeat(2030));
    assert_eq!(longest.len(), LINK_BYTES_MAX);
    for (address, upstream) in [
        ("https://verify.example.com/x?y=z#w", remote),
        ("https://verify.example.com/x", local),
        ("http://127.0.0.1:9000/sim/links/x", local),
        ("http://localhost/x", local),
        (&longest, remote),
    ] {
        let made = read(address, upstream).unwrap();
        assert_eq!(&*made.url, address);
        assert_eq!(made.trace.unwrap().as_str(), "trace-1");
    }
    let too_long = format!("{longest}x");
    for (address, upstream) in [
        ("http://127.0.0.1:9000/x", remote),
        ("http://verify.example.com/x", local),
        ("http://verify.example.com/x", remote),
        ("javascript:alert(1)", remote),
        ("data:text/html,x", local),
        ("//verify.example.com/x", remote),
        ("verify.example.com", remote),
        ("https://good.example@evil.example/", remote),
        ("https://verify.example.com/\nx", remote),
        ("https://verify.example.com/ x", remote),
        ("", remote),
        (&too_long, remote),
    ] {
        assert!(read(address, upstream).is_err(), "{address}");
    }
}

#[test]
fn a_body_of_another_shape_is_an_error() {
    let remote = "https://api.example.com".parse().unwrap();
    for body in [
        "{}",
        "[]",
        "null",
        r#"["https://e.example/", "t"]"#,
        r#"{"verificationLink":7}"#,
        r#"{"verificationLink":"https://e.example/","verificationLink":"https://evil.example/"}"#,
    ] {
        assert!(link(body.as_bytes(), &remote).is_err(), "{body}");
    }
    let bare = br#"{"verificationLink":"https://e.example/","verificationTraceId":"../x"}"#;
    assert!(link(bare, &remote).unwrap().trace.is_none());
}
