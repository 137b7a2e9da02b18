//! Why a text is not an identity, in words that show what cannot be seen.

use std::fmt;

/// Why a text is not an identity, or not one of a list. Its text names a character by its number, and never quotes the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidIdentityError {
    /// There is none.
    Empty,
    /// It is longer than 256 bytes.
    TooLong,
    /// This character, in this column from 1, is none that an identity has.
    Character {
        /// The character.
        c: char,
        /// Its column, in characters.
        column: usize,
    },
    /// This character, in this column from 1, is a compatibility form of another character.
    Compatibility {
        /// The character.
        c: char,
        /// Its column, in characters.
        column: usize,
    },
    /// It is not in the normal form NFC of Unicode.
    NotNormal,
    /// Of a list: this sign, in this column from 1, shows that something else is meant than one identity.
    Markup {
        /// What the sign is for.
        what: &'static str,
        /// Its column, in characters.
        column: usize,
    },
    /// Of a list: it is a UUID, but not written as 36 characters.
    UuidForm,
}

impl InvalidIdentityError {
    /// Whether it is a UUID in a form that a list does not take.
    pub(crate) fn is_uuid_form(self) -> bool {
        self == Self::UuidForm
    }

    /// The column of the character that is wrong, from 1; 1 if it is the whole text.
    pub(crate) fn column(self) -> usize {
        match self {
            Self::Character { column, .. }
            | Self::Compatibility { column, .. }
            | Self::Markup { column, .. } => column,
            Self::Empty | Self::TooLong | Self::NotNormal | Self::UuidForm => 1,
        }
    }
}

impl fmt::Display for InvalidIdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => f.write_str("it is longer than 256 bytes"),
            Self::Character { c: ' ', .. } => f.write_str("it has a blank inside or at an end"),
            Self::Character { c: '\t', .. } => f.write_str("it has a tab"),
            Self::Character { c: '\r', .. } => {
                f.write_str("it has a carriage return that ends no line")
            }
            Self::Character { c: '\u{feff}', .. } => {
                f.write_str("it has a byte order mark, U+FEFF")
            }
            Self::Character { c, .. } => write!(
                f,
                "it has U+{:04X}, which is not a letter, a digit or a printable ASCII character",
                u32::from(*c)
            ),
            Self::Compatibility { c, .. } => write!(
                f,
                "it has U+{:04X}, a compatibility form of another character",
                u32::from(*c)
            ),
            Self::NotNormal => f.write_str("it is not in the normal form NFC of Unicode"),
            Self::Markup { what, .. } => write!(f, "it has {what}"),
            Self::UuidForm => f.write_str("it is a UUID, but not written as 36 characters"),
        }
    }
}

impl std::error::Error for InvalidIdentityError {}
