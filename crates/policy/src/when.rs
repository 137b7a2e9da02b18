//! The instants at which something holds: an [`Interval`], a weekly [`Schedule`], or a combination. The next instant at which it
//! holds or not is computed, not searched for: see [`When::next`].

mod steady;
mod interval;
mod fixed;

pub use self::interval::Interval;
use self::steady::Steady;
use crate::{schedule::Schedule, time::Timestamp, week::Week};

/// A set of instants: those at which something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// From one instant to another.
    Interval(Interval),
    /// Weekly, by the local time of a zone.
    Weekly(Schedule),
    /// The instants in all of these.
    All(Vec<When>),
    /// The instants in at least one of these.
    Any(Vec<When>),
}

impl When {
    /// Every instant.
    pub const ALWAYS: Self = Self::Interval(Interval::ALWAYS);
    /// No instant.
    pub const NEVER: Self = Self::Interval(Interval::NEVER);

    /// Every instant, or none.
    pub fn constant(holds: bool) -> Self {
        Self::Interval(Interval::constant(holds))
    }

    /// The instants in all of these. Intervals are merged, and so are schedules of the same zone, so that a combination that never
    /// holds is usually recognised here.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut interval = Interval::ALWAYS;
        let mut rest: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Interval(part) => interval = interval.and(part),
                Self::All(parts) => rest.extend(parts),
                Self::Weekly(part) => match same_zone(&mut rest, &part) {
                    Some(mate) => *mate = mate.and(&part),
                    None => rest.push(Self::Weekly(part)),
                },
                any @ Self::Any(_) => rest.push(any),
            }
        }
        let never = interval.is_empty() || rest.iter().any(Self::is_never);
        match rest.pop() {
            _ if never => Self::NEVER,
            None => Self::Interval(interval),
            Some(last) if rest.is_empty() && interval == Interval::ALWAYS => last,
            Some(last) => {
                rest.push(last);
                // First, because it is the cheapest to check.
                rest.insert(0, Self::Interval(interval));
                Self::All(rest)
            }
        }
    }

    /// The instants in at least one of these.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut rest: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Any(parts) => rest.extend(parts),
                Self::Weekly(part) => match same_zone(&mut rest, &part) {
                    Some(mate) => *mate = mate.or(&part),
                    None => rest.push(Self::Weekly(part)),
                },
                part => rest.push(part),
            }
        }
        if rest.iter().any(Self::is_always) {
            return Self::ALWAYS;
        }
        rest.retain(|part| !part.is_never());
        match rest.pop() {
            None => Self::NEVER,
            Some(only) if rest.is_empty() => only,
            Some(last) => {
                rest.push(last);
                Self::Any(rest)
            }
        }
    }

    /// Whether it holds at this instant.
    pub fn contains(&self, instant: Timestamp) -> bool {
        match self {
            Self::Interval(interval) => interval.contains(instant),
            Self::Weekly(schedule) => schedule.utc(instant).next(true, instant) == Some(instant),
            Self::All(parts) => parts.iter().all(|part| part.contains(instant)),
            Self::Any(parts) => parts.iter().any(|part| part.contains(instant)),
        }
    }

    /// The first instant, from `from` to `last`, at which it holds (or, if not `holds`, does not).
    ///
    /// Goes from edge to edge: an edge is where an interval begins or ends, or a zone's offset changes. Between two edges
    /// everything repeats weekly, so that one week shows whether there is such an instant. A zone has about two edges a year:
    /// ten years take about twenty steps, however often a schedule opens. Schedules are skipped while other parts decide
    /// alone.
    pub fn next(&self, holds: bool, from: Timestamp, last: Timestamp) -> Option<Timestamp> {
        let mut begins = from;
        while begins <= last {
            if let Some(steady) = self.steady(begins) {
                if steady.holds == holds {
                    return Some(begins);
                }
                begins = steady.until?;
                continue;
            }
            let next = self.week(begins).next(holds, begins);
            let ends = self.edge(begins);
            match next {
                Some(next) if ends.is_none_or(|ends| next < ends) => {
                    return Some(next).filter(|next| *next <= last);
                }
                _ => begins = ends?,
            }
        }
        None
    }

    /// Whether it holds from this instant on, and until when that is certain without looking at schedules; `None` if it
    /// depends on them.
    fn steady(&self, instant: Timestamp) -> Option<Steady> {
        match self {
            Self::Interval(interval) => Some(Steady {
                holds: interval.contains(instant),
                until: interval.edge(instant),
            }),
            Self::Weekly(schedule) => {
                let week = schedule.week();
                (week.is_full() || week.is_empty()).then(|| Steady {
                    holds: week.is_full(),
                    until: None,
                })
            }
            Self::All(parts) => Steady::of(parts.iter().map(|part| part.steady(instant)), false),
            Self::Any(parts) => Steady::of(parts.iter().map(|part| part.steady(instant)), true),
        }
    }

    /// The next edge after this instant: where an interval begins or ends, or a zone's offset changes.
    pub(super) fn edge(&self, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Interval(interval) => interval.edge(instant),
            Self::Weekly(schedule) => schedule.offset_changes(instant),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().filter_map(|part| part.edge(instant)).min()
            }
        }
    }

    /// The times of a week, in UTC, at which it holds until the next edge after this instant.
    pub(super) fn week(&self, instant: Timestamp) -> Week {
        match self {
            Self::Interval(interval) => Week::constant(interval.contains(instant)),
            Self::Weekly(schedule) => schedule.utc(instant),
            Self::All(parts) => {
                let weeks = parts.iter().map(|part| part.week(instant));
                weeks.fold(Week::constant(true), |all, week| all.and(&week))
            }
            Self::Any(parts) => {
                let weeks = parts.iter().map(|part| part.week(instant));
                weeks.fold(Week::constant(false), |any, week| any.or(&week))
            }
        }
    }

    fn is_never(&self) -> bool {
        match self {
            Self::Interval(interval) => interval.is_empty(),
            Self::Weekly(schedule) => schedule.week().is_empty(),
            Self::All(_) | Self::Any(_) => false,
        }
    }

    fn is_always(&self) -> bool {
        match self {
            Self::Interval(interval) => *interval == Interval::ALWAYS,
            Self::Weekly(schedule) => schedule.week().is_full(),
            Self::All(_) | Self::Any(_) => false,
        }
    }
}

/// The schedule among these parts that has the same zone.
fn same_zone<'w>(parts: &'w mut [When], schedule: &Schedule) -> Option<&'w mut Schedule> {
    parts.iter_mut().find_map(|part| match part {
        When::Weekly(mate) if mate.shares_zone(schedule) => Some(mate),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
