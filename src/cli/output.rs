//! What commands write: data to stdout, messages to stderr.

use std::{
    io::{self, Write as _},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long the last line of a service may take.
const WRITE_MAX: Duration = Duration::from_secs(1);

/// Writes data to stdout. A reader that has closed it, as `head` does, is not an error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// Writes a line to stderr, and gives up if that takes longer than a second: a service whose stderr is not read must still end.
pub(super) fn eprint_in_time(line: String) {
    let (written, wait) = mpsc::channel();
    let writer = thread::Builder::new().spawn(move || {
        eprint_line(&line);
        // An error means that nobody waits any more.
        let _ = written.send(());
    });
    if writer.is_ok() {
        // An error means that the line was not written in time.
        let _ = wait.recv_timeout(WRITE_MAX);
    }
}

/// Writes a line to stderr. If stderr is closed, there is nowhere to report that.
pub(super) fn eprint_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
