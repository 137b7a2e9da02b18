//! The callers of a configuration: every problem at once, and the token that a command makes for it.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use tempfile::TempDir;
use verigate::{
    callers::SentToken,
    config::{Config, ConfigError},
};

use super::token;

/// A configuration file with this text in front of what is required, and its folder.
fn load(text: &str) -> (TempDir, Result<Config, ConfigError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let rest = "[incode]\nurl = \"https://api.example.com\"\napi_key = \"k-1\"\nintegration_id = \"i\"\nsecret = \"s-1\"\n";
    fs::write(&path, format!("{text}\n{rest}")).unwrap();
    let loaded = Config::load(Some(&path), []);
    (folder, loaded)
}

/// The problems of that file.
fn problems(text: &str) -> String {
    let (folder, loaded) = load(text);
    let path = folder.path().join("verigate.toml");
    match loaded {
        Ok(_) => String::new(),
        Err(error) => error
            .to_string()
            .replace(&format!("{}:", path.display()), ""),
    }
}

#[test]
fn every_problem_with_callers_is_reported_at_once_with_its_place_and_no_token() {
    let token = token(1);
    let entry = token.entry();
    let text = format!(
        "[callers.door]\ntoken_sha256 = [\"{entry}\", \"{secret}\", \"vg_x\"]\npolices = [\"a\"]\npolicies = \"door-*\"\nasserts = [\"name\"]\nstep_ups = \"yes\"\nrate = 0\npriority = \"first\"\ncertificate = [\"spiffe://example.org/a/../b\", \"dns:*.example.org\"]\n[callers.other]\ntoken_sha256 = [\"{entry}\"]\nrate_burst = 5\n[callers.Bad_Name]\n[callers.anonymous]\n",
        secret = token.reveal()
    );
    let problems = problems(&text);
    for expected in [
        "2:1: callers.door.token_sha256: an item has a token in it",
        "2:1: callers.door.token_sha256: an item is not",
        "3:1: callers.door.polices is no setting",
        "4:1: callers.door.policies is not a list of texts",
        "5:1: callers.door.asserts: `name` is not one of",
        "6:1: callers.door.step_ups is not true or false",
        "7:1: callers.door.rate is not a whole number",
        "8:1: callers.door.priority is not one of",
        "9:1: callers.door.certificate: `spiffe://example.org/a/../b`",
        "9:1: callers.door.certificate: `dns:*.example.org`",
        "11:1: callers.other.token_sha256: the token id `vg_bbbbbbbb` is that of `callers.door` too",
        "12:1: callers.other.rate_burst is set, but callers.other.rate is not",
        "callers: `Bad_Name` is not a name",
        "callers: `anonymous` is a name that",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    assert!(!problems.contains(&token.reveal()[12..]), "{problems}");
}

#[test]
fn a_certificate_that_no_listener_asks_for_is_warned_of_and_so_is_a_caller_without_a_credential() {
    let warned = |text: &str| {
        let (_folder, loaded) = load(text);
        loaded.unwrap().warnings().join("\n")
    };
    let door = "[callers.door]\npolicies = [\"*\"]\ncertificate = [\"spiffe://example.org/door\"]";
    let no_effect = "callers.door.certificate has no effect";
    assert!(warned(door).contains(no_effect));
    let files = "certificate = \"c.pem\"\nkey = \"k.pem\"";
    let tls = format!("{door}\n[grpc.tls]\n{files}");
    assert!(warned(&tls).contains(no_effect));
    let asked = format!("{tls}\nclient_ca = \"ca.pem\"");
    assert!(!warned(&asked).contains("has no effect"));
    let nobody = "[callers.door]\npolicies = [\"*\"]";
    assert!(warned(nobody).contains("callers.door has no credential"));
    let useless = format!("[callers.door]\ntoken_sha256 = [\"{}\"]", token(1).entry());
    assert!(warned(&useless).contains("callers.door may ask for no policy"));
}

#[test]
fn other_machines_are_answered_with_callers_or_by_a_plain_word() {
    let anywhere = "[grpc]\nlisten = \"0.0.0.0:50051\"";
    let caller = format!("[callers.door]\ntoken_sha256 = [\"{}\"]", token(1).entry());
    assert!(problems(anywhere).contains("is not a loopback address"));
    assert_eq!(problems(&format!("{anywhere}\n{caller}")), "");
    assert_eq!(
        problems(&format!("insecure_allow_anonymous = true\n{anywhere}")),
        ""
    );
    let misplaced = problems(&format!("{anywhere}\ninsecure_allow_anonymous = true"));
    assert!(
        misplaced.contains("write `insecure_allow_anonymous` before the first section"),
        "{misplaced}"
    );
    let text = problems("insecure_allow_anonymous = \"true\"");
    assert!(
        text.contains("insecure_allow_anonymous is not of type boolean"),
        "{text}"
    );
}

#[test]
fn the_environment_sets_no_callers_and_says_so() {
    for name in [
        "VERIGATE_CALLERS__DOOR__POLICIES",
        "VERIGATE_CALLERS",
        "VERIGATE_CALLERS__DOOR",
    ] {
        let error = Config::load(None, [(name.into(), "x".into())]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("callers cannot be set by the environment"),
            "{error}"
        );
    }
    let error = Config::load(
        None,
        [
            ("VERIGATE_INSECURE_ALLOW_ANONYMOUS".into(), "true".into()),
            ("VERIGATE_GRPC__LISTEN".into(), "0.0.0.0:1".into()),
        ],
    )
    .unwrap_err();
    assert!(!error.to_string().contains("loopback"), "{error}");
}

#[test]
fn every_key_of_a_jwt_is_needed_and_two_callers_never_share_one() {
    let jwt = |rest: &str| format!("jwt = {{ issuer = \"https://id.example.com\", {rest} }}\n");
    let good = "audience = \"a\", jwks_url = \"https://id.example.com/keys\", subjects = [\"s\"]";
    let one = |rest: &str| problems(&format!("[callers.one]\n{}", jwt(rest)));
    assert_eq!(one(good), "");
    for (rest, expected) in [
        (
            good.replace("audience = \"a\", ", ""),
            "jwt.audience is not set",
        ),
        (
            good.replace("https://id.example.com/keys", "http://id.example.com/keys"),
            "jwks_url must be https",
        ),
        (good.replace("[\"s\"]", "[]"), "jwt.subjects is not a list"),
        (
            good.replace("jwks_url", "jwks_uri"),
            "jwt.jwks_uri is no setting",
        ),
        (
            format!("{good}, jwks_file = \"f\""),
            "needs one of jwks_url and jwks_file",
        ),
        (
            format!("{good}, jwks_ca = 1"),
            "jwt.jwks_ca is not set to a text",
        ),
        (
            good.replace("jwks_url", "jwks_ca = \"a\", jwks_file"),
            "jwt.jwks_ca is set, but jwks_url is not",
        ),
        (
            format!("{good}, jwks_ca = \"credential:ca\""),
            "jwt.jwks_ca: there are no credentials",
        ),
    ] {
        assert!(one(&rest).contains(expected), "{rest}\n{}", one(&rest));
    }
    let two = problems(&format!(
        "[callers.one]\n{}[callers.two]\n{}",
        jwt(good),
        jwt(good)
    ));
    assert!(
        two.contains("4:1: callers.two.jwt: tokens of this issuer"),
        "{two}"
    );
}

#[test]
fn the_keys_of_an_issuer_may_be_a_credential_of_systemd() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let text = "[callers.one]\njwt = { issuer = \"https://id.example.com\", audience = \"a\", jwks_file = \"credential:keys\", subjects = [\"s\"] }\n";
    fs::write(&path, text).unwrap();
    let read = |credentials| Config::read_callers(&path, credentials);
    let (callers, _) = read(Some(folder.path())).unwrap();
    let keys = callers[0].jwt.as_ref().unwrap().keys.shown();
    assert_eq!(keys, folder.path().join("keys").display().to_string());
    assert!(read(None).is_err());
    let variable = ("CREDENTIALS_DIRECTORY".into(), folder.path().into());
    let error = Config::load(Some(&path), [variable]).unwrap_err();
    assert!(!error.to_string().contains("callers"), "{error}");
}

