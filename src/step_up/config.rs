//! Where and how long people may verify again.

use std::{collections::BTreeSet, time::Duration};

use crate::{rate_limit::Rate, secrets::Secret};

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
    /// The page for browsers, if there is one.
    pub page: Option<PageConfig>,
}

/// The settings of the page for browsers.
#[derive(Debug, Clone)]
pub struct PageConfig {
    /// The address of the page, as browsers know it.
    pub url: Box<str>,
    /// Where the vendor sends the browser of a person who has verified. One of the redirects.
    pub return_url: Box<str>,
    /// The key that signs states.
    pub key: Secret,
    /// The key before that, which is accepted too.
    pub previous_key: Option<Secret>,
    /// How long a person may take from the decision until a link is made.
    pub life: Duration,
    /// For how long the id of a new verification is handed on to the host of the application, if it is.
    pub hand_on: Option<Duration>,
    /// How many browsers may wait for a result at once.
    pub waiting: WaitingLimits,
}

/// How many browsers may wait for a result at once.
#[derive(Debug, Clone, Copy)]
pub struct WaitingLimits {
    /// From one network.
    pub each: usize,
    /// In all.
    pub all: usize,
}

impl WaitingLimits {
    /// What is left of this where one address may have this number of connections: a proxy in front of the page may be in front of everything
    /// else too, and those who wait must not take all that it has. At most a quarter, and at least one.
    pub fn within(self, connections_per_address: usize) -> Self {
        let all = self.all.min((connections_per_address / 4).max(1));
        Self {
            each: self.each.min(all),
            all,
        }
    }
}

impl Default for WaitingLimits {
    fn default() -> Self {
        Self {
            each: 128,
            all: 1_024,
        }
    }
}
