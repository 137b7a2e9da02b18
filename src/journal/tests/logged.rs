//! What a test logs.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, set_default},
};

/// While a process has one subscriber, tracing lets the thread that reaches a log line first decide whether it is ever logged.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt().with_max_level(Level::ERROR);
    Dispatch::new(subscriber.with_writer(io::sink).finish())
});

/// What is logged on this thread, as JSON.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to record lines of this level and above, until the guard is dropped.
    pub(crate) fn begin(level: Level) -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().json().with_max_level(level);
        let subscriber = subscriber.with_writer(Arc::new(log.clone()));
        (log, set_default(subscriber.finish()))
    }

    /// The lines.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}
