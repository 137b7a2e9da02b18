//! A [`When`] with some parts fixed: its schedules, or everything except its schedules.

use super::When;
use crate::{schedule::Schedule, time::Timestamp};

impl When {
    /// The same, if every schedule always held, or never.
    pub(crate) fn with_schedules(&self, hold: bool) -> Self {
        self.map(&|part| match part {
            Self::Weekly(schedule) if varies(schedule) => Self::constant(hold),
            other => other.clone(),
        })
    }

    /// The same, if every schedule always held, or never, as it does at this instant.
    pub(crate) fn with_schedules_as_at(&self, instant: Timestamp) -> Self {
        self.map(&|part| match part {
            Self::Weekly(_) => Self::constant(part.contains(instant)),
            other => other.clone(),
        })
    }

    /// The instants at which its intervals begin and end.
    pub(crate) fn edges(&self) -> Vec<Timestamp> {
        match self {
            Self::Interval(interval) => interval.edges().collect(),
            Self::Weekly(_) => Vec::new(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::edges).collect(),
        }
    }

    /// The same, if only its schedules changed after this instant.
    pub(crate) fn with_the_rest_as_at(&self, instant: Timestamp) -> Self {
        self.map(&|part| match part {
            Self::Interval(interval) => Self::constant(interval.contains(instant)),
            other => other.clone(),
        })
    }

    /// Its schedules, without those that always hold and those that never do.
    pub(crate) fn schedules(&self) -> Vec<&Schedule> {
        match self {
            Self::Weekly(schedule) if varies(schedule) => vec![schedule],
            Self::Weekly(_) | Self::Interval(_) => Vec::new(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::schedules).collect(),
        }
    }

    /// The same with other intervals and schedules.
    fn map(&self, change: &impl Fn(&Self) -> Self) -> Self {
        match self {
            Self::All(parts) => Self::all(parts.iter().map(|part| part.map(change))),
            Self::Any(parts) => Self::any(parts.iter().map(|part| part.map(change))),
            part @ (Self::Interval(_) | Self::Weekly(_)) => change(part),
        }
    }
}

fn varies(schedule: &Schedule) -> bool {
    !schedule.week().is_full() && !schedule.week().is_empty()
}
