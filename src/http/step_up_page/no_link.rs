//! Why there is no link.

use std::time::Duration;

use super::{attempts::NoMoreError, outcome::PageOutcome, view::Problem};
use crate::{callers::OverQuotaError, step_up::StepUpError};

/// Why there is no link, what the person is shown, and when to ask again if that helps.
pub(super) struct NoLink(
    pub(super) PageOutcome,
    pub(super) Problem,
    pub(super) Option<Duration>,
);

impl From<NoMoreError> for NoLink {
    fn from(error: NoMoreError) -> Self {
        match error {
            NoMoreError::State => Self(PageOutcome::LinksSpent, Problem::LinksSpent, None),
            NoMoreError::Verification(wait) => Self(
                PageOutcome::VerificationSpent,
                Problem::VerificationSpent,
                Some(wait),
            ),
        }
    }
}

impl From<&StepUpError> for NoLink {
    fn from(error: &StepUpError) -> Self {
        match error {
            StepUpError::OverRate(OverQuotaError { retry_after })
            | StepUpError::OverQuota(OverQuotaError { retry_after }) => Self(
                PageOutcome::OverQuota,
                Problem::OverQuota,
                Some(*retry_after),
            ),
            StepUpError::NoSuchPolicy(_) => {
                Self(PageOutcome::NoSuchPolicy, Problem::NoSuchPolicy, None)
            }
            StepUpError::NotPermitted(_) | StepUpError::KeyReused | StepUpError::Upstream(_) => {
                Self(PageOutcome::Unavailable, Problem::Unavailable, None)
            }
        }
    }
}
