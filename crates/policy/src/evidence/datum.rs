//! One piece of personal data, which may be missing or unreadable.

use std::fmt;

use super::{birth::BirthDate, text::PersonalText};
use crate::{identity::Identity, phone::is_phone};

/// One piece of personal data. Its `Debug` output shows whether it is there, never its value.
#[derive(Clone, Default)]
pub enum Datum<T> {
    /// The upstream did not send it.
    #[default]
    Missing,
    /// The upstream sent it, but it is not valid.
    Unreadable,
    /// The value.
    Known(T),
}

impl<T> Datum<T> {
    /// Converts the value.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Datum<U> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Unreadable => Datum::Unreadable,
            Self::Known(value) => Datum::Known(into(value)),
        }
    }
}

impl Datum<PersonalText> {
    /// A text as the upstream sent it; a blank one is missing.
    pub fn text(text: impl Into<PersonalText>) -> Self {
        let text = text.into();
        if text.trim().is_empty() {
            Self::Missing
        } else {
            Self::Known(text)
        }
    }

    /// The text as an identity.
    pub fn as_identity(self) -> Datum<Identity> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Unreadable => Datum::Unreadable,
            Self::Known(text) => Identity::parse(&text).map_or(Datum::Unreadable, Datum::Known),
        }
    }

    /// The text as a telephone number in E.164 form: a plus sign, and 2 to 15 digits of which the first is not 0.
    pub fn as_phone(self) -> Self {
        self.readable_if(is_phone)
    }

    fn readable_if(self, readable: impl FnOnce(&str) -> bool) -> Self {
        match self {
            Self::Known(text) if !readable(&text) => Self::Unreadable,
            other => other,
        }
    }
}

impl Datum<BirthDate> {
    /// The date of birth at this number of milliseconds since 1970; unreadable if that is no plausible local midnight.
    pub fn birth(millis: i64) -> Self {
        BirthDate::from_millis(millis).map_or(Self::Unreadable, Self::Known)
    }
}

impl Datum<()> {
    /// Whether there is a full name, or a first and a last name. The names themselves are not kept.
    pub fn name(
        full: Datum<PersonalText>,
        first: Datum<PersonalText>,
        last: Datum<PersonalText>,
    ) -> Self {
        match (full.map(drop), first.map(drop), last.map(drop)) {
            (Self::Known(()), _, _) | (_, Self::Known(()), Self::Known(())) => Self::Known(()),
            (Self::Unreadable, _, _) | (_, Self::Unreadable, _) | (_, _, Self::Unreadable) => {
                Self::Unreadable
            }
            _ => Self::Missing,
        }
    }
}

impl<T> fmt::Debug for Datum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Unreadable => "Unreadable",
            Self::Known(_) => "Known(…)",
        })
    }
}
