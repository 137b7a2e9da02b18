//! The signals that commands react to.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

/// Completes on SIGTERM or SIGINT.
pub(super) fn terminated() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes on SIGTERM, SIGINT, or SIGHUP, which a terminal sends when it closes.
pub(super) fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let terminated = terminated()?;
    Ok(async move {
        tokio::select! {
            _ = hang_up.recv() => {}
            () = terminated => {}
        }
    })
}

/// Notifies of each SIGHUP. Those that arrive while one is being processed are processed together, as one more.
pub(super) fn hang_ups() -> io::Result<Arc<Notify>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let notify = Arc::new(Notify::new());
    let notified = Arc::clone(&notify);
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            notified.notify_one();
        }
    });
    Ok(notify)
}
