//! The hand-on: a person has verified again, their gateway still sends the id of the old verification, and their browser brings the id of the new one.
//! It is about one old verification, one new one, one identity and one host, and grants nothing: what the upstream says of both decides.

use std::{fmt, sync::Arc, time::Duration};

use super::keys::{Purpose, SKEW_MAX, SigningKeys, TAG_BYTES, push_short, split_short};
use crate::policy::{Identity, Timestamp, VerificationId, after, from_millis};

/// The form of what is signed.
const VERSION: u8 = 1;
/// The longest text of a hand-on: of two ids and the longest host.
const HAND_ON_BYTES_MAX: usize = 1024;
/// The longest text of a transfer: more than the longest original URL takes.
const TRANSFER_BYTES_MAX: usize = 8 * 1024;

/// What a page hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOn {
    /// The verification that did not suffice, which the gateway goes on sending.
    pub old: VerificationId,
    /// The one to which a step-up has led.
    pub new: VerificationId,
    /// The host of the application, with the port if it is not the usual one.
    pub host: Box<str>,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

impl HandOn {
    /// The longest life of a hand-on.
    pub const LIFE_MAX: Duration = Duration::from_hours(24);
}

/// Why a text does not count as a hand-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandOnError {
    /// It was not signed with one of the keys, or is not whole.
    #[error("the hand-on is not valid")]
    Forged,
    /// It is for another host.
    #[error("the hand-on is for another host")]
    OtherHost,
    /// It is about another verification.
    #[error("the hand-on is about another verification")]
    OtherVerification,
    /// It has expired.
    #[error("the hand-on has expired")]
    Expired,
}

/// A later verification that a browser has brought for the one that was asked about. Whose it is has to be compared with what the upstream says.
#[derive(Clone)]
pub struct HandedOn {
    old: VerificationId,
    new: VerificationId,
    identity: [u8; TAG_BYTES],
    keys: Arc<SigningKeys>,
}

impl fmt::Debug for HandedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedOn")
            .field("old", &self.old)
            .field("new", &self.new)
            .finish_non_exhaustive()
    }
}

impl HandedOn {
    /// The later verification.
    pub fn successor(&self) -> &VerificationId {
        &self.new
    }

    /// Whether it was signed for a person of this identity.
    pub fn is_of(&self, identity: &Identity) -> bool {
        let parts = identity_parts(&self.old, &self.new, identity);
        self.keys
            .is_tag(Purpose::HandOnIdentity, &parts, &self.identity)
    }
}

/// What brings a hand-on from the page to the host of the application, where a cookie can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The text of the hand-on.
    pub hand_on: Box<str>,
    /// Where the person returns to.
    pub original_url: Box<str>,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// Why a text does not count as a transfer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It was not signed with one of the keys, or is not whole.
    #[error("the transfer is not valid")]
    Forged,
    /// It has expired. Where the person returns to is known.
    #[error("the transfer has expired")]
    Expired(Box<Transfer>),
}

