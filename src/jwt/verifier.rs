//! Verifies tokens of one issuer for one audience.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, Validation, decode, errors::ErrorKind};

use super::{
    claims::Claims,
    config::Config,
    header::Token,
    jwk::Key,
    key_set::KeySet,
    key_sets::KeySets,
    key_source::{KeySource, KeysError},
    members::Members,
    metrics::Metrics,
    rejected::Rejected,
};
use crate::policy::Timestamp;

/// Verifies tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Verifier {
    config: Config,
    source: Arc<KeySource>,
    /// What the library checks, for each algorithm that a key of the issuer may have.
    validations: [Validation; 3],
    metrics: Metrics,
}

/// A token that was verified.
#[derive(Debug)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// The keys that have verified it.
    keys: Arc<KeySet>,
}

impl Verifier {
    /// Verifies tokens as configured. A file with keys is read at once (blocks) and must be usable; an address may be down.
    pub fn new(config: Config, key_sets: &KeySets) -> Result<Self, KeysError> {
        let source = key_sets.source(&config.keys, config.rsa)?;
        let algorithms = [config.rsa.algorithm(), Algorithm::ES256, Algorithm::EdDSA];
        Ok(Self {
            validations: algorithms.map(|algorithm| validation(algorithm, &config)),
            config,
            source,
            metrics: key_sets.metrics.clone(),
        })
    }

    /// Whose tokens are accepted.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Verifies a token at this instant. If its key is not known, the issuer's keys may be read again, which is waited for no longer than
    /// `wait_max`. Dropping the future interrupts nothing that others wait for.
    pub async fn verify(
        &self,
        token: &str,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Verified, Rejected> {
        let result = self.judge(token, now, wait_max).await;
        let counted = result.as_ref().map(drop).map_err(|reason| *reason);
        self.metrics.count_token(counted);
        result
    }

    /// Whether a token that this verifier has accepted is still accepted: the keys are the same, and it is valid at this instant. All else
    /// that is verified depends on the token alone.
    pub fn still_accepts(&self, verified: &Verified, now: Timestamp) -> bool {
        let keys = self.source.current();
        let are_same = keys.is_some_and(|keys| Arc::ptr_eq(&keys, &verified.keys));
        let is_accepted = are_same && verified.claims.are_valid(&self.config, now);
        if is_accepted {
            self.metrics.count_token(Ok(()));
        }
        is_accepted
    }

    async fn judge(
        &self,
        token: &str,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Verified, Rejected> {
        let token = Token::parse(token)?;
        token.check_type(&self.config)?;
        let validation = self.validation(token.algorithm)?;
        let with = |keys: Arc<KeySet>| {
            let members = verify_signature(&token, &keys, validation)?;
            Ok((members, keys))
        };
        let (members, keys) = match self.source.current().map(with) {
            // A new key of the issuer, or one that it never had.
            None | Some(Err(Rejected::UnknownKey)) => {
                self.source.ask(wait_max).await;
                let keys = self.source.current().ok_or(Rejected::KeysUnavailable)?;
                with(keys)?
            }
            Some(verified) => verified?,
        };
        let claims = Claims::check(&members, &self.config, now)?;
        Ok(Verified { claims, keys })
    }

    fn validation(&self, algorithm: Algorithm) -> Result<&Validation, Rejected> {
        let validation = self
            .validations
            .iter()
            .find(|validation| validation.algorithms.contains(&algorithm));
        validation.ok_or(Rejected::WrongAlgorithm)
    }
}

/// What the library checks beside the signature. Not the times: it would read the clock by itself.
fn validation(algorithm: Algorithm, config: &Config) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_audience(&config.audiences);
    validation.set_issuer(&[&config.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    validation
}

/// The claims of a token that one of the keys which it may be signed with has signed.
fn verify_signature(
    token: &Token<'_>,
    keys: &KeySet,
    validation: &Validation,
) -> Result<Members, Rejected> {
    let mut rejected = Rejected::WrongSignature;
    for key in keys.find(token.kid.as_deref(), token.algorithm)? {
        match verify_with(token, key, validation) {
            Ok(members) => return Ok(members),
            Err(reason) => rejected = reason,
        }
    }
    Err(rejected)
}

fn verify_with(token: &Token<'_>, key: &Key, validation: &Validation) -> Result<Members, Rejected> {
    match decode::<Members>(token.text, &key.key, validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => Rejected::WrongSignature,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
                Rejected::WrongAlgorithm
            }
            ErrorKind::InvalidIssuer => Rejected::WrongIssuer,
            ErrorKind::InvalidAudience => Rejected::WrongAudience,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
                Rejected::MalformedClaim
            }
            _ => Rejected::Malformed,
        }),
    }
}
