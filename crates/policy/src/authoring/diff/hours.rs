//! The axis of the instant of the check, as far as schedules read it: each combination of schedules that really occurs in
//! this century. The clocks of two zones are set on different days, so that which combinations there are follows from the
//! zones' histories and not from the schedules alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{NICE_NOW_MS, region::Regions};
use crate::{
    limits::{DAY_MINUTES, PLAUSIBLE_SINCE_MS, WEEK_MINUTES, WEEK_MS},
    schedule::{DAYS, Schedule, ms},
    time::{Timestamp, from_millis},
    week::week_ms,
};

/// 2100-01-01T00:00:00Z: checks from then on are not compared.
pub(super) const LAST_MS: i64 = 4_102_444_800_000;

/// The schedules of both policies, and the combinations in which they hold.
#[derive(Debug)]
pub(super) struct Hours<'p> {
    schedules: Vec<&'p Schedule>,
    combinations: Vec<Combination>,
}

#[derive(Debug)]
struct Combination {
    holds: Vec<bool>,
    /// An instant near to ours at which it occurs.
    near: i64,
    /// The last instant at which it does.
    last: i64,
}

/// A time in which no clock is set.
struct Span {
    begins: i64,
    ends: i64,
    /// How far ahead of UTC each schedule's clock is.
    ahead: Vec<i64>,
}

