//! A rate as it is configured.

/// How often something may happen: the parameters of a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events per second in the long run.
    pub per_second: u32,
    /// Events at once after a pause.
    pub burst: u32,
}