impl SigningKeys {
    /// The text of a hand-on for a person of this identity. No text shows the identity.
    pub fn hand_on(&self, hand_on: &HandOn, identity: &Identity) -> String {
        let HandOn { old, new, .. } = hand_on;
        let until = hand_on.expires_at;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&until.as_millisecond().to_be_bytes());
        // Ids have at most 128 bytes.
        push_short(&mut bytes, old.as_str());
        push_short(&mut bytes, new.as_str());
        let parts = identity_parts(old, new, identity);
        bytes.extend_from_slice(&self.tag(Purpose::HandOnIdentity, &parts));
        bytes.extend_from_slice(hand_on.host.as_bytes());
        self.sign(Purpose::HandOn, bytes)
    }

    /// The later verification that this text hands on, for this old one and on this host.
    pub fn handed_on(
        self: &Arc<Self>,
        text: &str,
        (old, host): (&VerificationId, &str),
        now: Timestamp,
    ) -> Result<HandedOn, HandOnError> {
        let payload = self.verify(Purpose::HandOn, text, HAND_ON_BYTES_MAX);
        let signed = payload.as_deref().and_then(decode);
        let (signed, identity) = signed.ok_or(HandOnError::Forged)?;
        // Nobody signs one that counts for longer.
        if signed.expires_at > after(after(now, HandOn::LIFE_MAX), SKEW_MAX) {
            return Err(HandOnError::Forged);
        }
        if *signed.host != *host {
            return Err(HandOnError::OtherHost);
        }
        if signed.old != *old {
            return Err(HandOnError::OtherVerification);
        }
        if now >= signed.expires_at {
            return Err(HandOnError::Expired);
        }
        Ok(HandedOn {
            old: signed.old,
            new: signed.new,
            identity,
            keys: Arc::clone(self),
        })
    }

    /// Until when a hand-on for this host counts, whichever verification it is about.
    pub fn hand_on_expires_at(&self, text: &str, host: &str) -> Option<Timestamp> {
        let payload = self.verify(Purpose::HandOn, text, HAND_ON_BYTES_MAX)?;
        let (signed, _) = decode(&payload)?;
        (*signed.host == *host).then_some(signed.expires_at)
    }

    /// The text of a transfer.
    pub fn transfer(&self, transfer: &Transfer) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&transfer.expires_at.as_millisecond().to_be_bytes());
        // A hand-on is at most 1,024 bytes.
        let length = u16::try_from(transfer.hand_on.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(transfer.hand_on.as_bytes());
        bytes.extend_from_slice(transfer.original_url.as_bytes());
        self.sign(Purpose::Transfer, bytes)
    }

    /// The transfer that this text is.
    pub fn transferred(&self, text: &str, now: Timestamp) -> Result<Transfer, TransferError> {
        let payload = self.verify(Purpose::Transfer, text, TRANSFER_BYTES_MAX);
        let transfer = payload.as_deref().and_then(decode_transfer);
        let transfer = transfer.ok_or(TransferError::Forged)?;
        if now < transfer.expires_at {
            Ok(transfer)
        } else {
            Err(TransferError::Expired(Box::new(transfer)))
        }
    }
}

/// What the tag of an identity is about: nobody can put it into another hand-on.
fn identity_parts<'p>(
    old: &'p VerificationId,
    new: &'p VerificationId,
    identity: &'p Identity,
) -> [&'p [u8]; 3] {
    [old.as_str(), new.as_str(), identity.as_str()].map(str::as_bytes)
}

fn decode(bytes: &[u8]) -> Option<(HandOn, [u8; TAG_BYTES])> {
    let (expires_at, bytes) = versioned(bytes)?;
    let (old, bytes) = split_short(bytes)?;
    let (new, bytes) = split_short(bytes)?;
    let (identity, host) = bytes.split_first_chunk::<TAG_BYTES>()?;
    let hand_on = HandOn {
        old: VerificationId::parse(old).ok()?,
        new: VerificationId::parse(new).ok()?,
        host: std::str::from_utf8(host).ok()?.into(),
        expires_at,
    };
    Some((hand_on, *identity))
}

fn decode_transfer(bytes: &[u8]) -> Option<Transfer> {
    let (expires_at, bytes) = versioned(bytes)?;
    let (length, bytes) = bytes.split_first_chunk::<2>()?;
    let (hand_on, original_url) = bytes.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some(Transfer {
        hand_on: std::str::from_utf8(hand_on).ok()?.into(),
        original_url: std::str::from_utf8(original_url).ok()?.into(),
        expires_at,
    })
}

/// When what has this form expires, and the rest.
fn versioned(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (&version, bytes) = bytes.split_first()?;
    let (expires_at, bytes) = bytes.split_first_chunk::<8>()?;
    let expires_at = from_millis(i64::from_be_bytes(*expires_at));
    (version == VERSION).then_some((expires_at, bytes))
}
