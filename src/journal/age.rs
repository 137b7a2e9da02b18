//! Keys of age (age-encryption.org/v1, X25519) as text, so that auditors may make theirs with `age-keygen`, and open what is sealed to it with
//! `age` itself.

mod file;

use std::fmt;

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use ring::rand::{SecureRandom, SystemRandom};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

pub use self::file::AgeError;

/// What begins the text of a public key.
const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
/// What begins that of a secret one, which is in upper case.
const SECRET: Hrp = Hrp::parse_unchecked("age-secret-key-");
/// The beginning of a secret key as it is written.
const SECRET_PREFIX: &str = "AGE-SECRET-KEY-";

/// The public key that facts are sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// The secret key of an auditor. Its `Debug` output shows nothing, and it is overwritten when it is dropped.
pub struct AuditorKey(StaticSecret);

/// Why a text is no key. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeKeyError {
    /// It has not the form of a public key.
    #[error(
        "is no public key `age1…` of the type X25519: use the line that `verigate audit keygen --auditor` or `age-keygen` printed"
    )]
    NoRecipient,
    /// It is a secret key where a public one is needed.
    #[error("is a secret key, which the auditor alone may have: give its public key `age1…`")]
    Secret,
    /// A key to which nothing can be sealed.
    #[error("is a key of small order, to which nothing can be sealed")]
    SmallOrder,
    /// There is no secret key.
    #[error(
        "has no line `AGE-SECRET-KEY-1…`: make a key with `verigate audit keygen --auditor` or `age-keygen`"
    )]
    NoSecret,
    /// There is more than one secret key, or it is damaged.
    #[error("has a line `AGE-SECRET-KEY-1…` that is damaged, or more than one")]
    BadSecret,
}

impl Recipient {
    /// Reads a public key.
    pub fn parse(text: &str) -> Result<Self, AgeKeyError> {
        if text.to_ascii_uppercase().starts_with(SECRET_PREFIX) {
            return Err(AgeKeyError::Secret);
        }
        let bytes = decode(text, RECIPIENT).ok_or(AgeKeyError::NoRecipient)?;
        let recipient = Self(*bytes);
        // Any secret will do to find out.
        let shared = StaticSecret::from([1; 32]).diffie_hellman(&recipient.public());
        if !shared.was_contributory() {
            return Err(AgeKeyError::SmallOrder);
        }
        Ok(recipient)
    }

    fn public(&self) -> PublicKey {
        PublicKey::from(self.0)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, RECIPIENT, &self.0).map_err(|_| fmt::Error)
    }
}

impl AuditorKey {
    /// A new key; `None` if the system gives no random bytes.
    pub fn generate() -> Option<Self> {
        random().map(|bytes| Self(StaticSecret::from(*bytes)))
    }

    /// Reads the key of a file as `age-keygen` writes it: one key, and lines that are empty or begin with `#`.
    pub fn parse(text: &str) -> Result<Self, AgeKeyError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(AgeKeyError::NoSecret)?;
        if !line.starts_with(SECRET_PREFIX) {
            return Err(AgeKeyError::NoSecret);
        }
        let bytes = decode(line, SECRET).filter(|_| lines.next().is_none());
        let bytes = bytes.ok_or(AgeKeyError::BadSecret)?;
        Ok(Self(StaticSecret::from(*bytes)))
    }

    /// The public key.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0).to_bytes())
    }

    /// The text of the key, which must stay secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let text = bech32::encode_upper::<Bech32>(SECRET, self.0.as_bytes());
        // 32 bytes are never too long.
        Zeroizing::new(text.unwrap_or_default())
    }
}

impl fmt::Debug for AuditorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditorKey(…)")
    }
}

/// 32 random bytes.
pub(super) fn random() -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(&mut *bytes).ok()?;
    Some(bytes)
}

/// The 32 bytes of a text in Bech32 that begins so.
fn decode(text: &str, begin: Hrp) -> Option<Zeroizing<[u8; 32]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    let mut bytes = Zeroizing::new([0; 32]);
    let mut decoded = checked.byte_iter();
    if checked.hrp() != begin || decoded.len() != bytes.len() {
        return None;
    }
    for byte in bytes.iter_mut() {
        *byte = decoded.next()?;
    }
    // 32 bytes are 51 digits and a bit: what fills the last digit is zero.
    let is_padded = checked
        .fe32_iter()
        .last()
        .is_some_and(|last| last.to_u8().trailing_zeros() >= 4);
    if !is_padded {
        bytes.zeroize();
        return None;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
