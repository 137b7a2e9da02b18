//! How a deadline is read, bounded and enforced.

use super::*;

#[test]
fn a_deadline_is_read_as_the_protocol_writes_it() {
    let cases = [
        ("200m", Some(Duration::from_millis(200))),
        ("1S", Some(Duration::from_secs(1))),
        ("99999999H", Some(Duration::from_hours(99_999_999))),
        ("5u", Some(Duration::from_micros(5))),
        ("", None),
        ("m", None),
        ("100", None),
        ("-1S", None),
        ("999999999m", None),
        ("1ß", None),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn evidence_is_waited_for_less_long_than_the_caller_waits() {
    for (limit, wait_max) in [(3, 0), (50, 45), (200, 180), (2000, 1950)] {
        let deadline = Deadline::within(Duration::from_millis(limit));
        assert_eq!(deadline.wait_max(), Duration::from_millis(wait_max));
    }
}

#[test]
fn nobody_is_answered_later_than_the_service_allows() {
    let deadlines = Deadlines {
        default: Duration::from_secs(1),
        longest: Duration::from_secs(2),
    };
    let of = |text: Option<&str>| {
        let mut metadata = HeaderMap::new();
        if let Some(text) = text {
            metadata.insert(HEADER, text.parse().unwrap());
        }
        Deadline::of(&metadata, deadlines).0
    };
    assert_eq!(of(None), deadlines.default);
    assert_eq!(of(Some("soon")), deadlines.default);
    assert_eq!(of(Some("1H")), deadlines.longest);
    assert_eq!(of(Some("1500m")), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_fit_is_given_up() {
    let deadline = Deadline(Duration::from_millis(10));
    assert_eq!(deadline.enforce(std::future::pending::<()>()).await, None);
    assert_eq!(deadline.enforce(async { 7 }).await, Some(7));
}
