//! `verigate bench --demo`: the servers start, every answer is as expected, and the servers end.

use std::{path::Path, process::Command};

use super::json;

/// Without Cerbos, which is no part of this repository.
#[test]
fn everything_that_is_compared_is_started_and_answers_as_expected() {
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .env("PATH", "")
        .args([
            "bench",
            "--demo",
            "--calls",
            "60",
            "--rounds",
            "1",
            "--connections",
            "2",
        ])
        .args(["--timeout", "1m", "--duration", "1h", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json = json(&output);
    let targets = json["targets"].as_array().unwrap();
    let names: Vec<&str> = targets
        .iter()
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    let expected = [
        "empty tonic handler",
        "Verigate, ALLOW",
        "Verigate, STEP_UP",
        "Verigate, batch of 64",
        "Verigate, stream",
        "Verigate, TLS",
    ];
    assert_eq!(names, expected);
    for target in targets {
        let checks = 60 * target["checks_per_call"].as_u64().unwrap();
        let decision = target["expected"].as_str().unwrap();
        assert_eq!(target["decisions"][decision], checks, "{target}");
        if cfg!(target_os = "linux") {
            let pid = target["server_pid"].as_u64().unwrap();
            assert!(target["resident_bytes"].as_u64() > Some(0));
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid}");
        }
    }
    assert_eq!(targets[0]["ratios"]["checks_per_second"]["median"], 1.0);
    assert!(targets[1]["ratios"]["checks_per_second"]["median"].as_f64() > Some(0.0));
}
