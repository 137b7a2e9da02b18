//! Files of age for one recipient with a payload of at most 64 KiB: a header with the key of the file, wrapped to the recipient, and the
//! payload in one chunk.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::{AuditorKey, Recipient, random};

/// The payload that a file has at most, in bytes.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
const VERSION: &str = "age-encryption.org/v1\n";
const STANZA: &str = "-> ";
const X25519: &str = "X25519 ";
const MAC: &str = "---";
/// The length of a full line of a body.
const BODY_COLUMNS: usize = 64;
const WRAP_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const FILE_KEY_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const PAYLOAD_NONCE_BYTES: usize = 16;
/// The nonce of the first chunk, which is the last one.
const ONLY_CHUNK: [u8; NONCE_LEN] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Why a file cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
    /// It is not of the form that is written here.
    #[error("it is no file of age for one key of the type X25519")]
    Form,
    /// It was sealed to another key.
    #[error("it is sealed to another key")]
    OtherKey,
    /// It was changed.
    #[error("it is damaged")]
    Damaged,
}

impl Recipient {
    /// The file of age with this payload, which only the secret key opens.
    pub fn seal(&self, payload: &[u8]) -> Result<Vec<u8>, AgeError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(AgeError::Form);
        }
        let ephemeral = StaticSecret::from(*random().ok_or(AgeError::NoRandom)?);
        let mut both = Zeroizing::new([0; FILE_KEY_BYTES + PAYLOAD_NONCE_BYTES]);
        let filled = SystemRandom::new().fill(&mut *both);
        filled.map_err(|_| AgeError::NoRandom)?;
        let (file_key, nonce) = both.split_at(FILE_KEY_BYTES);
        let share = PublicKey::from(&ephemeral);
        let shared = ephemeral.diffie_hellman(&self.public());
        let mut wrapped = file_key.to_vec();
        seal_in_place(
            &wrap_key(&shared, &share, self)?,
            [0; NONCE_LEN],
            &mut wrapped,
        )?;
        let share = STANDARD_NO_PAD.encode(share.as_bytes());
        let wrapped = STANDARD_NO_PAD.encode(wrapped);
        let mut file = format!("{VERSION}{STANZA}{X25519}{share}\n{wrapped}\n{MAC}");
        let mac = hmac::sign(&mac_key(file_key)?, file.as_bytes());
        file.push(' ');
        file.push_str(&STANDARD_NO_PAD.encode(mac));
        file.push('\n');
        let mut file = file.into_bytes();
        file.extend_from_slice(nonce);
        let mut chunk = payload.to_vec();
        seal_in_place(
            &derive(nonce, file_key, b"payload")?,
            ONLY_CHUNK,
            &mut chunk,
        )?;
        file.append(&mut chunk);
        Ok(file)
    }
}

impl AuditorKey {
    /// The payload of a file of age that is sealed to this key, maybe beside others.
    pub fn open(&self, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
        let parts = Parts::of(file).ok_or(AgeError::Form)?;
        let mut stanzas = parts.stanzas.iter();
        let file_key = stanzas.find_map(|stanza| self.unwrapped(stanza));
        let file_key = file_key.ok_or(AgeError::OtherKey)?;
        let is_whole = hmac::verify(&mac_key(&file_key)?, parts.macced, &parts.mac);
        is_whole.map_err(|_| AgeError::Damaged)?;
        let payload = parts.payload.split_at_checked(PAYLOAD_NONCE_BYTES);
        let (nonce, chunk) = payload.ok_or(AgeError::Form)?;
        let key = derive(nonce, &file_key, b"payload")?;
        open(&key, ONLY_CHUNK, chunk).ok_or(AgeError::Damaged)
    }

    /// The key of a file, if it is wrapped to this key.
    fn unwrapped(&self, stanza: &Stanza) -> Option<Zeroizing<Vec<u8>>> {
        let share = PublicKey::from(stanza.share);
        let shared = self.0.diffie_hellman(&share);
        let key = wrap_key(&shared, &share, &self.recipient()).ok()?;
        let is_safe = shared.was_contributory();
        open(&key, [0; NONCE_LEN], &stanza.wrapped).filter(|_| is_safe)
    }
}

/// The key of a file, wrapped to one key of the type X25519.
struct Stanza {
    share: [u8; 32],
    wrapped: Vec<u8>,
}

/// The parts of a file.
struct Parts<'f> {
    stanzas: Vec<Stanza>,
    /// What the MAC is over.
    macced: &'f [u8],
    mac: Vec<u8>,
    payload: &'f [u8],
}

impl<'f> Parts<'f> {
    fn of(file: &'f [u8]) -> Option<Self> {
        let mut rest = file.strip_prefix(VERSION.as_bytes())?;
        let mut stanzas = Vec::new();
        while let Some(behind) = rest.strip_prefix(STANZA.as_bytes()) {
            let (arguments, body) = line(behind)?;
            let (wrapped, behind) = stanza_body(body)?;
            rest = behind;
            if let Some(share) = arguments.strip_prefix(X25519.as_bytes()) {
                let share = bytes(share)?.try_into().ok()?;
                let is_key = wrapped.len() == FILE_KEY_BYTES + TAG_BYTES;
                stanzas.extend(is_key.then_some(Stanza { share, wrapped }));
            }
        }
        let behind = rest.strip_prefix(MAC.as_bytes())?;
        let macced = file.len().checked_sub(behind.len())?;
        let (mac, payload) = line(behind.strip_prefix(b" ")?)?;
        Some(Self {
            stanzas,
            macced: file.get(..macced)?,
            mac: bytes(mac)?,
            payload,
        })
    }
}

/// The body of a stanza, and what follows it: it ends with a line that is not full.
fn stanza_body(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (part, behind) = line(rest)?;
        body.extend(bytes(part)?);
        rest = behind;
        if part.len() != BODY_COLUMNS {
            return Some((body, rest));
        }
    }
}

fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = text.split_at_checked(at)?;
    Some((line, rest.get(1..)?))
}

fn bytes(base64: &[u8]) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(base64).ok()
}

fn wrap_key(
    shared: &SharedSecret,
    share: &PublicKey,
    recipient: &Recipient,
) -> Result<LessSafeKey, AgeError> {
    let salt = [share.as_bytes().as_slice(), recipient.0.as_slice()].concat();
    derive(&salt, shared.as_bytes(), WRAP_INFO)
}

fn mac_key(file_key: &[u8]) -> Result<hmac::Key, AgeError> {
    let mut key = Zeroizing::new([0; 32]);
    expand(&[], file_key, b"header", &mut key)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<LessSafeKey, AgeError> {
    let mut key = Zeroizing::new([0; 32]);
    expand(salt, secret, info, &mut key)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).map_err(|_| AgeError::Form)?;
    Ok(LessSafeKey::new(key))
}

fn expand(salt: &[u8], secret: &[u8], info: &[u8], key: &mut [u8; 32]) -> Result<(), AgeError> {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info];
    let expanded = extracted.expand(&info, HKDF_SHA256);
    // 32 bytes are not more than it can give.
    let filled = expanded.and_then(|expanded| expanded.fill(key));
    filled.map_err(|_| AgeError::Form)
}

fn seal_in_place(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    bytes: &mut Vec<u8>,
) -> Result<(), AgeError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = key.seal_in_place_append_tag(nonce, Aad::empty(), bytes);
    sealed.map_err(|_| AgeError::Form)
}

fn open(key: &LessSafeKey, nonce: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key
        .open_in_place(nonce, Aad::empty(), &mut bytes)
        .ok()?
        .len();
    bytes.truncate(length);
    Some(bytes)
}
