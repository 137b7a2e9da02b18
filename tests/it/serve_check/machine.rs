//! What has to be tried on this machine: files, addresses, certificates.

use std::{
    fs::Permissions,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    process::Stdio,
};

use super::*;
use crate::world::Killed;

#[test]
fn a_journal_that_cannot_be_written_is_refused() {
    let installed = Installed::new();
    let _socket = UnixListener::bind(installed.path("socket")).unwrap();
    fs::write(installed.path("file"), "").unwrap();
    symlink("nowhere/journal", installed.path("link")).unwrap();
    for (path, expected) in [
        ("none/journal", "there is no folder"),
        ("policies", "is a folder, not a file"),
        ("none/", "names a folder, not a file"),
        ("socket", "is a socket or a disk"),
        ("link", "there is no folder"),
        ("file/journal", "cannot be written"),
    ] {
        let printed = installed.refused(&[("journal.path", &quoted(&installed.path(path)))]);
        for expected in ["journal.path: ", expected] {
            assert!(printed.contains(expected), "{expected}: {printed}");
        }
    }
    assert!(!installed.path("none").exists());
}

#[test]
fn a_journal_that_this_user_may_not_write_is_refused() {
    let installed = Installed::new();
    fs::create_dir(installed.path("closed")).unwrap();
    fs::write(installed.path("file"), "").unwrap();
    for (path, mode) in [("closed", 0o500), ("file", 0o400)] {
        fs::set_permissions(installed.path(path), Permissions::from_mode(mode)).unwrap();
    }
    if fs::write(installed.path("closed/try"), "").is_ok() {
        // The superuser may write everywhere.
        return;
    }
    for path in ["closed/journal", "file"] {
        let path = quoted(&installed.path(path));
        let printed = installed.refused(&[("journal.path", &path)]);
        assert!(printed.contains("Permission denied"), "{printed}");
    }
}

#[test]
fn a_journal_that_can_be_written_is_not_changed_by_the_check() {
    let installed = Installed::new();
    let made = Command::new("mkfifo").arg(installed.path("pipe")).status();
    assert!(made.unwrap().success());
    fs::write(installed.path("old"), "half a line").unwrap();
    symlink("new-behind-a-link", installed.path("link")).unwrap();
    for path in ["pipe", "old", "link", "new"] {
        let path = quoted(&installed.path(path));
        let (code, printed) = installed.check(&[("journal.path", &path)]);
        assert_eq!(code, 0, "{path}: {printed}");
    }
    let old = fs::read_to_string(installed.path("old")).unwrap();
    assert_eq!(old, "half a line");
    for new in ["new", "new-behind-a-link"] {
        assert!(!installed.path(new).exists(), "{new} was created");
    }
    assert_eq!(installed.check(&[("journal.path", "'-'")]).0, 0);
}

#[test]
fn an_address_that_cannot_be_bound_is_refused_and_one_in_use_is_a_note() {
    let installed = Installed::new();
    // Reserved for documentation: no machine has it.
    let printed = installed.refused(&[("admin.listen", "'192.0.2.1:7002'")]);
    let expected = "cannot listen on 192.0.2.1:7002";
    assert!(printed.contains(expected), "{printed}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("'{}'", taken.local_addr().unwrap());
    let (code, printed) = installed.check(&[("admin.listen", &address)]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("note: admin.listen"), "{printed}");
    let output = installed
        .command(&[("admin.listen", &address)], &[])
        .output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}

/// A machine without CA certificates.
fn without_certificates(mut command: Command, folder: &Path) -> Command {
    command
        .env("SSL_CERT_FILE", folder.join("no-such-file.pem"))
        .env("SSL_CERT_DIR", folder.join("no-such-folder"));
    command
}

#[test]
fn without_ca_certificates_https_is_refused() {
    let installed = Installed::new();
    for (setting, url) in [
        ("incode.url", "'https://api.example.com'"),
        ("trace.otlp_endpoint", "'https://collector.example.com'"),
    ] {
        for arguments in [&["--check"][..], &[]] {
            let command = installed.command(&[(setting, url)], arguments);
            let mut command = without_certificates(command, installed.folder.path());
            let output = command.output().unwrap();
            let printed = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{printed}");
            for expected in [setting, "ca-certificates"] {
                assert!(printed.contains(expected), "{expected}: {printed}");
            }
        }
    }
}

#[test]
fn without_ca_certificates_it_serves_a_vendor_on_this_machine_and_says_what_has_started() {
    let installed = Installed::new();
    let plain = [
        ("trace.otlp_endpoint", "'http://127.0.0.1:9'"),
        ("incode.url", "'http://localhost:9'"),
    ];
    let command = installed.command(&plain, &[]);
    let mut command = without_certificates(command, installed.folder.path());
    let mut serve = Killed(command.stderr(Stdio::piped()).spawn().unwrap());
    let log = BufReader::new(serve.0.stderr.take().unwrap());
    let mut events = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["fields"]["event"] == "service_ready" {
            serve.signal("-TERM");
        }
        events.push(line["fields"].clone());
    }
    assert!(serve.0.wait().unwrap().success());
    let first = &events[0];
    assert_eq!(first["event"], "service_starting");
    assert_eq!(first["version"], verigate::build_info::VERSION);
    assert_eq!(first["commit"], verigate::build_info::COMMIT);
    for (field, name) in [
        ("config_path", "verigate.toml"),
        ("journal_path", "journal.jsonl"),
        ("policies_path", "policies"),
    ] {
        assert_eq!(first[field], installed.path(name).to_str().unwrap());
    }
}

