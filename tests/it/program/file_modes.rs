//! Files that others can read or write: which the program refuses, and which it warns of.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

pub fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// `serve --check` of a configuration in this folder; its exit code and its stderr.
pub fn check(folder: &Path, incode: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let path = folder.join("verigate.toml");
    let config = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{}'\n[incode]\nurl = 'http://127.0.0.1:1'\nintegration_id = 'i'\nsecret = 'secret-of-the-tests'\n{incode}\n",
        folder.join("policies").display()
    );
    fs::write(&path, config).unwrap();
    set(&path, 0o600);
    run_check(&path, environment)
}

/// `serve --check` of this file; its exit code and its stderr.
fn run_check(path: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["serve", "--check", "--config"])
        .arg(path)
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
pub fn laid() -> TempDir {
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

/// Every setting that names a file that decides who gets in, with what makes the service read it.
const DECISIVE: [(&str, &str); 16] = [
    ("incode.api_key_file", "[incode]\napi_key_file = 'FILE'"),
    ("incode.secret_file", "[incode]\nsecret_file = 'FILE'"),
    ("incode.ca", "[incode]\nca = 'FILE'"),
    (
        "incode.client_certificate",
        "[incode]\nclient_certificate = 'FILE'\nclient_key = 'OTHER'",
    ),
    (
        "incode.client_key",
        "[incode]\nclient_certificate = 'OTHER'\nclient_key = 'FILE'",
    ),
    (
        "incode.proxy_credentials_file",
        "[incode]\nproxy = 'http://127.0.0.1:3'\nproxy_credentials_file = 'FILE'",
    ),
    ("webhook.secret_file", "[webhook]\nsecret_file = 'FILE'"),
    (
        "webhook.previous_secret_file",
        "[webhook]\nsecret = 'k'\nprevious_secret_file = 'FILE'",
    ),
    (
        "journal.signing_key_file",
        "[journal]\nsigning_key_file = 'FILE'",
    ),
    (
        "journal.identifier_key_file",
        "[journal]\nidentifiers = 'keyed'\nidentifier_key_file = 'FILE'",
    ),
    (
        "grpc.tls.certificate",
        "[grpc.tls]\ncertificate = 'FILE'\nkey = 'OTHER'",
    ),
    (
        "grpc.tls.key",
        "[grpc.tls]\ncertificate = 'OTHER'\nkey = 'FILE'",
    ),
    (
        "grpc.tls.client_ca",
        "[grpc.tls]\ncertificate = 'OTHER'\nkey = 'OTHER'\nclient_ca = 'FILE'",
    ),
    (
        "grpc.tls.client_crl",
        "[grpc.tls]\ncertificate = 'OTHER'\nkey = 'OTHER'\nclient_ca = 'OTHER'\nclient_crl = 'FILE'",
    ),
    (
        "http.tls.key",
        "[http.tls]\ncertificate = 'OTHER'\nkey = 'FILE'",
    ),
    (
        "admin.tls.key",
        "[admin.tls]\ncertificate = 'OTHER'\nkey = 'FILE'",
    ),
];

#[test]
fn each_file_that_decides_who_gets_in_is_refused_where_others_can_write_it() {
    for (setting, sections) in DECISIVE {
        let folder = laid();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("other"), "x\n").unwrap();
        let text = sections
            .replace("FILE", &path("key").display().to_string())
            .replace("OTHER", &path("other").display().to_string());
        let rest = format!("\n[policies]\npath = '{}'\n", path("policies").display());
        fs::write(path("verigate.toml"), text + &rest).unwrap();
        set(&path("verigate.toml"), 0o600);
        let given = [
            ("VERIGATE_INCODE__URL", "https://127.0.0.1:1"),
            ("VERIGATE_INCODE__INTEGRATION_ID", "i"),
            ("VERIGATE_INCODE__API_KEY", "k"),
            ("VERIGATE_INCODE__SECRET", "s"),
        ];
        // What a variable gives is not read from a file.
        let instead = |name: &str| match setting {
            "incode.api_key_file" => name.ends_with("API_KEY"),
            "incode.secret_file" => name.ends_with("__SECRET"),
            _ => false,
        };
        let environment: Vec<_> = given
            .into_iter()
            .filter(|(name, _)| !instead(name))
            .collect();
        for (mode, refused) in [(0o600, false), (0o602, true)] {
            set(&path("key"), mode);
            let (code, stderr) = run_check(&path("verigate.toml"), &environment);
            // It may have other problems, too: this is about one of them.
            assert!(!refused || code != Some(0), "{setting}: {stderr}");
            let lines = stderr.lines();
            let mut lines = lines.filter(|line| line.contains("can be written by others"));
            let said = lines.next().unwrap_or_default();
            assert_eq!(
                said.contains(setting),
                refused,
                "{setting} {mode:o}: {stderr}"
            );
        }
    }
}

