//! Notifies the service manager (`sd_notify(3)`) of what the service does. Without one, nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{task::spawn_blocking, time::timeout};

/// How long the service manager may take. It is notified so that it waits for us, not we for it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves.
    Ready,
    /// It reads its files again.
    Reloading,
    /// It drains.
    Stopping,
}

/// Notifies the service manager.
pub(super) async fn notify(phase: Phase) {
    let sent = spawn_blocking(move || match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Phase::Reloading => {
            let now = NotifyState::monotonic_usec_now()?;
            sd_notify::notify(&[NotifyState::Reloading, now])
        }
        Phase::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    });
    // A service manager that cannot be notified ends the service by its own timeout, and logs why.
    let _ = timeout(TIMEOUT, sent).await;
}
