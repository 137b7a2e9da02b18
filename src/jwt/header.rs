//! A token before its signature is verified: its form, and what its header may say.

use std::str::FromStr as _;

use jsonwebtoken::Algorithm;

use super::{config::Config, members::Members, rejected::Rejected};

/// The longest token, in bytes. Nothing of a longer one is decoded.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Header parameters that change how a token is to be read. `cty` is that of a token within a token.
const UNSUPPORTED: [&str; 5] = ["crit", "b64", "enc", "zip", "cty"];
/// The types that a token may have if the configuration names none: those of access tokens, and of most issuers for every token.
const TOKEN_TYPES: [&str; 2] = ["JWT", "at+jwt"];
/// What a media type may begin with, and is left out by most (RFC 7515, 4.1.9).
const MEDIA_TYPE: &str = "application/";

/// A token of the right form whose signature was not verified yet.
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// The token as it was sent.
    pub(super) text: &'t str,
    /// The key that it names.
    pub(super) kid: Option<String>,
    /// The algorithm that it names. It is compared with that of the key, and never chooses it.
    pub(super) algorithm: Algorithm,
    typ: Option<String>,
}

/// Whom a token claims to be from and for. Nothing of it is verified: it only chooses the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `aud`.
    pub audiences: Vec<String>,
}

impl<'t> Token<'t> {
    /// Checks the form of a token and decodes its header.
    pub(super) fn parse(text: &'t str) -> Result<Self, Rejected> {
        let (header, _) = header_and_claims(text)?;
        let header = Members::decode(header).ok_or(Rejected::Malformed)?;
        if UNSUPPORTED.iter().any(|name| header.get(name).is_some()) {
            return Err(Rejected::UnsupportedHeader);
        }
        let text_of = |name| match header.text(name) {
            Ok(text) => Ok(text.map(str::to_owned)),
            Err(_) => Err(Rejected::Malformed),
        };
        let algorithm = header.text("alg").map_err(|_| Rejected::Malformed)?;
        let algorithm = algorithm.and_then(|name| Algorithm::from_str(name).ok());
        Ok(Self {
            text,
            kid: text_of("kid")?,
            algorithm: algorithm.ok_or(Rejected::WrongAlgorithm)?,
            typ: text_of("typ")?,
        })
    }

    /// Checks that the token is of a type that the configuration accepts.
    pub(super) fn check_type(&self, config: &Config) -> Result<(), Rejected> {
        let is_accepted = match (&self.typ, &config.token_type) {
            (Some(typ), Some(expected)) => is_same_type(typ, expected),
            (Some(typ), None) => TOKEN_TYPES.iter().any(|known| is_same_type(typ, known)),
            (None, Some(_)) => false,
            (None, None) => true,
        };
        is_accepted.then_some(()).ok_or(Rejected::WrongType)
    }
}

/// Whom a token claims to be from and for, to choose the verifier. `None` if it is not of a token's form.
pub fn issuer_and_audience_unverified(token: &str) -> Option<Unverified> {
    let (_, claims) = header_and_claims(token).ok()?;
    let claims = Members::decode(claims)?;
    Some(Unverified {
        issuer: claims.text("iss").ok()??.to_owned(),
        audiences: claims.audiences()?.into_iter().map(str::to_owned).collect(),
    })
}

/// The first two of the three parts of a token, all in the letters of base64url, none of them empty.
fn header_and_claims(text: &str) -> Result<(&str, &str), Rejected> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(Rejected::TooLarge);
    }
    let mut parts = text.split('.');
    let three = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(header), Some(claims), Some(signature), None) = three else {
        return Err(Rejected::Malformed);
    };
    if [header, claims, signature].into_iter().all(is_base64url) {
        Ok((header, claims))
    } else {
        Err(Rejected::Malformed)
    }
}

fn is_base64url(part: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !part.is_empty() && part.bytes().all(is_letter)
}

fn is_same_type(one: &str, other: &str) -> bool {
    let short = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.strip_prefix(MEDIA_TYPE)
            .map(str::to_owned)
            .unwrap_or(text)
    };
    short(one) == short(other)
}
