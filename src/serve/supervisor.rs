//! Notifies the service manager (`sd_notify(3)`) of what the service does. Without one, nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{task::spawn_blocking, time::timeout};
use tracing::error;

use crate::{clock::pause, listener::Liveness};

/// How long the service manager may take. It is notified so that it waits for us, not we for it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How often the service manager is notified within the time after which it ends a service that says nothing: three times, so that one
/// notification may come late.
const BEATS: u32 = 3;

/// What the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves.
    Ready,
    /// It reads its files again.
    Reloading,
    /// It drains.
    Stopping,
    /// It still does what it said last: nothing in it is blocked.
    Alive,
}

/// Notifies the service manager.
pub(super) async fn notify(phase: Phase) {
    // A service manager that cannot be notified ends the service by its own timeout, and logs why.
    let _ = timeout(TIMEOUT, send(phase)).await;
}

/// The same, as long as it takes.
async fn send(phase: Phase) {
    let sent = spawn_blocking(move || match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Phase::Reloading => {
            let now = NotifyState::monotonic_usec_now()?;
            sd_notify::notify(&[NotifyState::Reloading, now])
        }
        Phase::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        Phase::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    });
    let _ = sent.await;
}

/// How often the service manager is to be notified that the service is alive; `None` if it does not ask for that.
pub(super) fn watchdog_interval() -> Option<Duration> {
    let interval = sd_notify::watchdog_enabled()? / BEATS;
    (!interval.is_zero()).then_some(interval)
}

/// Notifies the service manager that the service is alive, as often as this, while every runtime runs tasks: this task proves it of the one
/// that it runs on. What restarts the service for anything else, a journal or a vendor that is away say, would make it worse.
pub(super) async fn keep_alive(interval: Duration, liveness: Liveness) {
    let mut is_reported = false;
    loop {
        pause(interval).await;
        let is_alive = timeout(interval, liveness.prove()).await == Ok(true);
        if is_alive {
            // Without a timeout: of a service manager that reads nothing, one thread waits, and not one more each time.
            send(Phase::Alive).await;
        } else if !is_reported {
            error!(
                event = "runtime_blocked",
                timeout_seconds = interval.as_secs_f64(),
                "a thread that serves connections runs nothing: the service manager is not notified, and restarts the service"
            );
        }
        is_reported = !is_alive;
    }
}
