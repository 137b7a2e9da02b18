//! JSON Web Tokens, of callers and of sessions alike: a [`Verifier`] accepts those of one issuer for one audience and returns their
//! [`Claims`].
//!
//! Why checks of our own around a library: `jsonwebtoken` verifies the signature and reads issuer and audience, but it accepts `crit`
//! and any `typ` in the header, a list of issuers, any lifetime, and it reads the clock by itself. What it leaves open is refused here,
//! before it (`header`) and after it (`claims`).
//!
//! Nothing in a token chooses how it is verified: the algorithm follows from the type of the issuer's key, and a key that the token
//! brings along (`jwk`, `jku`, `x5c`, `x5u`) is ignored.

mod config;
mod verifier;
mod token_cache;
mod rejected;
mod header;
mod claims;
mod members;
mod provider;
mod key_sets;
mod key_source;
mod key_set;
mod jwk;
mod fetch;
mod metrics;
mod collector;
#[cfg(test)]
mod tests;

pub use self::{
    claims::{ClaimValue, Claims},
    config::{Config, JwksUrlError, Keys, RsaAlgorithm, jwks_url},
    fetch::{FetchError, check_keys},
    header::{Unverified, issuer_and_audience_unverified},
    key_set::KeySetError,
    key_sets::KeySets,
    key_source::KeysError,
    provider::install_crypto_provider,
    rejected::Rejected,
    token_cache::{TokenCache, TokenDigest},
    verifier::{Verified, Verifier},
};
