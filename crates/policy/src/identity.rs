//! Identities: who a verification is about, who a request names, and who is on a list. There is one canonical form, so that the
//! same person is never compared in two spellings. What is not in it is no identity, above all where "not on the list" lets in.
//!
//! A UUID is 36 lower-case characters. Any other identity consists of letters and digits of any script and of the printable signs
//! of ASCII; it is in Unicode's normal form NFC, has no compatibility forms such as full-width letters, and nothing in it is invisible. That
//! is the `IdentifierClass` of RFC 8264, without its exceptions for joiners.

mod error;
mod form;
mod list;
mod uuid;

pub use self::{error::InvalidIdentityError, form::Identity};
pub(crate) use self::{
    list::{UUID_HINT, listed},
    uuid::is_hyphenated_uuid,
};

#[cfg(test)]
mod tests;
