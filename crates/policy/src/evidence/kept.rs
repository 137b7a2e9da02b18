//! Which kinds of a person's data are read, or were kept. Evidence keeps only what a policy in force reads; a policy never judges evidence
//! that has not kept what it reads.

use super::scope::Scope;

/// Kinds of a person's data: none, some or all of the identity, the name, the telephone number and the date of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataKinds(u8);

impl DataKinds {
    /// None.
    pub const NONE: Self = Self(0);
    /// The identity.
    pub const IDENTITY: Self = Self(1);
    /// Whether there is a name.
    pub const NAME: Self = Self(1 << 1);
    /// The telephone number.
    pub const PHONE: Self = Self(1 << 2);
    /// The date of birth.
    pub const BIRTH: Self = Self(1 << 3);
    /// All of them.
    pub const ALL: Self = Self(0b1111);

    /// The kind of data that a scope grants; none for the scopes of a tenant.
    pub fn of_scope(scope: &Scope) -> Self {
        match scope {
            Scope::IdentityId => Self::IDENTITY,
            Scope::Name => Self::NAME,
            Scope::Phone => Self::PHONE,
            Scope::DateOfBirth => Self::BIRTH,
            Scope::Other(_) => Self::NONE,
        }
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are among both.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of those are among these.
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// All: a verification that is made by hand lacks nothing that it does not name.
impl Default for DataKinds {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<DataKinds> for DataKinds {
    fn from_iter<I: IntoIterator<Item = DataKinds>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::and)
    }
}
