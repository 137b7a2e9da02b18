//! A link by which a person verifies again, and a step-up that has begun with one.

use std::fmt::Debug;

use uuid::Uuid;

use crate::policy::{Timestamp, VerificationId};

/// A link by which a person verifies again. Anybody who has it can act as that person, so its `Debug` does not show it.
#[derive(Clone)]
pub struct Link {
    /// Where to send the person's browser.
    pub url: Box<str>,
    /// The upstream's trace id of the verification to come.
    pub trace: Option<VerificationId>,
}

impl Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// A step-up that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its id: a version 7 UUID.
    pub id: Uuid,
    /// The link.
    pub link: Link,
    /// Until when the link is considered valid.
    pub expires_at: Timestamp,
}
