//! The settings of `[authentication]` and `[forward_auth]`: what is wrong is said, with its place, and nothing is ignored.

use std::{fs, time::Duration};

use verigate::{config::Config, gateway::ChallengeStyle, jwt::RsaAlgorithm};

const ACCOUNT: &str = "[incode]\nurl = \"https://api.example.com\"\napi_key = \"key\"\nintegration_id = \"i\"\nsecret = \"s\"\n";
const SESSION: &str = "[authentication]\nissuer = \"https://id.example.com\"\naudience = \"app\"\njwks_url = \"https://id.example.com/jwks.json\"\n";

fn load(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    fs::write(&path, format!("{ACCOUNT}{text}")).unwrap();
    Config::load(Some(&path), []).map_err(|error| error.to_string())
}

#[test]
fn without_an_issuer_no_token_of_sessions_is_read_and_with_one_it_is_as_configured() {
    assert!(load("").unwrap().session.is_none());
    let text = format!(
        "{SESSION}header = \"X-Forwarded-Access-Token\"\nrsa_algorithm = \"PS256\"\ntoken_type = \"at+jwt\"\nlifetime_max = \"1h\"\nverification_claim = \"vid\"\n"
    );
    let session = load(&text).unwrap().session.unwrap();
    assert_eq!(session.header, "x-forwarded-access-token");
    assert_eq!(session.token.issuer, "https://id.example.com");
    assert_eq!(session.token.audiences, ["app"]);
    assert_eq!(session.token.rsa, RsaAlgorithm::Ps256);
    assert_eq!(session.token.token_type.as_deref(), Some("at+jwt"));
    assert_eq!(session.token.lifetime_max, Duration::from_hours(1));
    assert_eq!(session.verification_claim.as_deref(), Some("vid"));
    assert_eq!(session.identity_claim, None);
}

#[test]
fn mistakes_in_authentication_are_reported_with_their_place() {
    let caller = "[callers.sso]\njwt = { issuer = \"https://id.example.com\", audience = \"app\", jwks_url = \"https://id.example.com/jwks.json\", subjects = [\"g\"] }\n";
    let only = |line: &str| format!("[authentication]\n{line}\n");
    let with = |line: &str| format!("{SESSION}{line}\n");
    for (text, expected) in [
        (
            only("audience = \"app\""),
            "authentication.audience is set, but authentication.issuer is not",
        ),
        (
            only("verification_claim = \"v\""),
            "authentication.verification_claim is set, but",
        ),
        (only("issuer = \"i\""), "authentication.audience is not set"),
        (only("issuer = \"i\""), "authentication.jwks_url is not set"),
        (
            with("jwks_file = \"/x\""),
            "authentication.jwks_url and authentication.jwks_file are both set",
        ),
        (
            with("header = \"a b\""),
            "authentication.header: `a b` is not the name of a header",
        ),
        (
            with("header = \"x-verigate-token\""),
            "authentication.header: `x-verigate-token` is not",
        ),
        (
            with("header = \"cookie\""),
            "authentication.header: `cookie` is not",
        ),
        (
            with("rsa_algorithm = \"HS256\""),
            "`HS256` is not one of: RS256, PS256",
        ),
        (
            with("lifetime_max = \"0s\""),
            "is not a duration above zero",
        ),
        (with("leeway = \"1h\""), "leeway"),
        (
            SESSION.replace("https://id.example.com/jwks", "http://id.example.com/jwks"),
            "authentication.jwks_url must be https",
        ),
        (
            format!("{SESSION}{caller}"),
            "are those of `callers.sso` too",
        ),
    ] {
        let problems = load(&text).unwrap_err();
        assert!(problems.contains(expected), "{text}: {problems}");
        // What is not set stands nowhere.
        let has_place = problems.contains("verigate.toml:");
        assert!(has_place || expected.ends_with("is not set"), "{problems}");
    }
    // Of another audience, or of another issuer, they are distinguished.
    for other in [
        caller.replace("\"app\"", "\"callers\""),
        caller.replace("issuer = \"https://id", "issuer = \"https://other"),
    ] {
        assert!(load(&format!("{SESSION}{other}")).is_ok(), "{other}");
    }
}

