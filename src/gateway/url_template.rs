//! Addresses to which people are sent: templates of the operator, whose placeholders stand in the query alone, so that no value can choose
//! the host or the path.

use super::original_url::OriginalUrl;
use crate::web_url::{WebUrlError, is_secure, web_url};

/// The longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 2_048;

/// An address with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Value(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    OriginalUrl,
    AcrValues,
    MaxAge,
    Policy,
    DecisionId,
}

/// What stands for the placeholders.
#[derive(Debug)]
pub(super) struct Values<'v> {
    pub(super) original_url: Option<&'v OriginalUrl>,
    pub(super) classes: &'v str,
    /// In seconds; empty if any age does.
    pub(super) max_age: &'v str,
    pub(super) policy: &'v str,
    pub(super) decision_id: &'v str,
}

/// Why a text is no template of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlTemplateError {
    /// It is longer than is of use.
    #[error("is longer than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
    /// It has characters that an address has not.
    #[error("has characters that a URL does not have: percent-encode them")]
    Characters,
    /// It is no address to which people may be sent.
    #[error("is not https (http only to a loopback address), nor a path that begins with one `/`")]
    Address,
    /// A fragment is lost, and credentials would be shown.
    #[error("must not have a fragment, a user name or a password")]
    Parts,
    /// No placeholder of this name.
    #[error(
        "`{{{0}}}` is no placeholder: there are {{original_url}}, {{acr_values}}, {{max_age}}, {{policy}} and {{decision_id}}"
    )]
    Unknown(String),
    /// A brace without the other one.
    #[error("has a brace without the other one")]
    Braces,
    /// Elsewhere a value could choose where people are sent.
    #[error("has a placeholder outside of its query (after `?`)")]
    Outside,
}

impl UrlTemplate {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, UrlTemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(UrlTemplateError::TooLong);
        }
        let is_allowed = |b: u8| (b'!'..=b'~').contains(&b) && !b"\"\\<>^`|".contains(&b);
        if !text.bytes().all(is_allowed) {
            return Err(UrlTemplateError::Characters);
        }
        let parts = parts(text)?;
        let shown = parts.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Value(_) => "x",
        });
        let filled: String = shown.collect();
        check_address(&filled)?;
        Ok(Self(parts))
    }

    /// The address with these values, percent-encoded; `None` if it needs an original URL and there is none.
    pub(super) fn fill(&self, values: &Values<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(placeholder) => {
                    let value = match placeholder {
                        Placeholder::OriginalUrl => values.original_url?.as_str(),
                        Placeholder::AcrValues => values.classes,
                        Placeholder::MaxAge => values.max_age,
                        Placeholder::Policy => values.policy,
                        Placeholder::DecisionId => values.decision_id,
                    };
                    encode(value, &mut filled);
                }
            }
        }
        Some(filled)
    }
}

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "original_url" => Self::OriginalUrl,
            "acr_values" => Self::AcrValues,
            "max_age" => Self::MaxAge,
            "policy" => Self::Policy,
            "decision_id" => Self::DecisionId,
            _ => return None,
        })
    }
}

/// The texts and placeholders of a template.
fn parts(text: &str) -> Result<Vec<Part>, UrlTemplateError> {
    let (mut parts, mut rest, mut in_query) = (Vec::new(), text, false);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(UrlTemplateError::Braces)?;
        if before.contains('}') || name.contains('{') {
            return Err(UrlTemplateError::Braces);
        }
        let unknown = || UrlTemplateError::Unknown(name.to_owned());
        let placeholder = Placeholder::parse(name).ok_or_else(unknown)?;
        in_query |= before.contains('?');
        if !in_query {
            return Err(UrlTemplateError::Outside);
        }
        parts.push(Part::Text(before.into()));
        parts.push(Part::Value(placeholder));
        rest = after;
    }
    if rest.contains('}') {
        return Err(UrlTemplateError::Braces);
    }
    parts.push(Part::Text(rest.into()));
    Ok(parts)
}

/// An absolute address, or a path on the host that the person is on.
fn check_address(text: &str) -> Result<(), UrlTemplateError> {
    if text.contains('#') {
        return Err(UrlTemplateError::Parts);
    }
    if text.starts_with('/') {
        let is_path = !text.starts_with("//");
        return is_path.then_some(()).ok_or(UrlTemplateError::Address);
    }
    if text.contains('@') {
        return Err(UrlTemplateError::Parts);
    }
    match web_url(text) {
        Ok(url) if is_secure(&url) => Ok(()),
        Err(WebUrlError::Credentials | WebUrlError::Fragment) => Err(UrlTemplateError::Parts),
        Ok(_)
        | Err(
            WebUrlError::NotAUrl | WebUrlError::Spaces | WebUrlError::NoHost | WebUrlError::Port,
        ) => Err(UrlTemplateError::Address),
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(text: &str, into: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}
