//! When a requirement holds, the facts being given: as windows, weekly schedules, and combinations of them. From this the
//! next change is computed; nothing steps through time.

use super::{schedule::Schedule, time::Timestamp, week::Week};

/// The instants from `from` on and before `until`. `Timestamp::MAX` as `until` means for ever; crossed bounds mean never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Timestamp,
    until: Timestamp,
}

impl Window {
    /// Every instant.
    pub const ALWAYS: Self = Self {
        from: Timestamp::MIN,
        until: Timestamp::MAX,
    };
    /// No instant.
    pub const NEVER: Self = Self {
        from: Timestamp::MAX,
        until: Timestamp::MIN,
    };

    /// Every instant, or none.
    pub fn constant(holds: bool) -> Self {
        if holds { Self::ALWAYS } else { Self::NEVER }
    }

    /// From this instant on.
    pub fn from(from: Timestamp) -> Self {
        Self {
            from,
            ..Self::ALWAYS
        }
    }

    /// Before this instant.
    pub fn until(until: Timestamp) -> Self {
        Self {
            until,
            ..Self::ALWAYS
        }
    }

    /// The instants that are in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }

    /// Whether it never holds.
    pub fn is_empty(self) -> bool {
        self.from >= self.until && !self.contains(self.from)
    }

    /// Whether it holds at this instant.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && (instant < self.until || self.until == Timestamp::MAX)
    }

    /// The next instant after this one at which it begins or ends.
    pub fn edge(self, instant: Timestamp) -> Option<Timestamp> {
        let real = self.from < self.until;
        let edges = [self.from, self.until].into_iter();
        let edges = edges.filter(|edge| real && *edge > instant && *edge < Timestamp::MAX);
        edges.min()
    }
}

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
            Self::All(parts) => Steady::of(parts, false, instant),
            Self::Any(parts) => Steady::of(parts, true, instant),
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

/// What something is, and the instant before which it does not change; nothing if it never does.
struct Steady {
    holds: bool,
    until: Option<Timestamp>,
}

