//! Whether something holds, and how long that stays so.

use crate::time::Timestamp;

/// Whether something holds, and the instant at which that may change first; none if it never does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    pub(super) holds: bool,
    pub(super) until: Option<Timestamp>,
}

impl Steady {
    /// Of a combination of parts; a part is `None` where its schedule has to be looked at.
    ///
    /// `absorbing` is the value that decides alone: `false` for `All`, `true` for `Any`. If any part has it, it decides until
    /// the last such part changes; otherwise the result is steady until the first part changes, if every part is.
    pub(super) fn of(parts: impl Iterator<Item = Option<Self>>, absorbing: bool) -> Option<Self> {
        let (mut absorbed, mut soonest) = (None::<Self>, Some(None::<Timestamp>));
        for part in parts {
            match part {
                Some(part) if part.holds == absorbing => {
                    let Some(until) = part.until else {
                        return Some(part);
                    };
                    let longest = absorbed.and_then(|longest| longest.until);
                    absorbed = Some(Self {
                        holds: absorbing,
                        until: longest.max(Some(until)),
                    });
                }
                Some(part) => {
                    let both = |soonest: Option<Timestamp>| soonest.into_iter().chain(part.until);
                    soonest = soonest.map(|soonest| both(soonest).min());
                }
                None => soonest = None,
            }
        }
        absorbed.or_else(|| {
            soonest.map(|until| Self {
                holds: !absorbing,
                until,
            })
        })
    }
}
