//! What every room is given when the service is assembled.

use std::sync::Arc;

use prometheus::Registry;

use crate::{
    clock::{AnchoredClock, Clock},
    flight::Spawn,
};

/// What every room is given when it starts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, for those who know of the vendor's clock too.
    pub anchored: Arc<AnchoredClock>,
    /// Where a room registers its metrics.
    pub registry: Registry,
    /// Starts background tasks.
    pub spawn: Spawn,
}

impl Deps {
    /// Anchors the clock. Tasks run on the tokio runtime that is current when they are spawned.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let anchored = Arc::new(AnchoredClock::new(clock));
        Self {
            clock: Arc::clone(&anchored) as _,
            anchored,
            registry: Registry::new(),
            spawn: |task| drop(tokio::spawn(task)),
        }
    }
}