impl<'p> Hours<'p> {
    /// The combinations of these schedules.
    pub(super) fn of(mut schedules: Vec<&'p Schedule>) -> Self {
        schedules.sort_by_key(|s| (s.zone(), s.intervals()));
        schedules.dedup();
        let mut spans = spans(&schedules, NICE_NOW_MS);
        let near = occurring(&schedules, spans.iter(), true);
        spans.extend(self::spans(&schedules, PLAUSIBLE_SINCE_MS));
        spans.sort_by_key(|span| span.ends);
        let last = occurring(&schedules, spans.iter().rev(), false);
        let combinations = last
            .into_iter()
            .map(|(holds, last)| Combination {
                near: near.get(&holds).copied().unwrap_or(last),
                holds,
                last,
            })
            .collect();
        Self {
            schedules,
            combinations,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.combinations.len()
    }

    /// The combinations in which this schedule, one of those that they were made of, holds.
    pub(super) fn inside(&self, schedule: &Schedule) -> impl Iterator<Item = u16> {
        let index = self.schedules.iter().position(|s| *s == schedule);
        (0_u16..)
            .zip(&self.combinations)
            .filter(move |(_, c)| index.and_then(|i| c.holds.get(i)) == Some(&true))
            .map(|(region, _)| region)
    }

    /// The combination of this instant, which is one of those that are compared.
    pub(super) fn region(&self, instant: Timestamp) -> Option<u16> {
        let holds = |schedule: &&Schedule| {
            let ahead = schedule.ahead_ms(instant);
            schedule.week().contains(week_ms(instant, ahead))
        };
        let holds: Vec<bool> = self.schedules.iter().map(holds).collect();
        let mut combinations = self.combinations.iter();
        let region = combinations.position(|combination| combination.holds == holds)?;
        u16::try_from(region).ok()
    }

    /// Instants at which these combinations occur, the nicest first, and for each combination the last one too.
    pub(super) fn instants(&self, regions: &Regions) -> Vec<i64> {
        let chosen = || {
            let numbered = (0_u16..).zip(&self.combinations);
            numbered.filter(|(region, _)| regions.contains(*region))
        };
        let near = chosen().map(|(_, c)| c.near);
        near.chain(chosen().map(|(_, c)| c.last)).collect()
    }

    /// These combinations in words: as times of the week if there is one zone, else by the schedules.
    pub(super) fn in_words(&self, regions: &Regions) -> String {
        let zones: BTreeSet<&str> = self.schedules.iter().map(|s| s.zone()).collect();
        if let [zone] = zones.into_iter().collect::<Vec<_>>().as_slice() {
            return format!("on {} {zone}", times(&self.stretches(regions)));
        }
        let chosen: Vec<&Combination> = (0_u16..)
            .zip(&self.combinations)
            .filter(|(region, _)| regions.contains(*region))
            .map(|(_, combination)| combination)
            .collect();
        let holds = |c: &Combination, index: usize| c.holds.get(index).copied();
        let (same, varying): (Vec<usize>, Vec<usize>) = (0..self.schedules.len()).partition(|i| {
            let mut values = chosen.iter().map(|c| holds(c, *i));
            let first = values.next();
            values.all(|value| Some(value) == first)
        });
        let told = |c: &Combination, indices: &[usize]| -> String {
            let parts = indices.iter().filter_map(|i| {
                let side = if holds(c, *i)? { "inside" } else { "outside" };
                let schedule = self.schedules.get(*i)?;
                let times = times(&schedule.intervals());
                Some(format!("{side} {times} {}", schedule.zone()))
            });
            parts.collect::<Vec<_>>().join(" and ")
        };
        let Some(first) = chosen.first() else {
            return "never".to_owned();
        };
        let alike = |c: &&Combination| same.iter().all(|i| holds(c, *i) == holds(first, *i));
        let whole = self.combinations.iter().filter(alike).count() == chosen.len();
        let mut parts = vec![told(first, &same)];
        if !whole {
            let alternatives: Vec<String> = chosen.iter().map(|c| told(c, &varying)).collect();
            parts.push(format!("({})", alternatives.join("; or ")));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" and ")
    }

    /// The times of the week at which one of these combinations occurs, there being one zone.
    fn stretches(&self, regions: &Regions) -> Vec<(u16, u16)> {
        let edges = self.schedules.iter().flat_map(|s| s.intervals());
        let mut edges: BTreeSet<u16> = edges.flat_map(|(a, b)| [a, b]).collect();
        edges.extend([0, WEEK_MINUTES]);
        let mut stretches: Vec<(u16, u16)> = Vec::new();
        for (begins, ends) in edges.iter().zip(edges.iter().skip(1)) {
            let holds = self
                .schedules
                .iter()
                .map(|s| s.week().contains(ms(*begins)));
            let holds: Vec<bool> = holds.collect();
            let region = self.combinations.iter().position(|c| c.holds == holds);
            let region = region.and_then(|region| u16::try_from(region).ok());
            if region.is_none_or(|region| !regions.contains(region)) {
                continue;
            }
            match stretches.last_mut() {
                Some((_, last)) if last == begins => *last = *ends,
                _ => stretches.push((*begins, *ends)),
            }
        }
        stretches
    }
}

/// The times from `from_ms` to the end of the century in which no clock of these is set.
fn spans(schedules: &[&Schedule], from_ms: i64) -> Vec<Span> {
    let mut edges = BTreeSet::from([from_ms, LAST_MS]);
    let mut zones = BTreeSet::new();
    for schedule in schedules {
        if zones.insert(schedule.zone()) {
            let settings = schedule.settings(from_millis(from_ms));
            let settings = settings.map(Timestamp::as_millisecond);
            edges.extend(settings.take_while(|at| *at < LAST_MS));
        }
    }
    let spans = edges.iter().zip(edges.iter().skip(1));
    spans
        .map(|(begins, ends)| Span {
            begins: *begins,
            ends: *ends,
            ahead: schedules
                .iter()
                .map(|schedule| schedule.ahead_ms(from_millis(*begins)))
                .collect(),
        })
        .collect()
}

/// The combinations that occur in these spans, each with the first instant (or, not `forwards`, the last) at which it does.
/// Of a span, a week tells all.
fn occurring<'s>(
    schedules: &[&Schedule],
    spans: impl Iterator<Item = &'s Span>,
    forwards: bool,
) -> BTreeMap<Vec<bool>, i64> {
    let mut occurring = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for span in spans {
        let (begins, ends) = if forwards {
            (
                span.begins,
                span.ends.min(span.begins.saturating_add(WEEK_MS)),
            )
        } else {
            (
                span.begins.max(span.ends.saturating_sub(WEEK_MS)),
                span.ends,
            )
        };
        let length = ends.saturating_sub(begins);
        let short = (length < WEEK_MS).then(|| (begins.rem_euclid(WEEK_MS), length));
        if !seen.insert((&span.ahead, short)) {
            continue;
        }
        let edges = edges(schedules, &span.ahead, begins, ends);
        let mut parts: Vec<(i64, i64)> = edges
            .iter()
            .zip(edges.iter().skip(1))
            .map(|(begins, ends)| (*begins, *ends))
            .collect();
        if !forwards {
            parts.reverse();
        }
        for (begins, ends) in parts {
            let instant = if forwards {
                begins
            } else {
                ends.saturating_sub(1)
            };
            let schedules = schedules.iter().zip(&span.ahead);
            let holds = schedules
                .map(|(s, ahead)| s.week().contains(week_ms(from_millis(instant), *ahead)));
            occurring.entry(holds.collect()).or_insert(instant);
        }
    }
    occurring
}

/// The instants of this time at which a schedule begins or ends, with the time's own ends.
fn edges(schedules: &[&Schedule], ahead: &[i64], begins: i64, ends: i64) -> BTreeSet<i64> {
    let mut edges = BTreeSet::from([begins, ends]);
    for (schedule, ahead) in schedules.iter().zip(ahead) {
        let local = week_ms(from_millis(begins), *ahead);
        let minutes = schedule.intervals().into_iter().flat_map(|(a, b)| [a, b]);
        let waits = minutes.map(|minute| ms(minute).saturating_sub(local).rem_euclid(WEEK_MS));
        let instants = waits.map(|wait| begins.saturating_add(wait));
        edges.extend(instants.filter(|instant| *instant < ends));
    }
    edges
}

