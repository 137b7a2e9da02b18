//! The scopes that a verification grants, in little memory: the evidence cache holds very many such sets, most of them of known scopes alone.

use std::fmt;

use super::scope::Scope;

/// The scopes that have a name of their own, in their order.
const KNOWN: [Scope; 4] = [
    Scope::IdentityId,
    Scope::Name,
    Scope::DateOfBirth,
    Scope::Phone,
];

/// A set of scopes. In order: the known ones, and then those of the tenant by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Those of [`KNOWN`], a bit for each.
    known: u8,
    /// The others, sorted. Takes no memory while there are none.
    others: Box<[Scope]>,
}

impl Scopes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known == 0 && self.others.is_empty()
    }

    /// Whether this one is among them.
    pub fn contains(&self, scope: &Scope) -> bool {
        match bit(scope) {
            Some(bit) => self.known & bit != 0,
            None => self.others.binary_search(scope).is_ok(),
        }
    }

    /// Adds one.
    pub fn insert(&mut self, scope: Scope) {
        self.extend([scope]);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        let known = KNOWN.iter().filter(|scope| self.contains(scope));
        known.chain(&self.others)
    }
}

/// The place of a known scope.
fn bit(scope: &Scope) -> Option<u8> {
    match scope {
        Scope::IdentityId => Some(1),
        Scope::Name => Some(1 << 1),
        Scope::DateOfBirth => Some(1 << 2),
        Scope::Phone => Some(1 << 3),
        Scope::Other(_) => None,
    }
}

impl Extend<Scope> for Scopes {
    fn extend<I: IntoIterator<Item = Scope>>(&mut self, scopes: I) {
        let mut others = std::mem::take(&mut self.others).into_vec();
        for scope in scopes {
            match bit(&scope) {
                Some(bit) => self.known |= bit,
                None => others.push(scope),
            }
        }
        others.sort_unstable();
        others.dedup();
        self.others = others.into();
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::default();
        set.extend(scopes);
        set
    }
}

impl<const N: usize> From<[Scope; N]> for Scopes {
    fn from(scopes: [Scope; N]) -> Self {
        scopes.into_iter().collect()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NAMES: [&str; 7] = [
        "PHONE",
        "ZONE",
        "NAME",
        "IDENTITY_ID",
        "BADGE",
        "DATE_OF_BIRTH",
        "name",
    ];

    #[test]
    fn they_are_a_sorted_set() {
        for picked in 0..1_u32 << NAMES.len() {
            let names = (0..NAMES.len()).filter(|n| picked >> n & 1 == 1);
            let scopes: Vec<Scope> = names.map(|n| Scope::from(NAMES[n])).collect();
            let expected: BTreeSet<Scope> = scopes.iter().cloned().collect();
            let set: Scopes = scopes.iter().cloned().collect();
            let mut one_by_one = Scopes::default();
            for scope in scopes.iter().chain(&scopes).rev() {
                one_by_one.insert(scope.clone());
            }
            assert_eq!(one_by_one, set);
            assert!(set.iter().eq(&expected));
            assert_eq!(set.len(), expected.len());
            assert_eq!(set.is_empty(), expected.is_empty());
            for asked in NAMES.map(Scope::from) {
                assert_eq!(set.contains(&asked), expected.contains(&asked));
            }
            one_by_one.clear();
            assert!(one_by_one.is_empty() && one_by_one.iter().next().is_none());
        }
    }
}
