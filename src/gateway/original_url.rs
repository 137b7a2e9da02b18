//! The address that a person asked for, to which they return after a step-up: on hosts of a list alone, so that nobody can be sent elsewhere.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName};
use url::Url;

use crate::{header_list::single, web_url::is_secure};

/// The headers in which a gateway says what was asked for. It must overwrite them.
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
/// The longest path with its query, in bytes.
const URI_BYTES_MAX: usize = 4_096;

/// An address on an allowed host: https, or http to a loopback address; visible ASCII, without user or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalUrl(String);

/// The hosts to which a person may return, each with the port if it is not the usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnHosts(BTreeSet<Box<str>>);

/// A text is not a host with an optional port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a host in lower case, with a port if it is not 443; a `*` is not possible in it")]
pub struct ReturnHostError;

impl OriginalUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, with the port if that is not the usual one.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }
}

impl ReturnHosts {
    /// These hosts, such as `app.example.org` and `app.example.org:8443`.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, ReturnHostError> {
        texts
            .into_iter()
            .map(host)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What was asked for, by the headers of a gateway; `None` if they do not say it, each once, or if it is not on one of these hosts.
    pub fn original_url(&self, headers: &HeaderMap) -> Option<OriginalUrl> {
        let [proto, host, uri] = [&PROTO, &HOST, &URI].map(|name| one(headers, name));
        self.admit(proto?, host?, uri?)
    }

    /// An address that was on an allowed host before, if it still is.
    pub fn readmit(&self, text: &str) -> Option<OriginalUrl> {
        let (scheme, rest) = text.split_once("://")?;
        let (host, uri) = rest.split_at_checked(rest.find('/')?)?;
        self.admit(scheme, host, uri)
            .filter(|url| url.as_str() == text)
    }

    /// The address of these parts.
    pub fn admit(&self, scheme: &str, host: &str, uri: &str) -> Option<OriginalUrl> {
        // Compared as text: nothing is decoded or mapped, so that no two spellings are one host.
        let host = host.to_ascii_lowercase();
        let usual_port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual_port).unwrap_or(&host);
        if !self.0.contains(host) || !is_origin_form(uri) {
            return None;
        }
        let text = format!("{scheme}://{host}{uri}");
        let url = Url::parse(&text).ok()?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_whole = url.fragment().is_none() && is_authority(&url, host);
        (is_secure(&url) && is_bare && is_whole).then_some(OriginalUrl(text))
    }
}

/// A host with an optional port, exactly as it is written in an address.
fn host(text: &str) -> Result<Box<str>, ReturnHostError> {
    let url = Url::parse(&format!("https://{text}/")).map_err(|_| ReturnHostError)?;
    // There are no patterns: a star would be taken for a name.
    let is_name = !text.contains('*');
    if is_name && is_authority(&url, text) && url.path() == "/" && url.query().is_none() {
        Ok(text.into())
    } else {
        Err(ReturnHostError)
    }
}

/// Whether this is all of the authority of an address.
fn is_authority(url: &Url, text: &str) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    match url.port() {
        None => host == text,
        Some(port) => format!("{host}:{port}") == text,
    }
}

/// Whether this is a path with an optional query, which begins with one slash (RFC 9112, section 3.2.1).
fn is_origin_form(uri: &str) -> bool {
    let is_plain = |b: u8| (b'!'..=b'~').contains(&b) && !b"\\\"<>#".contains(&b);
    uri.len() <= URI_BYTES_MAX
        && uri.starts_with('/')
        && !uri.starts_with("//")
        && uri.bytes().all(is_plain)
}

/// The text of a header that is given once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    single(headers, name).ok()??.to_str().ok()
}
