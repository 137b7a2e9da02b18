//! The axes of the space of inputs: what a check can differ in that a policy can read. They are independent of one another
//! (but for the instant of the check and ages, of which `witness` takes care), and each has finitely many regions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    NotCompared,
    formula::{Formula, Formulas, Rank},
    phones::Phones,
    regions::{Groups, Line, Regions},
    schedules::Hours,
};
use crate::{
    evidence::Scope,
    limits::AGE_YEARS_MAX,
    rule::{Authenticated, Requirement},
    schedule::Schedule,
};

/// How many axes and regions of one axis there may be: more than any policy needs, few enough for every walk.
const AXES_MAX: usize = 512;
const REGIONS_MAX: usize = 4096;

/// One axis. In this order they are decided, unless the policies differ in some: `Claim` only means something where there
/// is an identity, and `Amr` and `Acr` where there is a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Axis {
    /// The status: `Groups`.
    Status,
    /// How long ago the verification was made: `Line`.
    VerifiedAt,
    /// Whether a scope is granted and its data readable: 0 if it is, else 1.
    Scope(Scope),
    /// The date of birth: `Line`.
    Birth,
    /// The telephone number.
    Phone,
    /// The evidence's identity: `Groups`.
    Identity,
    /// Whether the request names that identity: 0 if it does, else 1.
    Claim,
    /// The project: `Groups`.
    Project,
    /// A request's attribute: `Groups`.
    Attribute(Box<str>),
    /// How long ago the session was authenticated: `Line`.
    AuthTime,
    /// Whether the session has a method of this group: 0 if it has, else 1.
    Amr(u16),
    /// The session's context class: `Groups`.
    Acr,
    /// The instant of the check.
    Hours,
}

/// A moment on the way through a life: 14 h before a birthday began in UTC, or 14 h after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Birthday {
    pub(super) years: u16,
    pub(super) after: bool,
}

/// What two policies ask about, axis by axis.
#[derive(Default)]
pub(super) struct Atoms<'p> {
    pub(super) axes: BTreeSet<Axis>,
    lists: BTreeMap<Axis, Vec<&'p BTreeSet<Box<str>>>>,
    verified: BTreeSet<i64>,
    authenticated: BTreeSet<i64>,
    birthdays: BTreeSet<Birthday>,
    amr: Vec<&'p BTreeSet<Box<str>>>,
    schedules: Vec<&'p Schedule>,
}

impl<'p> Atoms<'p> {
    /// Adds what this asks about.
    pub(super) fn add(&mut self, requirement: &'p Requirement) {
        match requirement {
            Requirement::Status(list) => self.list(Axis::Status, list),
            Requirement::Project(list) => self.list(Axis::Project, list),
            Requirement::Attribute(name, list) => self.list(Axis::Attribute(name.clone()), list),
            Requirement::PhonePrefix(list) => self.list(Axis::Phone, list),
            Requirement::IdentityIn(listed) | Requirement::IdentityNotIn(listed) => {
                self.list(Axis::Identity, &listed.ids);
            }
            Requirement::IdentityAsRequested => {
                self.axes.extend([Axis::Identity, Axis::Claim]);
            }
            Requirement::VerifiedWithin(age_max) => {
                self.axes.insert(Axis::VerifiedAt);
                self.verified.insert(millis(*age_max));
            }
            Requirement::Scopes(scopes) => self.axes.extend(scopes.iter().map(axis_of)),
            Requirement::AgeAtLeast(years) => self.birthday(*years, true),
            Requirement::AgeBelow(years) => self.birthday(*years, false),
            Requirement::Authenticated(wanted) => {
                self.axes.insert(Axis::AuthTime);
                self.authenticated.insert(millis(wanted.within));
                self.amr.push(&wanted.amr_any);
                if !wanted.acr_any.is_empty() {
                    self.list(Axis::Acr, &wanted.acr_any);
                }
            }
            Requirement::Schedule(schedule) => {
                self.axes.insert(Axis::Hours);
                self.schedules.push(schedule);
            }
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
                for part in parts {
                    self.add(part);
                }
            }
        }
    }

    /// How much there is to be compared.
    pub(super) fn size(&self) -> usize {
        let texts = self.lists.values().flatten().chain(&self.amr);
        let texts: usize = texts.map(|list| list.len()).sum();
        texts.saturating_add(self.axes.len())
    }

    fn list(&mut self, axis: Axis, list: &'p BTreeSet<Box<str>>) {
        self.axes.insert(axis.clone());
        self.lists.entry(axis).or_default().push(list);
    }

    /// Only what lies inside a life is an edge.
    fn birthday(&mut self, years: u16, after: bool) {
        self.axes.insert(Axis::Birth);
        let inside = if after {
            years < AGE_YEARS_MAX
        } else {
            (1..=AGE_YEARS_MAX).contains(&years)
        };
        if inside {
            self.birthdays.insert(Birthday { years, after });
        }
    }
}

