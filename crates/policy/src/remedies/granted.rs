//! The scopes that a plan needs, and the conditions on their data: one date of birth, one telephone number and one identity for all
//! rules. A set shows only the scopes. Such data must be possible, so that no set asks for data that nobody has.

use std::{collections::BTreeSet, sync::Arc};

use super::work::Work;
use crate::{
    evidence::{PersonalText, Scope},
    identity::Identity,
    limits::AGE_YEARS_MAX,
    rule::Identities,
};

/// How many identities of a list are tried as one that other lists permit.
const IDENTITIES_TRIED_MAX: usize = 1_000;

/// Scopes, and the conditions on their data.
#[derive(Debug, Clone, Default)]
pub(super) struct Granted<'p> {
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) ages: Ages,
    /// The number begins with one of these; with anything if `None`. Never empty, sorted, and none begins with another.
    phone_any: Option<Arc<[&'p str]>>,
    identity: Vec<Is<'p>>,
}

/// How old the person must be, in years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ages {
    /// At least this old.
    pub(super) from: u16,
    /// Younger than this.
    pub(super) below: u16,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            from: 0,
            below: u16::MAX,
        }
    }
}

/// What an identity must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Is<'p> {
    /// This one.
    The(&'p Identity),
    /// On this list.
    On(&'p Identities),
    /// Not on this list.
    NotOn(&'p Identities),
}

impl Is<'_> {
    fn permits(self, identity: &str) -> bool {
        match self {
            Self::The(known) => known.as_str() == identity,
            Self::On(listed) => listed.ids.contains(identity),
            Self::NotOn(listed) => !listed.ids.contains(identity),
        }
    }

    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::The(one), Self::The(other)) => one == other,
            (Self::On(one), Self::On(other)) | (Self::NotOn(one), Self::NotOn(other)) => {
                Arc::ptr_eq(&one.ids, &other.ids)
            }
            _ => false,
        }
    }
}

impl<'p> Granted<'p> {
    /// This scope, with any data.
    pub(super) fn scope(scope: Scope) -> Self {
        Self {
            scopes: [scope].into(),
            ..Self::default()
        }
    }

    /// A date of birth of somebody of these ages; `None` if nobody has such an age.
    pub(super) fn ages(ages: Ages) -> Option<Self> {
        ages.are_somebodys().then(|| Self {
            ages,
            ..Self::scope(Scope::DateOfBirth)
        })
    }

    /// A telephone number that begins with one of these.
    pub(super) fn phone(prefixes: &'p BTreeSet<Box<str>>) -> Option<Self> {
        (!prefixes.is_empty()).then(|| Self {
            phone_any: Some(shortest(prefixes.iter().map(AsRef::as_ref))),
            ..Self::scope(Scope::Phone)
        })
    }

    /// An identity that fulfils this condition; `None` if there is none.
    pub(super) fn identity(is: Is<'p>) -> Option<Self> {
        let granted = Self {
            identity: vec![is],
            ..Self::scope(Scope::IdentityId)
        };
        let work = Work::default();
        granted.an_identity(&work).is_some().then_some(granted)
    }

    /// Both conditions; `None` if no data fulfils both.
    pub(super) fn and(&self, other: &Self, work: &Work) -> Option<Self> {
        let ages = Ages {
            from: self.ages.from.max(other.ages.from),
            below: self.ages.below.min(other.ages.below),
        };
        let phone_any = match (&self.phone_any, &other.phone_any) {
            (None, prefixes) | (prefixes, None) => prefixes.clone(),
            (Some(one), Some(other)) => Some(longer(one, other))
                .filter(|any| !any.is_empty())
                .map(Some)?,
        };
        let mut both = Self {
            scopes: self.scopes.union(&other.scopes).cloned().collect(),
            ages: ages.are_somebodys().then_some(ages)?,
            phone_any,
            identity: self.identity.clone(),
        };
        for is in &other.identity {
            if !both.identity.iter().any(|known| known.is_same(*is)) {
                both.identity.push(*is);
            }
        }
        let adds_to_both = both.identity.len() > self.identity.len().max(other.identity.len());
        (!adds_to_both || both.an_identity(work).is_some()).then_some(both)
    }

