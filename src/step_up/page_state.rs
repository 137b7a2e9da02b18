//! The signed state with which a browser is sent to the page for step-ups: which decision it is about, and where the person returns to.
//!
//! The page faces the Internet and nobody there has a credential, so that the signature is what authorises it. A state grants
//! nothing: it lets its holder ask for a few links about one verification. The key is configured, so that every instance of a fleet accepts
//! the states of the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::LoginHint;
use crate::{
    clock::pause,
    deps::Deps,
    policy::{PolicyName, Timestamp, VerificationId, after, from_millis},
    signatures::{Purpose, SKEW_MAX, SigningKeys, push_short, split_short},
};

/// The longest text of a state: more than the longest original URL takes.
const STATE_BYTES_MAX: usize = 8 * 1024;
/// Decisions whose person is known; the oldest is dropped first, and its person is asked.
const KNOWN_MAX: usize = 10_000;
/// How often hints that have expired are dropped.
const KNOWN_PERIOD: Duration = Duration::from_mins(1);
/// The form of what is signed.
const VERSION: u8 = 1;
/// What a browser brings to the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageState {
    /// The decision that the page is about.
    pub decision: Uuid,
    /// The verification that did not suffice.
    pub verification: VerificationId,
    /// The policy that it did not satisfy.
    pub policy: PolicyName,
    /// Where the person returns to. It was on an allowed host when the state was signed.
    pub original_url: Box<str>,
    /// Until when links may be asked for.
    pub expires_at: Timestamp,
}

impl PageState {
    /// The longest life of a state: the page faces the Internet.
    pub const LIFE_MAX: Duration = Duration::from_hours(1);
}

/// Why a text is not used as a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageStateError {
    /// It was not signed with one of the keys, or is not whole.
    #[error("the state is not valid")]
    Forged,
    /// It was valid. Nothing may be asked for by it any more.
    #[error("the state has expired")]
    Expired(Box<PageState>),
}

/// The keys, for what the page signs. Clones share them.
#[derive(Debug, Clone)]
pub struct PageKeys(Arc<SigningKeys>);

/// Where browsers are sent, with a signed state.
#[derive(Debug)]
pub struct PageAddress {
    /// The address of the page.
    url: Box<str>,
    keys: PageKeys,
    life: Duration,
    /// Whom a decision is about, where the gateway knows it: in memory alone, because the state is in an address. By decision, the oldest first.
    known: Mutex<BTreeMap<Uuid, Known>>,
}

/// Whom a decision is about.
#[derive(Debug)]
struct Known {
    until: Timestamp,
    verification: VerificationId,
    hint: Arc<LoginHint>,
}

impl PageAddress {
    /// The page at this address; a state is valid for `life` from its decision on.
    pub fn new(url: &str, keys: PageKeys, life: Duration) -> Self {
        Self {
            url: url.into(),
            keys,
            life,
            known: Mutex::default(),
        }
    }

    /// The keys of the states.
    pub fn keys(&self) -> &PageKeys {
        &self.keys
    }

    /// The person that a decision is about, if that was known when its state was signed.
    pub fn login_hint(&self, decision: Uuid, now: Timestamp) -> Option<Arc<LoginHint>> {
        let known = self.known.lock();
        let known = known.get(&decision)?;
        (now < known.until).then(|| Arc::clone(&known.hint))
    }

    /// Drops what has expired, as long as this address is in use, also if it is not used.
    pub fn drop_expired_by(self: &Arc<Self>, deps: &Deps) {
        let (address, clock) = (Arc::downgrade(self), Arc::clone(&deps.clock));
        deps.spawn.start(async move {
            loop {
                pause(KNOWN_PERIOD).await;
                let Some(address) = address.upgrade() else {
                    return;
                };
                address.drop_expired(clock.now());
            }
        });
    }

    fn drop_expired(&self, now: Timestamp) {
        self.known.lock().retain(|_, known| now < known.until);
    }

    /// Drops who the decisions about these verifications are about.
    pub fn purge(&self, verifications: &BTreeSet<&VerificationId>) {
        let mut known = self.known.lock();
        known.retain(|_, known| !verifications.contains(&known.verification));
    }

