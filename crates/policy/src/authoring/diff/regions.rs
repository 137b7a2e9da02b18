//! The regions of one axis: a few that two policies tell apart, in place of the many values that it has. A set of regions
//! is a set of small numbers.

use std::collections::{BTreeMap, BTreeSet};

const WORD_BITS: u16 = 64;

/// A set of regions of one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Regions(Vec<u64>);

impl Regions {
    /// These of an axis that has so many.
    pub(super) fn of(size: u16, regions: impl IntoIterator<Item = u16>) -> Self {
        let mut words = vec![0; usize::from(size.div_ceil(WORD_BITS))];
        for region in regions {
            if let Some(word) = words.get_mut(usize::from(region / WORD_BITS)) {
                *word |= 1_u64 << (region % WORD_BITS);
            }
        }
        Self(words)
    }

    /// Every region of an axis that has so many.
    pub(super) fn all(size: u16) -> Self {
        Self::of(size, 0..size)
    }

    /// Those that are in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// Those that are in either.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    /// How many words it takes.
    pub(super) fn words(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, region: u16) -> bool {
        let word = self.0.get(usize::from(region / WORD_BITS));
        word.is_some_and(|word| word >> (region % WORD_BITS) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The regions, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> {
        let size = u16::try_from(self.0.len())
            .unwrap_or(u16::MAX)
            .saturating_mul(WORD_BITS);
        (0..size).filter(|region| self.contains(*region))
    }

    pub(super) fn first(&self) -> Option<u16> {
        self.iter().next()
    }
}

/// Texts that lists name: those that are in the same lists are one region. After them comes any other text, which is also
/// the missing one, unless missing is apart and comes last.
#[derive(Debug, Clone)]
pub(super) struct Groups<'p> {
    groups: Vec<Vec<&'p str>>,
    missing_apart: bool,
}

impl<'p> Groups<'p> {
    /// The regions that these lists tell apart.
    pub(super) fn of(lists: &[&'p BTreeSet<Box<str>>], missing_apart: bool) -> Self {
        let mut seen: BTreeSet<&BTreeSet<Box<str>>> = BTreeSet::new();
        let different = lists.iter().filter(|list| seen.insert(list));
        let mut lists_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, list) in different.enumerate() {
            for text in *list {
                lists_of.entry(text).or_default().push(index);
            }
        }
        let mut groups: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
        for (text, lists) in lists_of {
            groups.entry(lists).or_default().push(text);
        }
        Self {
            groups: groups.into_values().collect(),
            missing_apart,
        }
    }

    pub(super) fn size(&self) -> usize {
        let others = if self.missing_apart { 2 } else { 1 };
        self.groups.len().saturating_add(others)
    }

    /// Each group with its region.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &[&'p str])> {
        (0..).zip(self.groups.iter().map(Vec::as_slice))
    }

    /// The region of this text.
    pub(super) fn region(&self, text: &str) -> u16 {
        let mut groups = self.iter();
        let group = groups.find(|(_, texts)| texts.contains(&text));
        group.map_or(self.other(), |(region, _)| region)
    }

    /// The region of every text that no list names.
    pub(super) fn other(&self) -> u16 {
        u16::try_from(self.groups.len()).unwrap_or(u16::MAX)
    }

    /// The region of a missing text.
    pub(super) fn missing(&self) -> u16 {
        let apart = u16::from(self.missing_apart);
        self.other().saturating_add(apart)
    }

    /// The regions whose texts are in this list, which is one of those that they were made of.
    pub(super) fn inside(&self, list: &BTreeSet<Box<str>>) -> impl Iterator<Item = u16> {
        self.iter()
            .filter(|(_, group)| group.first().is_some_and(|text| list.contains(*text)))
            .map(|(region, _)| region)
    }

    /// A text of this region that is none of the lists' if the region is the others'; nothing where it is missing.
    pub(super) fn example(&self, region: u16, fresh: &str) -> Option<String> {
        if region == self.missing() && self.missing_apart {
            return None;
        }
        if region != self.other() {
            let group = self.groups.get(usize::from(region));
            return group.and_then(|texts| texts.first()).map(|&t| t.to_owned());
        }
        let taken = |text: &String| self.groups.iter().flatten().any(|t| **t == **text);
        let numbered = (2..).map(|n: u32| format!("{fresh}-{n}"));
        std::iter::once(fresh.to_owned())
            .chain(numbered)
            .find(|text| !taken(text))
    }
}

