//! The JSON of the call that makes a link.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Object;
use crate::{
    incode::config::is_loopback,
    policy::{Flaw, VerificationId},
    step_up::Link,
};

/// No honest link is longer.
const LINK_BYTES_MAX: usize = 2048;

/// What `POST /v1/verification/generate-verification-link` is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkWanted<'a> {
    /// The integration, as the upstream names it.
    pub integration_id: Cow<'a, str>,
    /// Who shall verify: an e-mail address.
    pub login_hint: Cow<'a, str>,
    /// Where the browser goes afterwards.
    pub redirect_url: Cow<'a, str>,
    /// Comes back with the events about it.
    pub correlation_id: Cow<'a, str>,
}

/// What it answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkMade {
    verification_link: Box<str>,
    verification_trace_id: Option<Box<str>>,
}

/// Reads a link that a browser may be sent to: by https, or to this machine where the upstream is on it, as a pretended one.
pub fn link(body: &[u8], upstream: &Url) -> Result<Link, Flaw> {
    let Object(made) =
        serde_json::from_slice::<Object<LinkMade>>(body).map_err(|_| Flaw::Unreadable)?;
    let text = made.verification_link;
    if text.len() > LINK_BYTES_MAX {
        return Err(Flaw::TooLarge);
    }
    // What is read over in an address, as line breaks are, may lead elsewhere when somebody else reads it.
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    let url = Url::parse(&text).ok().filter(|url| {
        let here = is_loopback(upstream) && is_loopback(url);
        let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
        plain && safe && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        return Err(Flaw::Unreadable);
    }
    let trace = made.verification_trace_id;
    Ok(Link {
        url: text,
        trace: trace.and_then(|trace| VerificationId::parse(&trace).ok()),
    })
}

#[cfg(test)]
mod tests {
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
}
