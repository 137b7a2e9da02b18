//! Core dumps, and what other processes of the same user can read: with privileges and without.

use std::os::unix::process::ExitStatusExt as _;

use super::{
    file_modes::{check, laid, set},
    *,
};

/// The soft limit of core dumps, and whether the memory belongs to root alone.
fn core_limit(program: &Program) -> String {
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.process.0.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let mut words = line.unwrap().split_whitespace().skip(4);
    words.next().unwrap().to_owned()
}

#[tokio::test]
async fn core_dumps_are_off_and_the_metrics_of_the_process_still_work() {
    let program = Program::start(Start {
        before: "ulimit -S -c unlimited 2>/dev/null || true",
        ..Start::default()
    })
    .await;
    assert_eq!(core_limit(&program), "0");
    let (_, metrics) = program.get("/metrics").await;
    for name in [
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_threads",
    ] {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let value = line
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_default();
        assert!(
            value.parse::<f64>().is_ok_and(|value| value > 0.0),
            "{name}: {line:?}"
        );
    }
    let log = program.stop().await;
    assert!(events(&log, "core_dumps_not_forbidden").is_empty());
}

/// Whether a process of the same user, without privileges, can open this file to read.
fn can_read(path: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", "exec cat \"$0\" | head -c 1 | grep -q .", path]);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let ran = command.stderr(Stdio::null()).status();
    ran.unwrap().success()
}

#[tokio::test]
async fn without_privileges_all_works_and_others_of_the_same_user_read_no_memory_unless_permitted()
{
    for permitted in [false, true] {
        let secrets = tempfile::tempdir().unwrap();
        let key = secrets.path().join("key");
        fs::write(&key, Credentials::default().api_key).unwrap();
        set(&key, 0o600);
        if rustix::process::geteuid().is_root() {
            for path in [secrets.path(), &key] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let mut program = Program::start(Start {
            config: format!("[process]\ncore_dumps = {permitted}\n"),
            before: "ulimit -S -c unlimited 2>/dev/null || true",
            api_key: format!("api_key_file = '{}'", key.display()),
            as_nobody: true,
            ..Start::default()
        })
        .await;
        // What the service reads of itself and of its files.
        assert!(program.check("ada-fresh").await.is_ok());
        let (_, metrics) = program.get("/metrics").await;
        for name in [
            "process_cpu_seconds_total",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
        ] {
            assert!(metrics.contains(&format!("\n{name} ")), "{name}");
        }
        program.process.signal("-HUP");
        program = program.until_logged("journal_reopened").await;
        assert!(program.check("ada-fresh").await.is_ok());
        // What others of its user read of it.
        let id = program.process.0.id();
        assert!(can_read(&format!("/proc/{id}/stat")), "the helper reads");
        for name in ["environ", "maps"] {
            let readable = can_read(&format!("/proc/{id}/{name}"));
            assert_eq!(readable, permitted, "{name}");
        }
        // What a crash leaves.
        let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        let unlimited = limits.lines().any(|line| {
            line.starts_with("Max core file size") && line.matches("unlimited").count() == 2
        });
        program.process.signal("-ABRT");
        let ended = Program::ended(program.process).await;
        assert_eq!(ended.signal(), Some(6));
        if !permitted || unlimited && !pattern.starts_with(['|', '/']) {
            assert_eq!(ended.core_dumped(), permitted);
        }
    }
}

#[tokio::test]
async fn core_dumps_are_permitted_only_by_the_setting_and_loudly() {
    let program = Program::start(Start {
        config: "[process]\ncore_dumps = true\n".to_owned(),
        ..Start::default()
    })
    .await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.process.0.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[4], words[5], "soft and hard limit");
    program.stop().await;
    let folder = laid();
    let permitted = "api_key = 'key-of-the-tests'\n[process]\ncore_dumps = true";
    let (code, stderr) = check(folder.path(), permitted, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("process.core_dumps permits core dumps"),
        "{stderr}"
    );
}
