//! The table of aliases: bounded, and in parts with a lock of their own, so that to look through all of them holds no lock for long.
//!
//! Which goes first: an alias that is not there cannot invalidate anything, so those of cached evidence stay as long as the evidence. Of
//! evidence that was evicted few are kept, for purges. Where there are too many nevertheless, the least recently used goes.
//!
//! Why a list and no hash table: a part has some dozens, and a table with the links of an LRU takes twice the memory.

use std::num::NonZeroU64;

use parking_lot::{Mutex, MutexGuard};

use crate::{key_hash::KeyHasher, policy::VerificationId};

/// Aliases in one part: looked through in some microseconds.
const PART_ALIASES: usize = 96;
/// How many of them may be of evidence that was evicted.
const PART_EVICTED: usize = 4;
/// Places that a part takes at a time: doubling would leave a third of them empty.
const PART_GROWTH: usize = 8;

/// Where an alias leads.
#[derive(Debug, Clone)]
pub(in crate::source) struct Alias {
    /// The identifier that the verification is cached under.
    pub(in crate::source) cached_as: VerificationId,
    /// A hash of the identity that the verification is about, of this process alone; if it is known.
    pub(super) whose: Option<NonZeroU64>,
}

/// From an alias to the identifier that the same verification is cached under.
#[derive(Debug)]
pub(super) struct Aliases {
    /// Which part an alias is in. Hashed with a secret of this process, because callers choose the ids.
    keys: KeyHasher,
    capacity_each: usize,
    first: Mutex<Part>,
    others: Box<[Mutex<Part>]>,
}

/// Some of the aliases, in the order in which they go: first those of evicted evidence, then by their last use.
#[derive(Debug, Default)]
struct Part {
    aliases: Vec<(VerificationId, Alias)>,
    /// How many of the first are of evicted evidence.
    evicted: usize,
}

impl Aliases {
    /// An empty one, for about this many.
    pub(super) fn new(capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        let others = capacity.div_ceil(PART_ALIASES).saturating_sub(1);
        Self {
            keys: KeyHasher::default(),
            capacity_each: capacity.min(PART_ALIASES),
            first: Mutex::default(),
            others: (0..others).map(|_| Mutex::default()).collect(),
        }
    }

    /// Where an alias leads. It counts as used.
    pub(super) fn get(&self, alias: &VerificationId) -> Option<Alias> {
        let mut part = self.part_of(alias);
        let place = part.find(alias)?;
        if place < part.evicted {
            return part
                .aliases
                .get(place)
                .map(|(_, leads_to)| leads_to.clone());
        }
        let leads_to = part.remove(place);
        part.add(alias.clone(), leads_to.clone(), self.capacity_each);
        Some(leads_to)
    }

    /// Stores where an alias leads.
    pub(super) fn insert(&self, alias: VerificationId, leads_to: Alias) {
        let mut part = self.part_of(&alias);
        if let Some(place) = part.find(&alias) {
            part.remove(place);
        }
        part.add(alias, leads_to, self.capacity_each);
    }

    /// Stores whose a verification is that has no other identifier: that outlives its evidence. It leads to itself, unless it is known to
    /// lead to another one.
    pub(super) fn insert_own(&self, id: &VerificationId, whose: Option<NonZeroU64>) {
        let mut part = self.part_of(id);
        let known = part.find(id).map(|place| part.remove(place).cached_as);
        let cached_as = known.unwrap_or_else(|| id.clone());
        part.add(id.clone(), Alias { cached_as, whose }, self.capacity_each);
    }

    /// Removes an alias; returns where it led.
    pub(super) fn remove(&self, alias: &VerificationId) -> Option<Alias> {
        let mut part = self.part_of(alias);
        part.find(alias).map(|place| part.remove(place))
    }

    /// Notes that the evidence was evicted which an alias leads to, if it leads there, and unless there is evidence again. That is asked
    /// under the lock, so that who caches evidence and then inserts its aliases finds them here, or is seen.
    pub(super) fn evict(
        &self,
        alias: &VerificationId,
        cached_as: &VerificationId,
        is_cached: impl FnOnce() -> bool,
    ) {
        let mut part = self.part_of(alias);
        let place = part.find_leading_to(alias, cached_as);
        if let Some(place) = place.filter(|&place| part.evicted <= place)
            && !is_cached()
        {
            part.evict(place);
        }
    }

    /// Notes that there is evidence again which an alias leads to.
    pub(super) fn restore(&self, alias: &VerificationId, cached_as: &VerificationId) {
        let mut part = self.part_of(alias);
        let place = part.find_leading_to(alias, cached_as);
        if let Some(place) = place.filter(|&place| place < part.evicted) {
            let leads_to = part.remove(place);
            part.add(alias.clone(), leads_to, self.capacity_each);
        }
    }

    /// The aliases of one part after the other that are so. What is added meanwhile may be missing.
    pub(super) fn find(
        &self,
        is_so: impl Fn(&VerificationId, &Alias) -> bool,
    ) -> impl Iterator<Item = Vec<VerificationId>> {
        let parts = [&self.first].into_iter().chain(&self.others);
        parts.map(move |part| {
            let part = part.lock();
            let found = part.aliases.iter().filter(|(id, alias)| is_so(id, alias));
            found.map(|(id, _)| id.clone()).collect()
        })
    }

    fn part_of(&self, alias: &VerificationId) -> MutexGuard<'_, Part> {
        let others = u64::try_from(self.others.len()).unwrap_or(u64::MAX);
        let place = self.keys.of(alias) % others.saturating_add(1);
        let part = usize::try_from(place).ok().and_then(|n| self.others.get(n));
        part.unwrap_or(&self.first).lock()
    }
}

