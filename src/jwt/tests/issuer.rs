//! An issuer of tokens: its keys, its key set, and the tokens that it signs, right or forged.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};

use crate::{
    clock::ManualClock,
    deps::Deps,
    jwt::{Config, KeySets, Keys, Rejected, Verifier},
    policy::{Timestamp, from_millis},
};

pub(super) const ISSUER: &str = "https://id.example.com";
pub(super) const AUDIENCE: &str = "verigate";
pub(super) const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// The instant of all tests, in seconds since 1970.
pub(super) const NOW: u64 = 1_800_000_000;

pub(super) fn now() -> Timestamp {
    from_millis(i64::try_from(NOW).unwrap() * 1000)
}

pub(super) fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/jwt");
    fs::read(folder.join(name)).unwrap()
}

pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) struct Issuer {
    pub(super) rsa: RsaKeyPair,
    pub(super) other_rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    random: SystemRandom,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(&fixture("issuer.pk8")).unwrap(),
            other_rsa: RsaKeyPair::from_pkcs8(&fixture("other.pk8")).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random)
                .unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            random,
        }
    }

    pub(super) fn rsa_jwk(key: &RsaKeyPair, kid: &str) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        json!({
            "kty": "RSA", "kid": kid,
            "n": base64url(&public.n),
            "e": base64url(&public.e),
        })
    }

    pub(super) fn ec_jwk(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y })
    }

    pub(super) fn ed_jwk(&self) -> Value {
        let x = base64url(self.ed.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x })
    }

    /// The issuer's key set: three keys, and some that cannot be used.
    pub(super) fn set(&self) -> Value {
        let short = String::from_utf8(fixture("short.modulus.hex")).unwrap();
        let digits: Vec<char> = short.trim().chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
        let short: Vec<u8> = digits.chunks(2).map(byte).collect();
        let mut encryption = Self::rsa_jwk(&self.other_rsa, "encryption");
        encryption["use"] = "enc".into();
        let mut wrapping = Self::rsa_jwk(&self.other_rsa, "wrapping");
        wrapping["key_ops"] = json!(["wrapKey"]);
        let mut other_algorithm = Self::rsa_jwk(&self.other_rsa, "other-algorithm");
        other_algorithm["alg"] = "RS512".into();
        let mut unnamed = Self::rsa_jwk(&self.other_rsa, "");
        unnamed.as_object_mut().unwrap().remove("kid");
        json!({ "keys": [
            Self::rsa_jwk(&self.rsa, "rsa"),
            self.ec_jwk(),
            self.ed_jwk(),
            { "kty": "oct", "kid": "oct", "k": base64url("a shared secret of 32 bytes or so") },
            { "kty": "quantum", "kid": "quantum" },
            { "kty": "EC", "crv": "P-384", "kid": "p384", "x": "AA", "y": "AA" },
            { "kty": "RSA", "kid": "short", "n": base64url(short), "e": "AQAB" },
            { "kty": "RSA", "kid": "empty" },
            "not a key",
            encryption,
            wrapping,
            other_algorithm,
            unnamed,
        ] })
    }

    /// A token of these texts, signed by the key for the algorithm.
    pub(super) fn sign(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.signature(algorithm, message.as_bytes());
        format!("{message}.{}", base64url(signature))
    }

    pub(super) fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let rsa = |key: &RsaKeyPair, padding| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(padding, &self.random, message, &mut signature)
                .unwrap();
            signature
        };
        match algorithm {
            "RS256" => rsa(&self.rsa, &RSA_PKCS1_SHA256),
            "PS256" => rsa(&self.rsa, &RSA_PSS_SHA256),
            "RS256 by another key" => rsa(&self.other_rsa, &RSA_PKCS1_SHA256),
            "ES256" => self.ec.sign(&self.random, message).unwrap().as_ref().into(),
            "EdDSA" => self.ed.sign(message).as_ref().into(),
            secret => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                hmac::sign(&key, message).as_ref().into()
            }
        }
    }

    /// A token with these changes of a right header and of right claims; null removes a member.
    #[expect(clippy::needless_pass_by_value, reason = "callers write them in place")]
    pub(super) fn token(&self, algorithm: &str, header: Value, claims: Value) -> String {
        let kid = match algorithm {
            "ES256" => "ec",
            "EdDSA" => "ed",
            _ => "rsa",
        };
        let mut whole = json!({ "alg": algorithm, "kid": kid, "typ": "JWT" });
        change(&mut whole, &header);
        let mut right = claims_of_now();
        change(&mut right, &claims);
        self.sign(algorithm, &whole.to_string(), &right.to_string())
    }
}

pub(super) fn claims_of_now() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "door-gateway", "exp": NOW + 300, "iat": NOW, "nbf": NOW })
}

fn change(members: &mut Value, changes: &Value) {
    let members = members.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

/// A verifier of the issuer's tokens, whose keys are in a file.
pub(super) struct Bench {
    pub(super) issuer: Issuer,
    pub(super) verifier: Verifier,
    pub(super) deps: Deps,
    pub(super) clock: Arc<ManualClock>,
    pub(super) folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new(adapt: impl FnOnce(&mut Config)) -> Self {
        let issuer = Issuer::new();
        let set = issuer.set();
        Self::with(issuer, &set, adapt)
    }

    pub(super) fn with(issuer: Issuer, set: &Value, adapt: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        fs::write(&path, set.to_string()).unwrap();
        let clock = Arc::new(ManualClock::at(now()));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let mut config = Config::new(ISSUER, vec![AUDIENCE.to_owned()], Keys::File(path));
        adapt(&mut config);
        let verifier = Verifier::new(config, &KeySets::new(&deps).unwrap()).unwrap();
        Self {
            issuer,
            verifier,
            deps,
            clock,
            folder,
        }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<(), Rejected> {
        let wait_max = Duration::from_secs(5);
        let verified = self.verifier.verify(token, now(), wait_max).await;
        verified.map(drop)
    }
}
