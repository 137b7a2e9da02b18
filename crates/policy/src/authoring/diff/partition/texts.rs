//! Axes of texts that lists name: texts that are in the same lists are one region.

mod groups;

use std::collections::BTreeSet;

pub(in crate::authoring::diff) use self::groups::Groups;
use super::{
    super::{check::Check, draft::Draft, expression::Condition, regions::Regions},
    alternatives::alternatives,
};
use crate::{evidence::Datum, identity::Identity};

/// Which text of a check it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextField {
    Status,
    Identity,
    Project,
    Attribute(Box<str>),
    Acr,
}

/// A text of a check, and its regions: one for each group of listed texts, then the other texts, among which a missing text
/// counts. Where a condition separates the missing text from the other ones, it is a region of its own, the last: always for the
/// identity, which counts as missing where it cannot be read, and for an attribute of which some value, whichever, is required.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Texts<'p> {
    field: TextField,
    groups: Groups<'p>,
    /// Whether the missing text is a region of its own.
    missing_apart: bool,
}

impl<'p> Texts<'p> {
    /// The regions that the lists of these conditions distinguish.
    pub(super) fn of(field: TextField, conditions: &[Condition<'p>]) -> Self {
        let lists: Vec<&'p BTreeSet<Box<str>>> = conditions
            .iter()
            .filter_map(|condition| condition.list())
            .collect();
        let any_value = |condition: &Condition<'_>| matches!(condition, Condition::NoneOf(_));
        let missing_apart = match &field {
            TextField::Identity => true,
            TextField::Attribute(_) => conditions.iter().any(any_value),
            TextField::Status | TextField::Project | TextField::Acr => false,
        };
        Self {
            field,
            groups: Groups::of(&lists),
            missing_apart,
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.missing()).saturating_add(1)
    }

    /// The region of the texts that no list names.
    fn unlisted(&self) -> u16 {
        self.groups.len()
    }

    /// The region of a missing text.
    fn missing(&self) -> u16 {
        self.unlisted()
            .saturating_add(u16::from(self.missing_apart))
    }

    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        let known = 0..self.missing();
        let outside = |list, regions: std::ops::RangeInclusive<u16>| -> Vec<u16> {
            let inside: Vec<u16> = self.groups.inside(list).collect();
            regions.filter(|region| !inside.contains(region)).collect()
        };
        match condition {
            Condition::OneOf(list) => self.groups.inside(list).collect(),
            Condition::NoneOf(list) => outside(list, 0..=self.unlisted()),
            Condition::MissingOrNoneOf(list) => outside(list, 0..=self.missing()),
            Condition::Known => known.collect(),
            Condition::NewerThan(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::Inside(_) => Vec::new(),
        }
    }

    pub(super) fn region_of(&self, check: &Check<'_>) -> u16 {
        let (request, verification) = (check.given.request, check.given.verification);
        let text = match &self.field {
            TextField::Status => verification.status.as_deref(),
            TextField::Identity => verification.identity().ok().map(Identity::as_str),
            TextField::Project => verification.project.as_deref(),
            TextField::Attribute(name) => request.attributes.get(&**name).map(String::as_str),
            TextField::Acr => check.session().map(|session| session.acr.as_str()),
        };
        text.map_or(self.missing(), |text| self.groups.region_of(text))
    }

    pub(super) fn set_example(&self, allowed: &Regions, draft: &mut Draft) {
        let Some(region) = allowed.first() else {
            return;
        };
        let text = |unlisted| self.example(region, unlisted);
        match &self.field {
            TextField::Status => draft.verification.status = text("OTHER").map(Into::into),
            TextField::Project => {
                draft.verification.project = text("other-project").map(Into::into);
            }
            TextField::Identity => {
                if let Some(id) = text("id-1") {
                    draft.verification.identity = Datum::text(id).as_identity();
                }
            }
            TextField::Attribute(name) => {
                // Where no condition separates them, a missing attribute is the plainest of those that no list names.
                if region != self.missing()
                    && let Some(value) = text("other")
                {
                    draft.request.attributes.insert(name.to_string(), value);
                }
            }
            TextField::Acr => {
                if let (Some(class), Some(session)) = (text("other-class"), draft.session_mut()) {
                    session.acr = class;
                }
            }
        }
    }

    /// A text of this region, `unlisted` (or one with a number after it) where it is that of the unlisted ones; none where
    /// the text is missing.
    fn example(&self, region: u16, unlisted: &str) -> Option<String> {
        if region == self.unlisted() {
            Some(self.groups.unlisted_example(unlisted))
        } else {
            let texts = self.groups.texts(region);
            texts.first().map(|&text| text.to_owned())
        }
    }

    pub(super) fn describe(&self, regions: &Regions) -> String {
        let named = |inside: bool| -> Vec<&str> {
            let chosen = self
                .groups
                .iter()
                .filter(|(region, _)| regions.contains(*region) == inside);
            chosen.flat_map(|(_, texts)| texts).copied().collect()
        };
        let (inside, outside) = (named(true), named(false));
        let unlisted = regions.contains(self.unlisted());
        let label = match &self.field {
            TextField::Identity => return self.describe_identity(regions, &inside, &outside),
            TextField::Status => "status",
            TextField::Project => "project",
            TextField::Acr => "acr",
            TextField::Attribute(name) => &format!("attribute {name}"),
        };
        if self.missing_apart {
            return self.describe_attribute(label, regions, &inside, &outside);
        }
        match (unlisted, &self.field) {
            (false, _) => format!("{label} {}", alternatives(&inside)),
            (true, TextField::Status) => format!("{label} none of {}", alternatives(&outside)),
            (true, _) => format!("{label} missing or none of {}", alternatives(&outside)),
        }
    }

    /// The values of an attribute of which the missing one is a region of its own.
    fn describe_attribute(
        &self,
        label: &str,
        regions: &Regions,
        inside: &[&str],
        outside: &[&str],
    ) -> String {
        let (unlisted, missing) = (self.unlisted(), self.missing());
        match (regions.contains(missing), regions.contains(unlisted)) {
            (true, true) if outside.is_empty() => format!("{label} missing or any"),
            (true, true) => format!("{label} missing or none of {}", alternatives(outside)),
            (true, false) if inside.is_empty() => format!("{label} missing"),
            (true, false) => format!("{label} missing or {}", alternatives(inside)),
            (false, true) if outside.is_empty() => format!("{label} given"),
            (false, true) => format!("{label} given and none of {}", alternatives(outside)),
            (false, false) => format!("{label} {}", alternatives(inside)),
        }
    }

    fn describe_identity(&self, regions: &Regions, inside: &[&str], outside: &[&str]) -> String {
        let unlisted = regions.contains(self.unlisted());
        let known = match (unlisted, outside) {
            (true, []) => "identity known".to_owned(),
            (true, _) => format!("identity known and none of {}", alternatives(outside)),
            (false, _) => format!("identity {}", alternatives(inside)),
        };
        let missing = regions.contains(self.missing());
        let some = unlisted || !inside.is_empty();
        match (missing, some) {
            (true, true) => format!("identity missing or not readable, or {known}"),
            (true, false) => "identity missing or not readable".to_owned(),
            (false, _) => known,
        }
    }
}