impl Steady {
    /// Of parts of which one alone decides by being `decisive`: that it does not hold, where all have to, and that it does,
    /// where one is enough. Decisive for as long as one part is, and else as long as every part is steady.
    fn of(parts: &[When], decisive: bool, instant: Timestamp) -> Option<Self> {
        let (mut deciding, mut steady) = (None::<Self>, Some(None));
        for part in parts.iter().map(|part| part.steady(instant)) {
            match part {
                Some(part) if part.holds == decisive => {
                    let Some(until) = part.until else {
                        return Some(part);
                    };
                    let longest = deciding.and_then(|longest| longest.until);
                    deciding = Some(Self {
                        holds: decisive,
                        until: longest.max(Some(until)),
                    });
                }
                Some(part) => {
                    let untils = |soonest: Option<Timestamp>| soonest.into_iter().chain(part.until);
                    steady = steady.map(|soonest| untils(soonest).min());
                }
                None => steady = None,
            }
        }
        deciding.or_else(|| {
            steady.map(|until| Self {
                holds: !decisive,
                until,
            })
        })
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
mod tests {
    use super::{
        super::{
            schedule::{TimeOfDay, Zone},
            time::from_millis,
        },
        *,
    };

    #[test]
    fn a_window_is_half_open() {
        let (one, two) = (from_millis(1), from_millis(2));
        let window = Window::from(one).and(Window::until(two));
        assert!(window.contains(one));
        assert!(!window.contains(two));
        let next = |when: Window, holds, from| When::Window(when).next(holds, from, Timestamp::MAX);
        assert_eq!(next(window, true, from_millis(0)), Some(one));
        assert_eq!(next(window, true, two), None);
        assert_eq!(next(window, false, one), Some(two));
        assert_eq!(next(Window::ALWAYS, false, one), None);
        assert_eq!(next(Window::NEVER, true, one), None);
        assert!(Window::ALWAYS.contains(Timestamp::MAX));
    }

    #[test]
    fn what_hides_a_schedule_decides_for_as_long_as_it_does() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let [from, to] = ["07:00", "19:00"].map(|text| TimeOfDay::parse(text).unwrap());
        // A Monday.
        let now = at("2026-01-05T00:00:00Z");
        let zone = Zone::named("Europe/Berlin").unwrap();
        let mondays = || When::Weekly(Schedule::new([0], from, to, zone.clone()));
        let until = |text| When::Window(Window::until(at(text)));
        let since = |text| When::Window(Window::from(at(text)));
        let next = |when: When, holds| {
            let last = at("2036-01-05T00:00:00Z");
            when.next(holds, now, last).map(|at| at.to_string())
        };
        let past = || until("2026-01-01T00:00:00Z");
        assert_eq!(next(When::all([past(), mondays()]), true), None);
        assert_eq!(
            next(When::all([past(), mondays()]), false).unwrap(),
            now.to_string()
        );
        // Open from a Wednesday on, eight years ahead: the Monday after it, in summer.
        let later = || since("2034-07-05T00:00:00Z");
        let open = "2034-07-10T05:00:00Z";
        assert_eq!(next(When::all([later(), mondays()]), true).unwrap(), open);
        let ends = until("2034-07-04T00:00:00Z");
        assert_eq!(next(When::all([later(), ends, mondays()]), true), None);
        let either = When::any([past(), When::all([later(), mondays()])]);
        assert_eq!(next(either, true).unwrap(), open);
        let closed = until("2034-07-05T00:00:00Z");
        let any = When::any([closed, mondays(), later()]);
        assert_eq!(next(any, false), None);
        let gap = When::any([until("2034-07-05T00:00:00Z"), mondays()]);
        assert_eq!(next(gap, false).unwrap(), "2034-07-05T00:00:00Z");
    }

    #[test]
    fn what_is_after_the_last_instant_is_not_told() {
        let when = When::Window(Window::from(from_millis(10)));
        assert_eq!(when.next(true, from_millis(0), from_millis(9)), None);
        assert!(when.next(true, from_millis(0), from_millis(10)).is_some());
    }
    #[test]
    fn a_window_is_empty_if_no_instant_is_in_it() {
        let (one, two) = (from_millis(1), from_millis(2));
        for empty in [
            Window::NEVER,
            Window::from(two).and(Window::until(one)),
            Window::from(one).and(Window::until(one)),
        ] {
            assert!(empty.is_empty(), "{empty:?}");
            assert_eq!(empty.edge(from_millis(0)), None);
        }
        let last = Window::from(Timestamp::MAX);
        for some in [
            Window::ALWAYS,
            Window::from(one).and(Window::until(two)),
            last,
        ] {
            assert!(!some.is_empty(), "{some:?}");
        }
        assert_eq!(Window::ALWAYS.edge(one), None);
        assert!(last.contains(Timestamp::MAX));
    }

    #[test]
    fn a_combination_that_never_or_always_holds_is_known_at_once() {
        let at = |text: &str| TimeOfDay::parse(text).unwrap();
        let hours = |from, to| {
            let zone = Zone::named("Europe/Berlin").unwrap();
            When::Weekly(Schedule::new([0], at(from), at(to), zone))
        };
        let (one, two) = (from_millis(1), from_millis(2));
        let window = |window: Window| When::Window(window);
        let never = [
            When::all([
                window(Window::from(two)),
                window(Window::until(one)),
                hours("07:00", "08:00"),
            ]),
            When::all([hours("07:00", "08:00"), hours("09:00", "10:00")]),
            When::any([
                When::NEVER,
                When::all([hours("07:00", "08:00"), When::NEVER]),
            ]),
        ];
        for when in never {
            assert!(when.is_never(), "{when:?}");
        }
        let always = When::any([hours("00:00", "24:00"), When::ALWAYS]);
        assert!(always.is_always());
        let mate = When::any([hours("07:00", "08:00"), hours("08:00", "09:00")]);
        assert!(matches!(mate, When::Weekly(_)), "{mate:?}");
        let only = When::all([hours("07:00", "08:00")]);
        assert!(matches!(only, When::Weekly(_)), "{only:?}");
    }
}
