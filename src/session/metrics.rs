//! Counts the tokens of sessions.

use prometheus::{IntCounterVec, Registry};

use super::{facts::Session, refused::TokenRefusal};
use crate::metrics::counter_by;

const ACCEPTED: &str = "accepted";
const NONE: &str = "none";

/// Counts the requests that could have a token of a session.
#[derive(Debug)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let results = [ACCEPTED, NONE].into_iter();
        Ok(Self(counter_by(
            registry,
            "verigate_session_tokens_total",
            "Requests of gateways that were searched for the token of a session, by result: accepted, none, or why it was refused.",
            "result",
            results.chain(TokenRefusal::all().map(TokenRefusal::as_str)),
        )?))
    }

    pub(super) fn count(&self, judged: &Result<Option<Session>, TokenRefusal>) {
        let result = match judged {
            Ok(Some(_)) => ACCEPTED,
            Ok(None) => NONE,
            Err(refused) => refused.as_str(),
        };
        self.0.with_label_values(&[result]).inc();
    }
}