    /// Whether all data and scopes that suffice for the other suffice for this.
    pub(super) fn is_no_stricter(&self, other: &Self) -> bool {
        let phone = match (&self.phone_any, &other.phone_any) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(other)) => {
                Arc::ptr_eq(one, other) || beginning_with(other, one).count() == other.len()
            }
        };
        let identity = |is: &Is<'_>| other.identity.iter().any(|other| is.is_same(*other));
        self.scopes.is_subset(&other.scopes)
            && self.ages.from <= other.ages.from
            && self.ages.below >= other.ages.below
            && phone
            && self.identity.iter().all(identity)
    }

    /// The same scopes, with the data of the other.
    pub(super) fn with_data_of(&self, other: &Self) -> Self {
        Self {
            scopes: self.scopes.clone(),
            ..other.clone()
        }
    }

    /// The steps of looking at all of it but the telephone numbers, which are shared.
    pub(super) fn size(&self) -> usize {
        let size = self.scopes.len().saturating_mul(8);
        size.saturating_add(self.identity.len())
    }

    /// The steps of comparing it with another.
    pub(super) fn steps_with(&self, other: &Self) -> usize {
        let identities = self.identity.len().saturating_mul(other.identity.len());
        let phone = match (&self.phone_any, &other.phone_any) {
            (Some(one), Some(other)) => one.len().saturating_add(other.len()).saturating_mul(4),
            _ => 0,
        };
        identities.saturating_add(phone)
    }

    /// A telephone number that suffices.
    pub(super) fn a_phone(&self) -> PersonalText {
        let prefix = self.phone_any.as_ref().and_then(|any| any.first());
        // A number has two digits at least.
        match prefix {
            None => "+12".into(),
            Some(prefix) if prefix.len() < 3 => format!("{prefix}2").into(),
            Some(prefix) => PersonalText::from(&**prefix),
        }
    }

    /// An identity that suffices; `None` if none was found.
    pub(super) fn an_identity(&self, work: &Work) -> Option<Identity> {
        let permitted = |text: &&str| {
            work.spend(self.identity.len().saturating_mul(10));
            self.identity.iter().all(|is| is.permits(text))
        };
        let lists = self.identity.iter().filter_map(|is| match is {
            Is::On(listed) => Some(&listed.ids),
            Is::The(_) | Is::NotOn(_) => None,
        });
        let known = self.identity.iter().find_map(|is| match is {
            Is::The(identity) => Some(identity.as_str()),
            Is::On(_) | Is::NotOn(_) => None,
        });
        if let Some(known) = known {
            return Some(known)
                .filter(permitted)
                .and_then(|id| Identity::parse(id).ok());
        }
        if let Some(shortest) = lists.min_by_key(|ids| ids.len()) {
            let mut ids = shortest
                .iter()
                .take(IDENTITIES_TRIED_MAX)
                .map(AsRef::as_ref);
            return ids.find(permitted).and_then(|id| Identity::parse(id).ok());
        }
        let made_up = (0..IDENTITIES_TRIED_MAX).map(|n| format!("made-up-{n}"));
        let mut made_up = made_up.filter(|id| permitted(&id.as_str()));
        made_up.next().and_then(|id| Identity::parse(&id).ok())
    }
}

impl Ages {
    /// Whether a person can be of these ages. A date of birth more than 150 years ago is not plausible.
    fn are_somebodys(self) -> bool {
        self.from < self.below && self.from < AGE_YEARS_MAX
    }
}

/// The prefixes that satisfy both lists: if one prefix begins with another, the longer one.
fn longer<'p>(one: &[&'p str], other: &[&'p str]) -> Arc<[&'p str]> {
    let both = beginning_with(one, other).chain(beginning_with(other, one));
    let mut longer: Vec<&str> = both.collect();
    longer.sort_unstable();
    longer.dedup();
    longer.into()
}

/// Those of the first that begin with one of the second, where both are sorted and none of the second begins with another.
fn beginning_with<'o, 'p>(
    texts: &'o [&'p str],
    prefixes: &'o [&'p str],
) -> impl Iterator<Item = &'p str> {
    let mut prefixes = prefixes.iter().copied().peekable();
    let mut last: Option<&str> = None;
    texts.iter().copied().filter(move |text| {
        while let Some(prefix) = prefixes.next_if(|prefix| prefix <= text) {
            last = Some(prefix);
        }
        last.is_some_and(|prefix| text.starts_with(prefix))
    })
}

/// Those of sorted prefixes that do not begin with another one.
fn shortest<'p>(sorted: impl Iterator<Item = &'p str>) -> Arc<[&'p str]> {
    let mut shortest: Vec<&str> = Vec::new();
    for prefix in sorted {
        if !shortest
            .last()
            .is_some_and(|known| prefix.starts_with(known))
        {
            shortest.push(prefix);
        }
    }
    shortest.into()
}