fn assert_reported(lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let problems = load(&format!("[forward_auth]\n{line}\n")).unwrap_err();
        assert!(problems.contains(expected), "{line}: {problems}");
    }
}

#[test]
fn an_id_has_a_header_of_its_own() {
    assert_reported(&[
        (
            "verification_header = \"a b\"",
            "forward_auth.verification_header: `a b` is not",
        ),
        (
            "verification_header = \"authorization\"",
            "forward_auth.verification_header: `authorization` is not",
        ),
        (
            "identity_header = \"x-verigate-token\"",
            "forward_auth.identity_header: `x-verigate-token` is not",
        ),
        (
            "identity_header = \"content-length\"",
            "forward_auth.identity_header: `content-length` is not",
        ),
        (
            "identity_header = \"X-Forwarded-Uri\"",
            "forward_auth.identity_header: `X-Forwarded-Uri` is not",
        ),
        (
            "verification_header = \"x-verigate-decision\"",
            "forward_auth.verification_header: `x-verigate-decision` is not",
        ),
        (
            "identity_header = \"x-verification-id\"",
            "forward_auth.identity_header is forward_auth.verification_header",
        ),
    ]);
}

#[test]
fn mistakes_in_forward_auth_are_reported_with_their_place() {
    assert_reported(&[
        (
            "deadline = \"11s\"",
            "forward_auth.deadline is longer than 10s",
        ),
        ("deadline = \"0s\"", "is not a duration above zero"),
        ("challenge = \"basic\"", "is not one of: rfc9470, entra"),
        (
            "challenge = \"entra\"",
            "forward_auth.entra_authorization_uri is not an https address",
        ),
        (
            "entra_authorization_uri = \"https://login.example.com/\"",
            "but forward_auth.challenge is not \"entra\"",
        ),
        (
            "step_up_url = \"http://app.example.org/\"",
            "forward_auth.step_up_url is not https",
        ),
        (
            "step_up_url = \"https://{original_url}/\"",
            "forward_auth.step_up_url has a placeholder outside of its query",
        ),
        (
            "verify_url = \"//evil.example/\"",
            "forward_auth.verify_url is not https",
        ),
        (
            "verify_url = \"/x?{url}\"",
            "forward_auth.verify_url `{url}` is no placeholder",
        ),
        (
            "return_hosts = [\"https://app.example.org\"]",
            "forward_auth.return_hosts is not a host",
        ),
        (
            "return_hosts = [\"*\"]",
            "forward_auth.return_hosts is not a host",
        ),
        (
            "return_hosts = [\"*.example.org\"]",
            "forward_auth.return_hosts is not a host",
        ),
        (
            "return_hosts = [1]",
            "forward_auth.return_hosts is not a list of texts",
        ),
        ("paths = []", "paths"),
    ]);
}

#[test]
fn what_is_configured_of_forward_auth_is_in_force() {
    let entra = "[forward_auth]\nchallenge = \"entra\"\nentra_authorization_uri = \"https://login.example.com/t/authorize\"\n";
    let config = load(entra).unwrap().forward_auth;
    assert!(matches!(
        config.gateway.challenge,
        ChallengeStyle::Entra { .. }
    ));
    assert_eq!(
        load("").unwrap().forward_auth.deadline,
        Duration::from_secs(1)
    );
}

#[test]
fn the_token_of_the_session_and_an_id_have_headers_of_their_own() {
    for (of_token, of_id) in [
        ("x-verification-id", "[forward_auth]\n"),
        ("x-identity-id", "[forward_auth]\n"),
        ("x-user", "[forward_auth]\nidentity_header = \"X-User\"\n"),
    ] {
        let settings = format!("{SESSION}header = \"{of_token}\"\n{of_id}");
        let problems = load(&settings).unwrap_err();
        let expected = "authentication.header is also a header of [forward_auth] for an id";
        assert!(problems.contains(expected), "{settings}: {problems}");
    }
}
