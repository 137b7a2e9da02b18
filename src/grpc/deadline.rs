//! The caller's deadline, kept by answering before it: evidence is waited for a little less long than the caller waits, so
//! that there is still time to say that it did not come. tonic's own time-out would drop the check and answer CANCELLED;
//! its transport, which has it, is not used.

use std::{future::Future, time::Duration};

use tokio::time::timeout;
use tonic::metadata::MetadataMap;

/// The header in which gRPC carries it.
const HEADER: &str = "grpc-timeout";
/// What is kept back of the caller's time for deciding and for the way back: a tenth, within these bounds.
const MARGIN_MIN: Duration = Duration::from_millis(5);
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// How long the caller waits; nothing if it did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Option<Duration>);

impl Deadline {
    /// The deadline that these headers carry. One that cannot be read counts as none, as the protocol has it.
    pub(super) fn of(metadata: &MetadataMap) -> Self {
        let text = metadata.get(HEADER).and_then(|value| value.to_str().ok());
        Self(text.and_then(parse))
    }

    /// How long evidence may be waited for, `most` at most.
    pub(super) fn patience(self, most: Duration) -> Duration {
        self.0.map_or(most, |limit| {
            let margin = (limit / 10).clamp(MARGIN_MIN, MARGIN_MAX);
            limit.saturating_sub(margin).min(most)
        })
    }

    /// Does it within the deadline, or not at all.
    pub(super) async fn keep<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            Some(limit) => timeout(limit, work).await.ok(),
            None => Some(work.await),
        }
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
        let most = Duration::from_secs(2);
        let patience = |limit| Deadline(limit).patience(most);
        assert_eq!(patience(None), most);
        assert_eq!(patience(Some(Duration::from_millis(3))), Duration::ZERO);
        assert_eq!(
            patience(Some(Duration::from_millis(50))),
            Duration::from_millis(45)
        );
        assert_eq!(
            patience(Some(Duration::from_millis(200))),
            Duration::from_millis(180)
        );
        assert_eq!(patience(Some(Duration::from_mins(1))), most);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_fit_is_given_up() {
        let deadline = Deadline(Some(Duration::from_millis(10)));
        assert_eq!(deadline.keep(std::future::pending::<()>()).await, None);
        assert_eq!(deadline.keep(async { 7 }).await, Some(7));
    }
}
