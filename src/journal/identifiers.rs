//! Identifiers of people as a journal with `identifiers = "keyed"` has them: an HMAC under a key. Who has the key finds the lines of a
//! person; once it is deleted, nobody does.

use std::fmt;

use ring::{hmac, rand::SecureRandom};
use zeroize::Zeroizing;

use super::line_start::{from_hex, hex};
use crate::policy::{Identity, VerificationId};

/// What begins a keyed identifier.
const PREFIX: &str = "hmac:";
/// What the id of a key is the HMAC of. It has no zero byte, so that it is no identifier.
const KEY_ID: &[u8] = b"verigate-identifier-key";
/// Digits of the id of a key.
const KEY_ID_DIGITS: usize = 8;

/// What an identifier names. Equal ids of different kinds have different keyed forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierKind {
    /// A verification, by any of its ids.
    Verification,
    /// An identity.
    Identity,
}

/// The key under which identifiers are recorded. Its `Debug` output shows its id alone.
#[derive(Clone)]
pub struct IdentifierKey {
    key: hmac::Key,
    id: Box<str>,
}

/// Why a text is no key. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no key of 64 hexadecimal digits: make one with `verigate audit keygen --identifiers`")]
pub struct IdentifierKeyError;

impl IdentifierKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Identity => "identity",
        }
    }
}

impl IdentifierKey {
    /// Reads a key: 64 hexadecimal digits, with or without the end of their line.
    pub fn parse(text: &str) -> Result<Self, IdentifierKeyError> {
        let digits = text.trim_end_matches(['\r', '\n']);
        let lower = Zeroizing::new(digits.to_ascii_lowercase());
        let bytes = Zeroizing::new(from_hex(&lower).ok_or(IdentifierKeyError)?);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*bytes);
        let id = hmac::sign(&key, KEY_ID);
        let id = hex(&id.as_ref().try_into().map_err(|_| IdentifierKeyError)?);
        let id = id.chars().take(KEY_ID_DIGITS).collect();
        Ok(Self { key, id })
    }

    /// The text of a new key; `None` if the system gives no random bytes.
    pub fn generate(random: &impl SecureRandom) -> Option<Zeroizing<String>> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).ok()?;
        Some(Zeroizing::new(hex(&bytes)))
    }

    /// Its id, which is not secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The identifier as it is recorded: `hmac:KEYID:` and the HMAC in base64url. Spellings that name the same have the same.
    pub fn keyed(&self, kind: IdentifierKind, id: &str) -> String {
        let canonical = canonical(kind, id);
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_str().as_bytes());
        context.update(&[0]);
        context.update(canonical.as_deref().unwrap_or(id).as_bytes());
        let mac = base64url(context.sign().as_ref());
        format!("{PREFIX}{}:{mac}", self.id)
    }
}

impl fmt::Debug for IdentifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentifierKey({})", self.id)
    }
}

/// The canonical spelling of an identifier, if it has one.
fn canonical(kind: IdentifierKind, id: &str) -> Option<String> {
    match kind {
        IdentifierKind::Verification => {
            let id = VerificationId::parse(id).ok()?;
            Some(id.as_str().to_owned())
        }
        IdentifierKind::Identity => {
            let id = Identity::parse(id).ok()?;
            Some(id.as_str().to_owned())
        }
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: &str) -> IdentifierKey {
        IdentifierKey::parse(&byte.repeat(32)).unwrap()
    }

    #[test]
    fn an_identifier_is_the_hmac_of_its_kind_and_its_canonical_text() {
        // printf 'verification\0v-1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07 -binary | basenc --base64url
        let keyed = key("07").keyed(IdentifierKind::Verification, "v-1");
        assert_eq!(
            keyed,
            "hmac:88259848:gI5ecYytCFWpbFAwcuwRcdps7jSL090hMOTSpeYJnW0"
        );
        let uuid = "55a951eb-265c-4706-9ebf-99ae35c745ab";
        for kind in [IdentifierKind::Verification, IdentifierKind::Identity] {
            let keyed = |id: &str| key("07").keyed(kind, id);
            assert_eq!(keyed(uuid), keyed(&uuid.to_ascii_uppercase()));
            assert_ne!(keyed("a"), keyed("b"));
            assert_ne!(keyed(uuid), key("08").keyed(kind, uuid));
        }
        let [one, other] = [IdentifierKind::Verification, IdentifierKind::Identity]
            .map(|kind| key("07").keyed(kind, "v-1"));
        assert_ne!(one, other);
    }

    #[test]
    fn a_key_is_64_digits_and_is_never_shown() {
        let new = IdentifierKey::generate(&ring::rand::SystemRandom::new()).unwrap();
        let key = IdentifierKey::parse(&format!("{}\n", *new)).unwrap();
        assert_eq!(key.id().len(), KEY_ID_DIGITS);
        let upper = IdentifierKey::parse(&new.to_ascii_uppercase()).unwrap();
        assert_eq!(key.id(), upper.id());
        assert_eq!(format!("{key:?}"), format!("IdentifierKey({})", key.id()));
        assert!(!new.contains(key.id()));
        let long = "0".repeat(65);
        for text in ["", new.get(1..).unwrap(), &long, &"g".repeat(64), "hmac:"] {
            assert_eq!(
                IdentifierKey::parse(text).err(),
                Some(IdentifierKeyError),
                "{text}"
            );
        }
    }
}
