//! Counts tokens and the readings of key sets.

use prometheus::{IntCounterVec, Registry};

use super::{fetch::FetchError, rejected::Rejected};
use crate::metrics::counter_by;

const ACCEPTED: &str = "accepted";
const REFRESHED: &str = "ok";

/// Counts tokens and readings of key sets.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    tokens: IntCounterVec,
    refreshes: IntCounterVec,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let results = [ACCEPTED].into_iter();
        let outcomes = [REFRESHED].into_iter();
        Ok(Self {
            tokens: counter_by(
                registry,
                "verigate_jwt_verifications_total",
                "JSON Web Tokens that were verified, by result: accepted, or why not.",
                "result",
                results.chain(Rejected::ALL.map(Rejected::as_str)),
            )?,
            refreshes: counter_by(
                registry,
                "verigate_jwks_refreshes_total",
                "Readings of the key sets of issuers, by outcome: ok, or why not.",
                "outcome",
                outcomes.chain(FetchError::KINDS),
            )?,
        })
    }

    pub(super) fn count_token(&self, result: Result<(), Rejected>) {
        let result = match result {
            Ok(()) => ACCEPTED,
            Err(reason) => reason.as_str(),
        };
        self.tokens.with_label_values(&[result]).inc();
    }

    pub(super) fn count_refresh(&self, result: Result<(), &FetchError>) {
        let outcome = result.map_or_else(FetchError::kind, |()| REFRESHED);
        self.refreshes.with_label_values(&[outcome]).inc();
    }
}
