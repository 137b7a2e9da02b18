//! How much evidence is cached, and how much fetching a caller may cause.

use crate::rate_limit::Rate;

/// The settings of the evidence cache.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// How many verifications are cached.
    pub capacity: u64,
    /// How many fetches each caller may cause.
    pub fetches: Rate,
    /// How many callers may wait for fetches at once.
    pub waiters: usize,
}