/// The axes of two policies in the order in which they are decided, and the regions of each.
#[derive(Debug)]
pub(super) struct Space<'p> {
    axes: Vec<Axis>,
    ranks: BTreeMap<Axis, Rank>,
    pub(super) groups: BTreeMap<Axis, Groups<'p>>,
    pub(super) amr: Groups<'p>,
    pub(super) phones: Phones<'p>,
    pub(super) verified: Line<i64>,
    pub(super) authenticated: Line<i64>,
    pub(super) births: Line<Birthday>,
    pub(super) hours: Hours<'p>,
}

impl<'p> Space<'p> {
    /// The space of what is asked about, with the axes in which the policies differ first: a cell then begins with what
    /// makes the difference.
    pub(super) fn of(atoms: Atoms<'p>, mut first: BTreeSet<Axis>) -> Result<Self, NotCompared> {
        let amr = Groups::of(&atoms.amr, false);
        let methods: BTreeSet<Axis> = amr.iter().map(|(group, _)| Axis::Amr(group)).collect();
        if first.contains(&Axis::AuthTime) {
            first.extend(methods.iter().cloned());
        }
        let mut axes: Vec<Axis> = atoms.axes.into_iter().chain(methods).collect();
        axes.sort_by_key(|axis| (!first.contains(axis), axis.clone()));
        if axes.len() > AXES_MAX {
            return Err(NotCompared::TooLarge);
        }
        let mut lists = atoms.lists;
        let phones = Phones::of(&lists.remove(&Axis::Phone).unwrap_or_default());
        lists.entry(Axis::Identity).or_default();
        let groups = lists.into_iter().map(|(axis, lists)| {
            let groups = Groups::of(&lists, axis == Axis::Identity);
            (axis, groups)
        });
        let space = Self {
            ranks: axes.iter().cloned().zip(0..).collect(),
            axes,
            groups: groups.collect(),
            amr,
            phones,
            verified: Line::of(atoms.verified),
            authenticated: Line::of(atoms.authenticated),
            births: Line::of(atoms.birthdays),
            hours: Hours::of(atoms.schedules),
        };
        if space
            .axes
            .iter()
            .any(|axis| space.regions(axis) > REGIONS_MAX)
        {
            return Err(NotCompared::TooLarge);
        }
        Ok(space)
    }

    /// How many regions each axis has, by rank.
    pub(super) fn sizes(&self) -> Vec<u16> {
        self.axes.iter().map(|axis| self.size(axis)).collect()
    }

    /// The axis of this rank.
    pub(super) fn axis(&self, rank: Rank) -> Option<&Axis> {
        self.axes.get(usize::from(rank))
    }

    /// The rank of this axis, if a policy reads it.
    pub(super) fn rank(&self, axis: &Axis) -> Option<Rank> {
        self.ranks.get(axis).copied()
    }

    pub(super) fn size(&self, axis: &Axis) -> u16 {
        u16::try_from(self.regions(axis)).unwrap_or(u16::MAX)
    }

    fn regions(&self, axis: &Axis) -> usize {
        match axis {
            Axis::VerifiedAt => self.verified.size(),
            Axis::AuthTime => self.authenticated.size(),
            Axis::Birth => self.births.size(),
            Axis::Phone => self.phones.size(),
            Axis::Hours => self.hours.size(),
            Axis::Scope(_) | Axis::Claim | Axis::Amr(_) => 2,
            Axis::Status | Axis::Identity | Axis::Project | Axis::Attribute(_) | Axis::Acr => {
                self.groups.get(axis).map_or(1, Groups::size)
            }
        }
    }

