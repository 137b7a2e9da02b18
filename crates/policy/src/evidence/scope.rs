//! Scopes: the data that a verification grants.

/// A permission to read data of a verification. Tenants have their own scopes, which are kept as the upstream sends them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `IDENTITY_ID`: the identity.
    IdentityId,
    /// `NAME`: the names.
    Name,
    /// `DATE_OF_BIRTH`.
    DateOfBirth,
    /// `PHONE`: the telephone number.
    Phone,
    /// Any other.
    Other(Box<str>),
}

impl Scope {
    /// The scope as the upstream spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::IdentityId => "IDENTITY_ID",
            Self::Name => "NAME",
            Self::DateOfBirth => "DATE_OF_BIRTH",
            Self::Phone => "PHONE",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        [Self::IdentityId, Self::Name, Self::DateOfBirth, Self::Phone]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}
