//! The signals that commands react to.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
};
use tracing::info;

/// Signals that end a process unless it does something about them, and that mean nothing here. SIGXFSZ comes with a write beyond a limit
/// of file sizes: ignored, the write fails instead. (SIGPIPE is ignored by the standard library, for the same reason.)
const MEANINGLESS: [(&str, i32); 8] = [
    ("SIGUSR1", rustix::process::Signal::USR1.as_raw()),
    ("SIGUSR2", rustix::process::Signal::USR2.as_raw()),
    ("SIGALRM", rustix::process::Signal::ALARM.as_raw()),
    ("SIGVTALRM", rustix::process::Signal::VTALARM.as_raw()),
    ("SIGPROF", rustix::process::Signal::PROF.as_raw()),
    ("SIGIO", rustix::process::Signal::IO.as_raw()),
    ("SIGXCPU", rustix::process::Signal::XCPU.as_raw()),
    ("SIGXFSZ", rustix::process::Signal::XFSZ.as_raw()),
];

/// The number of requests to stop in order: by SIGTERM, SIGINT or SIGQUIT. Those that arrive at the same time count once.
#[derive(Debug, Clone)]
pub(super) struct Terminations(watch::Receiver<u32>);

impl Terminations {
    /// Counts the signals from now on.
    pub(super) fn count() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let (counted, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = quit.recv() => {}
                }
                counted.send_modify(|count: &mut u32| *count = count.saturating_add(1));
            }
        });
        Ok(Self(count))
    }

    /// Completes once this many have arrived.
    pub(super) async fn reach(mut self, wanted: u32) {
        // An error means that the runtime is shutting down.
        let _ = self.0.wait_for(|count| *count >= wanted).await;
    }
}

/// Completes on SIGTERM, SIGINT, SIGQUIT, or SIGHUP, which a terminal sends when it closes.
pub(super) fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let terminations = Terminations::count()?;
    Ok(async move {
        tokio::select! {
            _ = hang_up.recv() => {}
            () = terminations.reach(1) => {}
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

/// Ignores the signals that mean nothing, and logs them, so that none of them ends the process without a drain.
pub(super) fn ignore_others() -> io::Result<()> {
    for (name, number) in MEANINGLESS {
        let mut ignored = signal(SignalKind::from_raw(number))?;
        tokio::spawn(async move {
            while ignored.recv().await.is_some() {
                info!(
                    event = "signal_ignored",
                    signal = name,
                    "signal ignored: SIGHUP reloads, SIGTERM stops"
                );
            }
        });
    }
    Ok(())
}
