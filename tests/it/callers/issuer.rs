//! An issuer of tokens: its key set, and the tokens that it signs, right or forged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://id.example.com";
pub const AUDIENCE: &str = "verigate";
pub const SUBJECT: &str = "gateway-1";

pub struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    random: SystemRandom,
    /// The name of its key on P-256.
    pub kid: &'static str,
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, random: &SystemRandom) -> EcdsaKeyPair {
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), random).unwrap()
}

impl Issuer {
    pub fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(include_bytes!("../../jwt/issuer.pk8")).unwrap(),
            ec: ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            p384: ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, &random),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            random,
            kid,
        }
    }

    /// The modulus of the RSA key, as everybody can read it.
    pub fn modulus(&self) -> String {
        base64url(RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public()).n)
    }

    /// The DER of the RSA key, as everybody can make it.
    pub fn rsa_der(&self) -> &[u8] {
        self.rsa.public().as_ref()
    }

    /// The key on P-256 alone.
    pub fn ec_set(&self) -> String {
        json!({ "keys": [self.ec_jwk()] }).to_string()
    }

    fn ec_jwk(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": x, "y": y })
    }

    /// Every key.
    pub fn set(&self) -> String {
        let point = self.p384.public_key().as_ref();
        let (x, y) = (base64url(&point[1..49]), base64url(&point[49..]));
        json!({ "keys": [
            self.ec_jwk(),
            { "kty": "RSA", "kid": "rsa", "n": self.modulus(), "e": "AQAB" },
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64url(self.ed.public_key()) },
            { "kty": "EC", "crv": "P-384", "kid": "p384", "x": x, "y": y },
            { "kty": "oct", "kid": "oct", "k": base64url("a shared secret") },
        ] })
        .to_string()
    }

    pub fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            let signed = self
                .rsa
                .sign(padding, &self.random, message, &mut signature);
            signed.unwrap();
            signature
        };
        match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => self.ec.sign(&self.random, message).unwrap().as_ref().into(),
            "ES384" => {
                let signature = self.p384.sign(&self.random, message).unwrap();
                signature.as_ref().into()
            }
            _ => {
                assert_eq!(algorithm, "EdDSA");
                self.ed.sign(message).as_ref().into()
            }
        }
    }

    /// A token of these texts.
    pub fn sign(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.signature(algorithm, message.as_bytes());
        format!("{message}.{}", base64url(signature))
    }

    /// A token whose signature is an HMAC with this secret.
    pub fn hmac(secret: &[u8], header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!(
            "{message}.{}",
            base64url(hmac::sign(&key, message.as_bytes()))
        )
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" })
    }

    /// A token with these changes of a right header and of right claims; null removes a member.
    #[expect(clippy::needless_pass_by_value, reason = "callers write them in place")]
    pub fn token(&self, now: i64, header: Value, claims: Value) -> String {
        let whole = changed(self.header(), &header).to_string();
        self.sign("ES256", &whole, &changed(right(now), &claims).to_string())
    }
}

/// Right claims.
pub fn right(now: i64) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": now + 600, "iat": now })
}

pub fn changed(mut whole: Value, changes: &Value) -> Value {
    let members = whole.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    whole
}
