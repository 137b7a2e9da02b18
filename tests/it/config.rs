//! The configuration: layers, and every problem at once without a secret.

mod export;
mod protection;
mod signing;

use std::{ffi::OsString, fs};

use expect_test::{Expect, expect};
use secrecy::ExposeSecret as _;
use verigate::config::Config;

const GOOD: &str = r#"
[incode]
url = "https://api.example.com/base"
api_key = "key-of-the-file"
integration_id = "integration"
secret = "secret-of-the-file"
"#;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    fs::write(&path, file).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::load(Some(&path), environment).map_err(|problems| {
        let folder = format!("{}/", folder.path().display());
        problems.to_string().replace(&folder, "")
    })
}

fn check(file: &str, environment: &[(&str, &str)], expected: &Expect) {
    expected.assert_eq(&load(file, environment).unwrap_err());
}

#[test]
fn what_is_not_set_has_its_default() {
    let config = load(GOOD, &[]).unwrap();
    assert_eq!(config.grpc.to_string(), "127.0.0.1:50051");
    assert_eq!(config.cache.capacity, 100_000);
    assert_eq!(config.journal.path.to_str(), Some("-"));
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("VERIGATE_GRPC__LISTEN", "[::1]:7"),
        ("VERIGATE_INCODE__API_KEY", "key-of-the-environment"),
        ("VERIGATE_CACHE__CAPACITY", "7"),
        ("VERIGATE_INCODE__HEADERS", r#"{ api-version = "1.0" }"#),
        // Kubernetes sets such for a service of our name.
        ("VERIGATE_SERVICE_HOST", "10.0.0.1"),
    ];
    let config = load(GOOD, &environment).unwrap();
    assert_eq!(config.grpc.to_string(), "[::1]:7");
    assert_eq!(
        config.incode.api_key.expose_secret(),
        "key-of-the-environment"
    );
    assert_eq!(config.cache.capacity, 7);
    assert_eq!(config.incode.headers[0].0, "api-version");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "from-the-file\n").unwrap();
    let file = GOOD.replace(
        "secret = \"secret-of-the-file\"",
        &format!("secret_file = '{}'", secret.display()),
    );
    let config = load(&file, &[]).unwrap();
    assert_eq!(config.incode.secret.expose_secret(), "from-the-file");
    fs::write(&secret, "").unwrap();
    assert!(load(&file, &[]).unwrap_err().contains("is empty"));
    fs::remove_file(&secret).unwrap();
    assert!(load(&file, &[]).unwrap_err().contains("cannot be read"));
}

#[test]
fn the_environment_overrides_the_twin_that_the_file_sets() {
    let file = GOOD.replace(
        "secret = \"secret-of-the-file\"",
        "secret_file = '/no/such/file'",
    );
    let config = load(&file, &[("VERIGATE_INCODE__SECRET", "of-the-environment")]).unwrap();
    assert_eq!(config.incode.secret.expose_secret(), "of-the-environment");
}

