//! What a token bucket admits, at a time that the test gives.

use super::*;

const NONE: Duration = Duration::ZERO;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let bucket = TokenBucket::new(10, 3);
    for _ in 0..3 {
        assert_eq!(bucket.take(ms(1000), NONE), Ok(NONE));
    }
    assert_eq!(bucket.take(ms(1000), NONE), Err(ms(100)));
    assert_eq!(bucket.take(ms(1099), NONE), Err(ms(1)));
    assert_eq!(bucket.take(ms(1100), NONE), Ok(NONE));
    assert_eq!(bucket.take(ms(1100), NONE), Err(ms(100)));
}

#[test]
fn callers_that_can_wait_are_served_in_order() {
    let bucket = TokenBucket::new(10, 1);
    let waits: Vec<_> = (0..4).map(|_| bucket.take(NONE, ms(250))).collect();
    assert_eq!(waits, [Ok(NONE), Ok(ms(100)), Ok(ms(200)), Err(ms(300))]);
    // The refused call took no token.
    assert_eq!(bucket.take(ms(100), ms(250)), Ok(ms(200)));
}

#[test]
fn a_bucket_never_holds_more_than_its_burst() {
    let bucket = TokenBucket::new(10, 2);
    let hour = Duration::from_hours(1);
    let taken = (0..100).filter(|_| bucket.take(hour, NONE).is_ok()).count();
    assert_eq!(taken, 2);
}

#[test]
fn a_token_that_was_not_used_can_be_refunded() {
    let bucket = TokenBucket::new(10, 1);
    for _ in 0..100 {
        assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
        bucket.refund();
    }
    assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
    assert_eq!(bucket.take(ms(0), NONE), Err(ms(100)));
}

#[test]
fn a_caller_that_read_the_clock_earlier_and_arrives_later_does_not_wait_for_the_difference() {
    let bucket = TokenBucket::new(10, 2);
    assert_eq!(bucket.take(ms(60_000), NONE), Ok(NONE));
    assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
    assert_eq!(bucket.take(ms(0), NONE), Err(ms(100)));
}
