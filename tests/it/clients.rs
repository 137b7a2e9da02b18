//! The clients in `clients/`, with their own tests, against this build: what they need is installed by `clients/install`.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::components::skip;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the tests of a client, whose last lines say how many there were.
fn run(client: &str, fits: impl Fn(&str) -> bool) {
    let folder = Path::new(ROOT).join("clients").join(client);
    if !Path::new(ROOT)
        .join("target/client-packages/installed")
        .exists()
    {
        skip("what the tests of the clients need is not installed: run clients/install");
        return;
    }
    let mut command = Command::new(folder.join("run-tests"));
    let command = command.arg(env!("CARGO_BIN_EXE_verigate"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(printed.lines().any(fits), "no test ran: {printed}");
}

/// Whether a line has a number above zero between these words.
fn counts(line: &str, before: &str, after: &str) -> bool {
    let count = line.strip_prefix(before).and_then(|rest| {
        let (count, _) = rest.split_once(after)?;
        count.parse().ok()
    });
    count.is_some_and(|count: u32| count > 0)
}

#[test]
fn the_tests_of_the_client_for_python_hold() {
    run("python", |line| counts(line, "", " passed"));
}

#[test]
fn the_tests_of_the_client_for_typescript_hold() {
    run("typescript", |line| {
        counts(&format!("{line}\n"), "# pass ", "\n")
    });
}

#[test]
fn a_run_without_a_test_is_found() {
    assert!(counts("339 passed in 20.29s", "", " passed"));
    assert!(!counts("0 passed", "", " passed") && !counts("no tests ran", "", " passed"));
    assert!(counts("# pass 60\n", "# pass ", "\n") && !counts("# pass 0\n", "# pass ", "\n"));
}
