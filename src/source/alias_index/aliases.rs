//! The table of aliases: bounded, and in parts with a lock of their own, so that to look through all of them holds no lock for long.
//!
//! Which goes first: an alias that is not there cannot invalidate anything, so those of cached evidence stay as long as the evidence. Those of
//! evidence that has left the cache serve purges; they have what room there is besides, and the first that have left go first. Where those of
//! cached evidence are too many by themselves, the least recently used goes.
//!
//! Why a list and no hash table: a part has some dozens, and a table with the links of an LRU takes twice the memory.

mod former;

use parking_lot::{Mutex, MutexGuard};

pub(in crate::source) use self::former::IdentityKey;
use self::former::{FormerAlias, Wanted};
use crate::{key_hash::KeyHasher, policy::VerificationId};

/// Aliases in one part: looked through in some microseconds.
const PART_ALIASES: usize = 96;
/// Places that a part takes at a time: doubling would leave a third of them empty.
const PART_GROWTH: usize = 8;

/// From an alias to the identifier that the same verification is cached under, or was.
#[derive(Debug)]
pub(super) struct Aliases {
    /// Which part an alias is in. Hashed with a secret of this process, because callers choose the ids.
    keys: KeyHasher,
    capacity_each: usize,
    first: Mutex<Part>,
    others: Box<[Mutex<Part>]>,
}

/// Some of the aliases. None is in both lists.
#[derive(Debug, Default)]
struct Part {
    /// Those of cached evidence, the least recently used first.
    current: Vec<CurrentAlias>,
    /// Those of evidence that has left the cache, the oldest first.
    former: Vec<FormerAlias>,
}

/// Where an alias of cached evidence leads.
#[derive(Debug)]
struct CurrentAlias {
    alias: VerificationId,
    cached_as: VerificationId,
}

/// An alias as it is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Alias<'a> {
    pub(in crate::source) id: &'a str,
    /// The identifier that the verification is cached under, or was.
    pub(in crate::source) cached_as: &'a str,
    /// The identity that it is about. Known only once the evidence has left the cache: until then it says that itself.
    pub(in crate::source) whose: IdentityKey,
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
    pub(super) fn get(&self, alias: &VerificationId) -> Option<VerificationId> {
        let mut part = self.part_of(alias);
        if let Some(current) = part.take_current(alias) {
            let cached_as = current.cached_as.clone();
            push(&mut part.current, current);
            return Some(cached_as);
        }
        let place = part.find_former(alias)?;
        part.former.get(place)?.cached_as()
    }

    /// Stores where an alias of evidence leads that is cached, or is about to be.
    pub(super) fn insert(&self, alias: VerificationId, cached_as: VerificationId) {
        let mut part = self.part_of(&alias);
        part.take(&alias);
        part.add_current(CurrentAlias { alias, cached_as }, self.capacity_each);
    }

    /// Removes an alias; returns where it led.
    pub(super) fn remove(&self, alias: &VerificationId) -> Option<VerificationId> {
        self.part_of(alias).take(alias)
    }

    /// Notes that the evidence has left the cache which an alias leads to, and whose it was. Whether it does lead there: an alias that is not
    /// there was purged.
    pub(super) fn retire(
        &self,
        alias: &VerificationId,
        cached_as: &VerificationId,
        whose: IdentityKey,
    ) -> bool {
        let mut part = self.part_of(alias);
        let leads_there = part.leads_to(alias, cached_as);
        if leads_there {
            part.take(alias);
            let former = FormerAlias::new(alias, cached_as, whose);
            part.add_former(former, self.capacity_each);
        }
        leads_there
    }

    /// Notes that evidence without an alias has left the cache, and whose it was: as an alias that leads to itself, unless it is known to
    /// lead to other evidence.
    pub(super) fn retire_own(&self, id: &VerificationId, whose: IdentityKey) {
        let mut part = self.part_of(id);
        if part.current.iter().any(|current| current.alias == *id) {
            return;
        }
        let led_to = part.take(id).unwrap_or_else(|| id.clone());
        let former = FormerAlias::new(id, &led_to, whose);
        part.add_former(former, self.capacity_each);
    }

    /// Notes that there is evidence again which an alias has led to. Adds none.
    pub(super) fn restore(&self, alias: &VerificationId, cached_as: &VerificationId) {
        let mut part = self.part_of(alias);
        let has_left = part.find_former(alias).is_some();
        if has_left && part.leads_to(alias, cached_as) {
            part.take(alias);
            if alias != cached_as {
                let (alias, cached_as) = (alias.clone(), cached_as.clone());
                part.add_current(CurrentAlias { alias, cached_as }, self.capacity_each);
            }
        }
    }

    /// The aliases of one part after the other that are so. What is added meanwhile may be missing.
    pub(super) fn find(
        &self,
        is_so: impl Fn(Alias<'_>) -> bool,
    ) -> impl Iterator<Item = Vec<VerificationId>> {
        let parts = [&self.first].into_iter().chain(&self.others);
        parts.map(move |part| part.lock().find(&is_so))
    }

    fn part_of(&self, alias: &VerificationId) -> MutexGuard<'_, Part> {
        let others = u64::try_from(self.others.len()).unwrap_or(u64::MAX);
        let place = self.keys.of(alias) % others.saturating_add(1);
        let part = usize::try_from(place).ok().and_then(|n| self.others.get(n));
        part.unwrap_or(&self.first).lock()
    }
}

