//! Logs that checks are decided although a clock is wrong, for the operator who has to set it.

use std::time::Duration;

use crate::{
    clock::Reading,
    log_throttle::{LogThrottle, throttled},
    policy::Timestamp,
};

/// A wall clock that is behind by less is not worth a line.
const BEHIND_MIN: Duration = Duration::from_secs(1);

/// Logs wrong clocks, at most once a minute.
#[derive(Debug, Default)]
pub(super) struct ClockWatch(LogThrottle);

impl ClockWatch {
    /// Logs what is wrong with this reading of a check, and with the vendor's clock if it and ours are apart.
    pub(super) fn log(&self, reading: &Reading, vendor_at: Option<Timestamp>) {
        let uptime = reading.moment.uptime;
        let behind = reading.wall_is_behind_by();
        if behind >= BEHIND_MIN {
            throttled!(
                self.0,
                uptime,
                warn,
                "clock_set_back",
                behind_ms = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX),
                "the wall clock was set back; checks are decided for the later instant until it is right: check the time of this machine"
            );
        }
        if let Some(vendor_at) = vendor_at {
            let ours = reading.moment.now.as_millisecond();
            throttled!(
                self.0,
                uptime,
                warn,
                "decided_for_both_clocks",
                ahead_ms = vendor_at.as_millisecond().saturating_sub(ours),
                "upstream clock and local clock are apart; the stricter of both decisions counts, and no answer may be reused: check the time of this machine"
            );
        }
    }
}
