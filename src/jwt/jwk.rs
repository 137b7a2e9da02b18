//! One key of a key set (RFC 7517): whether it is used, and with which algorithm.

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;

use super::{config::RsaAlgorithm, small_order::is_of_small_order};

/// The length of an RSA modulus, in bits, from the shortest that is safe to the longest that ring verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Both coordinates of a point on P-256, after a byte that says that they follow.
const P256_BYTES: usize = 65;
/// A public key of Ed25519.
const ED25519_BYTES: usize = 32;
/// The least exponent of an RSA key (FIPS 186-5, section 5.4), and the greatest that ring verifies with.
const RSA_EXPONENT: std::ops::RangeInclusive<u64> = 65_537..=(1 << 33) - 1;

/// A key that verifies tokens.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "it is the key itself, as the library has it"
)]
pub(super) struct Key {
    /// The name by which tokens refer to it.
    pub(super) kid: Option<String>,
    /// The only algorithm that it is used with.
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why a key of a set is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SkipReason {
    Malformed,
    UnknownType,
    OtherUse,
    OtherAlgorithm,
    RsaLength,
    RsaExponent,
    SmallOrder,
    Ambiguous,
    NoKid,
}

impl SkipReason {
    /// The reason in words.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "it is not an object of a key's members",
            Self::UnknownType => "its type or curve is not RSA, P-256 or Ed25519",
            Self::OtherUse => "its `use` is not `sig`, or its `key_ops` has no `verify`",
            Self::OtherAlgorithm => "its `alg` is another one than keys of its type are used with",
            Self::RsaLength => "its RSA modulus is shorter than 2048 or longer than 8192 bits",
            Self::RsaExponent => "its RSA exponent is even, less than 65537 or more than 2^33",
            Self::SmallOrder => {
                "it is a point of small order on Ed25519, for which anybody can make signatures"
            }
            Self::Ambiguous => "it has two members of the same name",
            Self::NoKid => "it has no `kid`, and is not the only one",
        }
    }
}

/// A key as it is written.
#[derive(Debug, Deserialize)]
pub(super) struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is one that verifies tokens.
    pub(super) fn into_key(self, rsa: RsaAlgorithm, is_only: bool) -> Result<Key, SkipReason> {
        let (algorithm, names): (_, &[&str]) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => match rsa {
                RsaAlgorithm::Rs256 => (rsa.algorithm(), &["RS256"]),
                RsaAlgorithm::Ps256 => (rsa.algorithm(), &["PS256"]),
            },
            ("EC", Some("P-256")) => (Algorithm::ES256, &["ES256"]),
            ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, &["EdDSA", "Ed25519"]),
            _ => return Err(SkipReason::UnknownType),
        };
        let may_verify = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self
                .key_ops
                .as_ref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !may_verify {
            return Err(SkipReason::OtherUse);
        }
        if self.alg.as_deref().is_some_and(|alg| !names.contains(&alg)) {
            return Err(SkipReason::OtherAlgorithm);
        }
        if self.kid.is_none() && !is_only {
            return Err(SkipReason::NoKid);
        }
        let key = self.decoding_key(algorithm)?;
        Ok(Key {
            kid: self.kid,
            algorithm,
            key,
        })
    }

    fn decoding_key(&self, algorithm: Algorithm) -> Result<DecodingKey, SkipReason> {
        let given = |member: &Option<String>| member.clone().ok_or(SkipReason::Malformed);
        let malformed = |_| SkipReason::Malformed;
        match algorithm {
            Algorithm::ES256 => {
                let key = DecodingKey::from_ec_components(&given(&self.x)?, &given(&self.y)?);
                of_length(key.map_err(malformed)?, P256_BYTES)
            }
            Algorithm::EdDSA => {
                let key = DecodingKey::from_ed_components(&given(&self.x)?);
                of_large_order(of_length(key.map_err(malformed)?, ED25519_BYTES)?)
            }
            _ => {
                let key = DecodingKey::from_rsa_components(&given(&self.n)?, &given(&self.e)?);
                of_rsa(key.map_err(malformed)?)
            }
        }
    }
}

fn of_length(key: DecodingKey, bytes: usize) -> Result<DecodingKey, SkipReason> {
    let is_right = key.try_get_as_bytes().is_ok_and(|key| key.len() == bytes);
    is_right.then_some(key).ok_or(SkipReason::Malformed)
}

/// A key for which not everybody can make signatures: ring accepts points of small order.
fn of_large_order(key: DecodingKey) -> Result<DecodingKey, SkipReason> {
    match key.try_get_as_bytes() {
        Ok(bytes) if !is_of_small_order(bytes) => Ok(key),
        Ok(_) => Err(SkipReason::SmallOrder),
        Err(_) => Err(SkipReason::Malformed),
    }
}

fn of_rsa(key: DecodingKey) -> Result<DecodingKey, SkipReason> {
    let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
        return Err(SkipReason::Malformed);
    };
    if e.first().is_none_or(|byte| *byte == 0) {
        return Err(SkipReason::Malformed);
    }
    let add = |number: u64, byte: &u8| number.checked_mul(256)?.checked_add((*byte).into());
    let exponent = e.iter().try_fold(0, add);
    if !exponent.is_some_and(|e| RSA_EXPONENT.contains(&e) && e % 2 == 1) {
        return Err(SkipReason::RsaExponent);
    }
    let leading = match n.first() {
        // ring accepts no number with a leading zero.
        None | Some(0) => return Err(SkipReason::Malformed),
        Some(byte) => byte.leading_zeros(),
    };
    let bits = n.len().saturating_mul(8).saturating_sub(leading as usize);
    if RSA_BITS.contains(&bits) {
        Ok(key)
    } else {
        Err(SkipReason::RsaLength)
    }
}
