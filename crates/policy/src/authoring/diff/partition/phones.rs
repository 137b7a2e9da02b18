//! The axis of the telephone number: a number by the longest of the listed prefixes that it begins with. Numbers that the same
//! lists accept are one region; [`UNREADABLE`] is a number that the policy cannot read.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{check::Check, draft::Draft, expression::Condition, regions::Regions};
use crate::{
    evidence::{Datum, Scope},
    limits::PHONE_DIGITS,
    phone::is_phone,
};

const UNREADABLE: u16 = 0;
/// Added to a prefix, it makes an example that looks like a number.
const TAIL: &str = "025550123";

/// The prefixes of both policies, and the regions that they make.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Phones<'p> {
    /// For each prefix the region of the numbers that begin with it and with no longer one; the empty prefix is that of the
    /// numbers that begin with none. A prefix that longer ones cover wholly has no region.
    regions: BTreeMap<&'p str, Option<u16>>,
    /// For each region from 1 on, a number.
    examples: Vec<String>,
}

impl<'p> Phones<'p> {
    /// The regions that the lists of these conditions distinguish.
    pub(super) fn of(conditions: &[Condition<'p>]) -> Self {
        let lists: Vec<&'p BTreeSet<Box<str>>> = conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::OneOf(list) => Some(*list),
                Condition::NoneOf(_)
                | Condition::MissingOrNoneOf(_)
                | Condition::Known
                | Condition::NewerThan(_)
                | Condition::AgeAtLeast(_)
                | Condition::AgeBelow(_)
                | Condition::Inside(_) => None,
            })
            .collect();
        let prefixes: BTreeSet<&str> = lists.iter().flat_map(|l| l.iter().map(|p| &**p)).collect();
        let accepting = |phone: &str| -> Vec<bool> {
            let accepts = |list: &&BTreeSet<Box<str>>| begins_with_one(phone, list);
            lists.iter().map(accepts).collect()
        };
        let examples = examples(&prefixes, accepting);
        let region_of = |prefix: &str| {
            let accepting = accepting(prefix);
            let index = examples.keys().position(|lists| *lists == accepting)?;
            u16::try_from(index.saturating_add(1)).ok()
        };
        let with_none = std::iter::once("");
        Self {
            regions: with_none
                .chain(prefixes.iter().copied())
                .map(|prefix| (prefix, region_of(prefix)))
                .collect(),
            examples: examples.into_values().collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.examples.len().saturating_add(1)
    }

    /// The regions of readable numbers, each with its example.
    fn readable(&self) -> impl Iterator<Item = (u16, &String)> {
        (1..=u16::MAX).zip(&self.examples)
    }

    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        let regions = self.readable();
        match condition {
            Condition::OneOf(list) => regions
                .filter(|(_, example)| begins_with_one(example, list))
                .map(|(region, _)| region)
                .collect(),
            Condition::Known => regions.map(|(region, _)| region).collect(),
            Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::NewerThan(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::Inside(_) => Vec::new(),
        }
    }

    pub(super) fn region_of(&self, check: &Check<'_>) -> Option<u16> {
        match check.given.verification.phone() {
            Ok(phone) => {
                let prefixes = self.regions.iter();
                let begun = prefixes.filter(|(prefix, _)| phone.starts_with(**prefix));
                let (_, region) = begun.max_by_key(|(prefix, _)| prefix.len())?;
                *region
            }
            Err(_) => Some(UNREADABLE),
        }
    }

    pub(super) fn set_example(&self, allowed: &Regions, draft: &mut Draft) {
        let mut readable = self.readable();
        if let Some((_, phone)) = readable.find(|(region, _)| allowed.contains(*region)) {
            draft.verification.scopes.insert(Scope::Phone);
            draft.verification.phone = Datum::Known(phone.as_str().into());
        }
    }

    pub(super) fn describe(&self, regions: &Regions) -> String {
        let unreadable = "PHONE not granted or not readable";
        let inside = self
            .readable()
            .filter(|(region, _)| regions.contains(*region));
        let readable = match inside.count() {
            0 => return unreadable.to_owned(),
            all if all == self.examples.len() => "PHONE readable".to_owned(),
            _ => self.describe_prefixes(regions),
        };
        if regions.contains(UNREADABLE) {
            format!("{unreadable}, or {readable}")
        } else {
            readable
        }
    }

