//! The axis of the telephone number: not readable, or a number by the longest of the policies' prefixes that it begins
//! with. Numbers that the same lists accept are one region.

use std::collections::{BTreeMap, BTreeSet};

use super::regions::Regions;
use crate::{limits::PHONE_DIGITS, phone::is_phone};

/// Makes an example look like a number.
const TAIL: &str = "025550123";

/// The prefixes of both policies, and the regions that they make.
#[derive(Debug)]
pub(super) struct Phones<'p> {
    /// For each prefix the region of the numbers that begin with it and with no longer one; the empty prefix is no prefix.
    regions: BTreeMap<&'p str, Option<u16>>,
    /// For each region from 1 on, an example.
    examples: Vec<String>,
}

impl<'p> Phones<'p> {
    /// The regions that these lists tell apart.
    pub(super) fn of(lists: &[&'p BTreeSet<Box<str>>]) -> Self {
        let prefixes: BTreeSet<&str> = lists.iter().flat_map(|l| l.iter().map(|p| &**p)).collect();
        // Numbers of two digits show every way to begin outside the prefixes, and right after a prefix of one.
        let two_digits = std::iter::once(12).chain(10..100).map(|n| format!("+{n}"));
        let candidates = prefixes.iter().map(|&prefix| prefix.to_owned());
        let accepted = |phone: &str| {
            let accepts = |list: &&BTreeSet<Box<str>>| begins(phone, list);
            lists.iter().map(accepts).collect::<Vec<bool>>()
        };
        let mut examples: BTreeMap<Vec<bool>, String> = BTreeMap::new();
        for candidate in candidates.chain(two_digits).filter(|text| is_phone(text)) {
            let region = accepted(&candidate);
            if examples.contains_key(&region) {
                continue;
            }
            let longer: String = format!("{candidate}{TAIL}");
            let longer: String = longer.chars().take(*PHONE_DIGITS.end()).collect();
            let longer_is_same = accepted(&longer) == region;
            examples.insert(region, if longer_is_same { longer } else { candidate });
        }
        let region_of = |prefix: &str| {
            let index = examples
                .keys()
                .position(|region| *region == accepted(prefix))?;
            u16::try_from(index.saturating_add(1)).ok()
        };
        let mut regions = BTreeMap::from([("", region_of(""))]);
        regions.extend(
            prefixes
                .into_iter()
                .map(|prefix| (prefix, region_of(prefix))),
        );
        Self {
            regions,
            examples: examples.into_values().collect(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.examples.len().saturating_add(1)
    }

    /// The regions of the numbers that this list, one of those that they were made of, accepts.
    pub(super) fn inside(&self, list: &BTreeSet<Box<str>>) -> impl Iterator<Item = u16> {
        (1_u16..)
            .zip(&self.examples)
            .filter(|(_, example)| begins(example, list))
            .map(|(region, _)| region)
    }

    /// The region of this number: that of the longest prefix that it begins with.
    pub(super) fn region(&self, phone: &str) -> Option<u16> {
        let prefixes = self.regions.iter();
        let begun = prefixes.filter(|(prefix, _)| phone.starts_with(**prefix));
        begun.max_by_key(|(prefix, _)| prefix.len())?.1.to_owned()
    }

    /// A number of this region; nothing where it is the unreadable one.
    pub(super) fn example(&self, region: u16) -> Option<&str> {
        let index = usize::from(region).checked_sub(1)?;
        self.examples.get(index).map(String::as_str)
    }

    /// These regions in words.
    pub(super) fn in_words(&self, regions: &Regions) -> String {
        let unreadable = "PHONE not granted or not readable";
        let known = (1_u16..).take(self.examples.len());
        let inside = known.clone().filter(|region| regions.contains(*region));
        let readable = match inside.count() {
            0 => return unreadable.to_owned(),
            all if all == self.examples.len() => "PHONE readable".to_owned(),
            _ => self.beginnings(regions),
        };
        if regions.contains(0) {
            format!("{unreadable}, or {readable}")
        } else {
            readable
        }
    }

    /// The beginnings of these regions' numbers: the prefixes at which one gets inside, and those at which one gets out.
    fn beginnings(&self, regions: &Regions) -> String {
        let inside = |prefix: &str| {
            let region = self.regions.get(prefix).copied().flatten();
            region.is_some_and(|region| regions.contains(region))
        };
        let enters = |prefix: &&str| inside(prefix) && !inside(self.around(prefix));
        let leaves = |prefix: &&str| !inside(prefix) && inside(self.around(prefix));
        let prefixes = || self.regions.keys().copied().filter(|p| !p.is_empty());
        let ins = prefixes().filter(enters).collect::<Vec<_>>().join(" or ");
        let outs = prefixes().filter(leaves).collect::<Vec<_>>().join(" or ");
        match (inside(""), ins.is_empty(), outs.is_empty()) {
            (true, true, _) => format!("PHONE beginning with none of {outs}"),
            (true, false, _) => format!("PHONE beginning with none of {outs}, or with {ins}"),
            (false, _, true) => format!("PHONE beginning with {ins}"),
            (false, _, false) => format!("PHONE beginning with {ins}, not with {outs}"),
        }
    }

    /// The longest of the prefixes that this one begins with, apart from itself.
    fn around(&self, prefix: &str) -> &'p str {
        let shorter = self.regions.keys().copied();
        shorter
            .filter(|other| other.len() < prefix.len() && prefix.starts_with(other))
            .max_by_key(|other| other.len())
            .unwrap_or("")
    }
}

fn begins(phone: &str, list: &BTreeSet<Box<str>>) -> bool {
    list.iter().any(|prefix| phone.starts_with(&**prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefixes: &[&str]) -> BTreeSet<Box<str>> {
        prefixes.iter().map(|&p| p.into()).collect()
    }

    fn words(phones: &Phones<'_>, regions: impl IntoIterator<Item = u16>) -> String {
        phones.in_words(&Regions::of(u16::try_from(phones.size()).unwrap(), regions))
    }

    #[test]
    fn numbers_that_the_same_lists_accept_are_one_region() {
        let (old, new) = (list(&["+1", "+49"]), list(&["+1202", "+49", "+44"]));
        let phones = Phones::of(&[&old, &new]);
        assert_eq!(phones.size(), 5);
        let both = phones
            .inside(&old)
            .filter(|r| phones.inside(&new).any(|n| n == *r));
        assert_eq!(words(&phones, both), "PHONE beginning with +1202 or +49");
        let only_old = phones
            .inside(&old)
            .filter(|r| phones.inside(&new).all(|n| n != *r));
        assert_eq!(
            words(&phones, only_old),
            "PHONE beginning with +1, not with +1202"
        );
        let outside = (1..5).filter(|r| phones.inside(&old).all(|o| o != *r));
        let outside = outside.filter(|r| phones.inside(&new).all(|n| n != *r));
        assert_eq!(
            words(&phones, outside),
            "PHONE beginning with none of +1 or +44 or +49"
        );
    }

    #[test]
    fn a_prefix_that_longer_ones_cover_has_no_numbers_of_its_own() {
        let covering: Vec<String> = (0..10).map(|digit| format!("+1{digit}")).collect();
        let covering: Vec<&str> = covering.iter().map(String::as_str).collect();
        let (whole, parts) = (list(&["+1"]), list(&covering));
        let phones = Phones::of(&[&whole, &parts]);
        assert_eq!(phones.size(), 3);
    }
}
