//! The settings of TLS, from a file and from the environment.

use std::{ffi::OsString, fs, path::PathBuf};

use expect_test::{Expect, expect};
use verigate::{
    config::Config,
    tls::{MinVersion, ServerTlsConfig},
};

const ACCOUNT: &str = "[incode]\nurl = 'https://api.example.com'\napi_key = 'k'\nintegration_id = 'i'\nsecret = 's'\n";

/// The configuration of a file and these variables, or its problems.
fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    fs::write(&path, format!("{ACCOUNT}{text}")).unwrap();
    let environment = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let shown = folder.path().display().to_string();
    Config::load(Some(&path), environment)
        .map_err(|problems| problems.to_string().replace(&format!("{shown}/"), ""))
}

fn refuses(text: &str, variables: &[(&str, &str)], expected: &Expect) {
    expected.assert_eq(&load(text, variables).unwrap_err());
}

#[test]
fn a_section_in_a_section_is_read_from_the_file_and_from_the_environment() {
    let text = "[grpc.tls]\ncertificate = 'a.crt'\nkey = 'a.key'\nclient_ca = 'ca.crt'\nmin_version = '1.2'\n";
    let config = load(text, &[("VERIGATE_GRPC__TLS__KEY", "b.key")]).unwrap();
    let expected = ServerTlsConfig {
        section: "grpc.tls",
        certificate: "a.crt".into(),
        key: "b.key".into(),
        client_ca: Some("ca.crt".into()),
        client_crl: None,
        min_version: MinVersion::Tls12,
    };
    assert_eq!(config.tls.grpc, Some(expected));
    assert_eq!(config.tls.http, None);
    // A dotted key and an inline table are the same section.
    for same in [
        "[grpc]\ntls.certificate = 'a.crt'\ntls.key = 'a.key'\n",
        "[grpc]\ntls = { certificate = 'a.crt', key = 'a.key' }\n",
    ] {
        let config = load(same, &[]).unwrap();
        assert_eq!(config.tls.grpc.unwrap().min_version, MinVersion::Tls13);
    }
}