    /// Some of the readable regions by their prefixes. Read digit by digit, a number enters these regions at some prefixes, and
    /// leaves them at others.
    fn describe_prefixes(&self, regions: &Regions) -> String {
        let inside = |prefix: &str| {
            let region = self.regions.get(prefix).copied().flatten();
            region.is_some_and(|region| regions.contains(region))
        };
        let enters = |prefix: &&str| inside(prefix) && !inside(self.parent(prefix));
        let leaves = |prefix: &&str| !inside(prefix) && inside(self.parent(prefix));
        let prefixes = || self.regions.keys().copied().filter(|p| !p.is_empty());
        let entered = prefixes().filter(enters).collect::<Vec<_>>().join(" or ");
        let left = prefixes().filter(leaves).collect::<Vec<_>>().join(" or ");
        match (inside(""), entered.is_empty(), left.is_empty()) {
            (true, true, _) => format!("PHONE beginning with none of {left}"),
            (true, false, _) => format!("PHONE beginning with none of {left}, or with {entered}"),
            (false, _, true) => format!("PHONE beginning with {entered}"),
            (false, _, false) => format!("PHONE beginning with {entered}, not with {left}"),
        }
    }

    /// The longest of the other prefixes that this one begins with.
    fn parent(&self, prefix: &str) -> &'p str {
        let shorter = self.regions.keys().copied();
        shorter
            .filter(|other| other.len() < prefix.len() && prefix.starts_with(other))
            .max_by_key(|other| other.len())
            .unwrap_or("")
    }
}

/// A number for each combination of lists that accept one. `accepting` says which lists accept a number.
fn examples(
    prefixes: &BTreeSet<&str>,
    accepting: impl Fn(&str) -> Vec<bool>,
) -> BTreeMap<Vec<bool>, String> {
    // Numbers of two digits show every way to begin outside the prefixes, and right after a prefix of one digit.
    let two_digits = std::iter::once(12).chain(10..100).map(|n| format!("+{n}"));
    let candidates = prefixes.iter().map(|&prefix| prefix.to_owned());
    let mut examples = BTreeMap::new();
    for candidate in candidates.chain(two_digits).filter(|text| is_phone(text)) {
        let lists = accepting(&candidate);
        if examples.contains_key(&lists) {
            continue;
        }
        let longer: String = format!("{candidate}{TAIL}");
        let longer: String = longer.chars().take(*PHONE_DIGITS.end()).collect();
        let same_region = accepting(&longer) == lists;
        examples.insert(lists, if same_region { longer } else { candidate });
    }
    examples
}

fn begins_with_one(phone: &str, prefixes: &BTreeSet<Box<str>>) -> bool {
    prefixes.iter().any(|prefix| phone.starts_with(&**prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefixes: &[&str]) -> BTreeSet<Box<str>> {
        prefixes.iter().map(|&p| p.into()).collect()
    }

    fn words(phones: &Phones<'_>, regions: impl IntoIterator<Item = u16>) -> String {
        phones.describe(&Regions::of(u16::try_from(phones.len()).unwrap(), regions))
    }

    #[test]
    fn numbers_that_the_same_lists_accept_are_one_region() {
        let (old, new) = (list(&["+1", "+49"]), list(&["+1202", "+49", "+44"]));
        let (old, new) = (Condition::OneOf(&old), Condition::OneOf(&new));
        let phones = Phones::of(&[old, new]);
        assert_eq!(phones.len(), 5);
        let (inside_old, inside_new) = (phones.meeting(old), phones.meeting(new));
        let both = inside_old.iter().filter(|r| inside_new.contains(r));
        assert_eq!(
            words(&phones, both.copied()),
            "PHONE beginning with +1202 or +49"
        );
        let only_old = inside_old.iter().filter(|r| !inside_new.contains(r));
        assert_eq!(
            words(&phones, only_old.copied()),
            "PHONE beginning with +1, not with +1202"
        );
        let outside = (1..5).filter(|r| !inside_old.contains(r) && !inside_new.contains(r));
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
        let phones = Phones::of(&[Condition::OneOf(&whole), Condition::OneOf(&parts)]);
        assert_eq!(phones.len(), 3);
    }
}
