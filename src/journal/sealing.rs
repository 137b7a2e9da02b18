//! Seals the facts of decisions to an auditor's public key. A data key encrypts the facts of each line with AES-256-GCM; it is itself in the
//! journal, sealed to the auditor with age. So a line costs no key exchange, and the process can open nothing once it has dropped the key.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::age::{AgeError, AuditorKey, Recipient, random};

/// What is sealed has a multiple of this many bytes, so that its length says little.
const PADDED_TO: usize = 256;
/// Digits of the id of a data key.
const KEY_ID_DIGITS: usize = 16;

/// The facts of a decision as a line has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedFacts {
    /// The id of the data key.
    pub key: Box<str>,
    /// The nonce, the ciphertext and the tag, in base64.
    pub data: Box<str>,
}

/// A data key as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedDataKey {
    /// Its id.
    pub key: Box<str>,
    /// The public key that it is sealed to.
    pub recipient: Box<str>,
    /// A file of age with the 32 bytes of the key, in base64.
    pub sealed: Box<str>,
}

/// A key that facts are sealed with. Its `Debug` output shows its id alone.
pub struct DataKey {
    id: Box<str>,
    key: LessSafeKey,
    /// The number of the next nonce: a key is never used by two processes, so that no number is used twice.
    nonces: AtomicU64,
}

/// Why facts cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum FactsError {
    /// The journal has not said the data key before the line.
    #[error("their data key is not in the journal before them")]
    NoKey,
    /// No given key opens the data key.
    #[error("they are sealed to the key of another auditor")]
    OtherAuditor,
    /// The data key is damaged.
    #[error("their data key is damaged")]
    BadKey,
    /// The ciphertext was changed, or belongs to another line.
    #[error("they are damaged, or those of another line")]
    Damaged,
    /// What was sealed is not what this version reads, or does not fit the line.
    #[error("they are not those of this line, or of another version")]
    OtherForm,
}

/// Seals the facts of lines with the data key that is in use.
#[derive(Debug)]
pub(super) struct FactsSealer {
    recipient: Recipient,
    current: ArcSwap<DataKey>,
    /// How another data key is made: the system may give no random bytes.
    pub(super) make_key: MakeKey,
}

type MakeKey = fn(&Recipient) -> Result<(DataKey, SealedDataKey), AgeError>;

impl FactsError {
    /// The cause's name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::OtherAuditor => "other_auditor",
            Self::BadKey => "bad_key",
            Self::Damaged => "damaged",
            Self::OtherForm => "other_form",
        }
    }
}

impl FactsSealer {
    /// Begins with a new data key, which the journal has to say before any line.
    pub(super) fn start(recipient: Recipient) -> Result<(Self, SealedDataKey), AgeError> {
        let (key, sealed) = DataKey::new(&recipient)?;
        let current = ArcSwap::from_pointee(key);
        let sealer = Self {
            recipient,
            current,
            make_key: DataKey::new,
        };
        Ok((sealer, sealed))
    }

    /// Another data key, which the journal has to say before it is used.
    pub(super) fn next(&self) -> Result<(DataKey, SealedDataKey), AgeError> {
        (self.make_key)(&self.recipient)
    }

    /// Seals with this key from now on.
    pub(super) fn use_key(&self, key: DataKey) {
        self.current.store(Arc::new(key));
    }

    /// Seals the facts of this decision.
    pub(super) fn seal(&self, decision_id: &str, facts: &[u8]) -> Option<SealedFacts> {
        self.current.load().seal(decision_id, facts)
    }
}

impl DataKey {
    fn new(recipient: &Recipient) -> Result<(Self, SealedDataKey), AgeError> {
        let bytes = random().ok_or(AgeError::NoRandom)?;
        let id = random().ok_or(AgeError::NoRandom)?;
        let id: Box<str> = super::line_start::hex(&id)
            .chars()
            .take(KEY_ID_DIGITS)
            .collect();
        let sealed = SealedDataKey {
            key: id.clone(),
            recipient: recipient.to_string().into(),
            sealed: STANDARD.encode(recipient.seal(&*bytes)?).into(),
        };
        let key = Self::of(id, &*bytes).ok_or(AgeError::Form)?;
        Ok((key, sealed))
    }

