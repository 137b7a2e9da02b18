//! What works and is probably not meant: of callers, and of settings that do not fit the policies.

use super::*;

/// A digest of a token.
fn token() -> String {
    format!("['vg_abcdefgh:{}']", "0".repeat(64))
}

#[test]
fn callers_that_can_ask_for_nothing_or_are_never_recognised_are_warned_of() {
    let installed = Installed::new();
    let token = token();
    let settings = |policies: &'static str| {
        vec![
            ("callers.door.policies", policies),
            ("callers.door.token_sha256", &*token),
        ]
    };
    let check = |settings: Vec<(&str, &str)>| installed.warned(&settings);
    for fitting in ["['a']", "['*']", "['a*', '*a']"] {
        let printed = check(settings(fitting));
        assert!(
            !printed.contains("warning: callers"),
            "{fitting}: {printed}"
        );
    }
    let printed = check(settings("['a', 'b', 'front-*', '*']"));
    let expected = "callers.door.policies: no policy that is loaded fits `b`, `front-*`: ";
    assert!(printed.contains(expected), "{printed}");
    let uri = "['spiffe://example.org/door/*']";
    let mut with_certificate = settings("['a']");
    with_certificate.push(("callers.door.certificate", uri));
    let printed = check(with_certificate);
    let expected =
        "callers.door.certificate has no effect, because no listener asks for certificates";
    assert!(printed.contains(expected), "{printed}");
    let printed = check(settings("['a']")[..1].to_vec());
    let expected = "callers.door has no credential, so it cannot make calls: give it token_sha256, certificate or jwt";
    assert!(printed.contains(expected), "{printed}");
}

#[test]
fn patterns_of_authzen_that_name_no_policy_are_warned_of_at_the_start_too() {
    let installed = Installed::new();
    let table = "{ 'GET route *' = 'a', 'PUT route *' = 'b', 'GET door *' = 'b', '* file *' = 'front-door' }";
    let unknown = [("authzen.policy_from", table)];
    let expected = "authzen.policy_from: no policy that is loaded is named `b`, `front-door`: ";
    let printed = installed.warned(&unknown);
    assert_eq!(printed.matches(expected).count(), 1, "{printed}");
    assert!(
        printed.contains(&format!("warning: {expected}")),
        "{printed}"
    );
    for known in ["{ '* * *' = 'a' }", "'resource.type'"] {
        let printed = installed.warned(&[("authzen.policy_from", known)]);
        assert!(!printed.contains("authzen.policy_from"), "{printed}");
    }
    // In the log, a line that says the same.
    let logged = installed.warned_at_start(&unknown);
    assert!(
        logged.iter().any(|warning| warning.starts_with(expected)),
        "{logged:?}"
    );
}

/// Policies that read what only a caller knows, at the top and deep inside.
const READING: &str = "\
version: 1
policies:
  plain: { require: [{ verified_within: 1d }] }
  own: { require: [{ identity: same_as_request }] }
  own-or-new: { require: [{ any_of: [{ verified_within: 1h }, { all_of: [{ verified_within: 1d }, { identity: same_as_request }] }] }] }
  mfa: { require: [{ authenticated: { within: 15m, amr_any: [hwk] }, otherwise: step_up }] }
  office: { require: [{ attribute: { name: site, in: [hq] } }] }
";

#[test]
fn policies_that_read_what_nobody_can_say_are_warned_of() {
    let installed = Installed::new();
    fs::write(installed.path("policies/a.yaml"), READING).unwrap();
    let keys = installed.path("keys.json");
    fs::write(&keys, crate::callers::issuer::Issuer::new("ec").ec_set()).unwrap();
    let (token, keys) = (token(), quoted(&keys));
    let gateway = [
        ("callers.sso.policies", "['*']"),
        ("callers.sso.token_sha256", &*token),
    ];
    let session = [
        ("authentication.issuer", "'https://id.example.com'"),
        ("authentication.audience", "'app'"),
        ("authentication.jwks_file", &*keys),
    ];
    let all = ["own", "own-or-new", "mfa", "office"];
    let named = |more: &[&[(&str, &str)]]| {
        let settings: Vec<(&str, &str)> = more.iter().copied().flatten().copied().collect();
        let printed = installed.warned(&settings);
        let is_named = |name: &&str| printed.contains(&format!("warning: policy `{name}` reads "));
        assert!(!is_named(&"plain"), "{printed}");
        all.into_iter().filter(is_named).collect::<Vec<_>>()
    };
    assert_eq!(named(&[&gateway]), all);
    for (asserts, left) in [
        ("['identity']", vec!["mfa", "office"]),
        ("['authentication']", vec!["own", "own-or-new", "office"]),
        ("['attributes']", vec!["own", "own-or-new", "mfa"]),
        ("['identity', 'authentication', 'attributes']", vec![]),
    ] {
        let asserts = [("callers.sso.asserts", asserts)];
        assert_eq!(named(&[&gateway, &asserts]), left, "{asserts:?}");
    }
    // The token of a session says how it was authenticated, and by configuration whose it is.
    assert_eq!(
        named(&[&gateway, &session]),
        ["own", "own-or-new", "office"]
    );
    let claim = [("authentication.identity_claim", "'sub'")];
    assert_eq!(named(&[&gateway, &session, &claim]), ["office"]);
    // Of one that nobody may ask for, nobody has to say anything. A caller that may say it must be one that may ask.
    let other = "['vg_bcdefghi:".to_owned() + &"1".repeat(64) + "']";
    let callers = [
        ("callers.door.policies", "['plain']"),
        ("callers.door.asserts", "['identity']"),
        ("callers.door.token_sha256", &*other),
        ("callers.sso.policies", "['own', 'plain']"),
        ("callers.sso.token_sha256", &*token),
    ];
    assert_eq!(named(&[&callers]), ["own"]);
    // Everybody may say everything.
    assert_eq!(named(&[]), [""; 0]);
    let logged = installed.warned_at_start(&gateway);
    let expected = "policy `own` reads whose badge or session it is (`identity: same_as_request`), and no caller that may ask for it (`sso`) can say that";
    assert!(
        logged.iter().any(|warning| warning.starts_with(expected)),
        "{logged:?}"
    );
}
