//! When a requirement holds, the facts being given: as windows, weekly schedules, and combinations of them. From this the
//! next change is computed; nothing steps through time.

mod steady;
mod window;

use self::steady::Steady;
pub use self::window::Window;
use crate::{schedule::Schedule, time::Timestamp, week::Week};

/// The instants at which something holds.
#[derive(Debug, Clone)]
pub enum When {
    /// In one stretch of time.
    Window(Window),
    /// Week by week, by the clock on a wall.
    Weekly(Schedule),
    /// Where all of these hold.
    All(Vec<When>),
    /// Where one of these holds.
    Any(Vec<When>),
}

impl When {
    /// Every instant.
    pub const ALWAYS: Self = Self::Window(Window::ALWAYS);
    /// No instant.
    pub const NEVER: Self = Self::Window(Window::NEVER);

    /// Every instant, or none.
    pub fn constant(holds: bool) -> Self {
        Self::Window(Window::constant(holds))
    }

    /// Where all of these hold. Windows become one, and so do schedules of one zone, so that a combination that never holds
    /// is known at once.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut window = Window::ALWAYS;
        let mut rest: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Window(part) => window = window.and(part),
                Self::All(parts) => rest.extend(parts),
                Self::Weekly(part) => match zone_mate(&mut rest, &part) {
                    Some(mate) => *mate = mate.and(&part),
                    None => rest.push(Self::Weekly(part)),
                },
                any @ Self::Any(_) => rest.push(any),
            }
        }
        let never = window.is_empty() || rest.iter().any(Self::is_never);
        match rest.pop() {
            _ if never => Self::NEVER,
            None => Self::Window(window),
            Some(last) if rest.is_empty() && window == Window::ALWAYS => last,
            Some(last) => {
                rest.push(last);
                // First, because it is the cheapest to ask.
                rest.insert(0, Self::Window(window));
                Self::All(rest)
            }
        }
    }

    /// Where one of these holds.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut rest: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Any(parts) => rest.extend(parts),
                Self::Weekly(part) => match zone_mate(&mut rest, &part) {
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
            Self::Window(window) => window.contains(instant),
            Self::Weekly(schedule) => schedule.utc(instant).next(true, instant) == Some(instant),
            Self::All(parts) => parts.iter().all(|part| part.contains(instant)),
            Self::Any(parts) => parts.iter().any(|part| part.contains(instant)),
        }
    }

    /// The first instant, from `from` to `last`, at which it does (or, if not `holds`, does not) hold.
    ///
    /// From one edge to the next, no window begins or ends and no clock is set, so that all of it is one week that comes
    /// again; what that week does not show once, it never does. A zone has two edges a year, so that ten years take some
    /// twenty looks, however often its schedules open. A schedule that something else hides is not looked at while it does.
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

    /// What it is from this instant on, whatever its schedules say, and how long at least; nothing if they have a say. A
    /// window that is past never holds again, and neither does what asks for that window and a schedule.
    fn steady(&self, instant: Timestamp) -> Option<Steady> {
        match self {
            Self::Window(window) => Some(Steady {
                holds: window.contains(instant),
                until: window.edge(instant),
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

    /// The next instant after this one at which a window begins or ends, or clocks are set.
    fn edge(&self, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Window(window) => window.edge(instant),
            Self::Weekly(schedule) => schedule.offset_changes(instant),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().filter_map(|part| part.edge(instant)).min()
            }
        }
    }

    /// The times of a week in UTC at which it holds, until the next edge after this instant.
    fn week(&self, instant: Timestamp) -> Week {
        match self {
            Self::Window(window) => Week::constant(window.contains(instant)),
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
            Self::Window(window) => window.is_empty(),
            Self::Weekly(schedule) => schedule.week().is_empty(),
            Self::All(_) | Self::Any(_) => false,
        }
    }

    fn is_always(&self) -> bool {
        match self {
            Self::Window(window) => *window == Window::ALWAYS,
            Self::Weekly(schedule) => schedule.week().is_full(),
            Self::All(_) | Self::Any(_) => false,
        }
    }
}

/// The schedule among these that has the same zone.
fn zone_mate<'w>(parts: &'w mut [When], schedule: &Schedule) -> Option<&'w mut Schedule> {
    parts.iter_mut().find_map(|part| match part {
        When::Weekly(mate) if mate.shares_zone(schedule) => Some(mate),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