impl Part {
    fn find_former(&self, alias: &VerificationId) -> Option<usize> {
        let wanted = Wanted::new(alias);
        self.former.iter().position(|former| former.is(&wanted))
    }

    /// Whether this alias is there and leads to this identifier.
    fn leads_to(&self, alias: &VerificationId, cached_as: &VerificationId) -> bool {
        let mut current = self.current.iter();
        if let Some(current) = current.find(|current| current.alias == *alias) {
            return current.cached_as == *cached_as;
        }
        let former = self.find_former(alias);
        let former = former.and_then(|place| self.former.get(place));
        former.is_some_and(|former| former.read(|_, to| to == cached_as.as_str()))
    }

    fn take_current(&mut self, alias: &VerificationId) -> Option<CurrentAlias> {
        let mut current = self.current.iter();
        let place = current.position(|current| current.alias == *alias)?;
        Some(self.current.remove(place))
    }

    /// Removes an alias; returns where it led.
    fn take(&mut self, alias: &VerificationId) -> Option<VerificationId> {
        if let Some(current) = self.take_current(alias) {
            return Some(current.cached_as);
        }
        let place = self.find_former(alias)?;
        self.former.remove(place).cached_as()
    }

    /// Adds one that is not there.
    fn add_current(&mut self, alias: CurrentAlias, capacity: usize) {
        if self.current.len() >= capacity.max(1) {
            self.current.remove(0);
        }
        push(&mut self.current, alias);
        self.trim(capacity);
    }

    /// Adds one that is not there.
    fn add_former(&mut self, alias: FormerAlias, capacity: usize) {
        push(&mut self.former, alias);
        self.trim(capacity);
    }

    /// Removes those of evidence that has left first, as long as there are too many.
    fn trim(&mut self, capacity: usize) {
        let room = capacity.saturating_sub(self.current.len());
        let excess = self.former.len().saturating_sub(room);
        self.former.drain(..excess);
    }

    fn find(&self, is_so: impl Fn(Alias<'_>) -> bool) -> Vec<VerificationId> {
        let is_so_now = |current: &&CurrentAlias| {
            is_so(Alias {
                id: current.alias.as_str(),
                cached_as: current.cached_as.as_str(),
                whose: IdentityKey::UNKNOWN,
            })
        };
        let was_so = |former: &FormerAlias| {
            let whose = former.whose();
            former.read(|id, cached_as| {
                let alias = Alias {
                    id,
                    cached_as,
                    whose,
                };
                is_so(alias).then(|| VerificationId::parse(id).ok())?
            })
        };
        let current = self.current.iter().filter(is_so_now);
        let current = current.map(|current| current.alias.clone());
        current
            .chain(self.former.iter().filter_map(was_so))
            .collect()
    }
}

/// Adds one, and memory for few more.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(PART_GROWTH);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: u64 = 6;

    fn id(text: &str) -> VerificationId {
        VerificationId::parse(text).unwrap()
    }

    fn ada() -> IdentityKey {
        IdentityKey::new(ADA)
    }

    fn insert(aliases: &Aliases, alias: &str, cached_as: &str) {
        aliases.insert(id(alias), id(cached_as));
    }

    fn has(aliases: &Aliases, alias: &str) -> bool {
        aliases
            .find(|known| known.id == alias)
            .any(|found| !found.is_empty())
    }

    fn counts(aliases: &Aliases) -> (usize, usize) {
        let part = aliases.first.lock();
        (part.current.len(), part.former.len())
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let aliases = Aliases::new(3);
        for n in 1..=3 {
            insert(&aliases, &format!("t-{n}"), "v");
        }
        assert!(aliases.get(&id("t-1")).is_some());
        insert(&aliases, "t-4", "v");
        let has = |alias| has(&aliases, alias);
        assert!(has("t-1") && !has("t-2") && has("t-3") && has("t-4"));
    }

