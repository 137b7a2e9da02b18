//! A text about a person, which is shown nowhere and overwritten when it is dropped.

use std::{fmt, ops::Deref};

use zeroize::Zeroize as _;

/// A text about a person. Its `Debug` output never shows it, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalText(Box<str>);

impl<T: Into<Box<str>>> From<T> for PersonalText {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Deref for PersonalText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalText(…)")
    }
}

impl Drop for PersonalText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
