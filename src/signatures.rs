//! What browsers and callers carry for us and bring back, signed by HMAC-SHA256 (ring), and compared in constant time. With configured keys, every
//! instance of a fleet accepts what another one has signed.

mod keys;
mod hand_on;

pub use self::{
    hand_on::{HandOn, HandOnError, HandedOn, Transfer, TransferError},
    keys::{NoRandomBytesError, Purpose, SKEW_MAX, SigningKeys, TAG_BYTES, push_short, split_short},
};

#[cfg(test)]
mod tests;
