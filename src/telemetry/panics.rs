//! Panics as log lines. The standard hook writes to stderr, which may block the thread that panics; a worker of the runtime, for one.

use std::{panic, thread};

use tracing::error;

/// Logs each panic from now on with its place. Its text is logged only where it is a constant: a formatted one may quote somebody's data.
pub(super) fn log() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let panic_message = panicked.payload().downcast_ref::<&'static str>();
        let thread = thread::current();
        error!(
            event = "panicked",
            place,
            panic_message,
            thread = thread.name(),
            "internal error: a task panicked; the call that it served has no answer"
        );
    }));
}