#[test]
fn a_configuration_that_others_can_write_is_refused_and_one_with_a_secret_that_they_can_read_is_warned_of()
 {
    let with_secret = "api_key = 'key-of-the-tests'";
    for (incode, secret, mode, refused, warned) in [
        (with_secret, "secret = 's'", 0o600, false, false),
        (with_secret, "secret = 's'", 0o644, false, true),
        (with_secret, "secret = 's'", 0o646, true, false),
        (
            "headers = { x-gateway-key = 'key-of-the-tests' }",
            "",
            0o644,
            false,
            true,
        ),
        ("headers = {}", "", 0o644, false, false),
        ("", "", 0o644, false, false),
        ("", "", 0o646, true, false),
        ("api_key = ''", "", 0o644, false, false),
    ] {
        let folder = laid();
        set(folder.path(), 0o755);
        let path = folder.path().join("verigate.toml");
        let policies = folder.path().join("policies");
        let text = format!(
            "[policies]\npath = '{}'\n[incode]\nurl = 'http://127.0.0.1:1'\nintegration_id = 'i'\n{incode}\n{secret}\n",
            policies.display()
        );
        fs::write(&path, text).unwrap();
        set(&path, mode);
        let environment = [
            ("VERIGATE_INCODE__API_KEY", "key-of-the-tests"),
            ("VERIGATE_INCODE__SECRET", "s"),
            ("VERIGATE_GRPC__LISTEN", "127.0.0.1:0"),
            ("VERIGATE_HTTP__LISTEN", "127.0.0.1:0"),
            ("VERIGATE_ADMIN__LISTEN", "127.0.0.1:0"),
        ];
        let environment = if incode == with_secret {
            &environment[2..]
        } else {
            &environment[..]
        };
        let (code, stderr) = run_check(&path, environment);
        assert_eq!(code != Some(0), refused, "{incode} {mode:o}: {stderr}");
        let says = |what: &str| stderr.contains(what);
        assert_eq!(says("can be written by others"), refused, "{stderr}");
        assert_eq!(says("can be read by others"), warned, "{stderr}");
        assert!(!says("key-of-the-tests"), "{stderr}");
    }
}

#[tokio::test]
async fn callers_are_not_read_again_from_a_file_that_others_can_write() {
    let mut program = Program::start(Start::default()).await;
    let path = program.folder.path().join("verigate.toml");
    let config = fs::read_to_string(&path).unwrap();
    set(&path, 0o602);
    let mine = "[callers.mine]\npolicies = ['*']\n";
    fs::write(&path, format!("{config}\n{mine}")).unwrap();
    program.process.signal("-HUP");
    program = program.until_logged("callers_reload_failed").await;
    let (_, metrics) = program.get("/metrics").await;
    assert!(metrics.contains("verigate_callers 0\n"), "{metrics}");
    set(&path, 0o600);
    program.process.signal("-HUP");
    program = program.until_logged("callers_reloaded").await;
    program.stop().await;
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

#[test]
fn files_that_decide_who_is_trusted_are_named_apart_from_those_with_secrets() {
    let files = crate::tls::Files::new();
    let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    files.write("jwks.json", keys);
    let path = |name: &str| files.path(name).display().to_string();
    let listener = format!(
        "[grpc.tls]\ncertificate = '{}'\nkey = '{}'\n",
        path("tls.crt"),
        path("tls.key")
    );
    let [trusted, secret] = [
        "a file that decides who is trusted is exposed",
        "a file with a secret is exposed",
    ];
    for (settings, says) in [
        (
            format!("api_key = 'k'\nca = '{}'", path("ca.crt")),
            [true, false],
        ),
        (
            format!(
                "api_key = 'k'\n[callers.sso]\npolicies = ['*']\njwt = {{ issuer = 'https://id.example.com', audience = 'a', jwks_file = '{}', subjects = ['s'] }}",
                path("jwks.json")
            ),
            [true, false],
        ),
        // The key is in the same folder, which is named once.
        (
            format!("api_key = 'k'\n{listener}client_ca = '{}'", path("ca.crt")),
            [false, true],
        ),
        (format!("api_key = 'k'\n{listener}"), [false, true]),
    ] {
        for mode in [0o755, 0o1777] {
            set(&files.path("."), mode);
            set(&files.path("tls.key"), 0o600);
            let folder = laid();
            let (code, stderr) = check(folder.path(), &settings, &[]);
            assert_eq!(code, Some(0), "{settings}: {stderr}");
            let is_open = mode == 0o1777;
            assert_eq!(
                [trusted, secret].map(|what| stderr.contains(what)),
                says.map(|says| says && is_open),
                "{settings} {mode:o}: {stderr}"
            );
        }
    }
}