#[test]
fn a_configuration_that_others_can_write_is_not_used_at_the_start_nor_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    fs::write(&path, "").unwrap();
    for (mode, is_refused) in [(0o644, false), (0o666, true), (0o602, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let start = Config::load(Some(&path), []).unwrap_err().to_string();
        let later = Config::read_callers(&path, None);
        let flaw = "is not used, because";
        assert_eq!(start.contains(flaw), is_refused, "{mode:o} {start}");
        let later = later.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(later.contains(flaw), is_refused, "{mode:o} {later}");
    }
}

#[test]
fn a_new_token_is_printed_with_the_entry_that_the_configuration_takes() {
    let run = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"));
        { output }.args(["token", "new", name]).output().unwrap()
    };
    let (one, other) = (run("door-1"), run("door-1"));
    assert!(one.status.success());
    assert_ne!(one.stdout, other.stdout);
    let stdout = String::from_utf8(one.stdout).unwrap();
    let [text, entry] = stdout.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(SentToken::parse(text).unwrap().entry().to_string(), entry);
    assert_eq!(
        problems(&format!("[callers.door-1]\ntoken_sha256 = [\"{entry}\"]")),
        ""
    );
    for name in ["", "Door", "anonymous", "a b"] {
        let refused = run(name);
        assert_eq!(refused.status.code(), Some(2), "{name}");
        assert!(refused.stdout.is_empty());
    }
}
