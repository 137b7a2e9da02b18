//! What the program keeps to itself: core dumps, files that others can change, and every secret and datum of a person.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

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

/// `serve --check` of a configuration in this folder; its exit code and its stderr.
fn check(folder: &Path, incode: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let path = folder.join("verigate.toml");
    let config = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{}'\n[incode]\nurl = 'http://127.0.0.1:1'\nintegration_id = 'i'\nsecret = 'secret-of-the-tests'\n{incode}\n",
        folder.join("policies").display()
    );
    fs::write(&path, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["serve", "--check", "--config"])
        .arg(&path)
        .env_remove("CREDENTIALS_DIRECTORY")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A folder with a policy and a secret, each for its owner alone to change.
fn laid() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("p.yaml"), crate::world::POLICIES).unwrap();
    fs::write(folder.path().join("key"), "key-of-the-tests\n").unwrap();
    set(&policies, 0o755);
    set(&policies.join("p.yaml"), 0o644);
    set(&folder.path().join("key"), 0o600);
    folder
}

#[test]
fn what_others_can_write_is_refused_and_what_they_can_read_is_warned_of() {
    for (file, mode, refused, says) in [
        ("key", 0o600, false, ""),
        ("key", 0o400, false, ""),
        ("key", 0o644, false, "can be read by others"),
        ("key", 0o602, true, "can be written by others"),
        ("key", 0o666, true, "can be written by others"),
        ("key", 0o620, true, "can be written by others"),
        ("policies", 0o755, false, ""),
        ("policies", 0o757, true, "can be written by others"),
        ("policies", 0o777, true, "can be written by others"),
        ("policies", 0o1777, false, "to which others can add files"),
        ("policies/p.yaml", 0o600, false, ""),
        ("policies/p.yaml", 0o646, true, "can be written by others"),
        (".", 0o777, true, "can be written by others"),
    ] {
        // In group 0, which is no private group, if root runs the tests.
        let folder = laid();
        if mode == 0o620 && !rustix::process::geteuid().is_root() {
            continue;
        }
        set(&folder.path().join(file), mode);
        let key = format!("api_key_file = '{}'", folder.path().join("key").display());
        let (code, stderr) = check(folder.path(), &key, &[]);
        assert_eq!(code != Some(0), refused, "{file} {mode:o}: {stderr}");
        assert!(stderr.contains(says), "{file} {mode:o}: {stderr}");
        let is_said = stderr.contains("by others") || stderr.contains("others can");
        assert_eq!(is_said, !says.is_empty(), "{file} {mode:o}: {stderr}");
        assert!(!stderr.contains("key-of-the-tests"), "{stderr}");
    }
}

#[test]
fn keys_are_held_to_the_modes_of_secrets_and_certificates_are_not() {
    let files = crate::tls::Files::new();
    files.write("vendor-ca.crt", &files.server_ca.pem());
    let path = |name: &str| files.path(name).display().to_string();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let listener =
        format!("api_key = 'k'\n[grpc.tls]\ncertificate = '{certificate}'\nkey = '{key}'");
    let vendor =
        format!("api_key = 'k'\nclient_certificate = '{certificate}'\nclient_key = '{key}'");
    // For either end.
    let leaf = files.server_ca.issue(|params| {
        params
            .extended_key_usages
            .push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    });
    files.write_server(&leaf);
    for (section, settings) in [("grpc.tls.key", &listener), ("incode.client_key", &vendor)] {
        for (name, mode, refused, says) in [
            ("tls.key", 0o600, false, ""),
            ("tls.key", 0o644, false, "can be read by others"),
            ("tls.key", 0o646, true, "can be written by others"),
            ("tls.key", 0o600, false, ""),
            ("tls.crt", 0o644, false, ""),
            ("tls.crt", 0o646, true, "can be written by others"),
        ] {
            let case = format!("{section}: {name} {mode:o}");
            set(&files.path("tls.key"), 0o600);
            set(&files.path("tls.crt"), 0o600);
            set(&files.path(name), mode);
            let folder = laid();
            let (code, stderr) = check(folder.path(), settings, &[]);
            assert_eq!(code != Some(0), refused, "{case}: {stderr}");
            assert!(stderr.contains(says), "{case}: {stderr}");
            assert_eq!(
                stderr.contains("by others"),
                !says.is_empty(),
                "{case}: {stderr}"
            );
            assert!(!stderr.contains("PRIVATE KEY"), "{stderr}");
            if refused && name == "tls.key" {
                assert!(stderr.contains(section), "{case}: {stderr}");
            }
        }
    }
}

#[test]
fn a_secret_may_be_a_credential_of_systemd() {
    let folder = laid();
    let key = "api_key_file = 'credential:key'";
    let shown = folder.path().display().to_string();
    let (code, stderr) = check(folder.path(), key, &[("CREDENTIALS_DIRECTORY", &shown)]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, stderr) = check(folder.path(), key, &[]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("CREDENTIALS_DIRECTORY is not set"),
        "{stderr}"
    );
    for name in ["", "..", "a/b", "../key", "/etc/passwd"] {
        let key = format!("api_key_file = 'credential:{name}'");
        let (code, stderr) = check(folder.path(), &key, &[("CREDENTIALS_DIRECTORY", &shown)]);
        assert_eq!(code, Some(2), "{name}: {stderr}");
        assert!(
            stderr.contains("is not the name of a credential"),
            "{name}: {stderr}"
        );
    }
}

#[tokio::test]
async fn policies_that_others_can_write_are_refused_on_a_reload_and_the_old_ones_stay() {
    let mut program = Program::start(Start::default()).await;
    let policies = program.folder.path().join("p.yaml");
    set(&policies, 0o666);
    program.process.signal("-HUP");
    program = program.until_logged("policy_reload_failed").await;
    assert!(program.check("ada-fresh").await.is_ok());
    let (_, metrics) = program.get("/metrics").await;
    assert!(metrics.contains("verigate_policies_exposed 1"), "{metrics}");
    set(&policies, 0o644);
    program.process.signal("-HUP");
    program = program.until_logged("policies_reloaded").await;
    program.stop().await;
}
