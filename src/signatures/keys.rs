//! The keys, and what each signature is for.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac::{self, HMAC_SHA256},
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::secrets::{Secret, SecretInUse};

/// How many bytes a tag has.
pub const TAG_BYTES: usize = 32;
/// How much later the clock of the instance may be that has signed something.
pub const SKEW_MAX: Duration = Duration::from_mins(5);
const RANDOM_KEY_BYTES: usize = 32;

/// What a signature is for, so that none counts for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The state with which a browser is sent to the page for step-ups.
    State,
    /// The form of the page, for one browser.
    Form,
    /// Which person a link of the page is for.
    Link,
    /// The id of a later verification, which a browser keeps for the host of an application.
    HandOn,
    /// Whose both verifications of a hand-on are.
    HandOnIdentity,
    /// What brings a hand-on from the page to the host of the application.
    Transfer,
    /// What binds an access request to its denial, and a task to its caller.
    AccessRequest,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::State,
        Self::Form,
        Self::Link,
        Self::HandOn,
        Self::HandOnIdentity,
        Self::Transfer,
        Self::AccessRequest,
    ];

    /// It stands before what is signed. None is the beginning of another one.
    pub(super) fn label(self) -> &'static [u8] {
        match self {
            Self::State => b"verigate step-up state\0",
            Self::Form => b"verigate step-up form\0",
            Self::Link => b"verigate step-up link\0",
            Self::HandOn => b"verigate hand-on\0",
            Self::HandOnIdentity => b"verigate hand-on identity\0",
            Self::Transfer => b"verigate hand-on transfer\0",
            Self::AccessRequest => b"verigate access request\0",
        }
    }
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomBytesError;

/// The keys: the one that signs, and the previous one, which is accepted while the keys of a fleet are replaced.
#[derive(Debug)]
pub struct SigningKeys {
    current: SecretInUse,
    previous: Option<SecretInUse>,
}

impl SigningKeys {
    /// Signs with `current`, and accepts `previous` too.
    pub fn new(current: &Secret, previous: Option<&Secret>) -> Self {
        Self {
            current: SecretInUse::new(current),
            previous: previous.map(SecretInUse::new),
        }
    }

    /// A key that this process alone has.
    pub fn random() -> Result<Self, NoRandomBytesError> {
        let mut bytes = Zeroizing::new([0; RANDOM_KEY_BYTES]);
        let filled = SystemRandom::new().fill(&mut *bytes);
        filled.map_err(|_| NoRandomBytesError)?;
        let key = Secret::from(URL_SAFE_NO_PAD.encode(*bytes));
        Ok(Self::new(&key, None))
    }

    /// Reads the files with the keys again. Blocks.
    pub fn reload(&self, uptime: Duration) {
        for secret in [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
        {
            secret.reload(uptime);
        }
    }

    /// The tag of these parts, by the key that signs.
    pub fn tag(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let tag = hmac::sign(&key(&self.current.get()), &message(purpose, parts));
        // It has as many bytes; what had not would be nobody's tag.
        tag.as_ref().try_into().unwrap_or_default()
    }

    /// Whether this is the tag of these parts, by one of the keys.
    pub fn is_tag(&self, purpose: Purpose, parts: &[&[u8]], given: &[u8]) -> bool {
        let message = message(purpose, parts);
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter()
            .flatten()
            .any(|secret| hmac::verify(&key(&secret.get()), &message, given).is_ok())
    }

    /// A text of this payload and its tag, in base64url.
    pub fn sign(&self, purpose: Purpose, mut payload: Vec<u8>) -> String {
        let tag = self.tag(purpose, &[&payload]);
        payload.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(payload)
    }

    /// The payload of a text of at most this length, if it was signed for this purpose with one of the keys.
    pub fn verify(&self, purpose: Purpose, text: &str, text_max: usize) -> Option<Vec<u8>> {
        if text.len() > text_max {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let length = bytes.len().checked_sub(TAG_BYTES)?;
        let (payload, given) = bytes.split_at_checked(length)?;
        self.is_tag(purpose, &[payload], given).then_some(())?;
        bytes.truncate(length);
        Some(bytes)
    }
}

fn key(secret: &Arc<SecretString>) -> hmac::Key {
    hmac::Key::new(HMAC_SHA256, secret.expose_secret().as_bytes())
}

/// What is signed: each part with its length, so that different parts are never the same bytes.
fn message(purpose: Purpose, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = purpose.label().to_vec();
    for part in parts {
        message.extend_from_slice(&part.len().to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

/// Adds a text of at most 255 bytes after its length.
pub fn push_short(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(text.as_bytes());
}

/// A text after the byte with its length, and the rest.
pub fn split_short(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&length, bytes) = bytes.split_first()?;
    let (text, rest) = bytes.split_at_checked(length.into())?;
    Some((std::str::from_utf8(text).ok()?, rest))
}
