//! Credentials that would name two callers.

use std::collections::{HashMap, HashSet};

use super::{
    CallerConfig, CallerJwt, CallerName, CertificatePattern, TokenId,
    certificate_index::CertificateIndex,
};
use crate::jwt::Keys;

/// Two callers that one credential would name both.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConflictingCallersError {
    /// Two tokens have the same id.
    #[error("the token id `{id}` is that of `callers.{other}` too")]
    Token {
        /// The id.
        id: TokenId,
        /// The caller.
        name: CallerName,
        /// The other caller, or the same one.
        other: CallerName,
    },
    /// JSON Web Tokens of two callers cannot be distinguished.
    #[error(
        "tokens of this issuer for this audience are those of `callers.{other}` too, with the same subject or other keys"
    )]
    Jwt {
        /// The caller.
        name: CallerName,
        /// The other caller.
        other: CallerName,
    },
    /// One certificate could fit two patterns.
    #[error(
        "a certificate that fits `{pattern}` may fit `{other_pattern}` of `callers.{other}` too"
    )]
    Certificate {
        /// The pattern.
        pattern: Box<CertificatePattern>,
        /// The caller.
        name: CallerName,
        /// The pattern of the other caller.
        other_pattern: Box<CertificatePattern>,
        /// The other caller.
        other: CallerName,
    },
}

impl ConflictingCallersError {
    /// Every conflict among these callers.
    pub fn among(configs: &[CallerConfig]) -> Vec<Self> {
        let mut known = KnownCredentials::default();
        let mut conflicts = Vec::new();
        for config in configs {
            conflicts.extend(known.conflicts(config));
            known.add(config);
        }
        conflicts
    }

    /// The caller at whose setting it is reported.
    pub fn name(&self) -> &CallerName {
        match self {
            Self::Token { name, .. } | Self::Jwt { name, .. } | Self::Certificate { name, .. } => {
                name
            }
        }
    }

    /// The setting.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token_sha256",
            Self::Jwt { .. } => "jwt",
            Self::Certificate { .. } => "certificate",
        }
    }
}

/// The credentials of callers, to find out whether those of another one are among them. Adding and finding cost the same however many
/// there are.
#[derive(Debug, Default)]
pub struct KnownCredentials<'c> {
    callers: Vec<&'c CallerConfig>,
    tokens: HashMap<TokenId, &'c CallerName>,
    /// By issuer and audience.
    issuers: HashMap<(&'c str, &'c str), KnownIssuer<'c>>,
    certificates: CertificateIndex,
}

/// The callers of an issuer, for one audience.
#[derive(Debug)]
struct KnownIssuer<'c> {
    first: &'c CallerName,
    keys: &'c Keys,
    subjects: HashMap<&'c str, &'c CallerName>,
}

impl<'c> KnownCredentials<'c> {
    /// Adds a caller.
    pub fn add(&mut self, config: &'c CallerConfig) {
        for token in &config.tokens {
            self.tokens.entry(token.id).or_insert(&config.name);
        }
        if let Some(jwt) = &config.jwt {
            let known = self
                .issuers
                .entry((jwt.issuer.as_str(), jwt.audience.as_str()));
            let known = known.or_insert_with(|| KnownIssuer {
                first: &config.name,
                keys: &jwt.keys,
                subjects: HashMap::new(),
            });
            for subject in &jwt.subjects {
                known.subjects.entry(subject).or_insert(&config.name);
            }
        }
        self.certificates
            .add(self.callers.len(), &config.certificates);
        self.callers.push(config);
    }

    /// Every conflict of a caller with those that were added, and of its tokens with one another.
    pub fn conflicts(&self, config: &CallerConfig) -> Vec<ConflictingCallersError> {
        let mut conflicts = self.tokens(config);
        let jwt = config.jwt.as_ref().and_then(|jwt| self.jwt(jwt));
        conflicts.extend(jwt.map(|other| ConflictingCallersError::Jwt {
            name: config.name.clone(),
            other: other.clone(),
        }));
        for pattern in &config.certificates {
            for owner in self.certificates.overlapping(pattern) {
                let Some(other) = self.callers.get(owner.caller) else {
                    continue;
                };
                let other_pattern = other.certificates.get(owner.pattern);
                conflicts.extend(other_pattern.map(|other_pattern| {
                    ConflictingCallersError::Certificate {
                        pattern: Box::new(pattern.clone()),
                        name: config.name.clone(),
                        other_pattern: Box::new(other_pattern.clone()),
                        other: other.name.clone(),
                    }
                }));
            }
        }
        conflicts
    }

    fn tokens(&self, config: &CallerConfig) -> Vec<ConflictingCallersError> {
        let mut own = HashSet::new();
        let others = config.tokens.iter().filter_map(|token| {
            let known = self.tokens.get(&token.id).copied();
            let is_new = own.insert(token.id);
            let other = known.or_else(|| (!is_new).then_some(&config.name))?;
            Some(ConflictingCallersError::Token {
                id: token.id,
                name: config.name.clone(),
                other: other.clone(),
            })
        });
        others.collect()
    }

    /// Another caller whose tokens cannot be distinguished from these: of the same issuer for the same audience, with the same subject,
    /// or verified by other keys.
    fn jwt<'a>(&'a self, jwt: &'a CallerJwt) -> Option<&'a CallerName> {
        let known = self
            .issuers
            .get(&(jwt.issuer.as_str(), jwt.audience.as_str()))?;
        if known.keys != &jwt.keys {
            return Some(known.first);
        }
        let mut subjects = jwt.subjects.iter();
        subjects.find_map(|subject| known.subjects.get(subject.as_str()).copied())
    }
}
