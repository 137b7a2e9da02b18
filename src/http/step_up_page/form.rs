//! The form of the page, and the cookie that shows that the same browser sends it that it was shown to.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::timeout;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::header_list::cookie;

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// How long it may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
const NONCE_BYTES: usize = 16;

/// What the form says.
pub(super) struct Form {
    /// The person's address, as it was typed.
    pub(super) email: Zeroizing<String>,
    /// Shows that the page was shown to this browser.
    pub(super) token: String,
}

/// It is not the form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormError;

/// A random text that a browser has as a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nonce(String);

impl Nonce {
    /// That of a request, in the cookie of this name and no other. `None` if it is not there exactly once.
    pub(super) fn of(headers: &HeaderMap, cookie_name: &str) -> Option<Self> {
        let value = cookie(headers, cookie_name).ok()??;
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        (bytes.len() == NONCE_BYTES).then(|| Self(value.to_owned()))
    }

    /// A new one; none if the system has no randomness, and then no form is accepted.
    pub(super) fn new() -> Option<Self> {
        let mut bytes = [0; NONCE_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Its text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a form within its bounds.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Form, FormError> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default().split(|b| *b == b';').next();
    let is_form = kind.is_some_and(|kind| {
        let kind = kind.trim_ascii();
        kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(FormError);
    }
    let read = timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await;
    let body = read.map_err(|_| FormError)?.map_err(|_| FormError)?;
    let (mut emails, mut tokens) = (Vec::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "email" => emails.push(Zeroizing::new(value.into_owned())),
            "token" => tokens.push(value.into_owned()),
            _ => {}
        }
    }
    match (emails.pop(), emails.pop(), tokens.pop(), tokens.pop()) {
        (Some(email), None, Some(token), None) => Ok(Form { email, token }),
        _ => Err(FormError),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    const NAMES: [&str; 2] = ["verigate-step-up", "__Host-verigate-step-up"];

    fn nonce(cookies: &[&str], name: &str) -> Option<Nonce> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        Nonce::of(&headers, name)
    }

    #[test]
    fn a_nonce_is_given_once_and_of_its_form_in_the_cookie_of_its_own_name() {
        let one = Nonce::new().unwrap();
        let (text, another) = (one.as_str(), Nonce::new().unwrap());
        let another = another.as_str();
        assert_ne!(another, text);
        for (name, other) in [(NAMES[0], NAMES[1]), (NAMES[1], NAMES[0])] {
            for cookie in [
                format!("{name}={text}"),
                format!("a=b; {name}={text}; c=d"),
                // What another host has set, neither counts nor is in the way.
                format!("{other}={another}; {name}={text}; {other}={another}"),
            ] {
                assert_eq!(nonce(&[&cookie], name), Some(one.clone()), "{cookie}");
            }
            for cookie in [
                String::new(),
                name.to_owned(),
                format!("{name}="),
                format!("{name}={text}x"),
                format!("{name}=\"{text}\""),
                format!("x{name}={text}"),
                format!("{other}={text}"),
                format!("{}={text}", name.to_uppercase()),
                format!("{name}={text}; {name}={text}"),
            ] {
                assert_eq!(nonce(&[&cookie], name), None, "{cookie}");
            }
            let twice = format!("{name}={text}");
            assert_eq!(nonce(&[&twice, &twice], name), None);
        }
    }

    #[tokio::test]
    async fn a_form_has_each_field_once() {
        let form = async |kind: &str, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            let form = read(&headers, Body::from(body.to_owned())).await;
            form.map(|form| (form.email.to_string(), form.token))
        };
        let kind = "application/x-www-form-urlencoded";
        let right = ("ada+x@example.com".to_owned(), "t".to_owned());
        let body = "email=ada%2Bx%40example.com&token=t&other=1";
        assert_eq!(form(kind, body).await, Ok(right.clone()));
        let with_charset = "Application/X-WWW-Form-Urlencoded ; charset=utf-8";
        assert_eq!(form(with_charset, body).await, Ok(right));
        let long = format!("email=a&token={}", "t".repeat(BODY_BYTES_MAX));
        for (kind, body) in [
            ("text/plain", body),
            ("multipart/form-data; boundary=x", body),
            ("application/json", r#"{"email":"a","token":"t"}"#),
            (kind, ""),
            (kind, "email=a"),
            (kind, "token=t"),
            (kind, "email=a&email=b&token=t"),
            (kind, "email=a&token=t&token=u"),
            (kind, long.as_str()),
        ] {
            assert_eq!(form(kind, body).await, Err(FormError), "{kind} {body:.40}");
        }
    }
}
