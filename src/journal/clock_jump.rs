//! Jumps of the clock, as the journal shows them: an instant that is far behind the one before it. Either nothing was recorded for so long, or
//! the clock is wrong, and a process that begins with a clock far ahead must not remove what it takes for old.
//!
//! Why a time to wait and not the vendor's clock: retention has to work where no vendor is asked. Why the beginnings of segments are looked at,
//! and not only that of the process: a process that is started again would find the lines of the one before, which had the wrong clock, too.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::own::{ChangeEvent, Own};
use crate::policy::{Timestamp, after, between, rfc3339};

/// A pause that is longer is not believed at once. A segment begins every day by default, so that this is longer than any pause of a service that runs.
const PAUSE_MAX: Duration = Duration::from_hours(7 * 24);
/// How long after a jump what the clock says is not believed: somebody has a working day to correct it.
const BELIEVED_AFTER: Duration = Duration::from_hours(24);

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// The last instant before it.
    pub(super) from: Timestamp,
    /// The first one after it.
    pub(super) to: Timestamp,
}

impl Jump {
    /// How far it is.
    pub(super) fn gap(self) -> Duration {
        between(self.from, self.to)
    }

    /// From when on what the clock says is believed.
    pub(super) fn believed_at(self) -> Timestamp {
        after(self.to, BELIEVED_AFTER)
    }

    /// What the journal says of it.
    pub(super) fn event(self) -> Own {
        let members = [
            ("last", json!(rfc3339(self.from))),
            ("next", json!(rfc3339(self.to))),
            ("until", json!(rfc3339(self.believed_at()))),
        ];
        let members = members.map(|(key, value): (&str, Value)| (key.to_owned(), value));
        Own::Changed(ChangeEvent {
            event: "retention_held",
            members: Map::from_iter(members),
        })
    }
}

/// The jumps between the beginnings of segments, and before that of the process, which are not believed yet.
pub(super) fn recent_jumps(
    mut starts: Vec<Timestamp>,
    process: Timestamp,
    now: Timestamp,
) -> Vec<Jump> {
    starts.push(process);
    // What is ahead of now is of a clock that was set back since.
    starts.retain(|start| *start <= now);
    starts.sort_unstable();
    let jumps = starts.windows(2).filter_map(|pair| match pair {
        [from, to] => Some(Jump {
            from: *from,
            to: *to,
        }),
        _ => None,
    });
    jumps
        .filter(|jump| jump.gap() > PAUSE_MAX && now < jump.believed_at())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::from_millis;

    fn days(days: i64) -> Timestamp {
        from_millis(days * 24 * 3_600_000)
    }

    #[test]
    fn a_pause_of_more_than_a_week_is_believed_a_day_later() {
        let hour = Duration::from_hours(1);
        let jumps = |starts: &[i64], process: Timestamp, now: Timestamp| {
            let starts = starts.iter().map(|day| days(*day)).collect();
            let jumps = recent_jumps(starts, process, now);
            let days = |at: Timestamp| between(days(0), at).as_secs() / 86_400;
            jumps
                .iter()
                .map(|jump| (days(jump.from), days(jump.to)))
                .collect::<Vec<_>>()
        };
        // A service that runs, or was off for a week.
        assert_eq!(jumps(&[1, 2, 3], days(4), days(5)), []);
        assert_eq!(jumps(&[1, 2, 3], days(10), days(10)), []);
        // A process that begins with a clock years ahead, or was off for long: for a day, also after it has begun a segment.
        assert_eq!(jumps(&[1, 2, 3], days(4000), days(4000)), [(3, 4000)]);
        assert_eq!(jumps(&[1, 2, 3, 4000], days(4000), days(4000)), [(3, 4000)]);
        let late = crate::policy::before(days(4001), hour);
        assert_eq!(jumps(&[1, 2, 3], days(4000), late), [(3, 4000)]);
        assert_eq!(jumps(&[1, 2, 3], days(4000), days(4001)), []);
        // One that is started again finds what the one before has begun.
        assert_eq!(jumps(&[1, 2, 3, 4000], late, late), [(3, 4000)]);
        // Within a segment of the one before, the day begins again.
        assert_eq!(jumps(&[1, 2, 3], days(4009), days(4009)), [(3, 4009)]);
        // What a clock that was set back has left counts for nothing.
        assert_eq!(jumps(&[1, 2, 4000, 3], days(4), days(5)), []);
        // Two within a day.
        let jumped = jumps(&[1, 20], days(40), days(40));
        assert_eq!(jumped, [(20, 40)]);
    }
}
