//! Which client certificates are a caller's: patterns of URIs, those of SPIFFE among them, and DNS names. Never the common name, which
//! may say anything.

use std::fmt;

use url::Url;

use crate::peer::PeerCertificate;

/// The longest URI or SPIFFE id, in bytes (SPIFFE-ID, section 2.3).
const URI_BYTES_MAX: usize = 2048;
/// The longest trust domain, in bytes.
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// The longest DNS name and the longest part of one, in bytes (RFC 1035, section 2.3.4).
const DNS_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// How the pattern of a DNS name begins.
const DNS: &str = "dns:";
/// How a SPIFFE id begins.
const SPIFFE: &str = "spiffe://";
/// A segment of the path that stands for any one segment.
pub(super) const ANY: &str = "*";

/// A pattern of names in client certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificatePattern {
    /// A URI, in whose path a segment may be `*`.
    Uri(UriPattern),
    /// A DNS name in lower case.
    Dns(Box<str>),
}

/// A URI, cut at the slashes. A part that is `*` stands for any one part that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriPattern(Vec<Box<str>>);

/// A text is not a pattern of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPatternError {
    /// Neither a URI nor a DNS name.
    #[error("is neither a URI such as `spiffe://example.org/door/1` nor `dns:` and a host name")]
    Form,
    /// Not a SPIFFE id.
    #[error(
        "is not a SPIFFE id: `spiffe://`, a trust domain of a-z, 0-9, `.`, `_` and `-`, and a path whose segments are of letters, digits, `.`, `_` and `-`"
    )]
    Spiffe,
    /// A star that is not a whole segment of the path.
    #[error("has a `*` that is not a whole segment of the path, which is the only place for one")]
    Star,
    /// Not a DNS name.
    #[error("is not `dns:` and a whole host name; a `*` is not possible in it")]
    Dns,
}

/// A certificate whose names contradict the rules of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MalformedCertificate;

/// The names of a certificate that identify its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateNames<'c> {
    /// Its URI.
    pub(super) uri: Option<&'c str>,
    /// Its DNS names.
    pub(super) dns: &'c [Box<str>],
}

impl CertificatePattern {
    /// Parses a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPatternError> {
        if let Some(name) = text.strip_prefix(DNS) {
            let name = name.to_ascii_lowercase();
            return is_dns_name(&name)
                .then(|| Self::Dns(name.into()))
                .ok_or(InvalidPatternError::Dns);
        }
        let (scheme_and_host, path) = parts(text).ok_or(InvalidPatternError::Form)?;
        let star_outside = scheme_and_host.contains('*')
            || path.iter().any(|part| part.contains('*') && *part != ANY);
        if star_outside {
            return Err(InvalidPatternError::Star);
        }
        if text.starts_with("spiffe:") {
            // A star is judged as what it stands for.
            let example = text.replace(ANY, "x");
            if !is_spiffe_id(&example) {
                return Err(InvalidPatternError::Spiffe);
            }
        } else if Url::parse(text).is_err()
            || text.len() > URI_BYTES_MAX
            || !text.bytes().all(|c| c.is_ascii_graphic())
        {
            return Err(InvalidPatternError::Form);
        }
        Ok(Self::Uri(UriPattern(
            text.split('/').map(Into::into).collect(),
        )))
    }
}

impl UriPattern {
    /// Its parts.
    pub(super) fn parts(&self) -> &[Box<str>] {
        &self.0
    }
}

impl fmt::Display for CertificatePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(UriPattern(parts)) => f.write_str(&parts.join("/")),
            Self::Dns(name) => write!(f, "{DNS}{name}"),
        }
    }
}

impl<'c> CertificateNames<'c> {
    /// The names of a certificate that TLS has accepted. More than one URI is ambiguous, and X509-SVID forbids it.
    pub(super) fn of(certificate: &'c PeerCertificate) -> Result<Self, MalformedCertificate> {
        let uri = match certificate.uris.as_slice() {
            [] => None,
            [uri] => Some(&**uri),
            _ => return Err(MalformedCertificate),
        };
        let is_spiffe = |uri: &str| {
            uri.get(..7)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
        };
        if uri.is_some_and(|uri| is_spiffe(uri) && !is_spiffe_id(uri)) {
            return Err(MalformedCertificate);
        }
        Ok(Self {
            uri,
            dns: &certificate.dns_names,
        })
    }
}

/// The scheme with the host, and the segments of the path. `None` if there is no scheme.
fn parts(text: &str) -> Option<(&str, Vec<&str>)> {
    let (scheme, rest) = text.split_once(':')?;
    let host = match rest.strip_prefix("//") {
        Some(rest) => rest.split('/').next().map_or(0, str::len) + 2,
        None => 0,
    };
    let end = scheme.len() + 1 + host;
    let (before, path) = text.split_at_checked(end)?;
    Some((before, path.split('/').collect()))
}

/// Whether a segment of a path is written in the one way that there is for it: not encoded, not relative, and nothing but a segment.
pub(super) fn is_plain_segment(segment: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&c);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain)
}

/// Whether this is a SPIFFE id with a path (SPIFFE-ID, section 2).
fn is_spiffe_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(SPIFFE) else {
        return false;
    };
    let Some((trust_domain, path)) = rest.split_once('/') else {
        return false;
    };
    let is_domain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-_".contains(&c);
    let is_segment = |c: u8| c.is_ascii_alphanumeric() || b".-_".contains(&c);
    text.len() <= URI_BYTES_MAX
        && (1..=TRUST_DOMAIN_BYTES_MAX).contains(&trust_domain.len())
        && trust_domain.bytes().all(is_domain)
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_segment))
}

fn is_dns_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= DNS_BYTES_MAX && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests;
