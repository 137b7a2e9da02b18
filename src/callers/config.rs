//! A caller as it is configured.

use super::{CallerName, CallerPriority, CertificatePattern, Permissions, TokenEntry};
use crate::{jwt::Keys, rate_limit::Rate};

/// A caller: how it is recognised, what it may do, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerConfig {
    /// Its name.
    pub name: CallerName,
    /// The client certificates that are its own.
    pub certificates: Vec<CertificatePattern>,
    /// Its tokens: more than one while one is being replaced.
    pub tokens: Vec<TokenEntry>,
    /// Its JSON Web Tokens, if it has any.
    pub jwt: Option<CallerJwt>,
    /// What it may do.
    pub permissions: Permissions,
    /// The rate of its checks and step-ups; `None` is unlimited.
    pub calls: Option<Rate>,
    /// The quota of its fetches of evidence; `None` is that of every caller.
    pub fetches: Option<Rate>,
    /// Whether its calls are served before those of others.
    pub priority: CallerPriority,
}

/// The JSON Web Tokens of a caller: those of one issuer for one audience, about one of these subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerJwt {
    /// The claim `iss`, exactly.
    pub issuer: String,
    /// The claim `aud` has it.
    pub audience: String,
    /// Where the issuer's keys are.
    pub keys: Keys,
    /// The claim `sub` is one of these, exactly.
    pub subjects: Vec<String>,
}

impl CallerConfig {
    /// A caller that may do nothing and has no credential.
    pub fn new(name: CallerName) -> Self {
        Self {
            name,
            certificates: Vec::new(),
            tokens: Vec::new(),
            jwt: None,
            permissions: Permissions::default(),
            calls: None,
            fetches: None,
            priority: CallerPriority::Gateways,
        }
    }

    /// Whether it has a credential by which it can be recognised.
    pub fn has_credential(&self) -> bool {
        !self.certificates.is_empty() || !self.tokens.is_empty() || self.jwt.is_some()
    }
}
