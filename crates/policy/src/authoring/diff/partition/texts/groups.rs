//! Texts that are in the same lists, as groups.

use std::collections::{BTreeMap, BTreeSet};

/// The texts of some lists, grouped so that the lists do not distinguish the texts of one group. Each group is a region, numbered
/// from 0.
#[derive(Debug, Clone)]
pub(in crate::authoring::diff) struct Groups<'p>(Vec<Vec<&'p str>>);

impl<'p> Groups<'p> {
    /// The groups that these lists distinguish.
    pub(in crate::authoring::diff) fn of(lists: &[&'p BTreeSet<Box<str>>]) -> Self {
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
        Self(groups.into_values().collect())
    }

    /// How many groups there are: also the first number that is no group's.
    pub(in crate::authoring::diff) fn len(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// Each group with its region.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &[&'p str])> {
        (0..).zip(self.0.iter().map(Vec::as_slice))
    }

    /// The texts of this region; none if it is no group's.
    pub(in crate::authoring::diff) fn texts(&self, region: u16) -> &[&'p str] {
        self.0.get(usize::from(region)).map_or(&[], Vec::as_slice)
    }

    /// The region of this text: that of its group, or the one after all groups.
    pub(super) fn region_of(&self, text: &str) -> u16 {
        let mut groups = self.iter();
        let group = groups.find(|(_, texts)| texts.contains(&text));
        group.map_or(self.len(), |(region, _)| region)
    }

    /// The regions whose texts are in this list, which is one of those that the groups were made of.
    pub(in crate::authoring::diff) fn inside(
        &self,
        list: &BTreeSet<Box<str>>,
    ) -> impl Iterator<Item = u16> {
        self.iter()
            .filter(|(_, group)| group.first().is_some_and(|text| list.contains(*text)))
            .map(|(region, _)| region)
    }

    /// A text that no list names: this one, or it with a number after it.
    pub(super) fn unlisted_example(&self, text: &str) -> String {
        let listed = |text: &String| self.0.iter().flatten().any(|listed| *listed == text);
        let numbered = (2..).map(|n: u32| format!("{text}-{n}"));
        let mut candidates = std::iter::once(text.to_owned()).chain(numbered);
        candidates.find(|text| !listed(text)).unwrap_or_default()
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
        let groups = Groups::of(&[&one, &other]);
        let named: Vec<_> = groups.iter().collect();
        assert_eq!(named, [(0, &["a", "b"][..]), (1, &["c"][..])]);
        assert_eq!(groups.inside(&one).collect::<Vec<_>>(), [0]);
        assert_eq!(groups.unlisted_example("c"), "c-2");
        assert_eq!(
            ["b", "c", "d"].map(|text| groups.region_of(text)),
            [0, 1, 2]
        );
    }
}
