//! The caller's deadline, kept by answering before it: evidence is waited for a little less long than the caller waits, so
//! that there is still time to say that it did not come. tonic's own time-out would drop the check and answer CANCELLED;
//! its transport, which has it, is not used.

use std::{future::Future, time::Duration};

use tokio::time::timeout;
use tonic::metadata::MetadataMap;

use super::config::Deadlines;

/// The header in which gRPC carries it.
const HEADER: &str = "grpc-timeout";
/// What is kept back of the caller's time for deciding and for the way back: a tenth, within these bounds.
const MARGIN_MIN: Duration = Duration::from_millis(5);
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// How long an answer may take. There always is a limit: an answer that comes later is about a time that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Duration);

impl Deadline {
    /// The deadline that these headers carry, within the service's own. One that cannot be read counts as none.
    pub(super) fn of(metadata: &MetadataMap, deadlines: Deadlines) -> Self {
        let text = metadata.get(HEADER).and_then(|value| value.to_str().ok());
        let deadline = text.and_then(parse).unwrap_or(deadlines.default);
        Self(deadline.min(deadlines.longest))
    }

    /// How long evidence may be waited for.
    pub(super) fn patience(self) -> Duration {
        let margin = (self.0 / 10).clamp(MARGIN_MIN, MARGIN_MAX);
        self.0.saturating_sub(margin)
    }

    /// Does it within the deadline, or not at all.
    pub(super) async fn keep<T>(self, work: impl Future<Output = T>) -> Option<T> {
        timeout(self.0, work).await.ok()
    }
}

/// At most eight digits and a unit, as gRPC over HTTP/2 has it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.checked_mul(3600)?),
        "M" => Duration::from_secs(count.checked_mul(60)?),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
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
        for (limit, patience) in [(3, 0), (50, 45), (200, 180), (2000, 1950)] {
            let deadline = Deadline(Duration::from_millis(limit));
            assert_eq!(deadline.patience(), Duration::from_millis(patience));
        }
    }

    #[test]
    fn nobody_is_answered_later_than_the_service_allows() {
        let deadlines = Deadlines {
            default: Duration::from_secs(1),
            longest: Duration::from_secs(2),
        };
        let of = |text: Option<&str>| {
            let mut metadata = MetadataMap::new();
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
        assert_eq!(deadline.keep(std::future::pending::<()>()).await, None);
        assert_eq!(deadline.keep(async { 7 }).await, Some(7));
    }
}
