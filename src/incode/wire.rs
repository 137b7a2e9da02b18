//! The vendor's JSON: requests are encoded from types, responses are decoded by type. A duplicate key, a wrong type or a missing brace
//! is an error; an unknown key is not.
//!
//! Why a person's data is decoded leniently ([`Lenient`](crate::json::Lenient)): a field of an unexpected type makes that one fact
//! unreadable and not the whole response, so that policies that do not need it still decide. Of personal data, only what a policy
//! can require is kept.

mod authorize;
mod details;
mod link;
pub mod shape;

pub(super) use self::{authorize::AuthorizeRequest, link::LinkRequest};
pub use self::{authorize::token, details::details, link::link};
