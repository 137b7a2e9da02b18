//! The bounds that more than one part of the language uses, each once. [`diff`](crate::diff) is exact, and [`Decision::next_change`](crate::Decision::next_change)
//! is right, only if all parts of the crate use the same bounds.

use std::{ops::RangeInclusive, time::Duration};

/// How far ahead of our clock the upstream's clock may be.
pub const SKEW: Duration = Duration::from_mins(1);

/// How long to wait before a new check after the upstream could not be asked. Not shorter than the time for which the evidence cache
/// keeps a failure.
pub const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// 2015-01-01T00:00:00Z, in milliseconds since 1970: no verification is older than the vendor. Times in seconds, read as
/// milliseconds, fall before it.
pub(crate) const PLAUSIBLE_SINCE_MS: i64 = 1_420_070_400_000;

/// How far ahead changes of a decision are computed, in calendar years.
pub(crate) const YEARS_AHEAD: u16 = 10;

/// The greatest plausible age, in calendar years: an earlier date of birth is an error.
pub(crate) const AGE_YEARS_MAX: u16 = 150;

/// A date of birth is a multiple of this many milliseconds: the offsets of zones are multiples of 15 minutes.
pub(crate) const BIRTH_MS_STEP: i64 = 15 * MINUTE_MS;
/// A date of birth of a smaller magnitude, in milliseconds, could be one in seconds: in seconds, this is in the year 2039.
pub(crate) const BIRTH_MS_UNIT_DOUBTFUL: u64 = 2_200_000_000;

/// An age is reached when it is reached in every time zone, because the zone of a date of birth is not known. Zones are up to
/// 14 hours from UTC.
pub(crate) const BIRTHDAY_EVERYWHERE: Duration = Duration::from_hours(14);

/// How many digits a telephone number has after the plus sign (E.164).
pub(crate) const PHONE_DIGITS: RangeInclusive<usize> = 2..=15;
/// How many digits a prefix of a telephone number has after the plus sign.
pub(crate) const PHONE_PREFIX_DIGITS: RangeInclusive<usize> = 1..=15;

/// The longest identifier of a verification, in bytes.
pub(crate) const VERIFICATION_ID_BYTES_MAX: usize = 128;
/// The longest name of a policy, in bytes.
pub(crate) const POLICY_NAME_BYTES_MAX: usize = 64;
/// The longest identifier, status or scope of the upstream, in bytes. No valid answer has a longer one.
pub(crate) const EVIDENCE_TEXT_BYTES_MAX: usize = 256;
/// How many scopes a verification may have. No valid answer has more.
pub(crate) const SCOPES_MAX: usize = 64;

/// The largest policy file that is read, in bytes.
pub const POLICY_FILE_BYTES_MAX: usize = 1024 * 1024;
/// How many policies a set may have.
pub(crate) const POLICIES_MAX: usize = 1000;
/// How many rules a policy may have.
pub(crate) const RULES_MAX: usize = 64;
/// How deep `any_of` and `all_of` may nest.
pub(crate) const NESTING_MAX: usize = 4;
/// How many mistakes of one list file are reported; the others are counted.
pub(crate) const LIST_MISTAKES_MAX: usize = 20;
/// How many identities a list may have.
pub(crate) const IDENTITIES_MAX: usize = 100_000;

/// A minute in milliseconds.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// A day in minutes.
pub(crate) const DAY_MINUTES: u16 = 24 * 60;
/// A week in minutes.
pub(crate) const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;
/// A week in milliseconds, on a clock that is not set.
pub(crate) const WEEK_MS: i64 = WEEK_MINUTES as i64 * MINUTE_MS;
