//! Removes the step-ups about verifications whose evidence was purged: those that are pending, those that have ended, and links that were made.

use std::collections::BTreeSet;

use tokio::task::yield_now;

use super::StepUps;
use crate::policy::VerificationId;

/// Attempts that are looked at before other tasks have their turn.
const AT_ONCE: usize = 256;

impl StepUps {
    /// Removes all about these verifications; how many step-ups that were. One whose link is being made is not kept either: its caller gets the
    /// link, and nothing is known of it here.
    pub async fn purge(&self, verifications: &[VerificationId]) -> usize {
        let whose: BTreeSet<&VerificationId> = verifications.iter().collect();
        let at = self.0.clock.moment();
        let gone = self.0.register.purge(&whose, at).await;
        let mut keys = Vec::new();
        for (count, (key, attempt)) in (1..).zip(&self.0.attempts) {
            if whose.contains(&attempt.verification) {
                keys.push(key);
            }
            if count % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        for key in keys {
            self.0.attempts.invalidate(&*key).await;
        }
        self.0.attempts.run_pending_tasks().await;
        if gone > 0 {
            // Browsers that wait for one of them are notified.
            self.0.changes.send_replace(());
        }
        gone
    }
}
