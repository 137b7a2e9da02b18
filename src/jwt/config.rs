//! Whose tokens are accepted, for whom, and within which bounds.

use std::{path::PathBuf, time::Duration};

use jsonwebtoken::Algorithm;
use url::Url;

use crate::web_url::{WebUrlError, web_url};

/// How far the clocks of an issuer and of this machine may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// How long a token may be valid.
const LIFETIME_MAX: Duration = Duration::from_hours(24);

/// The tokens that a verifier accepts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The claim `iss`, exactly.
    pub issuer: String,
    /// One of these is in the claim `aud`, exactly.
    pub audiences: Vec<String>,
    /// Where the issuer's keys are.
    pub keys: Keys,
    /// The algorithm of RSA keys.
    pub rsa: RsaAlgorithm,
    /// The header `typ` that a token must have, such as `at+jwt`. `None`: `JWT`, `at+jwt` or no `typ`.
    pub token_type: Option<String>,
    /// How long a token may be valid, from its issue and from now.
    pub lifetime_max: Duration,
    /// How far the clocks may be apart.
    pub leeway: Duration,
    /// Further claims that are kept in [`super::Claims`]. Any other is dropped: a token may hold personal data.
    pub kept_claims: Vec<String>,
}

/// Where the keys of an issuer are: a JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// A file, read again while the service runs.
    File(PathBuf),
    /// An address, see [`jwks_url`].
    Url {
        /// The address.
        url: Url,
        /// The file of the CA certificates that verify its server's (PEM), read again with each reading of the keys; `None`: those of
        /// this machine.
        ca: Option<PathBuf>,
    },
}

/// The algorithm of RSA keys. A key says neither, and a token must not choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RsaAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

/// Why an address cannot be that of a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksUrlError {
    /// It is no address.
    #[error("{0}: write it as https://id.example.com/jwks.json")]
    Url(WebUrlError),
    /// Anyone who can answer in the issuer's place can sign tokens.
    #[error("must be https, because anyone who answers there could sign tokens")]
    NotHttps,
}

impl Config {
    /// Tokens of this issuer for one of these audiences, within the default bounds.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>, keys: Keys) -> Self {
        Self {
            issuer: issuer.into(),
            audiences,
            keys,
            rsa: RsaAlgorithm::default(),
            token_type: None,
            lifetime_max: LIFETIME_MAX,
            leeway: LEEWAY,
            kept_claims: Vec::new(),
        }
    }
}

impl Keys {
    /// The setting, below that of the tokens, that says what can be wrong with the keys before their address is asked: a file.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::File(_) => "jwks_file",
            Self::Url { ca: Some(_), .. } => "jwks_ca",
            Self::Url { ca: None, .. } => "jwks_url",
        }
    }

    /// The file or the address, as logs and metrics show it.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url { url, .. } => url.to_string(),
        }
    }
}

impl RsaAlgorithm {
    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
        }
    }
}

/// The address of a key set: https, without credentials or a fragment.
pub fn jwks_url(text: &str) -> Result<Url, JwksUrlError> {
    let url = web_url(text).map_err(JwksUrlError::Url)?;
    if url.scheme() == "https" {
        Ok(url)
    } else {
        Err(JwksUrlError::NotHttps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_key_set_is_https_without_credentials() {
        assert!(jwks_url("https://id.example.com/jwks.json?tenant=1").is_ok());
        for (text, error) in [
            ("", JwksUrlError::Url(WebUrlError::NotAUrl)),
            ("http://id.example.com/", JwksUrlError::NotHttps),
            ("http://127.0.0.1/", JwksUrlError::NotHttps),
            ("https:///x", JwksUrlError::Url(WebUrlError::NoHost)),
            (
                "https://a:b@id.example.com/",
                JwksUrlError::Url(WebUrlError::Credentials),
            ),
        ] {
            assert_eq!(jwks_url(text), Err(error), "{text}");
        }
    }
}
