//! What else has to be installed for some tests: one whose component is missing names it and is skipped, except in CI, where it fails.

use std::{
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

#[expect(
    clippy::disallowed_methods,
    reason = "only there must everything be installed"
)]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Skips a test that needs this component, which is not there. In CI that is a failure; elsewhere it is printed, and `cargo test -- --nocapture`
/// shows each.
#[expect(clippy::print_stderr, reason = "a skipped test is named")]
pub fn skip(component: &str) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    assert!(!in_ci(), "{component}");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    eprintln!("skipped test {count}: {component}");
}

/// Whether these programs are there; skips a test that needs them and has not.
pub fn has(programs: &[&str]) -> bool {
    let is_missing = |program: &&&str| {
        let command = Command::new("sh")
            .args(["-c", "command -v \"$1\" >/dev/null", "sh", program])
            .status();
        !command.is_ok_and(|status| status.success())
    };
    let missing: Vec<&&str> = programs.iter().filter(is_missing).collect();
    if !missing.is_empty() {
        skip(&format!("not installed: {missing:?}"));
    }
    missing.is_empty()
}
