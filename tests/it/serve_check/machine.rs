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
    time::Duration,
};

use rcgen::date_time_ymd;
use verigate::clock::{Clock as _, SystemClock};

use super::*;
use crate::{tls::pki::Authority, world::Killed};

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
    let events = events_of_start(&mut command);
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
        (None, "callers.sso.jwt.jwks_file: "),
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
        assert_eq!(printed.matches(expected).count(), 1, "{text:?} {printed}");
        // The line of the setting in the file, and what is wrong, once each; `serve` says the same.
        let place = format!("{}:4:", installed.path("verigate.toml").display());
        let started = installed.command(&[("callers.sso.jwt", &with("jwks_file", &keys))], &[]);
        let output = { started }.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text:?}");
        for printed in [printed, String::from_utf8(output.stderr).unwrap()] {
            for expected in [&*place, "callers.sso.jwt.jwks_file: ", expected] {
                let count = printed.matches(expected).count();
                assert_eq!(count, 1, "{text:?} {expected} {printed}");
            }
        }
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
    assert!(printed.contains("authentication.jwks_file: "), "{printed}");
    assert!(printed.contains("can be written by others"), "{printed}");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(installed.check(&session).0, 0);
    let (code, printed) = caller(&with("jwks_ca", &installed.path("policies/a.yaml")));
    assert_eq!(code, 2, "{printed}");
    assert!(printed.contains("has no certificate in PEM"), "{printed}");
}

#[test]
fn half_a_file_of_certificates_is_named_in_words() {
    let installed = Installed::new();
    let files = crate::tls::Files::new();
    let path = |name: &str| quoted(&files.path(name));
    let whole = fs::read_to_string(files.path("tls.crt")).unwrap();
    let key = fs::read_to_string(files.path("tls.key")).unwrap();
    let (certificate_file, key_file) = (path("tls.crt"), path("tls.key"));
    let settings = [
        ("grpc.tls.certificate", &*certificate_file),
        ("grpc.tls.key", &*key_file),
    ];
    assert_eq!(installed.check(&settings).0, 0);
    for (name, setting, text) in [
        ("tls.crt", "grpc.tls.certificate", &whole),
        ("tls.key", "grpc.tls.key", &key),
    ] {
        // After each quarter, and within the last line and the first one.
        let cuts = [
            text.len() / 4,
            text.len() / 2,
            text.len() - 40,
            text.len() - 10,
            20,
        ];
        for cut in cuts {
            files.write(name, &text[..cut]);
            let printed = installed.refused(&settings);
            for expected in [setting, "written in full?"] {
                assert!(printed.contains(expected), "{cut}: {printed}");
            }
            for wrong in ["[6", "[4", "[45, ", "marker", "illegal"] {
                assert!(!printed.contains(wrong), "{cut}: {wrong}: {printed}");
            }
            // Nothing of what the file holds.
            let lines = text[..cut].lines().filter(|line| line.len() > 30);
            assert!(
                lines.clone().all(|line| !printed.contains(line)),
                "{printed}"
            );
        }
        files.write(name, text);
    }
}

#[test]
fn certificates_and_lists_that_expire_soon_are_warned_of() {
    let installed = Installed::new();
    let mut files = crate::tls::Files::new();
    let now = SystemClock.now();
    let days = |days: i64| {
        let at = now.as_second() + days * 24 * 3600;
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(at).unwrap())
    };
    files.server_ca = Authority::with("CA", |params| params.not_after = days(3));
    let leaf = |until| {
        files.server_ca.issue(|params| {
            params.subject_alt_names = vec![rcgen::SanType::IpAddress([127, 0, 0, 1].into())];
            params.extended_key_usages = vec![
                rcgen::ExtendedKeyUsagePurpose::ServerAuth,
                rcgen::ExtendedKeyUsagePurpose::ClientAuth,
            ];
            params.not_after = until;
        })
    };
    files.write("vendor-ca.crt", &files.server_ca.pem());
    let path = |name: &str| quoted(&files.path(name));
    let named = [
        ("grpc.tls.certificate", path("tls.crt")),
        ("grpc.tls.key", path("tls.key")),
        ("grpc.tls.client_ca", path("vendor-ca.crt")),
        ("grpc.tls.client_crl", path("soon.crl")),
        ("incode.ca", path("vendor-ca.crt")),
        ("incode.client_certificate", path("tls.crt")),
        ("incode.client_key", path("tls.key")),
    ];
    let settings: Vec<(&str, &str)> = named.iter().map(|(name, file)| (*name, &**file)).collect();
    let expiring = |days_left: i64, list_days: i64| {
        files.write_server(&leaf(days(days_left)));
        let list = files
            .server_ca
            .list_with(&[], |params| params.next_update = days(list_days));
        files.write("soon.crl", &list);
        let (code, printed) = installed.check(&settings);
        assert_eq!(code, 0, "{printed}");
        let named = settings.iter().map(|(name, _)| *name);
        let is_named = |name: &&str| printed.contains(&format!("warning: {name}: a "));
        named.filter(is_named).collect::<Vec<_>>()
    };
    let cas = ["grpc.tls.client_ca", "incode.ca"];
    assert_eq!(expiring(8, 2), cas);
    let own = [
        "grpc.tls.certificate",
        cas[0],
        cas[1],
        "incode.client_certificate",
    ];
    assert_eq!(expiring(6, 2), own);
}
