//! A progress bar on stderr, for files that take long.

use std::io::{self, IsTerminal as _, Write as _};

/// Smaller files need none, in bytes.
const BYTES_MIN: u64 = 64 * 1024 * 1024;
/// How many characters the bar has.
const WIDTH: u64 = 40;

/// How much of a number of bytes is done.
#[derive(Debug)]
pub(super) struct Progress {
    total: u64,
    done: u64,
    /// What was shown last, in percent.
    shown: Option<u64>,
    is_shown: bool,
}

impl Progress {
    /// Of this many bytes. Nothing is shown if stderr is no terminal.
    pub(super) fn of(total: u64) -> Self {
        Self {
            total,
            done: 0,
            shown: None,
            is_shown: total >= BYTES_MIN && io::stderr().is_terminal(),
        }
    }

    /// This many more bytes are done.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        if self.is_shown {
            // What is compressed has more bytes than its file.
            let percent = self
                .done
                .saturating_mul(100)
                .checked_div(self.total)
                .unwrap_or(0)
                .min(99);
            if self.shown != Some(percent) {
                self.shown = Some(percent);
                show(&bar(percent));
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(self) {
        if self.shown.is_some() {
            show("\r\u{1b}[K");
        }
    }
}

fn bar(percent: u64) -> String {
    let full = percent.saturating_mul(WIDTH) / 100;
    let part = |count: u64, mark: &str| mark.repeat(usize::try_from(count).unwrap_or(0));
    let (done, open) = (part(full, "#"), part(WIDTH.saturating_sub(full), "."));
    format!("\r[{done}{open}] {percent:>2} %")
}

fn show(text: &str) {
    // If stderr is closed, nobody looks at it.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_to_its_width() {
        assert_eq!(bar(0), format!("\r[{}]  0 %", ".".repeat(40)));
        assert_eq!(
            bar(50),
            format!("\r[{}{}] 50 %", "#".repeat(20), ".".repeat(20))
        );
    }

    #[test]
    fn nothing_is_shown_where_nobody_looks() {
        let mut progress = Progress::of(BYTES_MIN - 1);
        progress.add(BYTES_MIN);
        assert_eq!(progress.shown, None);
    }
}
