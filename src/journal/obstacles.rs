//! What keeps decisions from being recorded.

/// What keeps decisions from being recorded; nothing in the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// The last write failed.
    pub(super) write: Option<String>,
    /// The output was found to lose what is written.
    pub(super) output: Option<String>,
    /// A write or a check of the output does not end.
    pub(super) stuck: bool,
    /// The writing thread has ended although it was not stopped.
    pub(super) ended: bool,
}

impl Obstacles {
    /// Whether decisions can be recorded.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// The one to repair first, in words.
    pub(super) fn first(&self) -> Option<&str> {
        let stuck = self.stuck.then_some("a write has not ended for a second");
        let ended = self
            .ended
            .then_some("the thread that writes has ended: restart the service");
        ended
            .or(stuck)
            .or(self.output.as_deref())
            .or(self.write.as_deref())
    }
}
