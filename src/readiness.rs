//! Whether the service is ready for calls, and the state of its parts as `/readyz` shows it.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

/// A part of the service that has a state to show. Shown to operators, so it holds no secrets and no person's data.
pub trait Component: Debug + Send + Sync {
    /// Its state as JSON.
    fn state(&self) -> Value;

    /// Whether the service can do without it, or it works.
    fn is_ready(&self) -> bool {
        true
    }
}

/// Whether the service accepts calls: from the time that it listens until it is asked to stop.
#[derive(Debug, Default)]
pub struct Serving(AtomicBool);

impl Serving {
    /// Sets whether it does.
    pub fn set(&self, serving: bool) {
        self.0.store(serving, Ordering::SeqCst);
    }

    /// Whether it does.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
