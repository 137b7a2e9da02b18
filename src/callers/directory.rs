//! The callers of the configuration, found by their credentials. Replaced as a whole when the configuration is read again.

use std::{collections::HashMap, net::IpAddr, net::Ipv4Addr, sync::Arc};

use arc_swap::ArcSwap;
use http::HeaderMap;

use super::{
    AuthenticationError, Caller, CallerConfig, CallerId, CallerName, NamedCaller, Permissions,
    TokenEntry, TokenId,
    certificate::{CertificateNames, CertificatePattern},
    credentials::{Credential, credentials},
    issuers::{Issuers, Named, conflicting},
    token::Token,
};
use crate::{
    clock::Clock,
    jwt::{KeySets, KeysError},
    peer::{Peer, PeerCertificate},
    rate_limit::{Rate, TokenBucket},
};

/// The callers in force. Clones share them.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: ArcSwap<Directory>,
    key_sets: KeySets,
    clock: Arc<dyn Clock>,
}

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

#[derive(Debug, Default)]
struct Directory {
    callers: Vec<Known>,
    tokens: HashMap<TokenId, (TokenEntry, usize)>,
    issuers: Issuers,
    /// Whether everybody is admitted, because nobody is configured.
    is_open: bool,
}

/// A caller, as it is handed out.
#[derive(Debug)]
struct Known {
    id: NamedCaller,
    certificates: Vec<CertificatePattern>,
    permissions: Arc<Permissions>,
    rate: Option<Rate>,
    calls: Option<Arc<TokenBucket>>,
}

impl Callers {
    /// These callers. If there are none, everybody is admitted, and may do everything. The keys of issuers are read by `key_sets`; an
    /// error if those of a file cannot be used. Blocks.
    pub fn new(
        configs: &[CallerConfig],
        key_sets: KeySets,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeysError> {
        let directory = Directory::new(configs, configs.is_empty(), None, &key_sets)?;
        Ok(Self(Arc::new(Inner {
            directory: ArcSwap::from_pointee(directory),
            key_sets,
            clock,
        })))
    }

    /// Puts these callers in place of those in force. Once there were callers, nobody is admitted without being one, also when there
    /// are none any more: a file that lost them must not open the service. After an error, those before are in force. Blocks.
    pub fn replace(&self, configs: &[CallerConfig]) -> Result<(), KeysError> {
        let before = self.0.directory.load_full();
        let is_open = before.is_open && configs.is_empty();
        let directory = Directory::new(configs, is_open, Some(&before), &self.0.key_sets)?;
        self.0.directory.store(Arc::new(directory));
        Ok(())
    }

    /// Whether everybody is admitted, because no caller is configured.
    pub fn is_open(&self) -> bool {
        self.0.directory.load().is_open
    }

    /// Whether a client certificate is the only credential by which anybody can be recognised.
    pub fn need_certificates(&self) -> bool {
        let directory = self.0.directory.load();
        directory.tokens.is_empty() && directory.issuers.is_empty()
    }

    /// Whether there is a caller of this name.
    pub fn has(&self, name: &str) -> bool {
        let directory = self.0.directory.load();
        let mut callers = directory.callers.iter();
        callers.any(|known| known.id.name().as_str() == name)
    }

    /// Whether a JSON Web Token claims to be a caller's, by its issuer and audience together. Nothing of it is verified.
    pub fn are_claimed_by(&self, token: &str) -> bool {
        self.0.directory.load().issuers.are_claimed_by(token)
    }

    /// Who makes a request, by its headers and the connection that it came on.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Caller, AuthenticationError> {
        let directory = self.0.directory.load_full();
        // The listener always says it. A call without it shares one quota with others like it, and does not go without a quota.
        let address = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), Peer::ip);
        if directory.is_open {
            return Ok(Caller::anonymous(address));
        }
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        let identified = directory.identify(headers, certificate, &*self.0.clock);
        let known = identified.await?;
        Ok(known.as_caller(address))
    }
}

