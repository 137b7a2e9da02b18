//! Whose calls go first.

/// Whose calls are served first where not all can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerPriority {
    /// A person stands in front of a door.
    Doors,
    /// A login or an API can be repeated.
    Gateways,
}
