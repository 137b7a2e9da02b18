//! Tests of `clock_comparison`.

use super::*;
use crate::policy::from_millis;

fn headers(of: &[(HeaderName, &str)]) -> HeaderMap {
    let pairs = of
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().unwrap()));
    pairs.collect()
}

#[test]
fn a_pause_is_told_in_seconds_or_as_a_date_by_the_upstreams_clock() {
    let now = from_millis(0);
    let read = |pairs: &[(HeaderName, &str)]| retry_after(&headers(pairs), now);
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

fn moment(now: i64) -> Moment {
    Moment {
        now: from_millis(now),
        uptime: Duration::ZERO,
    }
}

#[test]
fn clocks_half_a_minute_apart_are_suspect() {
    let guard = ClockGuard::new();
    assert_eq!((guard.ahead_ms(), guard.are_apart()), (None, false));
    let at_0 = headers(&[(DATE, "Thu, 01 Jan 1970 00:00:00 GMT")]);
    for (now, ahead_ms, apart) in [
        (500, 0, false),
        (30_500, -30_000, false),
        (30_501, -30_001, true),
        (-29_501, 30_001, true),
        (0, 500, false),
    ] {
        guard.compare(&at_0, moment(now));
        assert_eq!(guard.ahead_ms(), Some(ahead_ms));
        assert_eq!(guard.are_apart(), apart, "{now}");
    }
    guard.compare(&HeaderMap::new(), moment(i64::from(u32::MAX)));
    assert_eq!(guard.ahead_ms(), Some(500));
}