#[test]
fn settings_that_are_of_no_use_alone_are_refused() {
    refuses(
        "[grpc.tls]\nkey = 'a.key'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: grpc.tls.key is set, but grpc.tls.certificate is not"#]],
    );
    refuses(
        "[http.tls]\ncertificate = 'a.crt'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: http.tls.certificate is set, but http.tls.key is not"#]],
    );
    refuses(
        "[admin.tls]\nclient_ca = 'ca.crt'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: admin.tls.client_ca is set, but admin.tls.certificate is not"#]],
    );
    refuses(
        "[grpc.tls]\ncertificate = 'a'\nkey = 'b'\nclient_crl = 'ca.crl'\n",
        &[],
        &expect![[r#"
            1 problem in the configuration
              verigate.toml:9:1: grpc.tls.client_crl is set, but grpc.tls.client_ca is not"#]],
    );
    refuses(
        "[public.tls]\ncertificate = 'a'\nkey = 'b'\n",
        &[],
        &expect![[r#"
            1 problem in the configuration
              verigate.toml:7:1: public.tls.certificate is set, but public.listen is not
                hint: set public.listen, or move it to http.tls"#]],
    );
}

#[test]
fn what_is_no_setting_of_the_section_is_refused_with_its_place() {
    refuses(
        "[grpc.tls]\ncertifcate = 'a.crt'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: unknown setting `grpc.tls.certifcate`
            hint: did you mean `grpc.tls.certificate`?"#]],
    );
    refuses(
        "[grpc]\ntls = 'a.crt'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: `grpc.tls` is not a section"#]],
    );
    refuses(
        "[grpc.tls]\nmin_version = '1.1'\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: grpc.tls.min_version: `1.1` is not one of: 1.2, 1.3"#]],
    );
    refuses(
        "[grpc.tls]\nmin_version = 1.2\n",
        &[],
        &expect![[r#"
        1 problem in the configuration
          verigate.toml:7:1: grpc.tls.min_version is not of type string
            hint: write it in quotes"#]],
    );
    refuses(
        "",
        &[("VERIGATE_GRPC__TLS_KEY", "a.key")],
        &expect![[r#"
        1 problem in the configuration
          VERIGATE_GRPC__TLS_KEY: unknown setting `grpc.tls_key`
            hint: did you mean `grpc.tls.key`?"#]],
    );
    refuses(
        "",
        &[("VERIGATE_GRPC_TLS_KEY", "a.key")],
        &expect![[r#"
        1 problem in the configuration
          VERIGATE_GRPC_TLS_KEY: sets nothing
            hint: did you mean `VERIGATE_GRPC__TLS__KEY`?"#]],
    );
}

#[test]
fn a_proxy_is_http_without_a_password_and_a_client_certificate_has_a_key() {
    for (proxy, expected) in [
        ("https://proxy.example.org", "must be http"),
        ("socks5://proxy.example.org", "is not a URL of http"),
        (
            "http://user:made-up@proxy.example.org",
            "must not contain a user",
        ),
        ("http://proxy.example.org/path", "must be a host and a port"),
        ("proxy.example.org:3128", "is not a URL"),
        ("http://127.0.0.1:50051", "is the address of grpc.listen"),
    ] {
        let error = load("", &[("VERIGATE_INCODE__PROXY", proxy)]).unwrap_err();
        assert!(error.contains(expected), "{proxy}: {error}");
        assert!(!error.contains("made-up"), "{error}");
    }
    let own = |key| load("", &[(key, "a file")]).unwrap_err();
    let error = own("VERIGATE_INCODE__CLIENT_CERTIFICATE");
    assert!(error.contains("incode.client_key is not"), "{error}");
    let error = own("VERIGATE_INCODE__CLIENT_KEY");
    assert!(
        error.contains("incode.client_certificate is not"),
        "{error}"
    );
    let error = own("VERIGATE_INCODE__PROXY_CREDENTIALS_FILE");
    assert!(error.contains("incode.proxy is not"), "{error}");
    let plain = [
        ("VERIGATE_INCODE__URL", "http://127.0.0.1:1"),
        ("VERIGATE_INCODE__PROXY", "http://proxy.example.org:3128"),
    ];
    let error = load("", &plain).unwrap_err();
    assert!(error.contains("needs an incode.url of https"), "{error}");
}

#[test]
fn a_file_with_a_secret_may_be_a_credential_of_systemd() {
    let folder = ("CREDENTIALS_DIRECTORY", "/run/credentials/verigate.service");
    let text = "client_certificate = 'own.crt'\nclient_key = 'credential:own.key'\nproxy = 'http://proxy.example.org:3128'\nproxy_credentials_file = 'credential:proxy'\n[grpc.tls]\ncertificate = 'a.crt'\nkey = 'credential:tls.key'\n";
    let config = load(text, &[folder]).unwrap();
    let credential = |name: &str| PathBuf::from(folder.1).join(name);
    assert_eq!(config.tls.grpc.unwrap().key, credential("tls.key"));
    let vendor = config.incode.files;
    assert_eq!(vendor.certificate.unwrap().1, credential("own.key"));
    assert_eq!(vendor.proxy_credentials, Some(credential("proxy")));
    let error = load(text, &[]).unwrap_err();
    for setting in ["grpc.tls.key", "incode.client_key"] {
        assert!(error.contains(setting), "{error}");
    }
    assert!(
        error.contains("CREDENTIALS_DIRECTORY is not set"),
        "{error}"
    );
    let text = text.replace("credential:tls.key", "credential:../tls.key");
    let error = load(&text, &[folder]).unwrap_err();
    assert!(error.contains("is not the name of a credential"), "{error}");
}