    /// The requirement as a formula over the axes.
    pub(super) fn formula(&self, requirement: &Requirement, formulas: &mut Formulas) -> Formula {
        if formulas.work.is_done() {
            // Whoever goes on from here asks that first, and gives up.
            return Formula::FALSE;
        }
        let mut inside = |axis: &Axis, regions: Vec<u16>| self.inside(axis, regions, formulas);
        match requirement {
            Requirement::Status(list) => inside(&Axis::Status, self.listed(&Axis::Status, list)),
            Requirement::Project(list) => inside(&Axis::Project, self.listed(&Axis::Project, list)),
            Requirement::Attribute(name, list) => {
                let axis = Axis::Attribute(name.clone());
                inside(&axis, self.listed(&axis, list))
            }
            Requirement::PhonePrefix(list) => {
                inside(&Axis::Phone, self.phones.inside(list).collect())
            }
            Requirement::IdentityIn(listed) => {
                let regions = self.listed(&Axis::Identity, &listed.ids);
                inside(&Axis::Identity, regions)
            }
            Requirement::IdentityNotIn(listed) => {
                let blocked = self.listed(&Axis::Identity, &listed.ids);
                let mut regions = self.known(&Axis::Identity);
                regions.retain(|region| !blocked.contains(region));
                inside(&Axis::Identity, regions)
            }
            Requirement::IdentityAsRequested => {
                let known = inside(&Axis::Identity, self.known(&Axis::Identity));
                let same = inside(&Axis::Claim, vec![0]);
                formulas.all([known, same])
            }
            Requirement::VerifiedWithin(age_max) => {
                let regions = self.verified.before(millis(*age_max));
                inside(&Axis::VerifiedAt, regions.collect())
            }
            Requirement::Scopes(scopes) => {
                let axes: Vec<Axis> = scopes.iter().map(axis_of).collect();
                let parts = axes.iter().map(|axis| inside(axis, self.known(axis)));
                let parts: Vec<Formula> = parts.collect();
                formulas.all(parts)
            }
            Requirement::AgeAtLeast(years) => inside(&Axis::Birth, self.aged(*years)),
            Requirement::AgeBelow(years) => inside(&Axis::Birth, self.younger(*years)),
            Requirement::Authenticated(wanted) => self.authenticated(wanted, formulas),
            Requirement::Schedule(schedule) => {
                inside(&Axis::Hours, self.hours.inside(schedule).collect())
            }
            Requirement::AnyOf(parts) => {
                let parts: Vec<Formula> = parts.iter().map(|p| self.formula(p, formulas)).collect();
                formulas.any(parts)
            }
            Requirement::AllOf(parts) => {
                let parts: Vec<Formula> = parts.iter().map(|p| self.formula(p, formulas)).collect();
                formulas.all(parts)
            }
        }
    }

    fn authenticated(&self, wanted: &Authenticated, formulas: &mut Formulas) -> Formula {
        let recent = self.authenticated.before(millis(wanted.within)).collect();
        let mut parts = vec![self.inside(&Axis::AuthTime, recent, formulas)];
        if !wanted.amr_any.is_empty() {
            let methods: Vec<Formula> = self
                .amr
                .inside(&wanted.amr_any)
                .map(|group| self.inside(&Axis::Amr(group), vec![0], formulas))
                .collect();
            parts.push(formulas.any(methods));
        }
        if !wanted.acr_any.is_empty() {
            let classes = self.listed(&Axis::Acr, &wanted.acr_any);
            parts.push(self.inside(&Axis::Acr, classes, formulas));
        }
        formulas.all(parts)
    }

    fn inside(&self, axis: &Axis, regions: Vec<u16>, formulas: &mut Formulas) -> Formula {
        let Some(rank) = self.rank(axis) else {
            return Formula::FALSE;
        };
        let size = self.size(axis);
        formulas.work.cost(size.into());
        formulas.inside(rank, Regions::of(size, regions))
    }

    fn listed(&self, axis: &Axis, list: &BTreeSet<Box<str>>) -> Vec<u16> {
        let groups = self.groups.get(axis);
        groups.map_or_else(Vec::new, |groups| groups.inside(list).collect())
    }

    /// The regions in which an axis that a scope is about has readable data.
    fn known(&self, axis: &Axis) -> Vec<u16> {
        match axis {
            Axis::Scope(_) => vec![0],
            Axis::Birth => self.births.known().collect(),
            Axis::Identity => (0..self.size(axis).saturating_sub(1)).collect(),
            _ => (1..self.size(axis)).collect(),
        }
    }

    fn aged(&self, years: u16) -> Vec<u16> {
        if years >= AGE_YEARS_MAX {
            return Vec::new();
        }
        self.births.after(Birthday { years, after: true }).collect()
    }

    fn younger(&self, years: u16) -> Vec<u16> {
        match years {
            0 => Vec::new(),
            1..=AGE_YEARS_MAX => {
                let before = Birthday {
                    years,
                    after: false,
                };
                self.births.before(before).collect()
            }
            _ => self.births.known().collect(),
        }
    }
}

/// The axis that a scope's data is on: several requirements may be about it.
fn axis_of(scope: &Scope) -> Axis {
    match scope {
        Scope::IdentityId => Axis::Identity,
        Scope::DateOfBirth => Axis::Birth,
        Scope::Phone => Axis::Phone,
        Scope::Name | Scope::Other(_) => Axis::Scope(scope.clone()),
    }
}

/// In whole milliseconds, upwards: evidence comes in milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
