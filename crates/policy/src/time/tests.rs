//! Instants and durations, at their bounds too.

use jiff::tz::TimeZone;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_instant_is_written_as_rfc_3339_does_and_in_no_other_way() {
    for text in [
        "2026-01-31T00:00:00Z",
        "2026-01-31t00:00:00z",
        "2026-01-31T00:00:00.25+05:30",
        "2026-01-31T00:00:00-23:59",
    ] {
        assert!(parse_instant(text).is_some(), "{text}");
    }
    for text in [
        "2026-01-31T00:00:00Z[Europe/Berlin]",
        "20260131T000000Z",
        "2026-01-31T00Z",
        "2026-01-31T00:00Z",
        "2026-01-31T00:00:00,5Z",
        "2026-01-31T00:00:00.Z",
        "2026-01-31T00:00:00+25:59",
        "2026-01-31T00:00:00+05:60",
        "2026-01-31T00:00:00+0530",
        "2026-01-31T00:00:60Z",
        "2026-01-31 00:00:00Z",
        "2026-01-31T00:00:00",
        "+002026-01-31T00:00:00Z",
        "2026-01-31",
        "",
    ] {
        assert_eq!(parse_instant(text), None, "{text}");
    }
}

#[test]
fn durations_are_sums_of_units() {
    let cases = [
        ("90d", 90 * 86_400_000),
        ("1d12h", 36 * 3_600_000),
        ("2w", 14 * 86_400_000),
        ("5m", 300_000),
        ("15ms", 15),
        ("1s500ms", 1500),
        ("0s", 0),
    ];
    for (text, ms) in cases {
        assert_eq!(
            parse_duration(text),
            Ok(Duration::from_millis(ms)),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_a_duration_is_refused() {
    for text in [
        "",
        "30",
        "d",
        "30x",
        "-1d",
        "1.5d",
        "1 d",
        "30D",
        "99999999999999999999d",
        "18446744073709551615w",
        "1d ",
        "１d",
    ] {
        assert_eq!(parse_duration(text), Err(InvalidDurationError), "{text}");
    }
}

#[test]
fn a_duration_shows_in_one_way() {
    for (text, shown) in [
        ("36h", "1d12h"),
        ("2w", "14d"),
        ("0ms", "0s"),
        ("61s", "1m1s"),
        ("1500ms", "1s500ms"),
    ] {
        assert_eq!(Shown(parse_duration(text).unwrap()).to_string(), shown);
    }
}

#[test]
fn an_anniversary_of_29_february_falls_on_1_march() {
    let born = at("2004-02-29T00:00:00Z");
    assert_eq!(anniversary(born, 18), at("2022-03-01T00:00:00Z"));
    assert_eq!(anniversary(born, 20), at("2024-02-29T00:00:00Z"));
    assert_eq!(anniversary(born, 0), born);
}

/// By the calendar of the library.
fn anniversary_by_calendar(instant: Timestamp, years: i16) -> Timestamp {
    let date_time = TimeZone::UTC.to_datetime(instant);
    let year = date_time.year().saturating_add(years);
    date_time
        .with()
        .year(year)
        .build()
        .or_else(|_| date_time.with().year(year).month(3).day(1).build())
        .and_then(|raised| TimeZone::UTC.to_timestamp(raised))
        .unwrap_or(Timestamp::MAX)
}

#[test]
fn an_anniversary_is_the_one_of_the_calendar() {
    let same = |instant, years: u8| {
        let expected = anniversary_by_calendar(instant, years.into());
        let raised = anniversary(instant, years.into());
        assert_eq!(raised, expected, "{instant} + {years} years");
    };
    // Of each day of a whole era, on both sides of 1970.
    for day in -80_000..70_000_i64 {
        let instant = from_millis(day * 86_400_000 + day * 7_919 % 86_400_000);
        for years in [0, 1, 18, 21, 150] {
            same(instant, years);
        }
    }
    for instant in [
        Timestamp::MIN,
        at("-000001-02-28T23:59:59.999Z"),
        at("0000-02-29T00:00:00Z"),
        at("1968-02-29T23:59:59.999999999Z"),
        at("1969-12-31T23:59:59.999999999Z"),
        at("1970-01-01T00:00:00.000000001Z"),
        at("9849-12-30T22:00:00.999999999Z"),
        at("9849-12-31T00:00:00Z"),
        at("9850-01-01T00:00:00Z"),
        Timestamp::MAX,
    ] {
        for years in [0, 1, 4, 100, 150, 255] {
            same(instant, years);
        }
    }
    assert_eq!(anniversary(Timestamp::MIN, u16::MAX), Timestamp::MAX);
}

#[test]
fn arithmetic_at_the_ends_of_time_saturates() {
    assert_eq!(after(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
    assert_eq!(before(Timestamp::MIN, Duration::MAX), Timestamp::MIN);
    assert_eq!(from_millis(i64::MAX), Timestamp::MAX);
    assert_eq!(from_millis(i64::MIN), Timestamp::MIN);
    assert_eq!(anniversary(Timestamp::MAX, 150), Timestamp::MAX);
    assert_eq!(between(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
}

#[test]
fn what_is_between_two_instants_is_the_way_from_the_one_to_the_other() {
    let (noon, later) = (at("2026-01-31T12:00:00Z"), at("2026-01-31T12:00:00.001Z"));
    assert_eq!(between(noon, later), Duration::from_millis(1));
    assert_eq!(between(noon, noon), Duration::ZERO);
    assert_eq!(between(later, noon), Duration::ZERO);
}

#[test]
fn an_instant_before_1970_loses_its_part_below_a_millisecond_downwards() {
    assert_eq!(
        whole_millis(at("1969-12-31T23:59:59.9995Z")),
        at("1969-12-31T23:59:59.999Z")
    );
}

/// The same instants by the library that prints any form of a date.
#[test]
fn an_instant_is_pushed_as_it_is_printed() {
    let printed = |instant| {
        let mut text = Vec::new();
        push_rfc3339(&mut text, instant);
        assert_eq!(String::from_utf8(text).unwrap(), format!("{instant:.3}"));
    };
    // Of each day for a whole era of the calendar, another time.
    let days = (-800..150_000_i64).map(|day| day * 86_400_000 + day * 7_919 % 86_400_000);
    days.for_each(|millis| printed(from_millis(millis)));
    for text in [
        "-009999-01-02T01:59:59Z",
        "-000001-12-31T23:59:59.999Z",
        "0000-02-29T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000999999Z",
        "2000-02-29T23:59:59.999999999Z",
        "2000-03-01T00:00:00Z",
        "2100-02-28T23:59:59Z",
        "2100-03-01T00:00:00Z",
        "9999-12-30T22:00:00.999999999Z",
    ] {
        printed(at(text));
    }
    printed(Timestamp::MIN);
    printed(Timestamp::MAX);
}

/// The same arithmetic by the library, for any sign of both parts.
#[test]
fn an_instant_is_moved_as_the_library_moves_it() {
    let instants = [
        Timestamp::MIN,
        at("-000001-12-31T23:59:59.999Z"),
        at("1969-12-31T23:59:59.000000001Z"),
        at("1969-12-31T23:59:59.999999999Z"),
        at("1970-01-01T00:00:00Z"),
        at("1970-01-01T00:00:00.999999999Z"),
        at("2026-01-31T12:00:00.5Z"),
        Timestamp::MAX,
    ];
    let durations = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(999),
        Duration::from_nanos(1_999_999_999),
        Duration::from_hours(24),
        Duration::new(300_000_000_000, 1),
        Duration::new(u64::MAX, 999_999_999),
    ];
    for instant in instants {
        for duration in durations {
            let later = instant.checked_add(duration).unwrap_or(Timestamp::MAX);
            assert_eq!(after(instant, duration), later, "{instant} + {duration:?}");
            let earlier = instant.checked_sub(duration).unwrap_or(Timestamp::MIN);
            assert_eq!(
                before(instant, duration),
                earlier,
                "{instant} - {duration:?}"
            );
        }
        for other in instants {
            let way = Duration::try_from(other.duration_since(instant)).unwrap_or_default();
            assert_eq!(between(instant, other), way, "from {instant} to {other}");
        }
    }
}
