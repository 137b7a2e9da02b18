//! Telephone numbers in E.164 form: a plus sign and digits, of which the first is not 0.

use std::ops::RangeInclusive;

use crate::limits::{PHONE_DIGITS, PHONE_PREFIX_DIGITS};

/// Whether the text is a telephone number.
pub(crate) fn is_phone(text: &str) -> bool {
    has_digits(text, &PHONE_DIGITS)
}

/// Whether the text can begin a telephone number.
pub(crate) fn is_phone_prefix(text: &str) -> bool {
    has_digits(text, &PHONE_PREFIX_DIGITS)
}

fn has_digits(text: &str, count: &RangeInclusive<usize>) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        count.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}