impl Part {
    fn find(&self, alias: &VerificationId) -> Option<usize> {
        self.aliases.iter().position(|(id, _)| id == alias)
    }

    fn find_leading_to(&self, alias: &VerificationId, cached_as: &VerificationId) -> Option<usize> {
        let mut aliases = self.aliases.iter();
        aliases.position(|(id, leads_to)| id == alias && leads_to.cached_as == *cached_as)
    }

    /// Removes what [`Self::find`] has found.
    fn remove(&mut self, place: usize) -> Alias {
        if place < self.evicted {
            self.evicted = self.evicted.saturating_sub(1);
        }
        self.aliases.remove(place).1
    }

    /// Adds one that is not there, as the last to go.
    fn add(&mut self, alias: VerificationId, leads_to: Alias, capacity: usize) {
        if self.aliases.len() >= capacity.max(1) {
            self.remove(0);
        }
        if self.aliases.len() == self.aliases.capacity() {
            self.aliases.reserve_exact(PART_GROWTH);
        }
        self.aliases.push((alias, leads_to));
    }

    /// Makes this one the last of those of evicted evidence.
    fn evict(&mut self, place: usize) {
        let alias = self.aliases.remove(place);
        self.aliases.insert(self.evicted, alias);
        if self.evicted < PART_EVICTED {
            self.evicted = self.evicted.saturating_add(1);
        } else {
            self.aliases.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> VerificationId {
        VerificationId::parse(text).unwrap()
    }

    fn leading_to(text: &str) -> Alias {
        Alias {
            cached_as: id(text),
            whose: None,
        }
    }

    fn has(aliases: &Aliases, alias: &str) -> bool {
        aliases
            .find(|id, _| id.as_str() == alias)
            .any(|found| !found.is_empty())
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let aliases = Aliases::new(3);
        for n in 1..=3 {
            aliases.insert(id(&format!("t-{n}")), leading_to("v"));
        }
        assert!(aliases.get(&id("t-1")).is_some());
        aliases.insert(id("t-4"), leading_to("v"));
        let has = |alias| has(&aliases, alias);
        assert!(has("t-1") && !has("t-2") && has("t-3") && has("t-4"));
    }

    #[test]
    fn those_of_evicted_evidence_go_before_all_others_and_few_are_kept() {
        let aliases = Aliases::new(20);
        for n in 0..12 {
            aliases.insert(id(&format!("t-{n}")), leading_to("v"));
        }
        for n in 2..12 {
            // The evidence is there again, or it is not that of the alias.
            aliases.evict(&id("t-0"), &id("v"), || true);
            aliases.evict(&id("t-1"), &id("v-1"), || false);
            aliases.evict(&id(&format!("t-{n}")), &id("v"), || false);
        }
        let all = |from, to| (from..to).all(|n: i32| has(&aliases, &format!("t-{n}")));
        let none = |from, to| !(from..to).any(|n: i32| has(&aliases, &format!("t-{n}")));
        assert!(all(0, 2) && none(2, 8) && all(8, 12));
        // To be looked up does not keep it.
        assert!(aliases.get(&id("t-8")).is_some());
        aliases.restore(&id("t-9"), &id("v-1"));
        aliases.restore(&id("t-11"), &id("v"));
        for n in 20..37 {
            aliases.insert(id(&format!("t-{n}")), leading_to("v"));
        }
        assert!(all(0, 2) && none(8, 11) && all(11, 12) && all(20, 37));
    }

    #[test]
    fn one_that_is_inserted_again_or_removed_is_not_counted_as_evicted_any_more() {
        let aliases = Aliases::new(10);
        for n in 0..PART_EVICTED {
            let alias = id(&format!("t-{n}"));
            aliases.insert(alias.clone(), leading_to("v"));
            aliases.evict(&alias, &id("v"), || false);
        }
        aliases.insert(id("t-0"), leading_to("v"));
        assert!(aliases.remove(&id("t-1")).is_some());
        assert_eq!(aliases.first.lock().evicted, PART_EVICTED - 2);
        for n in 4..13 {
            aliases.insert(id(&format!("t-{n}")), leading_to("v"));
        }
        assert_eq!(aliases.first.lock().evicted, 0);
        assert!(has(&aliases, "t-0") && !has(&aliases, "t-3"));
    }

    #[test]
    fn a_flood_removes_none_that_came_among_the_last_half_of_the_capacity() {
        let aliases = Aliases::new(20_000);
        for n in 0..100_000 {
            aliases.insert(id(&format!("t-{n}")), leading_to(&format!("v-{n}")));
            if n >= 10_000 {
                let old = id(&format!("t-{}", n - 10_000));
                // Looked for without a use.
                assert!(aliases.part_of(&old).find(&old).is_some(), "{n}");
            }
        }
        let held: usize = aliases.find(|_, _| true).map(|found| found.len()).sum();
        assert!(held <= 20_096, "{held}");
    }

    #[test]
    fn all_of_them_are_looked_at_and_those_that_were_removed_are_not() {
        let aliases = Aliases::new(10_000);
        for n in 0..1_000 {
            aliases.insert(id(&format!("t-{n}")), leading_to(&format!("v-{}", n % 2)));
        }
        let to_v_1 = |_: &VerificationId, alias: &Alias| alias.cached_as == id("v-1");
        let found: Vec<_> = aliases.find(to_v_1).flatten().collect();
        assert_eq!(found.len(), 500);
        for alias in &found {
            assert!(aliases.remove(alias).is_some());
        }
        assert_eq!(aliases.find(to_v_1).flatten().count(), 0);
        assert_eq!(aliases.find(|_, _| true).flatten().count(), 500);
    }
}
