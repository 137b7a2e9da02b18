//! Where and how long people may verify again.

use std::{collections::BTreeSet, time::Duration};

use crate::rate_limit::Rate;

/// The settings of step-ups.
#[derive(Debug, Clone)]
pub struct Config {
    /// The addresses to which a browser may be redirected afterwards. Policies may name no others.
    pub redirects: BTreeSet<String>,
    /// How long a link counts as valid after it was created.
    pub link_life: Duration,
    /// The rate limit of links per caller. That of all callers together is of the client of the vendor's API.
    pub links: Rate,
    /// Whether a check of a verification is judged by the evidence of its successor.
    pub follow_successors: bool,
}
