//! `Retry-After`: how long the upstream asks us not to call.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

use super::http_date::{self, http_date};
use crate::policy::{Timestamp, between};

/// What a response says of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// Nothing.
    Missing,
    /// A pause whose length cannot be read, or that is over by the upstream's own clock.
    Unstated,
    /// A pause of this length, which may be very long.
    For(Duration),
}

/// The requested pause, of several the longest: a number of seconds, or the time until a date. The date is of the upstream's clock, so
/// its own `Date` is the start; `now` is, where there is none.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> RetryAfter {
    let start = http_date(headers, &DATE).unwrap_or(now);
    let pauses = headers.get_all(RETRY_AFTER).iter();
    let pauses = pauses.map(|value| value.to_str().ok().and_then(|text| pause(text, start)));
    pauses.fold(RetryAfter::Missing, |longest, pause| {
        match (longest, pause) {
            (RetryAfter::For(longest), Some(pause)) => RetryAfter::For(longest.max(pause)),
            (_, Some(pause)) => RetryAfter::For(pause),
            (RetryAfter::Missing, None) => RetryAfter::Unstated,
            (longest, None) => longest,
        }
    })
}

fn pause(text: &str, start: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long pause.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date::parse(text)?;
    (start < until).then(|| between(start, until))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::policy::from_millis;

    fn read(pairs: &[(HeaderName, &str)]) -> RetryAfter {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        retry_after(&pairs.collect(), from_millis(0))
    }

    fn pause_of(text: &str) -> RetryAfter {
        read(&[(RETRY_AFTER, text)])
    }

    fn seconds(seconds: u64) -> RetryAfter {
        RetryAfter::For(Duration::from_secs(seconds))
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_of_the_upstreams_clock() {
        assert_eq!(pause_of(" 90 "), seconds(90));
        assert_eq!(pause_of("0"), seconds(0));
        assert_eq!(pause_of("99999999999999999999"), seconds(u64::MAX));
        let date = (DATE, "Fri, 31 Dec 1999 23:59:29 GMT");
        for until in [
            "Fri, 31 Dec 1999 23:59:59 GMT",
            "Friday, 31-Dec-99 23:59:59 GMT",
            "Fri Dec 31 23:59:59 1999",
        ] {
            assert_eq!(read(&[date.clone(), (RETRY_AFTER, until)]), seconds(30));
        }
        assert_eq!(pause_of("Thu, 01 Jan 1970 00:00:07 GMT"), seconds(7));
        let past = [date, (RETRY_AFTER, "Fri, 31 Dec 1999 23:59:00 GMT")];
        assert_eq!(read(&past), RetryAfter::Unstated);
    }

    #[test]
    fn a_pause_that_cannot_be_read_is_still_one() {
        for text in ["", "soon", "-1", "1.5", "+1", "1 s", "\u{e9}"] {
            assert_eq!(pause_of(text), RetryAfter::Unstated, "{text}");
        }
        assert_eq!(read(&[]), RetryAfter::Missing);
    }

    #[test]
    fn of_several_pauses_the_longest_counts() {
        let of = |texts: [&'static str; 2]| read(&texts.map(|text| (RETRY_AFTER, text)));
        assert_eq!(of(["3", "5"]), seconds(5));
        assert_eq!(of(["5", "3"]), seconds(5));
        assert_eq!(of(["soon", "3"]), seconds(3));
        assert_eq!(of(["3", "soon"]), seconds(3));
    }
}
