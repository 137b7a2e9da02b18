//! What an entry answers when the wait for a fetch has timed out.

use super::*;
use crate::{
    callers::CallerId,
    policy::{DataKinds, Verification, after, from_millis},
    source::{Priority, Wait},
};

const MINUTE: Duration = Duration::from_mins(1);

fn at(uptime: Duration) -> Moment {
    Moment {
        now: after(from_millis(0), uptime),
        uptime,
    }
}

fn request(uptime: Duration) -> LookupRequest {
    LookupRequest {
        at: at(uptime),
        max_age: MINUTE,
        max_stale: MINUTE * 2,
        reads: DataKinds::NONE,
        wait: Wait::No,
        caller: CallerId::Internal,
        priority: Priority::Cold,
        failed_before: false,
    }
}

/// An entry that a fetch stored at the beginning.
fn stored() -> Entry {
    let evidence = Evidence {
        finding: Finding::Present(Verification::default()),
        seen_at: from_millis(0),
    };
    let known = known(Arc::new(evidence), Origin::Upstream, None, from_millis(0));
    Entry::default().after(&known, at(Duration::ZERO), at(Duration::ZERO))
}

#[test]
fn evidence_that_was_stored_at_the_last_moment_is_not_called_stale() {
    let answered = |uptime| {
        let known = stored().after_wait(&request(uptime), Outage::TimedOut, false);
        known.map(|known| (known.origin, known.degraded()))
    };
    assert_eq!(answered(Duration::ZERO), Some((Origin::Cache, false)));
    assert_eq!(answered(MINUTE), Some((Origin::Stale, true)));
    assert_eq!(answered(MINUTE * 2), None);
}