#[test]
fn what_could_not_work_is_reported_before_it_is_tried() {
    for (settings, expected) in [
        (
            "[journal]\npath = '/no/such/folder/journal'",
            "there is no folder `/no/such/folder`",
        ),
        (
            "[journal]\nattributes = ['door', 7]",
            "journal.attributes is not a list of texts",
        ),
        (
            "[journal]\nattributes = ['door', '']",
            "journal.attributes has an empty name",
        ),
        (
            "[journal]\nattributes = ['door', 'site', 'door']",
            "journal.attributes names `door` more than once",
        ),
        (
            "[journal]\nattributes = ['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q']",
            "journal.attributes has 17 names; at most 16 are recorded",
        ),
        (
            "[http]\nlisten = '127.0.0.1:50051'",
            "http.listen is the address of grpc.listen",
        ),
        (
            "[trace]\notlp_endpoint = 'localhost:4318'",
            "such as http://127.0.0.1:4318",
        ),
        (
            "[trace]\notlp_endpoint = 'http://u:hush@localhost:4318'",
            "must not contain a user name or password",
        ),
        ("[trace]\nsample = 1.5", "1.5 is not from 0.0 to 1.0"),
        ("[trace]\nsample = nan", "is not from 0.0 to 1.0"),
    ] {
        let error = load(&format!("{settings}\n{GOOD}"), &[]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let error = load(GOOD, &[("VERIGATE_INCODE_API_KEY", "hush-hush")]).unwrap_err();
    assert!(
        error.contains("did you mean `VERIGATE_INCODE__API_KEY`?"),
        "{error}"
    );
    assert!(!error.contains("hush-hush"), "{error}");
    let free = "[grpc]\nlisten = '[::1]:0'\n[http]\nlisten = '[::1]:0'";
    assert!(load(&format!("{free}\n{GOOD}"), &[]).is_ok());
}

#[test]
fn every_problem_is_reported_at_once_and_no_secret_with_it() {
    check(
        r#"
[grpc]
listen = "0.0.0.0:50051"
[incod]
[incode]
url = "http://api.example.com"
api_kye = "hush-hush"
secret = "hush-hush"
secret_file = "/run/secret"
connect_timeout = "soon"
headers = { x-auth-token = "hush-hush" }
[cache]
capacity = "many"
[log]
level = "loud"
"#,
        &[
            ("VERIGATE_CACHE__SIZE", "7"),
            ("VERIGATE_HTTP__LISTEN", "8080"),
        ],
        &expect![[r#"
            13 problems in the configuration
              verigate.toml:13:1: cache.capacity is not of type integer
              verigate.toml:4:2: unknown section `incod`
                hint: did you mean `incode`?
              verigate.toml:7:1: unknown setting `incode.api_kye`
                hint: did you mean `incode.api_key`?
              VERIGATE_CACHE__SIZE: unknown setting `cache.size`
              verigate.toml:3:1: grpc.listen: 0.0.0.0:50051 is not a loopback address
                hint: anybody who reaches it could ask for decisions: configure callers ([callers.NAME]), or listen on 127.0.0.1, [::1] or a Unix socket; `insecure_allow_anonymous = true` accepts that
              VERIGATE_HTTP__LISTEN: http.listen: `8080` is neither an IP address with a port nor `unix:` with an absolute path
                hint: such as "127.0.0.1:50051", "[::1]:50051" or "unix:/run/verigate/grpc.sock"
              verigate.toml:6:1: incode.url must be https, because secrets are sent there; http only to a loopback address
              incode.api_key is not set
                hint: set incode.api_key or incode.api_key_file
              incode.integration_id is not set
              verigate.toml:9:1: incode.secret and incode.secret_file are both set
              verigate.toml:11:1: incode.headers: `x-auth-token` is set by the service itself
              verigate.toml:10:1: incode.connect_timeout: `soon` is not a duration above zero
                hint: such as "2s"
              verigate.toml:15:1: log.level: `loud` is not one of: error, warn, info, debug, trace"#]],
    );
}

#[test]
fn what_is_not_toml_is_reported_with_its_place_and_without_its_text() {
    check(
        "[incode]\nsecret = \"hush-hush\n",
        &[],
        &expect![[r#"
            1 problem in the configuration
              verigate.toml:2:20: not TOML: invalid basic string, expected `"`"#]],
    );
}

#[test]
fn plain_http_is_accepted_only_to_this_machine() {
    for (url, accepted) in [
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://localhost:9000", true),
        ("https://api.example.com", true),
        ("http://api.example.com", false),
        ("http://127.0.0.1.example.com", false),
        ("ftp://127.0.0.1", false),
        ("https://user:pass@api.example.com", false),
        ("https://api.example.com?x=1", false),
        ("api.example.com", false),
    ] {
        let file = GOOD.replace("https://api.example.com/base", url);
        assert_eq!(load(&file, &[]).is_ok(), accepted, "{url}");
    }
}

#[test]
fn webhooks_are_off_until_a_secret_is_set_and_two_may_be() {
    let config = load(GOOD, &[]).unwrap();
    assert!(config.webhook.is_none());
    assert_eq!(config.step_up.link_life.as_secs(), 900);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "the-new-secret-of-the-file\n").unwrap();
    let file = format!(
        "{GOOD}[webhook]\nheader = 'X-Tenant-Secret'\nsecret_file = '{}'\nprevious_secret = 'the-secret-before-it'\n[step_up]\nlink_life = '1h'\n",
        secret.display()
    );
    let config = load(&file, &[]).unwrap();
    assert_eq!(config.step_up.link_life.as_secs(), 3600);
    let webhook = config.webhook.unwrap();
    assert_eq!(webhook.header, "x-tenant-secret");
    assert_eq!(webhook.secret.expose_secret(), "the-new-secret-of-the-file");
    let previous = webhook.previous_secret.unwrap();
    assert_eq!(previous.expose_secret(), "the-secret-before-it");
    let environment = [("VERIGATE_WEBHOOK__SECRET", "of-the-environment")];
    let webhook = load(&file, &environment).unwrap().webhook.unwrap();
    assert_eq!(webhook.secret.expose_secret(), "of-the-environment");
}

#[test]
fn what_would_make_webhooks_unsafe_is_reported_without_the_secret() {
    for (settings, expected) in [
        (
            "secret = 'hush-hush'",
            "webhook.secret is shorter than 16 bytes",
        ),
        (
            "secret = 'hush-hush-hush-hush '",
            "webhook.secret begins or ends with a space",
        ),
        (
            "secret = 'hush-hush-hush-hush'\nprevious_secret = 'hush'",
            "webhook.previous_secret is shorter than 16 bytes",
        ),
        (
            "previous_secret = 'hush-hush-hush-hush'",
            "webhook.previous_secret is set, but webhook.secret is not",
        ),
        (
            "secret = 'hush-hush-hush-hush'\nsecret_file = '/hush'",
            "webhook.secret and webhook.secret_file are both set",
        ),
        (
            "secret_file = '/no/such/file'",
            "`/no/such/file` cannot be read",
        ),
        (
            "header = 'not a header'",
            "`not a header` is not the name of a header",
        ),
        (
            "secret = \"hush-hush-hush\\u0007hush\"",
            "control or invisible characters",
        ),
    ] {
        let error = load(&format!("{GOOD}[webhook]\n{settings}"), &[]).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hush-hush"), "{error}");
    }
    for settings in [
        "link_life = '0s'",
        "links_per_second = 0",
        "links_burst = 0",
    ] {
        assert!(load(&format!("{GOOD}[step_up]\n{settings}"), &[]).is_err());
    }
}

#[test]
fn tokens_of_sessions_that_name_nobody_are_a_warning() {
    let warnings = |claim: &str| {
        let session = format!(
            "[authentication]\nissuer = \"https://id.example.com\"\naudience = \"app\"\njwks_url = \"https://id.example.com/jwks.json\"\n{claim}"
        );
        load(&format!("{GOOD}{session}"), &[]).unwrap().warnings()
    };
    let of_none = warnings("");
    assert_eq!(of_none.len(), 1, "{of_none:?}");
    assert!(of_none[0].contains("authentication.verification_claim"));
    for claim in ["verification_claim = \"v\"", "identity_claim = \"i\""] {
        assert_eq!(warnings(claim), Vec::<String>::new(), "{claim}");
    }
}

#[test]
fn a_quota_that_binds_before_the_vendor_does_is_a_warning() {
    let warnings = |settings: &str| load(&format!("{GOOD}{settings}"), &[]).unwrap().warnings();
    // No default binds, nor does one that is raised together with the rate.
    for settings in [
        "",
        "rate = 200\nburst = 500",
        "[quota]\nfetches_per_second = 100\nfetches_burst = 100",
    ] {
        assert!(warnings(settings).is_empty(), "{settings}");
    }
    for (settings, expected) in [
        (
            "rate = 201",
            "quota.fetches_per_second (200) is below incode.rate (201)",
        ),
        (
            "burst = 501",
            "quota.fetches_burst (500) is below incode.burst (501)",
        ),
        (
            "[quota]\nfetches_per_second = 99",
            "quota.fetches_per_second (99) is below incode.rate (100)",
        ),
    ] {
        let warnings = warnings(settings);
        assert_eq!(warnings.len(), 1, "{settings}");
        assert!(warnings[0].starts_with(expected), "{}", warnings[0]);
    }
}

#[test]
fn the_names_of_the_service_and_its_proxies_are_read_for_each_listener() {
    let more = r#"
[http]
public_url = "https://Verigate.Example.org:8443/pdp"
hosts = ["pdp.internal."]
trusted_proxies = ["10.0.0.0/8", "::1", "::ffff:192.0.2.7"]
[public]
listen = "0.0.0.0:8081"
hosts = ["hooks.example.org"]
[admin]
hosts = ["ops.internal"]
"#;
    let config = load(&format!("{GOOD}{more}"), &[]).unwrap();
    let hosts = |rules: &verigate::http::Rules| {
        let hosts = rules.hosts.iter().map(ToString::to_string);
        hosts.collect::<Vec<_>>().join(" ")
    };
    let filters = &config.filters;
    assert_eq!(hosts(&filters.http), "pdp.internal verigate.example.org");
    assert_eq!(
        hosts(&filters.public),
        "hooks.example.org verigate.example.org"
    );
    assert_eq!(hosts(&filters.admin), "ops.internal verigate.example.org");
    let trusted = filters.http.trusted_proxies.iter().map(ToString::to_string);
    let trusted: Vec<_> = trusted.collect();
    assert_eq!(trusted, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    assert!(filters.public.trusted_proxies.is_empty());
    assert_eq!(config.public.as_ref().unwrap().to_string(), "0.0.0.0:8081");
    let warnings = config.warnings();
    let plain = |warning: &String| warning.contains("public.listen (0.0.0.0:8081) is not");
    assert!(warnings.iter().any(plain), "{warnings:?}");
    // An IP address may be asked for in any case.
    let by_ip = "[http]\npublic_url = \"http://127.0.0.1:8080\"\n";
    let config = load(&format!("{GOOD}{by_ip}"), &[]).unwrap();
    assert!(config.filters.http.hosts.is_empty());
    assert!(config.public.is_none());
}

#[test]
fn what_is_wrong_with_names_and_proxies_is_said_for_each() {
    let more = r#"
[http]
public_url = "http://verigate.example.org"
hosts = ["pdp.example.org:8080", "127.0.0.1", "*.example.org", "https://x.example"]
trusted_proxies = ["10.0.0.1/8", "0.0.0.0/0", "proxy.internal"]
[public]
hosts = ["hooks.example.org"]
"#;
    check(
        &format!("{GOOD}{more}"),
        &[],
        &expect![[r#"
        9 problems in the configuration
          verigate.toml:13:1: public.hosts is set, but public.listen is not
            hint: set public.listen, or move it to http.hosts
          verigate.toml:9:1: http.public_url: `http://verigate.example.org` is not https
            hint: such as "https://verigate.example.org"; http only to a loopback address
          verigate.toml:10:1: http.hosts: `pdp.example.org:8080` is not the name of a host
            hint: such as "verigate.example.org", without a port; IP addresses and `localhost` may be asked for in any case
          verigate.toml:10:1: http.hosts: `127.0.0.1` is not the name of a host
            hint: such as "verigate.example.org", without a port; IP addresses and `localhost` may be asked for in any case
          verigate.toml:10:1: http.hosts: `*.example.org` is not the name of a host
            hint: such as "verigate.example.org", without a port; IP addresses and `localhost` may be asked for in any case
          verigate.toml:10:1: http.hosts: `https://x.example` is not the name of a host
            hint: such as "verigate.example.org", without a port; IP addresses and `localhost` may be asked for in any case
          verigate.toml:11:1: http.trusted_proxies: `10.0.0.1/8` is one address of a network: write 10.0.0.0/8
            hint: such as "10.0.0.1" or "10.0.0.0/8"
          verigate.toml:11:1: http.trusted_proxies: `0.0.0.0/0` is every address, so that anybody could say where a call comes from
            hint: such as "10.0.0.1" or "10.0.0.0/8"
          verigate.toml:11:1: http.trusted_proxies: `proxy.internal` is not an IP address or a network of them
            hint: such as "10.0.0.1" or "10.0.0.0/8""#]],
    );
    for url in [
        "verigate.example.org",
        "https://user@verigate.example.org",
        "https://verigate.example.org/?a=b",
        "https://verigate.example.org/#a",
        "ftp://verigate.example.org",
    ] {
        let more = format!("[http]\npublic_url = \"{url}\"\n");
        let problem = load(&format!("{GOOD}{more}"), &[]).unwrap_err();
        assert!(problem.contains("http.public_url"), "{problem}");
    }
}

#[test]
fn only_a_folder_has_files_that_are_compressed() {
    let compress = |value: &str| load(&format!("[journal]\ncompress = '{value}'\n{GOOD}"), &[]);
    assert!(!compress("none").unwrap().journal.compress);
    let error = compress("gzip").unwrap_err();
    assert!(error.contains("journal.compress"), "{error}");
    let error = compress("zstd").unwrap_err();
    assert!(
        error.contains("journal.compress: `zstd` needs a folder"),
        "{error}"
    );
}
