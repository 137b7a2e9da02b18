//! The callers of the configuration, found by their credentials. Replaced as a whole when the configuration is read again.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::try_join;

use super::{
    AuthenticationError, Caller, CallerConfig, CallerId, CallerName, NamedCaller, Permissions,
    TokenEntry, TokenId,
    certificate::CertificateNames,
    certificate_index::CertificateIndex,
    credentials::{Credential, credentials},
    issuers::{IssuerError, Issuers, Named},
    token::Token,
};
use crate::{
    clock::Clock,
    jwt::KeySets,
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

#[derive(Debug, Default)]
struct Directory {
    callers: Vec<Known>,
    /// The places of the callers by their names.
    names: HashMap<CallerName, usize>,
    tokens: HashMap<TokenId, (TokenEntry, usize)>,
    certificates: CertificateIndex,
    issuers: Issuers,
    /// Whether everybody is admitted, because nobody is configured.
    is_open: bool,
}

/// A caller, as it is handed out.
#[derive(Debug)]
struct Known {
    id: NamedCaller,
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
    ) -> Result<Self, IssuerError> {
        let directory = Directory::new(configs, configs.is_empty(), None, &key_sets)?;
        Ok(Self(Arc::new(Inner {
            directory: ArcSwap::from_pointee(directory),
            key_sets,
            clock,
        })))
    }

    /// Puts these callers in place of those in force. Once there were callers, nobody is admitted without being one, also when there
    /// are none any more: a file that lost them must not open the service. After an error, those before are in force. Blocks.
    pub fn replace(&self, configs: &[CallerConfig]) -> Result<(), IssuerError> {
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
        let name = CallerName::parse(name).ok();
        name.is_some_and(|name| self.0.directory.load().named(&name).is_some())
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
        self.authenticate_within(headers, peer, Duration::MAX).await
    }

    /// The same for a request that must be answered soon: the keys of issuers are waited for no longer than `wait_max`.
    pub async fn authenticate_within(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        wait_max: Duration,
    ) -> Result<Caller, AuthenticationError> {
        let directory = self.0.directory.load_full();
        // The listener always says it. A call without it shares one quota with others like it, and does not go without a quota.
        let address = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), Peer::ip);
        if directory.is_open {
            return Ok(Caller::anonymous(address));
        }
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        let clock = &*self.0.clock;
        let identified = directory.identify(headers, certificate, clock, wait_max);
        let known = identified.await?;
        Ok(known.as_caller(address))
    }
}

impl Directory {
    fn new(
        configs: &[CallerConfig],
        is_open: bool,
        before: Option<&Self>,
        key_sets: &KeySets,
    ) -> Result<Self, IssuerError> {
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
                permissions: Arc::new(config.permissions.clone()),
                rate: config.calls,
                calls: match before {
                    Some(known) => known.calls.clone(),
                    None => config.calls.map(new),
                },
            });
            directory.names.insert(config.name.clone(), index);
            directory.certificates.add(index, &config.certificates);
            for entry in &config.tokens {
                directory.tokens.insert(entry.id, (*entry, index));
            }
        }
        Ok(directory)
    }

    fn named(&self, name: &CallerName) -> Option<&Known> {
        self.callers.get(*self.names.get(name)?)
    }

    /// The one caller that every credential of a request names.
    async fn identify(
        &self,
        headers: &HeaderMap,
        certificate: Option<&PeerCertificate>,
        clock: &dyn Clock,
        wait_max: Duration,
    ) -> Result<&Known, AuthenticationError> {
        let [own, shared] = credentials(headers)?;
        // At the same time, so that two tokens do not wait twice as long.
        let (own, shared) = try_join!(
            self.by_header(own, clock, wait_max),
            self.by_header(shared, clock, wait_max),
        )?;
        let mut identified = None;
        for named in [own, shared].into_iter().flatten() {
            identified = Some(agree(identified, named)?);
        }
        // Where no caller has one, certificates only secure the connection.
        let are_credentials = !self.certificates.is_empty();
        if let Some(certificate) = certificate.filter(|_| are_credentials) {
            let by_certificate = self.by_certificate(certificate)?;
            identified = Some(agree(identified, by_certificate)?);
        }
        identified.ok_or(AuthenticationError::NoCredential)
    }

    /// The caller of a credential in a header; `None` if it is nobody's who could be a caller. The state of a verification of a JSON Web Token
    /// is apart, so that other calls do not carry it.
    async fn by_header(
        &self,
        credential: Option<Credential<'_>>,
        clock: &dyn Clock,
        wait_max: Duration,
    ) -> Result<Option<&Known>, AuthenticationError> {
        match credential {
            None => Ok(None),
            Some(Credential::Token(token)) => {
                let known = self.by_token(&token);
                known.map(Some).ok_or(AuthenticationError::BadToken)
            }
            Some(Credential::Jwt(token)) => {
                let known = Box::pin(self.by_jwt(token, clock, wait_max)).await?;
                known.map(Some).ok_or(AuthenticationError::BadJwt)
            }
            // One that is of no issuer of callers is the session's.
            Some(Credential::SharedJwt(token)) => {
                Box::pin(self.by_jwt(token, clock, wait_max)).await
            }
        }
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
        wait_max: Duration,
    ) -> Result<Option<&Known>, AuthenticationError> {
        let named = self.issuers.named(token, clock.now(), wait_max);
        let known = match named.await {
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
        let by_uri = names.uri.and_then(|uri| self.certificates.by_uri(uri));
        let mut by_dns = names
            .dns
            .iter()
            .flat_map(|name| self.certificates.by_dns(name));
        let place = match by_uri.or_else(|| by_dns.next()) {
            Some(place) if by_uri.is_some() || by_dns.all(|other| other == place) => place,
            _ => return Err(unknown),
        };
        self.callers.get(place).ok_or(unknown)
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
