//! Seals what callers carry back to us, with a key that this process has made and nobody else knows.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{hmac, rand::SystemRandom};

/// Seals texts.
#[derive(Debug)]
pub(super) struct Seal(hmac::Key);

impl Seal {
    /// A new key; an error if the system gives no random bytes.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| prometheus::Error::Msg("no random bytes".to_owned()))?;
        Ok(Self(key))
    }

    /// The seal of these parts.
    pub(super) fn of(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &joined(parts)))
    }

    /// Whether this is the seal of these parts. The time that this takes does not depend on the key.
    pub(super) fn is_of(&self, parts: &[&str], seal: &str) -> bool {
        let seal = URL_SAFE_NO_PAD.decode(seal);
        seal.is_ok_and(|seal| hmac::verify(&self.0, &joined(parts), &seal).is_ok())
    }
}

/// Each part with its length, so that different parts never become the same bytes.
fn joined(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_that_of_its_parts_and_of_one_key() {
        let (seal, other) = (Seal::new().unwrap(), Seal::new().unwrap());
        let text = seal.of(&["a", "bc"]);
        assert!(seal.is_of(&["a", "bc"], &text));
        for parts in [&["ab", "c"][..], &["a", "bc", ""], &["a"], &["abc"], &[]] {
            assert!(!seal.is_of(parts, &text), "{parts:?}");
        }
        assert!(!other.is_of(&["a", "bc"], &text));
        for wrong in ["", "=", text.get(1..).unwrap(), &format!("{text}=")] {
            assert!(!seal.is_of(&["a", "bc"], wrong), "{wrong}");
        }
    }
}
