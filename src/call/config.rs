//! How long calls may take.

use std::time::Duration;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// The deadline of a call whose caller sets none, from its arrival.
    pub default: Duration,
    /// The longest deadline. A caller that sets a later one is answered by this one.
    pub longest: Duration,
}
