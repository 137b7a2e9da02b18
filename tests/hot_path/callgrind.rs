//! Counts instructions by callgrind: this program is run again under valgrind, which writes a file each time that the function that is
//! counted returns.

use std::{fs, path::Path, process::Command};

use crate::parts::TIMES;

/// The function that is counted, by the name that callgrind knows it by.
const COUNTED: &str = "hot_path::parts::counted";
/// How long the program may take under valgrind, in seconds.
const LIMIT: &str = "300";

/// The instructions of each part, as often as it is done once, in the order in which a test of this program does them.
pub fn instructions(test: &str) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("counts");
    let output = Command::new("timeout")
        .args([LIMIT, "valgrind", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--zero-before={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind {test}: {said}");
    let parts = (1..).map(|n| out.with_extension(n.to_string()));
    let parts = parts.take_while(|part| part.exists());
    parts.map(|part| total(&part) / TIMES).collect()
}

/// The instructions in a file of callgrind. The last file of all has what came after the last part.
fn total(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.expect("a file of callgrind has totals")
        .parse()
        .unwrap()
}
