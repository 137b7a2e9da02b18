//! The instants at which waiting may help: those at which conditions hold together that did not hold together before.

use crate::{
    limits::WEEK_MS,
    time::{Timestamp, from_millis},
    week::{Week, week_ms},
    when::When,
};

/// The work budget, in instants times changing conditions.
const WORK_MAX: usize = 50_000;
/// How many instants are found at most, beside now.
const MOMENTS_MAX: usize = 64;

/// When something holds with the facts as they are, from now to the last instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Always.
    Always,
    /// Never.
    Never,
    /// At some instants: those at which the condition with this index holds.
    Changing(usize),
}

/// An instant, and which of the changing conditions hold then.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    holds: Vec<bool>,
}

impl Moment {
    /// Whether it holds at this instant.
    pub(super) fn keeps(&self, kept: Kept) -> bool {
        match kept {
            Kept::Always => true,
            Kept::Never => false,
            Kept::Changing(number) => self.holds.get(number).copied().unwrap_or(false),
        }
    }

    /// Whether all of these hold at this instant.
    fn keeps_all(&self, wanted: &[bool]) -> bool {
        let mut pairs = self.holds.iter().zip(wanted);
        pairs.all(|(holds, wanted)| *holds || !wanted)
    }
}

/// Now, and every later instant at which conditions hold together that did not at any instant before it, in order. Goes from edge to
/// edge like [`When::next`]: between two edges everything repeats weekly, so one week shows all of it.
pub(super) fn moments(changing: &[When], now: Timestamp, last: Timestamp) -> Vec<Moment> {
    let mut found = vec![Moment {
        at: now,
        holds: changing.iter().map(|when| when.contains(now)).collect(),
    }];
    let mut seen: Vec<Vec<Week>> = Vec::new();
    let mut work = WORK_MAX;
    let mut begins = Some(now).filter(|_| !changing.is_empty());
    while let Some(start) = begins.filter(|start| *start <= last) {
        let later = |when: &When| when.next(true, start, last).is_some();
        let later: Vec<bool> = changing.iter().map(later).collect();
        if found.iter().any(|moment| moment.keeps_all(&later)) {
            break;
        }
        let ends = changing.iter().filter_map(|when| when.edge(start)).min();
        let weeks: Vec<Week> = changing.iter().map(|when| when.week(start)).collect();
        if !seen.contains(&weeks) {
            let is_in = |at: Timestamp| at <= last && ends.is_none_or(|ends| at < ends);
            for at in beginnings(&weeks, start).filter(|at| is_in(*at)) {
                let holds: Vec<bool> = weeks
                    .iter()
                    .map(|week| week.contains(week_ms(at, 0)))
                    .collect();
                let is_known = found.iter().any(|moment| moment.keeps_all(&holds));
                if !is_known {
                    found.push(Moment { at, holds });
                }
                work = work.saturating_sub(changing.len());
                if work == 0 || found.len() > MOMENTS_MAX {
                    return found;
                }
            }
            let week_later = start.as_millisecond().saturating_add(WEEK_MS);
            if is_in(from_millis(week_later)) {
                seen.push(weeks);
            }
        }
        begins = ends;
    }
    found
}

/// This instant, and those in the week after it at which one of these begins, in order.
fn beginnings(weeks: &[Week], start: Timestamp) -> impl Iterator<Item = Timestamp> {
    let since = week_ms(start, 0);
    let some_times = weeks.iter().filter(|week| !week.is_full());
    let begins = some_times.flat_map(Week::intervals).map(|(begins, _)| {
        let wait = begins.saturating_sub(since).rem_euclid(WEEK_MS);
        from_millis(start.as_millisecond().saturating_add(wait))
    });
    let mut instants: Vec<Timestamp> = begins.filter(|at| *at > start).collect();
    instants.push(start);
    instants.sort_unstable();
    instants.dedup();
    instants.into_iter()
}