#[test]
fn the_demo_starts_without_ca_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    command
        .arg("demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut command = without_certificates(command, folder.path());
    let mut demo = Killed(command.spawn().unwrap());
    // Kept open to the end: the journal is written there.
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let serves = lines.by_ref().map_while(Result::ok);
    assert!({ serves }.any(|line| line.starts_with("the service answers")));
    demo.signal("-TERM");
    assert!(demo.0.wait().unwrap().success());
    drop(lines);
}

#[test]
fn the_keys_of_issuers_are_checked_and_so_is_who_can_change_them() {
    let installed = Installed::new();
    let keys = installed.path("jwks.json");
    let with = |member: &str, file: &Path| {
        let url = match member {
            "jwks_ca" => "jwks_url = 'https://127.0.0.1:9/', ",
            _ => "",
        };
        format!(
            "{{ issuer = 'https://id.example.com', audience = 'a', {url}{member} = {}, subjects = ['s'] }}",
            quoted(file)
        )
    };
    let good = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let caller = |jwt: &str| {
        let (code, printed) = installed.check(&[("callers.sso.jwt", jwt)]);
        (code, printed)
    };
    for (text, expected) in [
        (None, "callers.sso.jwt: "),
        (Some(""), "it is not a JSON Web Key Set"),
        (Some(r#"{"keys":[]}"#), "none of its 0 keys can be used"),
        (
            Some(r#"{"keys":[{"kty":"oct","k":"AA"}]}"#),
            "none of its 1 keys can be used",
        ),
    ] {
        if let Some(text) = text {
            fs::write(&keys, text).unwrap();
        }
        let (code, printed) = caller(&with("jwks_file", &keys));
        assert_eq!(code, 2, "{text:?} {printed}");
        assert!(printed.contains(expected), "{text:?} {printed}");
    }
    fs::write(&keys, good).unwrap();
    let (code, printed) = caller(&with("jwks_file", &keys));
    assert_eq!(code, 0, "{printed}");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o666)).unwrap();
    let (code, printed) = caller(&with("jwks_file", &keys));
    assert_eq!(code, 2, "{printed}");
    assert!(printed.contains("can be written by others"), "{printed}");
    // Those of sessions too.
    let (issuer, audience, file) = ("'https://id.example.com'", "'app'", quoted(&keys));
    let session = [
        ("authentication.issuer", issuer),
        ("authentication.audience", audience),
        ("authentication.jwks_file", file.as_str()),
    ];
    let printed = installed.refused(&session);
    assert!(printed.contains("authentication: "), "{printed}");
    assert!(printed.contains("can be written by others"), "{printed}");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(installed.check(&session).0, 0);
    let (code, printed) = caller(&with("jwks_ca", &installed.path("policies/a.yaml")));
    assert_eq!(code, 2, "{printed}");
    assert!(printed.contains("has no certificate in PEM"), "{printed}");
}