/// Times of the week in words: `mon-fri 18:00-19:00, sun 22:00-24:00`.
fn times(stretches: &[(u16, u16)]) -> String {
    let mut days_of: BTreeMap<(u16, u16), Vec<u16>> = BTreeMap::new();
    for (begins, ends) in stretches {
        for day in (0..7_u16).filter(|day| day.saturating_mul(DAY_MINUTES) < *ends) {
            let midnight = day.saturating_mul(DAY_MINUTES);
            let from = begins.saturating_sub(midnight);
            let to = ends.saturating_sub(midnight).min(DAY_MINUTES);
            if from < to {
                days_of.entry((from, to)).or_default().push(day);
            }
        }
    }
    let mut parts: Vec<(Vec<u16>, String)> = days_of
        .into_iter()
        .map(|((from, to), days)| {
            let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let words = format!("{} {}-{}", days_in_words(&days), time(from), time(to));
            (days, words)
        })
        .collect();
    parts.sort();
    let words: Vec<String> = parts.into_iter().map(|(_, words)| words).collect();
    words.join(", ")
}

/// Days in words: `mon-fri`, `mon and wed`.
fn days_in_words(days: &[u16]) -> String {
    let name = |day: u16| DAYS.get(usize::from(day)).copied().unwrap_or_default();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *day => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let words = runs.into_iter().map(|(first, last)| match last - first {
        0 => name(first).to_owned(),
        1 => format!("{} and {}", name(first), name(last)),
        _ => format!("{}-{}", name(first), name(last)),
    });
    words.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        schedule::{TimeOfDay, Zone},
        when::When,
    };

    fn schedule(days: &[u16], from: &str, to: &str, zone: &str) -> Schedule {
        let time = |text| TimeOfDay::parse(text).unwrap();
        let zone = Zone::named(zone).unwrap();
        Schedule::new(days.iter().copied(), time(from), time(to), zone)
    }

    #[test]
    fn times_of_the_week_read_as_a_person_writes_them() {
        let work = schedule(&[0, 1, 2, 3, 4], "07:00", "19:00", "Europe/Berlin");
        assert_eq!(times(&work.intervals()), "mon-fri 07:00-19:00");
        let night = schedule(&[5, 6], "22:00", "06:00", "Europe/Berlin");
        assert_eq!(
            times(&night.intervals()),
            "mon and sun 00:00-06:00, sat and sun 22:00-24:00"
        );
    }

    #[test]
    fn zones_meet_only_as_their_clocks_let_them() {
        // Berlin is five or six hours ahead of New York, so these meet only when it is five.
        let berlin = schedule(&[2], "17:00", "18:00", "Europe/Berlin");
        let new_york = schedule(&[2], "12:00", "13:00", "America/New_York");
        let hours = Hours::of(vec![&berlin, &new_york]);
        let both =
            Regions::of(4, hours.inside(&berlin)).and(&Regions::of(4, hours.inside(&new_york)));
        for instant in hours.instants(&both) {
            assert!(When::Weekly(berlin.clone()).contains(from_millis(instant)));
            assert!(When::Weekly(new_york.clone()).contains(from_millis(instant)));
        }
        assert_eq!(both.iter().count(), 1);
        // Never five hours apart at the same reading.
        let tokyo = schedule(&[2], "12:00", "13:00", "Asia/Tokyo");
        assert_eq!(Hours::of(vec![&tokyo, &new_york]).size(), 3);
    }

    #[test]
    fn a_time_shorter_than_a_week_does_not_stand_for_a_whole_one() {
        let monday = schedule(&[0], "07:00", "08:00", "UTC");
        let hour = 3_600_000;
        let span = |begins, ends| Span {
            begins,
            ends,
            ahead: vec![0],
        };
        // The first is a part of a Saturday; only the second has a Monday.
        let short = span(NICE_NOW_MS, NICE_NOW_MS + hour);
        let long = span(short.ends, short.ends + 2 * WEEK_MS);
        let day = 24 * hour;
        for (forwards, outside, inside) in [
            (true, short.begins, NICE_NOW_MS + 2 * day + 7 * hour),
            (false, long.ends - 1, NICE_NOW_MS + 9 * day + 8 * hour - 1),
        ] {
            let spans = [&short, &long];
            let spans: Vec<&Span> = if forwards {
                spans.to_vec()
            } else {
                spans.into_iter().rev().collect()
            };
            assert_eq!(
                occurring(&[&monday], spans.into_iter(), forwards),
                BTreeMap::from([(vec![false], outside), (vec![true], inside)])
            );
        }
    }
}
