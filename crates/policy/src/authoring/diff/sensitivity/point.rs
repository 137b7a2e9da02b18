//! The point of a check on the first axis.

use super::super::partition::Birthday;

/// A point on the first axis.
#[derive(Debug, Clone, Copy)]
pub(in crate::authoring) enum Point {
    /// The verification, or the session, is this many milliseconds old.
    Age(i64),
    /// The check is at the instant at which the person reaches this birthday.
    Birthday(Birthday),
    /// The check is at the last millisecond before that.
    BeforeBirthday(Birthday),
    /// The instant of the check is this one, in milliseconds since 1970.
    At(i64),
}