/// Something that passes edges one after another, each in a region of its own: an age, for example. The region 0 is that
/// nothing is known; region 1 ends at the first edge.
#[derive(Debug, Clone)]
pub(super) struct Line<E>(Vec<E>);

impl<E: Copy + Ord> Line<E> {
    pub(super) fn of(edges: BTreeSet<E>) -> Self {
        Self(edges.into_iter().collect())
    }

    pub(super) fn size(&self) -> usize {
        self.0.len().saturating_add(2)
    }

    /// The region of what has passed these edges and no others.
    pub(super) fn region(&self, passed: impl Fn(E) -> bool) -> u16 {
        let edges = self.0.iter().take_while(|edge| passed(**edge));
        u16::try_from(edges.count().saturating_add(1)).unwrap_or(u16::MAX)
    }

    /// The regions in which something is known.
    pub(super) fn known(&self) -> impl Iterator<Item = u16> {
        (1_u16..).take(self.0.len().saturating_add(1))
    }

    /// The regions that lie before this edge.
    pub(super) fn before(&self, edge: E) -> impl Iterator<Item = u16> {
        self.known()
            .filter(move |region| self.ends(*region).is_some_and(|ends| ends <= edge))
    }

    /// The regions that lie after this edge.
    pub(super) fn after(&self, edge: E) -> impl Iterator<Item = u16> {
        self.known()
            .filter(move |region| self.begins(*region).is_some_and(|begins| begins >= edge))
    }

    /// The edge at which a region begins, unless it is the first.
    pub(super) fn begins(&self, region: u16) -> Option<E> {
        self.0.get(usize::from(region).checked_sub(2)?).copied()
    }

    /// The edge at which a region ends, unless it is the last.
    pub(super) fn ends(&self, region: u16) -> Option<E> {
        self.0.get(usize::from(region).checked_sub(1)?).copied()
    }

    /// The stretches that these regions make up, each from one edge to another.
    pub(super) fn stretches(&self, regions: &Regions) -> Vec<(Option<E>, Option<E>)> {
        let mut stretches: Vec<(Option<E>, Option<E>)> = Vec::new();
        let mut last = None;
        for region in self.known().filter(|region| regions.contains(*region)) {
            let ends = self.ends(region);
            match stretches.last_mut() {
                Some((_, until)) if last == region.checked_sub(1) => *until = ends,
                _ => stretches.push((self.begins(region), ends)),
            }
            last = Some(region);
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_in_the_same_lists_are_one_region() {
        let (one, other) = (
            BTreeSet::from(["a".into(), "b".into()]),
            BTreeSet::from(["a".into(), "b".into(), "c".into()]),
        );
        let groups = Groups::of(&[&one, &other], false);
        let named: Vec<_> = groups.iter().collect();
        assert_eq!(named, [(0, &["a", "b"][..]), (1, &["c"][..])]);
        assert_eq!(groups.inside(&one).collect::<Vec<_>>(), [0]);
        assert_eq!(groups.example(2, "c").as_deref(), Some("c-2"));
        assert_eq!(["b", "c", "d"].map(|text| groups.region(text)), [0, 1, 2]);
    }

    #[test]
    fn regions_that_touch_are_one_stretch() {
        let line = Line::of(BTreeSet::from([10, 20, 30]));
        let regions = Regions::of(5, [0, 1, 2, 4]);
        let stretches = [(None, Some(20)), (Some(30), None)];
        assert_eq!(line.stretches(&regions), stretches);
        assert_eq!(line.before(20).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(line.after(20).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(
            [9, 10, 30].map(|at| line.region(|edge| edge <= at)),
            [1, 2, 4]
        );
    }

    #[test]
    fn a_set_of_regions_may_be_larger_than_a_word() {
        let regions = Regions::of(130, [0, 64, 129]);
        assert_eq!(regions.iter().collect::<Vec<_>>(), [0, 64, 129]);
        assert!(regions.and(&Regions::of(130, [1])).is_empty());
        assert_eq!(regions.or(&Regions::all(130)), Regions::all(130));
    }
}
