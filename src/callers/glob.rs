//! Patterns of policy names, and of other texts.

use std::fmt;

/// The longest pattern, in bytes: a policy name with a `*` at each end.
const PATTERN_BYTES_MAX: usize = 66;
/// The longest pattern of other texts, in bytes.
const TEXT_PATTERN_BYTES_MAX: usize = 1024;

/// A pattern of policy names, in which `*` stands for any characters, also for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Box<str>);

/// A text is not a pattern of policy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a pattern of policy names: a-z, 0-9, `.`, `_`, `-`, and `*` for any characters")]
pub struct InvalidGlobError;

/// A text is empty, or too long for a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is empty, or longer than {TEXT_PATTERN_BYTES_MAX} bytes")]
pub struct InvalidTextGlobError;

impl Glob {
    /// Parses a pattern of policy names.
    pub fn parse(text: &str) -> Result<Self, InvalidGlobError> {
        let is_valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-*".contains(&c);
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX || !text.bytes().all(is_valid) {
            return Err(InvalidGlobError);
        }
        Ok(Self(text.into()))
    }

    /// Parses a pattern of any texts.
    pub fn of_texts(text: &str) -> Result<Self, InvalidTextGlobError> {
        if text.is_empty() || text.len() > TEXT_PATTERN_BYTES_MAX {
            return Err(InvalidTextGlobError);
        }
        Ok(Self(text.into()))
    }

    /// Whether every text that fits also fits the other pattern.
    pub fn is_at_least_as_specific_as(&self, other: &Self) -> bool {
        // A `*` here is matched by nothing but a `*` there.
        other.matches(&self.0)
    }

    /// Whether a name fits. Linear in both, whatever the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        // `split` always has a first part.
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a pattern means, written down without care for speed.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|n| naive(rest, &name[n..])),
            [c, rest @ ..] => name.first() == Some(c) && naive(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn what_fits_a_case_of_a_pattern_fits_the_pattern(
            one in "[ab*]{1,6}",
            other in "[ab*]{1,6}",
            name in "[ab]{0,8}",
        ) {
            let (one, other) = (Glob::of_texts(&one).unwrap(), Glob::of_texts(&other).unwrap());
            prop_assert!(one.is_at_least_as_specific_as(&one));
            prop_assert!(!one.is_at_least_as_specific_as(&other) || !one.matches(&name) || other.matches(&name));
        }

        #[test]
        fn a_star_stands_for_any_characters(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
            let glob = Glob::parse(&pattern).unwrap();
            prop_assert_eq!(glob.matches(&name), naive(pattern.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn a_pattern_is_made_of_the_characters_of_policy_names() {
        for pattern in ["*", "door-*", "*.admin", "a*b*c", "front_door"] {
            assert!(Glob::parse(pattern).is_ok(), "{pattern}");
        }
        for text in ["", "Door", "door-?", "[ab]", "a b", "a/b", "ä*", "{a,b}"] {
            assert!(Glob::parse(text).is_err(), "{text}");
        }
    }
}