    #[test]
    fn those_of_evidence_that_has_left_go_before_all_others() {
        let aliases = Aliases::new(20);
        for n in 0..12 {
            insert(&aliases, &format!("t-{n}"), "v");
        }
        for n in 2..12 {
            // It is not that of the alias, or there is no such alias.
            assert!(!aliases.retire(&id("t-1"), &id("v-1"), ada()));
            assert!(!aliases.retire(&id("t-99"), &id("v"), ada()));
            assert!(aliases.retire(&id(&format!("t-{n}")), &id("v"), ada()));
        }
        assert_eq!(counts(&aliases), (2, 10));
        let all = |from, to| (from..to).all(|n: i32| has(&aliases, &format!("t-{n}")));
        let none = |from, to| !(from..to).any(|n: i32| has(&aliases, &format!("t-{n}")));
        // To be looked up does not keep it.
        assert_eq!(aliases.get(&id("t-2")), Some(id("v")));
        aliases.restore(&id("t-3"), &id("v-1"));
        aliases.restore(&id("t-4"), &id("v"));
        for n in 20..33 {
            insert(&aliases, &format!("t-{n}"), "v");
        }
        assert!(all(0, 2) && none(2, 4) && all(4, 5) && none(5, 8) && all(8, 12) && all(20, 33));
        assert_eq!(counts(&aliases), (16, 4));
        for n in 33..60 {
            insert(&aliases, &format!("t-{n}"), "v");
        }
        assert!(none(0, 40) && all(40, 60));
    }

    #[test]
    fn they_are_found_by_where_they_led_and_by_whose_the_evidence_was() {
        let aliases = Aliases::new(20);
        let uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        for alias in ["t-1", "t-2", uuid] {
            insert(&aliases, alias, "v-1");
        }
        for alias in ["t-2", uuid] {
            assert!(aliases.retire(&id(alias), &id("v-1"), ada()));
        }
        let leads = |alias: Alias<'_>| alias.cached_as == "v-1";
        let found: Vec<_> = aliases.find(leads).flatten().collect();
        assert_eq!(found, [id("t-1"), id("t-2"), id(uuid)]);
        let found = aliases.find(|alias| alias.whose == ada());
        let found: Vec<_> = found.flatten().collect();
        assert_eq!(found, [id("t-2"), id(uuid)]);
        for alias in &found {
            assert_eq!(aliases.remove(alias), Some(id("v-1")));
            assert_eq!(aliases.remove(alias), None);
        }
    }

    #[test]
    fn evidence_without_an_alias_leaves_whose_it_was_and_where_its_id_leads() {
        let aliases = Aliases::new(20);
        insert(&aliases, "t-1", "v-1");
        insert(&aliases, "t-2", "v-2");
        aliases.retire(&id("t-2"), &id("v-2"), IdentityKey::UNKNOWN);
        for own in ["v-3", "t-2", "t-1", "v-3"] {
            aliases.retire_own(&id(own), ada());
        }
        let found = aliases.find(|alias| alias.whose == ada());
        let found: Vec<_> = found.flatten().collect();
        assert_eq!(found, [id("t-2"), id("v-3")]);
        let led_to = ["t-1", "t-2", "v-3"].map(|alias| aliases.get(&id(alias)).unwrap());
        assert_eq!(led_to, ["v-1", "v-2", "v-3"].map(id));
        // Not needed while there is evidence.
        aliases.restore(&id("v-3"), &id("v-3"));
        assert_eq!(aliases.get(&id("v-3")), None);
        assert_eq!(counts(&aliases), (1, 1));
    }

    #[test]
    fn a_flood_removes_none_that_came_among_the_last_half_of_the_capacity() {
        let aliases = Aliases::new(20_000);
        let name = |kind: &str, n: i32| id(&format!("{kind}-{n}"));
        for n in 0..100_000 {
            aliases.insert(name("t", n), name("v", n));
            if n < 10_000 {
                continue;
            }
            // That of evidence which has left is found for a while.
            let (left, old) = (n - 10_000, n - 12_000);
            assert!(aliases.retire(&name("t", left), &name("v", left), ada()));
            if old >= 0 && old % 100 == 0 {
                assert_eq!(aliases.get(&name("t", old)), Some(name("v", old)));
            }
        }
        let held: usize = aliases.find(|_| true).map(|found| found.len()).sum();
        assert!((19_000..=20_096).contains(&held), "{held}");
    }

    #[test]
    fn all_of_them_are_looked_at_and_those_that_were_removed_are_not() {
        let aliases = Aliases::new(10_000);
        for n in 0..1_000 {
            insert(&aliases, &format!("t-{n}"), &format!("v-{}", n % 2));
        }
        let to_v_1 = |alias: Alias<'_>| alias.cached_as == "v-1";
        let found: Vec<_> = aliases.find(to_v_1).flatten().collect();
        assert_eq!(found.len(), 500);
        for alias in &found {
            assert!(aliases.remove(alias).is_some());
        }
        assert_eq!(aliases.find(to_v_1).flatten().count(), 0);
        assert_eq!(aliases.find(|_| true).flatten().count(), 500);
    }
}
