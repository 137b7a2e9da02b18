//! The keys of signed notes: Ed25519, with a name. A verifier key is `NAME+HEX(id)+BASE64(0x01 || public key)`; a signing key
//! `PRIVATE+KEY+NAME+HEX(id)+BASE64(0x01 || seed)`, as the tools of Go's checksum database write it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The type of signatures by Ed25519 over the text.
const ED25519_TYPE: u8 = 1;
/// Begins a signing key.
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";
/// The length of a name, in bytes.
const NAME_MAX: usize = 128;

/// A key by which signatures are verified. It is not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: Box<str>,
    id: [u8; 4],
    public: [u8; 32],
}

/// A key that signs.
#[derive(Debug)]
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

/// Why a text is no key. Never quotes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has not the form of a verifier key.
    #[error(
        "is no verifier key `NAME+HEX+BASE64`: use the line that `verigate audit keygen` printed"
    )]
    NoVerifierKey,
    /// It is a signing key where a verifier key is needed.
    #[error(
        "is a signing key, which must stay secret: give the verifier key, which `verigate audit keygen` printed"
    )]
    Private,
    /// It has not the form of a signing key.
    #[error("is no signing key: make one with `verigate audit keygen`")]
    NoSigningKey,
    /// The name cannot be that of a key.
    #[error(
        "has a name that is empty, is longer than {NAME_MAX} bytes, or has spaces, `+` or control characters"
    )]
    BadName,
    /// The id in the text is not that of the key.
    #[error("is damaged: its id does not fit the name and the key in it")]
    OtherId,
    /// The type is not Ed25519.
    #[error("is not of the type Ed25519 (1)")]
    OtherType,
}

impl VerifierKey {
    /// Reads a verifier key, without an end of line.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(PRIVATE_PREFIX) {
            return Err(KeyError::Private);
        }
        let (name, id, public) = parts(text).ok_or(KeyError::NoVerifierKey)?;
        let key = Self::new(name, public_key(&public, KeyError::NoVerifierKey)?)?;
        key.with_id(id)
    }

    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::BadName);
        }
        let id = key_id(name, &public);
        let name = name.into();
        Ok(Self { name, id, public })
    }

    fn with_id(self, id: [u8; 4]) -> Result<Self, KeyError> {
        if self.id == id {
            Ok(self)
        } else {
            Err(KeyError::OtherId)
        }
    }

    /// The name, which is the origin of the journal that it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the key with this name and id.
    pub fn is_named(&self, name: &str, id: [u8; 4]) -> bool {
        *self.name == *name && self.id == id
    }

    /// Whether this is the signature of this text.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, &self.public);
        public.verify(text, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.name, self.id, &self.public))
    }
}

impl SigningKey {
    /// Reads the text of a signing key, with or without the end of its line.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = text.trim_end_matches(['\r', '\n']);
        let key = key
            .strip_prefix(PRIVATE_PREFIX)
            .ok_or(KeyError::NoSigningKey)?;
        let (name, id, seed) = parts(key).ok_or(KeyError::NoSigningKey)?;
        let seed = Zeroizing::new(public_key(&seed, KeyError::NoSigningKey)?);
        let key = Self::from_seed(name, &seed)?;
        let verifier = key.verifier.with_id(id)?;
        Ok(Self { verifier, ..key })
    }

    fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::NoSigningKey)?;
        let public = pair.public_key().as_ref().try_into();
        let verifier = VerifierKey::new(name, public.map_err(|_| KeyError::NoSigningKey)?)?;
        Ok(Self { pair, verifier })
    }

    /// The key by which its signatures are verified.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signed note with this text, which ends with the end of a line.
    pub fn note(&self, text: &str) -> String {
        let mut signature = self.verifier.id.to_vec();
        signature.extend(self.pair.sign(text.as_bytes()).as_ref());
        let (name, signature) = (&self.verifier.name, STANDARD.encode(signature));
        format!("{text}\n— {name} {signature}\n")
    }
}

/// The text of the signing key that these random bytes are.
pub fn signing_key_text(name: &str, seed: &[u8; 32]) -> Result<Zeroizing<String>, KeyError> {
    let id = SigningKey::from_seed(name, seed)?.verifier.id;
    let key = Zeroizing::new(shown(name, id, seed));
    Ok(Zeroizing::new(format!("{PRIVATE_PREFIX}{}", *key)))
}

/// Whether a key may have this name: not empty, without spaces, `+` and control characters.
pub fn is_key_name(name: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(allowed)
}

fn shown(name: &str, id: [u8; 4], key: &[u8; 32]) -> String {
    let mut bytes = Zeroizing::new(vec![ED25519_TYPE]);
    bytes.extend(key);
    let (id, key) = (
        u32::from_be_bytes(id),
        Zeroizing::new(STANDARD.encode(&*bytes)),
    );
    format!("{name}+{id:08x}+{}", *key)
}

/// The name, the id, and the bytes of a key. The base64 may have `+` in it.
fn parts(text: &str) -> Option<(&str, [u8; 4], Zeroizing<Vec<u8>>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let is_hex = id.len() == 8 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex)?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    Some((name, id.to_be_bytes(), key))
}

/// The 32 bytes behind the type.
fn public_key(bytes: &[u8], if_not: KeyError) -> Result<[u8; 32], KeyError> {
    let (kind, key) = bytes.split_first().ok_or(if_not)?;
    if *kind != ED25519_TYPE {
        return Err(KeyError::OtherType);
    }
    key.try_into().map_err(|_| if_not)
}

/// The first four bytes of SHA-256 over the name, a newline, the type and the public key.
fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519_TYPE])
        .chain_update(public)
        .finalize();
    let first = hash.first_chunk();
    first.copied().unwrap_or_default()
}
