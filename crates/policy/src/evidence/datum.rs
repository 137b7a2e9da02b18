//! One piece of a person's data, which may be missing or unreadable.

use std::fmt;

use crate::{limits::EVIDENCE_TEXT_BYTES_MAX, phone::is_phone};

/// One piece of a person's data. Its `Debug` tells whether it is there, never what it is.
#[derive(Clone, Default)]
pub enum Datum<T> {
    /// It did not come.
    #[default]
    Missing,
    /// It came, but it cannot be read.
    Unreadable,
    /// It came.
    Known(T),
}

impl<T> Datum<T> {
    /// The same piece of data in another form.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Datum<U> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Unreadable => Datum::Unreadable,
            Self::Known(value) => Datum::Known(into(value)),
        }
    }
}

impl Datum<Box<str>> {
    /// A text as it came; a blank one is none.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        if text.trim().is_empty() {
            Self::Missing
        } else {
            Self::Known(text)
        }
    }

    /// The text as an identity, which is never long.
    pub fn as_identity(self) -> Self {
        self.readable_if(|id| id.len() <= EVIDENCE_TEXT_BYTES_MAX)
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

impl Datum<()> {
    /// Whether there is a full name, or a first and a last one. The names themselves are not kept.
    pub fn name(full: Datum<Box<str>>, first: Datum<Box<str>>, last: Datum<Box<str>>) -> Self {
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
