//! The time by which certificates are judged.

use std::{sync::Arc, time::Duration};

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

use crate::{clock::Clock, policy::Timestamp};

/// The time of certificates, by our clock.
#[derive(Debug)]
pub(super) struct ClockTime(pub(super) Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now()))
    }
}

/// The same instant.
pub(super) fn unix_time(at: Timestamp) -> UnixTime {
    let since = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH));
    UnixTime::since_unix_epoch(since.unwrap_or_default())
}
