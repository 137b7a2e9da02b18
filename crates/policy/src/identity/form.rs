//! The canonical form of an identity.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use zeroize::Zeroize as _;

use super::{error::InvalidIdentityError, uuid::uuid_of};
use crate::limits::EVIDENCE_TEXT_BYTES_MAX;

/// The vowel signs AM of Thai and Lao, which NFKC takes apart although they are the only spelling in use.
const ORDINARY: [char; 2] = ['\u{e33}', '\u{eb3}'];

/// An identity in its canonical form, of 1 to 256 bytes. Its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(Box<str>);

impl Identity {
    /// Reads an identity of the vendor or of a request. A UUID may be written in capitals, in brackets, with `urn:uuid:` before it
    /// and without hyphens; any other text must be in the canonical form.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentityError> {
        Self::of(text).map_err(|(error, _)| error)
    }

    /// The same, of a text whose memory is kept if it can be; beside the error it is as it was.
    pub(crate) fn of<T>(text: T) -> Result<Self, (InvalidIdentityError, T)>
    where
        T: AsRef<str> + Into<Box<str>>,
    {
        if let Some(uuid) = uuid_of(text.as_ref()) {
            return Ok(Self(uuid.into()));
        }
        match check(text.as_ref()) {
            Ok(()) => Ok(Self(text.into())),
            Err(error) => Err((error, text)),
        }
    }

    /// An identity of this text, which is known to be in the canonical form.
    pub(super) fn canonical(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Never shows the identity: it is a person's.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Checks the form of an identity that is no UUID.
pub(super) fn check(text: &str) -> Result<(), InvalidIdentityError> {
    if text.is_empty() {
        return Err(InvalidIdentityError::Empty);
    }
    if text.len() > EVIDENCE_TEXT_BYTES_MAX {
        return Err(InvalidIdentityError::TooLong);
    }
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let mut bears_a_mark = false;
    for (c, column) in text.chars().zip(1..) {
        let kind = Kind::of(c);
        if kind == Kind::Other || kind == Kind::Mark && !bears_a_mark {
            return Err(InvalidIdentityError::Character { c, column });
        }
        bears_a_mark = kind != Kind::Sign;
    }
    if !ComposingNormalizerBorrowed::new_nfc().is_normalized(text) {
        return Err(InvalidIdentityError::NotNormal);
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let mut buffer = [0; 4];
    let mut characters = text.chars().zip(1..);
    let mut is_plain =
        |c: char| ORDINARY.contains(&c) || nfkc.is_normalized(c.encode_utf8(&mut buffer));
    match characters.find(|(c, _)| !is_plain(*c)) {
        Some((c, column)) => Err(InvalidIdentityError::Compatibility { c, column }),
        None => Ok(()),
    }
}

/// What a character is in an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A letter or a digit.
    Alphanumeric,
    /// A mark that belongs to the letter before it, such as a vowel sign.
    Mark,
    /// A printable sign of ASCII.
    Sign,
    /// Nothing that an identity has: a blank, a control character, an invisible one, a sign beyond ASCII.
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        if c.is_ascii() {
            return match c {
                _ if c.is_ascii_alphanumeric() => Self::Alphanumeric,
                _ if c.is_ascii_graphic() => Self::Sign,
                _ => Self::Other,
            };
        }
        // Some letters and marks are invisible, such as Hangul fillers and variation selectors.
        if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
            return Self::Other;
        }
        match CodePointMapData::<GeneralCategory>::new().get(c) {
            GeneralCategory::UppercaseLetter
            | GeneralCategory::LowercaseLetter
            | GeneralCategory::TitlecaseLetter
            | GeneralCategory::ModifierLetter
            | GeneralCategory::OtherLetter
            | GeneralCategory::DecimalNumber => Self::Alphanumeric,
            GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark => Self::Mark,
            _ => Self::Other,
        }
    }
}