    fn of(id: Box<str>, bytes: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).ok()?;
        Some(Self {
            id,
            key: LessSafeKey::new(key),
            nonces: AtomicU64::new(0),
        })
    }

    /// Opens a data key of the journal with one of these keys.
    pub fn open(sealed: &SealedDataKey, keys: &[AuditorKey]) -> Result<Self, FactsError> {
        let file = STANDARD.decode(sealed.sealed.as_bytes());
        let file = file.map_err(|_| FactsError::BadKey)?;
        for key in keys {
            match key.open(&file) {
                Ok(bytes) => {
                    let key = Self::of(sealed.key.clone(), &bytes);
                    return key.ok_or(FactsError::BadKey);
                }
                Err(AgeError::OtherKey) => {}
                Err(AgeError::NoRandom | AgeError::Form | AgeError::Damaged) => {
                    return Err(FactsError::BadKey);
                }
            }
        }
        // The stanza of a file that was changed looks like one for another key.
        let mut recipients = keys.iter().map(|key| key.recipient().to_string());
        Err(if recipients.any(|own| *own == *sealed.recipient) {
            FactsError::BadKey
        } else {
            FactsError::OtherAuditor
        })
    }

    fn seal(&self, decision_id: &str, facts: &[u8]) -> Option<SealedFacts> {
        let padded = facts.len().max(1).checked_next_multiple_of(PADDED_TO)?;
        let whole = NONCE_LEN.checked_add(padded)?;
        // It has all the room that it needs, so that no copy is left behind.
        let mut data = Vec::with_capacity(whole.checked_add(AES_256_GCM.tag_len())?);
        let nonce = self.nonce();
        data.extend_from_slice(&nonce);
        data.extend_from_slice(facts);
        data.resize(whole, b' ');
        let (_, text) = data.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, self.bound_to(decision_id), text);
        data.extend_from_slice(tag.ok().as_ref().map(Tag::as_ref)?);
        Some(SealedFacts {
            key: self.id.clone(),
            data: STANDARD.encode(data).into(),
        })
    }

    /// Opens the facts of this decision.
    pub fn open_facts(
        &self,
        decision_id: &str,
        sealed: &SealedFacts,
    ) -> Result<Zeroizing<Vec<u8>>, FactsError> {
        let data = STANDARD.decode(sealed.data.as_bytes()).ok();
        let mut data = Zeroizing::new(data.ok_or(FactsError::Damaged)?);
        let (nonce, text) = data
            .split_at_mut_checked(NONCE_LEN)
            .ok_or(FactsError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| FactsError::Damaged)?;
        let opened = self
            .key
            .open_in_place(nonce, self.bound_to(decision_id), text);
        let facts = opened.map_err(|_| FactsError::Damaged)?;
        Ok(Zeroizing::new(facts.to_vec()))
    }

    /// The line that facts belong to, which is authenticated with them.
    fn bound_to(&self, decision_id: &str) -> Aad<String> {
        Aad::from(format!("verigate-facts:{}:{decision_id}", self.id))
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let number = self.nonces.fetch_add(1, Relaxed).to_be_bytes();
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
        nonce
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn auditor() -> (AuditorKey, FactsSealer, SealedDataKey) {
        let auditor = AuditorKey::generate().unwrap();
        let (sealer, key) = FactsSealer::start(auditor.recipient()).unwrap();
        (auditor, sealer, key)
    }

    #[test]
    fn the_auditor_alone_opens_facts_and_only_those_of_their_line() {
        let (auditor, sealer, key) = auditor();
        let sealed = sealer.seal("d-1", br#"{"phone":"+1"}"#).unwrap();
        assert_eq!(sealed.key, key.key);
        let other = AuditorKey::generate().unwrap();
        let opened = DataKey::open(&key, std::slice::from_ref(&other));
        assert_eq!(opened.err(), Some(FactsError::OtherAuditor));
        let opened = DataKey::open(&key, &[other, auditor]).unwrap();
        let facts = opened.open_facts("d-1", &sealed).unwrap();
        assert_eq!(facts.trim_ascii_end(), br#"{"phone":"+1"}"#);
        assert_eq!(facts.len() % PADDED_TO, 0);
        let elsewhere = opened.open_facts("d-2", &sealed);
        assert_eq!(elsewhere.err(), Some(FactsError::Damaged));
    }

    #[test]
    fn facts_and_keys_that_were_changed_or_swapped_are_not_opened() {
        let (auditor, sealer, key) = auditor();
        let sealed = sealer.seal("d-1", b"{}").unwrap();
        let keys = [auditor];
        let data_key = DataKey::open(&key, &keys).unwrap();
        let bytes = STANDARD.decode(sealed.data.as_bytes()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = [changed, bytes[..at].to_vec()];
            for data in changed.map(|bytes| STANDARD.encode(bytes)) {
                let changed = SealedFacts {
                    data: data.into(),
                    ..sealed.clone()
                };
                let opened = data_key.open_facts("d-1", &changed);
                assert_eq!(opened.err(), Some(FactsError::Damaged), "byte {at}");
            }
        }
        let file = STANDARD.decode(key.sealed.as_bytes()).unwrap();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            let changed = SealedDataKey {
                sealed: STANDARD.encode(changed).into(),
                ..key.clone()
            };
            let opened = DataKey::open(&changed, &keys);
            assert_eq!(opened.err(), Some(FactsError::BadKey), "byte {at}");
        }
        let (next, sealed_next) = sealer.next().unwrap();
        sealer.use_key(next);
        // Another key under the id of this one.
        let swapped = SealedDataKey {
            key: key.key.clone(),
            ..sealed_next
        };
        let swapped = DataKey::open(&swapped, &keys).unwrap();
        let opened = swapped.open_facts("d-1", &sealed);
        assert_eq!(opened.err(), Some(FactsError::Damaged));
        assert_ne!(sealer.seal("d-1", b"{}").unwrap().key, key.key);
    }

    #[test]
    fn no_nonce_is_used_twice_and_no_length_reveals_the_facts() {
        let (_, sealer, _) = auditor();
        let mut nonces = BTreeSet::new();
        for length in 0..=PADDED_TO {
            let sealed = sealer.seal("d-1", &vec![b'x'; length]).unwrap();
            let bytes = STANDARD.decode(sealed.data.as_bytes()).unwrap();
            assert!(nonces.insert(bytes[..NONCE_LEN].to_vec()));
            assert_eq!(bytes.len(), NONCE_LEN + PADDED_TO + AES_256_GCM.tag_len());
        }
    }
}
