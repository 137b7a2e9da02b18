//! `Retry-After`: how long the upstream asks us not to call.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

use super::http_date::http_date;
use crate::policy::{Timestamp, between};

/// The requested pause: a number of seconds, or the time until a date. The date is of the upstream's clock, so its own `Date` is the
/// start; `now` is, where there is none. `None` if the header is missing or neither of both.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let start = http_date(headers, &DATE).unwrap_or(now);
    Some(between(start, http_date(headers, &RETRY_AFTER)?))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::policy::from_millis;

    #[test]
    fn a_pause_is_seconds_or_a_date_of_the_upstreams_clock() {
        let read = |pairs: &[(HeaderName, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.clone(), value.parse().unwrap()));
            retry_after(&pairs.collect(), from_millis(0))
        };
        assert_eq!(
            read(&[(RETRY_AFTER, " 90 ")]),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read(&[(RETRY_AFTER, "0")]), Some(Duration::ZERO));
        let date = (DATE, "Fri, 31 Dec 1999 23:59:29 GMT");
        let until = |text| (RETRY_AFTER, text);
        let in_30_s = [date.clone(), until("Fri, 31 Dec 1999 23:59:59 GMT")];
        assert_eq!(read(&in_30_s), Some(Duration::from_secs(30)));
        let past = [date, until("Fri, 31 Dec 1999 23:59:00 GMT")];
        assert_eq!(read(&past), Some(Duration::ZERO));
        assert_eq!(
            read(&[until("Thu, 01 Jan 1970 00:00:07 GMT")]),
            Some(Duration::from_secs(7))
        );
        for text in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(read(&[(RETRY_AFTER, text)]), None, "{text}");
        }
    }
}