    fn know(
        &self,
        (decision, decided_at): (Uuid, Timestamp),
        verification: &VerificationId,
        email: &str,
    ) {
        // One that is none is asked for.
        let Ok(hint) = LoginHint::parse(email) else {
            return;
        };
        let mut known = self.known.lock();
        while let Some(oldest) = known.first_entry()
            && oldest.get().until <= decided_at
        {
            oldest.remove();
        }
        if known.len() >= KNOWN_MAX {
            known.pop_first();
        }
        let who = Known {
            until: after(decided_at, self.life),
            verification: verification.clone(),
            hint: Arc::new(hint),
        };
        known.insert(decision, who);
    }

    /// The address with a state about this decision. `email` is the person's, where it is known.
    pub fn with_state(
        &self,
        (decision, decided_at): (Uuid, Timestamp),
        (verification, policy): (&VerificationId, &PolicyName),
        original_url: &str,
        email: Option<&str>,
    ) -> String {
        if let Some(email) = email {
            self.know((decision, decided_at), verification, email);
        }
        let state = self.keys.sign(&PageState {
            decision,
            verification: verification.clone(),
            policy: policy.clone(),
            original_url: original_url.into(),
            expires_at: after(decided_at, self.life),
        });
        format!("{}?state={state}", self.url)
    }
}

impl PageKeys {
    /// Signs with these keys.
    pub fn new(keys: Arc<SigningKeys>) -> Self {
        Self(keys)
    }

    /// The keys, for what else is signed with them.
    pub fn signing(&self) -> &Arc<SigningKeys> {
        &self.0
    }

    /// The text of a state, in base64url.
    pub fn sign(&self, state: &PageState) -> String {
        self.0.sign(Purpose::State, encode(state))
    }

    /// The state that this text is, if it was signed with one of the keys.
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<PageState, PageStateError> {
        let payload = self.0.verify(Purpose::State, text, STATE_BYTES_MAX);
        let state = payload.as_deref().and_then(decode);
        let state = state.ok_or(PageStateError::Forged)?;
        // Nobody signs one that is valid for longer.
        if state.expires_at > after(after(now, PageState::LIFE_MAX), SKEW_MAX) {
            return Err(PageStateError::Forged);
        }
        if now < state.expires_at {
            Ok(state)
        } else {
            Err(PageStateError::Expired(Box::new(state)))
        }
    }

    /// The token of a form that was shown to the browser with this nonce, for this state.
    pub fn form_token(&self, state: &str, nonce: &str) -> String {
        let parts = [state.as_bytes(), nonce.as_bytes()];
        URL_SAFE_NO_PAD.encode(self.0.tag(Purpose::Form, &parts))
    }

    /// Whether a form with this token was shown to the browser with this nonce, for this state.
    pub fn is_form_token(&self, state: &str, nonce: &str, token: &str) -> bool {
        let token = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let parts = [state.as_bytes(), nonce.as_bytes()];
        self.0.is_tag(Purpose::Form, &parts, &token)
    }

    /// The idempotency key of the link for this person, by this state: nothing of the person can be read from it.
    pub fn link_key(&self, state: &str, login_hint: &str) -> Box<str> {
        let parts = [state.as_bytes(), login_hint.as_bytes()];
        URL_SAFE_NO_PAD
            .encode(self.0.tag(Purpose::Link, &parts))
            .into()
    }
}

/// Distinguishes states: the digest of their text, of which there is one for each state.
pub fn digest_of(state: &str) -> [u8; 32] {
    let digest = digest(&SHA256, state.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

fn encode(state: &PageState) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&state.expires_at.as_millisecond().to_be_bytes());
    bytes.extend_from_slice(state.decision.as_bytes());
    for text in [state.verification.as_str(), state.policy.as_str()] {
        // Both are at most 128 bytes.
        push_short(&mut bytes, text);
    }
    bytes.extend_from_slice(state.original_url.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<PageState> {
    let (&version, bytes) = bytes.split_first()?;
    let (expires_at, bytes) = bytes.split_first_chunk::<8>()?;
    let (decision, bytes) = bytes.split_first_chunk::<16>()?;
    let (verification, bytes) = split_short(bytes)?;
    let (policy, bytes) = split_short(bytes)?;
    (version == VERSION).then_some(PageState {
        decision: Uuid::from_bytes(*decision),
        verification: VerificationId::parse(verification).ok()?,
        policy: PolicyName::parse(policy).ok()?,
        original_url: std::str::from_utf8(bytes).ok()?.into(),
        expires_at: from_millis(i64::from_be_bytes(*expires_at)),
    })
}

#[cfg(test)]
mod tests;