impl ConflictingCallersError {
    /// Every conflict among these callers.
    pub fn among(configs: &[CallerConfig]) -> Vec<Self> {
        let mut conflicts = Vec::new();
        let mut tokens: HashMap<TokenId, &CallerName> = HashMap::new();
        for config in configs {
            for token in &config.tokens {
                if let Some(other) = tokens.insert(token.id, &config.name) {
                    conflicts.push(Self::Token {
                        id: token.id,
                        name: config.name.clone(),
                        other: other.clone(),
                    });
                }
            }
        }
        for (index, config) in configs.iter().enumerate() {
            let other = conflicting(config, configs.iter().take(index));
            conflicts.extend(other.map(|other| Self::Jwt {
                name: config.name.clone(),
                other: other.clone(),
            }));
            for other in configs.iter().take(index) {
                for pattern in &config.certificates {
                    let overlapping = other
                        .certificates
                        .iter()
                        .find(|other| pattern.overlaps(other));
                    conflicts.extend(overlapping.map(|other_pattern| Self::Certificate {
                        pattern: Box::new(pattern.clone()),
                        name: config.name.clone(),
                        other_pattern: Box::new(other_pattern.clone()),
                        other: other.name.clone(),
                    }));
                }
            }
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

impl Directory {
    fn new(
        configs: &[CallerConfig],
        is_open: bool,
        before: Option<&Self>,
        key_sets: &KeySets,
    ) -> Result<Self, KeysError> {
        let mut directory = Self {
            is_open,
            issuers: Issuers::new(configs, key_sets)?,
            ..Self::default()
        };
        for (index, config) in configs.iter().enumerate() {
            // A caller whose rate stays the same does not get a new burst with each reload.
            let before = before.and_then(|before| before.named(&config.name));
            let before = before.filter(|known| known.rate == config.calls);
            let new = |rate: Rate| Arc::new(TokenBucket::new(rate.per_second, rate.burst));
            directory.callers.push(Known {
                id: NamedCaller::new(config.name.clone(), config.fetches, config.priority),
                certificates: config.certificates.clone(),
                permissions: Arc::new(config.permissions.clone()),
                rate: config.calls,
                calls: match before {
                    Some(known) => known.calls.clone(),
                    None => config.calls.map(new),
                },
            });
            for entry in &config.tokens {
                directory.tokens.insert(entry.id, (*entry, index));
            }
        }
        Ok(directory)
    }

    fn named(&self, name: &CallerName) -> Option<&Known> {
        self.callers.iter().find(|known| known.id.name() == name)
    }

    /// The one caller that every credential of a request names.
    async fn identify(
        &self,
        headers: &HeaderMap,
        certificate: Option<&PeerCertificate>,
        clock: &dyn Clock,
    ) -> Result<&Known, AuthenticationError> {
        let mut identified = None;
        for credential in credentials(headers)?.into_iter().flatten() {
            let named = match credential {
                Credential::Token(token) => {
                    let known = self.by_token(&token);
                    Some(known.ok_or(AuthenticationError::BadToken)?)
                }
                Credential::Jwt(token) => {
                    let known = self.by_jwt(token, clock).await?;
                    Some(known.ok_or(AuthenticationError::BadJwt)?)
                }
                // One that is of no issuer of callers is the session's.
                Credential::SharedJwt(token) => self.by_jwt(token, clock).await?,
            };
            if let Some(named) = named {
                identified = Some(agree(identified, named)?);
            }
        }
        // Where no caller has one, certificates only secure the connection.
        let are_credentials = self
            .callers
            .iter()
            .any(|known| !known.certificates.is_empty());
        if let Some(certificate) = certificate.filter(|_| are_credentials) {
            let by_certificate = self.by_certificate(certificate)?;
            identified = Some(agree(identified, by_certificate)?);
        }
        identified.ok_or(AuthenticationError::NoCredential)
    }

    /// The caller of a token. Takes the same time whether or not there is a token of this id.
    fn by_token(&self, token: &Token) -> Option<&Known> {
        let found = self.tokens.get(&token.id());
        let (entry, index) = found.copied().unwrap_or((TokenEntry::NONE, usize::MAX));
        let is_valid = entry.is_of(token);
        self.callers.get(index).filter(|_| is_valid)
    }

    /// The caller of a JSON Web Token; `None` if it does not claim to be of an issuer of callers.
    async fn by_jwt(
        &self,
        token: &str,
        clock: &dyn Clock,
    ) -> Result<Option<&Known>, AuthenticationError> {
        let known = match self.issuers.named(token, clock.now()).await {
            Named::Nobody => return Ok(None),
            Named::Refused => None,
            Named::Caller(index) => self.callers.get(index),
        };
        known.map(Some).ok_or(AuthenticationError::BadJwt)
    }

    /// The caller of a certificate: by its URI, or else by its DNS names, which must then all be of one caller.
    fn by_certificate(&self, certificate: &PeerCertificate) -> Result<&Known, AuthenticationError> {
        let unknown = AuthenticationError::UnknownCertificate;
        let names = CertificateNames::of(certificate).map_err(|_| unknown)?;
        let has = |known: &Known, fits: &dyn Fn(&CertificatePattern) -> bool| {
            known.certificates.iter().any(fits)
        };
        if let Some(uri) = names.uri {
            let by_uri = |known: &&Known| has(known, &|pattern| pattern.matches_uri(uri));
            if let Some(known) = self.callers.iter().find(by_uri) {
                return Ok(known);
            }
        }
        let mut by_dns = self.callers.iter();
        let mut by_dns = by_dns
            .by_ref()
            .filter(|known| has(known, &|pattern| pattern.matches_dns(&names)));
        match (by_dns.next(), by_dns.next()) {
            (Some(known), None) => Ok(known),
            _ => Err(unknown),
        }
    }
}

/// Two credentials must name the same caller.
fn agree<'k>(
    identified: Option<&'k Known>,
    next: &'k Known,
) -> Result<&'k Known, AuthenticationError> {
    match identified {
        Some(known) if known.id != next.id => Err(AuthenticationError::Conflict),
        _ => Ok(next),
    }
}

impl Known {
    fn as_caller(&self, address: IpAddr) -> Caller {
        Caller {
            id: CallerId::Named(self.id.clone()),
            address,
            permissions: Arc::clone(&self.permissions),
            calls: self.calls.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
