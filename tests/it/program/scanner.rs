//! A scanner of TLS finds nothing against our listeners, where it is installed (`tests/clients/install`).

use rcgen::date_time_ymd;
use verigate::policy::Timestamp;

use super::*;
use crate::tls::{Files, real_clients::installed};

const DAY: Duration = Duration::from_hours(24);

/// What the scanner finds at this address, held to a profile of Mozilla.
async fn scan(clients: &Path, profile: &'static str, address: &str, files: &Files) -> String {
    let mut command = Command::new(clients.join("py/bin/python"));
    command
        .args(["-m", "sslyze", "--mozilla_config", profile])
        .arg("--certinfo_ca_file")
        .arg(files.path("server-ca.crt"))
        .arg("--cert")
        .arg(files.path("door.crt"))
        .arg("--key")
        .arg(files.path("door.key"))
        .arg(address.trim_start_matches("http://"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test]
async fn a_scanner_finds_each_listener_compliant_with_its_profile() {
    let Some(clients) = installed() else { return };
    let files = Files::new();
    let today: Timestamp = SystemClock.now();
    let date = today.to_string();
    let mut numbers = date.split(['-', 'T']).map(str::parse::<u8>);
    // The year has more digits than a `u8`.
    let year = date[..4].parse::<i32>().unwrap();
    let (month, day) = (
        numbers.nth(1).unwrap().unwrap(),
        numbers.next().unwrap().unwrap(),
    );
    let begins = date_time_ymd(year, month, day);
    // As long as a certificate of a browser's CA may be valid.
    files.write_server(&files.server_ca.issue(|params| {
        params.subject_alt_names = vec![rcgen::SanType::IpAddress([127, 0, 0, 1].into())];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = begins;
        params.not_after = begins + 30 * DAY;
    }));
    let door = files.client_ca.client("spiffe://example.org/door/north");
    for (name, text) in [
        ("server-ca.crt", &files.server_ca.pem()),
        ("door.crt", &door.chain),
        ("door.key", &door.key),
    ] {
        files.write(name, text);
    }
    let path = |name: &str| files.path(name).display().to_string();
    let own = format!(
        "certificate = '{}'\nkey = '{}'",
        path("tls.crt"),
        path("tls.key")
    );
    let asks = format!(
        "client_ca = '{}'\nclient_crl = '{}'",
        path("ca.crt"),
        path("ca.crl")
    );
    let program = Program::start(Start {
        config: format!("[grpc.tls]\n{own}\n{asks}\n[http.tls]\n{own}\nmin_version = '1.2'\n"),
        ..Start::default()
    })
    .await;
    for (profile, address) in [("modern", &program.grpc), ("intermediate", &program.http)] {
        let found = scan(&clients, profile, address, &files).await;
        assert!(found.contains("OK - Compliant."), "{profile}: {found}");
        for attack in [
            "Client Renegotiation DoS Attack:   OK",
            "Deflate Compression",
        ] {
            assert!(found.contains(attack), "{found}");
        }
    }
    // The first profile has no TLS 1.2, so that a check that finds everything compliant is noticed.
    let found = scan(&clients, "modern", &program.http, &files).await;
    assert!(found.contains("FAILED - Not compliant"), "{found}");
}
