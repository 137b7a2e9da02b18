//! The partition of one axis into regions: values that the two policies cannot distinguish are one region. Each kind of
//! partition keeps to itself what its regions mean: how a check is mapped to its region, which regions meet a condition, an
//! example of a region, and its description.

mod ages;
mod alternatives;
mod births;
mod flag;
mod intervals;
mod phones;
mod schedules;
mod texts;

use self::{
    ages::Ages,
    births::Births,
    flag::Flag,
    phones::Phones,
    texts::{TextField, Texts},
};
pub(in crate::authoring) use self::{births::Birthday, schedules::Stretch};
pub(super) use self::{schedules::Schedules, texts::Groups};
use super::{
    axis::Axis,
    check::Check,
    draft::{Draft, NoWitnessError},
    expression::Condition,
    regions::Regions,
};

/// The regions of one axis.
#[derive(Debug)]
pub(super) enum Partition<'p> {
    /// Something that is so or is not.
    Flag(Flag<'p>),
    /// A text by the lists that name it.
    Texts(Texts<'p>),
    /// A telephone number by its prefix.
    Phones(Phones<'p>),
    /// An instant by its age.
    Ages(Ages),
    /// A date of birth by the birthdays that have passed.
    Births(Births),
    /// The instant of the check by the schedules that it lies in.
    Schedules(Schedules<'p>),
}

impl<'p> Partition<'p> {
    /// The coarsest partition of this axis that distinguishes these conditions. `methods` are the groups of the axes
    /// [`Axis::Amr`].
    pub(super) fn of(axis: &Axis, conditions: &[Condition<'p>], methods: &Groups<'p>) -> Self {
        let texts = |field| Self::Texts(Texts::of(field, conditions));
        match axis {
            Axis::Status => texts(TextField::Status),
            Axis::Identity => texts(TextField::Identity),
            Axis::Project => texts(TextField::Project),
            Axis::Attribute(name) => texts(TextField::Attribute(name.clone())),
            Axis::Acr => texts(TextField::Acr),
            Axis::Scope(scope) => Self::Flag(Flag::Scope(scope.clone())),
            Axis::IdentityMatch => Self::Flag(Flag::IdentityMatch),
            Axis::Amr(group) => Self::Flag(Flag::Methods(methods.texts(*group).to_vec())),
            Axis::VerifiedAt => Self::Ages(Ages::of_verification(conditions)),
            Axis::AuthTime => Self::Ages(Ages::of_session(conditions)),
            Axis::DateOfBirth => Self::Births(Births::of(conditions)),
            Axis::Phone => Self::Phones(Phones::of(conditions)),
            Axis::Now => Self::Schedules(Schedules::of(conditions)),
        }
    }

    /// How many regions there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Flag(_) => Flag::LEN,
            Self::Texts(texts) => texts.len(),
            Self::Phones(phones) => phones.len(),
            Self::Ages(ages) => ages.len(),
            Self::Births(births) => births.len(),
            Self::Schedules(schedules) => schedules.len(),
        }
    }

    /// The regions whose values meet this condition, which is one of those that the partition was made of.
    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        match self {
            Self::Flag(_) => Flag::meeting(condition),
            Self::Texts(texts) => texts.meeting(condition),
            Self::Phones(phones) => phones.meeting(condition),
            Self::Ages(ages) => ages.meeting(condition),
            Self::Births(births) => births.meeting(condition),
            Self::Schedules(schedules) => schedules.meeting(condition),
        }
    }

    /// The region that a check lies in; none if its instant is not compared.
    pub(super) fn region_of(&self, check: &Check<'_>) -> Option<u16> {
        match self {
            Self::Flag(flag) => Some(flag.region_of(check)),
            Self::Texts(texts) => Some(texts.region_of(check)),
            Self::Phones(phones) => phones.region_of(check),
            Self::Ages(ages) => Some(ages.region_of(check)),
            Self::Births(births) => Some(births.region_of(check)),
            Self::Schedules(schedules) => schedules.region_of(check.now),
        }
    }

    /// Sets the fact of this axis to a value in one of these regions: the one that is the plainest to a reader. The instant of
    /// the check stays as it is; see [`Partition::instants`].
    pub(super) fn set_example(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
    ) -> Result<(), NoWitnessError> {
        match self {
            Self::Flag(flag) => flag.set_example(allowed, draft),
            Self::Texts(texts) => texts.set_example(allowed, draft),
            Self::Phones(phones) => phones.set_example(allowed, draft),
            Self::Ages(ages) => return ages.set_example(allowed, draft),
            Self::Births(births) => return births.set_example(allowed, draft),
            Self::Schedules(_) => {}
        }
        Ok(())
    }

    /// Instants of a check in these regions, the plainest first; none if this is not the axis of the instant.
    pub(super) fn instants(&self, allowed: &Regions) -> Option<Vec<i64>> {
        match self {
            Self::Schedules(schedules) => Some(schedules.instants(allowed)),
            Self::Flag(_) | Self::Texts(_) | Self::Phones(_) | Self::Ages(_) | Self::Births(_) => {
                None
            }
        }
    }

    /// What the values of these regions have in common, in words.
    pub(super) fn describe(&self, regions: &Regions) -> String {
        match self {
            Self::Flag(flag) => flag.describe(regions),
            Self::Texts(texts) => texts.describe(regions),
            Self::Phones(phones) => phones.describe(regions),
            Self::Ages(ages) => ages.describe(regions),
            Self::Births(births) => births.describe(regions),
            Self::Schedules(schedules) => schedules.describe(regions),
        }
    }
}
