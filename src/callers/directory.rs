//! The callers of the configuration, found by their credentials. Replaced as a whole when the configuration is read again.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq as _;
use tokio::try_join;
use zeroize::Zeroizing;

use super::{
    AuthenticationError, Caller, CallerConfig, CallerId, CallerName, NamedCaller, Permissions,
    TokenEntry, TokenId,
    certificate::CertificateNames,
    certificate_index::CertificateIndex,
    credentials::{Credential, credentials, own_tokens, token_headers},
    issuers::{IssuerError, Issuers, Named},
    token::SentToken,
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

/// The callers that the tokens of the two headers name.
type Tokens<'k> = [Option<&'k Known>; 2];

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
    ///
    /// The state of a wait is apart, so that calls that take none do not carry it.
    pub async fn authenticate_within(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        wait_max: Duration,
    ) -> Result<Caller, AuthenticationError> {
        match self.authenticate_now(headers, peer) {
            Some(authenticated) => authenticated,
            None => Box::pin(self.authenticate_later(headers, peer, wait_max)).await,
        }
    }

    /// The same, if it takes no wait; `None` if a credential is a JSON Web Token.
    pub fn authenticate_now(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
    ) -> Option<Result<Caller, AuthenticationError>> {
        let directory = self.0.directory.load();
        if directory.is_open {
            return Some(Ok(Caller::anonymous(address_of(peer))));
        }
        let before = peer.and_then(|peer| peer.authenticated.get::<Authenticated>());
        if let Some(before) = before.filter(|before| before.is_by(headers, &directory)) {
            return Some(Ok(before.caller.clone()));
        }
        let named = directory.by_tokens(headers).transpose()?;
        let known = named.and_then(|named| directory.identify(named, certificate_of(peer)));
        let caller = known.map(|known| known.as_caller(address_of(peer)));
        if let (Some(peer), Ok(caller), Some(tokens)) = (peer, &caller, own_tokens(headers)) {
            let kept = |value: &HeaderValue| Zeroizing::new(Box::from(value.as_bytes()));
            let kept = |value: Option<&HeaderValue>| value.map(kept);
            peer.authenticated.set(Authenticated {
                directory: Arc::downgrade(&directory),
                tokens: tokens.map(kept),
                caller: caller.clone(),
            });
        }
        Some(caller)
    }

    async fn authenticate_later(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        wait_max: Duration,
    ) -> Result<Caller, AuthenticationError> {
        let directory = self.0.directory.load_full();
        let clock = &*self.0.clock;
        let [own, shared] = credentials(headers)?;
        // At the same time, so that two tokens do not wait twice as long.
        let (own, shared) = try_join!(
            directory.by_header(own, clock, wait_max),
            directory.by_header(shared, clock, wait_max),
        )?;
        let known = directory.identify([own, shared], certificate_of(peer))?;
        Ok(known.as_caller(address_of(peer)))
    }
}

/// Who was authenticated on a connection, and by which tokens. Its certificate stays the same.
///
/// Why it is kept: to hash the token of each call takes as long as to decide a check.
struct Authenticated {
    /// Not held: an issuer that was withdrawn is not asked for its keys any more. As long as this is here, no other directory has its address.
    directory: Weak<Directory>,
    tokens: [Option<Zeroizing<Box<[u8]>>>; 2],
    caller: Caller,
}

impl Authenticated {
    /// Whether a call with these headers is by the same caller: it brings the same tokens, and the callers are the same.
    fn is_by(&self, headers: &HeaderMap, directory: &Arc<Directory>) -> bool {
        let Some([own, shared]) = token_headers(headers) else {
            return false;
        };
        let is_same = |kept: &Option<Zeroizing<Box<[u8]>>>, given: Option<&HeaderValue>| match (
            kept, given,
        ) {
            (None, None) => true,
            (Some(kept), Some(given)) => kept.ct_eq(given.as_bytes()).into(),
            _ => false,
        };
        let [kept_own, kept_shared] = &self.tokens;
        // Both, also where the first one differs.
        let are_same = is_same(kept_own, own) & is_same(kept_shared, shared);
        are_same && std::ptr::eq(self.directory.as_ptr(), Arc::as_ptr(directory))
    }
}

/// The address of a call. The listener always says it. A call without it shares one quota with others like it, and does not go without a quota.
fn address_of(peer: Option<&Peer>) -> IpAddr {
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), Peer::ip)
}

fn certificate_of(peer: Option<&Peer>) -> Option<&PeerCertificate> {
    peer.and_then(|peer| peer.certificate.as_deref())
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

    /// The callers of the tokens in the two headers; `None` if one of them is a JSON Web Token, which takes a wait.
    fn by_tokens(&self, headers: &HeaderMap) -> Result<Option<Tokens<'_>>, AuthenticationError> {
        let given = credentials(headers)?;
        // Before a token is hashed: the other way does that too.
        let is_jwt = |given: &Option<Credential<'_>>| {
            matches!(given, Some(Credential::Jwt(_) | Credential::SharedJwt(_)))
        };
        if given.iter().any(is_jwt) {
            return Ok(None);
        }
        let mut named = [None; 2];
        for (named, given) in named.iter_mut().zip(given) {
            if let Some(Credential::Token(token)) = given {
                *named = Some(self.by_token(token)?);
            }
        }
        Ok(Some(named))
    }

    /// The one caller that every credential of a request names.
    fn identify<'k>(
        &'k self,
        tokens: Tokens<'k>,
        certificate: Option<&PeerCertificate>,
    ) -> Result<&'k Known, AuthenticationError> {
        let mut identified = None;
        for named in tokens.into_iter().flatten() {
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

    /// The caller of a credential in a header; `None` if it is nobody's who could be a caller.
    async fn by_header(
        &self,
        credential: Option<Credential<'_>>,
        clock: &dyn Clock,
        wait_max: Duration,
    ) -> Result<Option<&Known>, AuthenticationError> {
        match credential {
            None => Ok(None),
            Some(Credential::Token(token)) => self.by_token(token).map(Some),
            Some(Credential::Jwt(token)) => {
                let known = self.by_jwt(token, clock, wait_max).await?;
                known.map(Some).ok_or(AuthenticationError::BadJwt)
            }
            // One that is of no issuer of callers is the session's.
            Some(Credential::SharedJwt(token)) => self.by_jwt(token, clock, wait_max).await,
        }
    }

    /// The caller of a token. Takes the same time whether or not there is a token of this id.
    fn by_token(&self, token: SentToken<'_>) -> Result<&Known, AuthenticationError> {
        let found = self.tokens.get(&token.id());
        let (entry, index) = found.copied().unwrap_or((TokenEntry::NONE, usize::MAX));
        let is_valid = entry.is_of(token);
        let known = self.callers.get(index).filter(|_| is_valid);
        known.ok_or(AuthenticationError::BadToken)
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
