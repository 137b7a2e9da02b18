//! How a call came, and how long its steps took.

use std::time::Duration;

use serde::Serialize;

use crate::{peer::PeerAddress, provenance::Timings};

/// How long the steps took before the decision was recorded, in microseconds. A step that was not taken is absent.
#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "they are the names in the line, with their unit"
)]
pub(super) struct LineTimings {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetch_us: Option<u64>,
    decide_us: u64,
}

impl From<&Timings> for LineTimings {
    fn from(timings: &Timings) -> Self {
        let us = |step: Duration| u64::try_from(step.as_micros()).unwrap_or(u64::MAX);
        let taken = |step: Duration| (!step.is_zero()).then(|| us(step));
        Self {
            queue_us: taken(timings.queue),
            token_us: taken(timings.token),
            fetch_us: taken(timings.fetch),
            decide_us: us(timings.decide),
        }
    }
}

/// Where a call came from: an address with a port, or `unix`.
pub(super) fn peer(address: PeerAddress) -> String {
    match address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Unix => "unix".to_owned(),
    }
}
