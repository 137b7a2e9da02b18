//! What commands write: data to stdout, messages to stderr.

use std::io::{self, Write as _};

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

/// Writes a line to stderr. If stderr is closed, there is nowhere to report that.
pub(super) fn eprint_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
