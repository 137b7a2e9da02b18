//! Where on the axis that comes first a check is.

use super::super::partition::Birthday;

/// A point of the axis that comes first.
#[derive(Debug, Clone, Copy)]
pub(in crate::authoring) enum Point {
    /// The verification, or the session, is this many milliseconds old.
    Age(i64),
    /// It is the instant at which the person passes this birthday.
    Birthday(Birthday),
    /// It is the last millisecond before that.
    BeforeBirthday(Birthday),
    /// The instant of the check is this one, in milliseconds since 1970.
    At(i64),
}
