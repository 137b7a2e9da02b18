//! What is wrong with files, found before the service starts.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use expect_test::{Expect, expect};
use rcgen::date_time_ymd;
use verigate::{
    clock::{Clock, ManualClock},
    tls::check,
};

use super::{Files, pki::Authority};
use crate::world::{BEGINNING, at};

/// What a check finds after a change of good files.
fn finds(change: impl FnOnce(&Files), expected: &Expect) {
    let files = Files::new();
    change(&files);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(at(BEGINNING)));
    let mut found = String::new();
    match check(&files.mutual("grpc.tls"), &clock) {
        Ok(_) => found.push_str("nothing\n"),
        Err(error) => {
            for problem in error.problems {
                writeln!(found, "{problem}").unwrap();
            }
        }
    }
    let folder = files.path("").display().to_string();
    expected.assert_eq(&found.replace(&folder, ""));
}

#[test]
fn good_files_have_no_problem() {
    finds(
        |_| {},
        &expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn every_problem_is_named_with_its_file() {
    finds(
        |files| files.write("tls.key", ""),
        &expect![[r#"
        grpc.tls.key: `tls.key` is empty
    "#]],
    );
    finds(
        |files| fs::remove_file(files.path("tls.crt")).unwrap(),
        &expect![[r#"
        grpc.tls.certificate: `tls.crt` cannot be read: No such file or directory (os error 2)
    "#]],
    );
    finds(
        |files| files.write("tls.crt", "no PEM"),
        &expect![[r#"
        grpc.tls.certificate: `tls.crt` has no certificate in PEM
    "#]],
    );
    finds(
        |files| {
            files.write(
                "tls.crt",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            );
        },
        &expect![[r#"
            grpc.tls.certificate: `tls.crt` has a certificate that cannot be parsed
        "#]],
    );
    finds(
        |files| files.write("tls.key", &files.server_ca.server().key),
        &expect![[r#"
        grpc.tls.key: `tls.key` is not the key of the certificate (certificate and key belong together, and the certificate of the key comes first)
    "#]],
    );
    finds(
        |files| {
            files.write("tls.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        },
        &expect![[r#"
            grpc.tls.key: `tls.key` has an encrypted key, for which nobody could be asked (decrypt it with `openssl pkey`, and keep the file readable for its owner only)
        "#]],
    );
    finds(
        |files| {
            files.write("tls.key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n");
        },
        &expect![[r#"
            grpc.tls.key: `tls.key` has an encrypted key, for which nobody could be asked (decrypt it with `openssl pkey`, and keep the file readable for its owner only)
        "#]],
    );
    finds(
        |files| files.write("tls.key", &files.client_ca.pem()),
        &expect![[r#"
        grpc.tls.key: `tls.key` has no private key (PEM of PKCS #8, PKCS #1 or SEC 1: `-----BEGIN PRIVATE KEY-----`)
    "#]],
    );
    finds(
        |files| {
            fs::remove_file(files.path("tls.key")).unwrap();
            fs::create_dir(files.path("tls.key")).unwrap();
        },
        &expect![[r#"
            grpc.tls.key: `tls.key` is not a regular file
        "#]],
    );
}

#[test]
fn a_certificate_is_valid_now_and_for_servers() {
    let server = |adjust: fn(&mut rcgen::CertificateParams)| {
        move |files: &Files| {
            files.write_server(&files.server_ca.issue(|params| {
                params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
                adjust(params);
            }));
        }
    };
    finds(
        server(|params| params.not_after = date_time_ymd(2026, 1, 31)),
        &expect![[r#"
        grpc.tls.certificate: `tls.crt` has expired at 2026-01-31T00:00:00Z: it is 2026-01-31T12:00:00Z now
    "#]],
    );
    finds(
        server(|params| params.not_before = date_time_ymd(2026, 2, 1)),
        &expect![[r#"
        grpc.tls.certificate: `tls.crt` is not valid before 2026-02-01T00:00:00Z: it is 2026-01-31T12:00:00Z now
    "#]],
    );
    finds(
        server(|params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        }),
        &expect![[r#"
            grpc.tls.certificate: `tls.crt` has a certificate that is not one for servers
        "#]],
    );
    finds(
        |files| {
            let leaf = files.server_ca.server();
            let chain = [files.server_ca.pem(), leaf.chain].concat();
            files.write("tls.crt", &chain);
            files.write("tls.key", &leaf.key);
        },
        &expect![[r#"
            grpc.tls.certificate: `tls.crt` begins with the certificate of a CA (the certificate of the key comes first, then its issuers)
        "#]],
    );
}

#[test]
fn each_ca_has_a_list_that_it_has_signed_and_that_has_not_expired() {
    let expired =
        |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2026, 1, 1);
    finds(
        |files| files.write("ca.crt", &files.client_ca.client("spiffe://a/b").chain),
        &expect![[r#"
        grpc.tls.client_ca: `ca.crt` has a certificate that is not one of a CA: `CN=a name that counts for nothing` (name the CA that issues the certificates of clients)
    "#]],
    );
    finds(
        |files| files.write("ca.crt", &Authority::with("Old CA", expired).pem()),
        &expect![[r#"
        grpc.tls.client_ca: `ca.crt` has expired at 2026-01-01T00:00:00Z: it is 2026-01-31T12:00:00Z now
    "#]],
    );
    // One that has expired is left out.
    finds(
        |files| {
            let both = [
                Authority::with("Old CA", expired).pem(),
                files.client_ca.pem(),
            ];
            files.write("ca.crt", &both.concat());
        },
        &expect![[r#"
            nothing
        "#]],
    );
    finds(
        |files| files.write("ca.crl", &Authority::new("Other CA").list(&[])),
        &expect![[r#"
        grpc.tls.client_crl: `ca.crl` has no list of the CA `CN=Client CA`, so every certificate of it would be refused (add its list; one without entries is enough)
    "#]],
    );
    finds(
        |files| files.write("ca.crl", &Authority::new("Client CA").list(&[])),
        &expect![[r#"
        grpc.tls.client_crl: `ca.crl` has a list that its issuer `CN=Client CA` has not signed
    "#]],
    );
    finds(
        |files| files.write("ca.crl", &files.client_ca.list_until(&[], (2026, 1, 30))),
        &expect![[r#"
            grpc.tls.client_crl: `ca.crl` has expired at 2026-01-30T00:00:00Z: it is 2026-01-31T12:00:00Z now
        "#]],
    );
    finds(
        |files| files.write("ca.crl", &files.client_ca.pem()),
        &expect![[r#"
        grpc.tls.client_crl: `ca.crl` has no revocation list in PEM
    "#]],
    );
}

#[test]
fn all_problems_are_found_at_once() {
    finds(
        |files| {
            for name in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
                files.write(name, "");
            }
        },
        &expect![[r#"
            grpc.tls.certificate: `tls.crt` is empty
            grpc.tls.key: `tls.key` is empty
            grpc.tls.client_ca: `ca.crt` is empty
            grpc.tls.client_crl: `ca.crl` is empty
        "#]],
    );
}

#[test]
fn a_file_that_others_can_write_decides_nothing() {
    for name in ["tls.key", "tls.crt", "ca.crt", "ca.crl"] {
        let change = |files: &Files| {
            let mode = fs::Permissions::from_mode(0o646);
            fs::set_permissions(files.path(name), mode).unwrap();
        };
        let files = Files::new();
        change(&files);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(at(BEGINNING)));
        let error = check(&files.mutual("grpc.tls"), &clock).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("can be written by others"),
            "{name}: {error}"
        );
        assert!(error.contains("chmod go-w"), "{name}: {error}");
    }
}
