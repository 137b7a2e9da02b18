//! What is recorded of a decision.

use std::sync::Arc;

use crate::{policy::Request, ruling::Ruling};

/// A decision to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was requested.
    pub request: Arc<Request>,
    /// What was decided.
    pub ruling: Ruling,
}

impl Entry {
    /// The entry of a ruling on this request.
    pub fn new(request: &Arc<Request>, ruling: &Ruling) -> Self {
        Self {
            request: Arc::clone(request),
            ruling: ruling.clone(),
        }
    }
}
