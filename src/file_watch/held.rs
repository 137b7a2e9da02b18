//! What is no longer in its files stays in force for a few seconds: an editor or a deployment that replaces a file may take it away for an
//! instant, and a file that is being written is empty or ends early.

use std::{collections::BTreeMap, time::Duration};

/// How long something is held. With the second that a reload may wait until the files are quiet, it is at most 5 s.
pub const HOLD_FOR: Duration = Duration::from_secs(4);

/// The names of what is held, each with the uptime at which it is dropped.
#[derive(Debug, Clone)]
pub struct Held<N>(BTreeMap<N, Duration>);

/// What a reading has changed.
#[derive(Debug)]
pub struct HeldChanges<N> {
    /// Has just left the files.
    pub gone: Vec<N>,
    /// Is in the files again.
    pub returned: Vec<N>,
    /// Was held long enough.
    pub dropped: Vec<N>,
}

impl<N> Default for Held<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Ord + Clone> Held<N> {
    /// What is held.
    pub fn names(&self) -> impl Iterator<Item = &N> {
        self.0.keys()
    }

    /// The uptime at which the first of it is dropped.
    pub fn next_drop(&self) -> Option<Duration> {
        self.0.values().min().copied()
    }

    /// Holds what is in force and missing in the files, each for as long after it has left them; and no longer what is in them again.
    pub fn update<'n>(
        &mut self,
        in_force: impl IntoIterator<Item = &'n N>,
        is_missing: impl Fn(&N) -> bool,
        uptime: Duration,
    ) -> HeldChanges<N>
    where
        N: 'n,
    {
        let (mut gone, mut returned, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for name in in_force.into_iter().filter(|name| is_missing(name)) {
            self.0.entry(name.clone()).or_insert_with(|| {
                gone.push(name.clone());
                uptime.saturating_add(HOLD_FOR)
            });
        }
        self.0.retain(|name, until| {
            let list = match is_missing(name) {
                false => &mut returned,
                true if *until <= uptime => &mut dropped,
                true => return true,
            };
            list.push(name.clone());
            false
        });
        HeldChanges {
            gone,
            returned,
            dropped,
        }
    }

    /// Holds this one no longer.
    pub fn remove(&mut self, name: &N) {
        self.0.remove(name);
    }
}
