//! `Age`: how long ago the upstream made a response that an HTTP cache has sent in its place.

use std::time::Duration;

use http::{HeaderMap, header::AGE};

/// The age of a response, of several the largest; zero where nothing is said. `None` if it cannot be read.
pub(super) fn age(headers: &HeaderMap) -> Option<Duration> {
    let mut oldest = Duration::ZERO;
    for value in headers.get_all(AGE) {
        for seconds in value.to_str().ok()?.split(',').map(str::trim) {
            if seconds.is_empty() || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // More digits than fit are a very large age.
            oldest = oldest.max(Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)));
        }
    }
    Some(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Duration> {
        let values = values.iter().map(|value| (AGE, value.parse().unwrap()));
        age(&values.collect())
    }

    #[test]
    fn an_age_is_seconds_and_the_largest_counts() {
        assert_eq!(of(&[]), Some(Duration::ZERO));
        assert_eq!(of(&["0"]), Some(Duration::ZERO));
        assert_eq!(of(&[" 600 "]), Some(Duration::from_mins(10)));
        assert_eq!(of(&["600", "5"]), Some(Duration::from_mins(10)));
        assert_eq!(of(&["5, 600"]), Some(Duration::from_mins(10)));
        let huge = Some(Duration::from_secs(u64::MAX));
        assert_eq!(of(&["99999999999999999999"]), huge);
    }

    #[test]
    fn an_age_that_cannot_be_read_is_unknown() {
        for value in ["", "-1", "1.5", "+1", "600s", "5,", "\u{e9}"] {
            assert_eq!(of(&[value]), None, "{value}");
            assert_eq!(of(&["600", value]), None, "{value}");
        }
    }
}
