//! What can be seen in the settings themselves.

use super::*;

#[test]
fn texts_that_were_meant_for_something_else_are_refused_without_being_shown() {
    let installed = Installed::new();
    for value in [
        r#"'"hush-hush"'"#,
        r#""'hush-hush'""#,
        r"'${HUSH_HUSH}'",
        r"'{{ hush-hush }}'",
        r"' hush-hush'",
        r#""hush-hush\n""#,
        r#""hush\u0007hush-hush""#,
        r#""hush\u200bhush-hush""#,
    ] {
        for setting in [
            "incode.api_key",
            "incode.secret",
            "incode.integration_id",
            "webhook.secret",
        ] {
            let printed = installed.refused(&[(setting, value)]);
            assert!(printed.contains(setting), "{printed}");
            assert!(!printed.to_lowercase().contains("hush"), "{printed}");
        }
    }
}

#[test]
fn files_and_variables_with_secrets_are_read_as_strictly() {
    let installed = Installed::new();
    let secret = installed.path("secret");
    let file = quoted(&secret);
    let settings = [("incode.api_key", "''"), ("incode.api_key_file", &*file)];
    for text in [
        "'hush-hush'\n",
        " hush-hush\n",
        "${HUSH_HUSH}",
        "hush\nhush-hush\n",
        "hush\u{e4}-hush",
        "\u{feff}hush-hush",
    ] {
        fs::write(&secret, text).unwrap();
        let printed = installed.refused(&settings);
        assert!(printed.contains("incode.api_key"), "{text:?}: {printed}");
        assert!(!printed.to_lowercase().contains("hush"), "{printed}");
    }
    for text in ["hush-hush", "hush-hush\n", "hush-hush\r\n"] {
        fs::write(&secret, text).unwrap();
        assert_eq!(installed.check(&settings).0, 0, "{text:?}");
    }
    // A variable, as an env file with quotes sets it.
    let mut command = installed.command(&[], &["--check"]);
    command.env("VERIGATE_INCODE__API_KEY", "\"hush-hush\"");
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("VERIGATE_INCODE__API_KEY"), "{printed}");
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn addresses_of_the_vendor_that_cannot_be_meant_are_refused() {
    let installed = Installed::new();
    for url in [
        "https://api.example.com/v1",
        "https://api.example.com/v1/",
        "https://api.example.com/V1",
        "https://api.example.com/base/v1/verification/details",
        "https://user@api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com/#x",
        "https://${HOST}",
        " https://api.example.com",
        "http://api.example.com",
    ] {
        let printed = installed.refused(&[("incode.url", &format!("'{url}'"))]);
        assert!(printed.contains("incode.url"), "{url}: {printed}");
    }
}

#[test]
fn redirects_that_are_not_https_are_refused_except_to_this_machine() {
    let installed = Installed::new();
    for redirect in [
        "http://sso.example.com/x",
        "sso.example.com/x",
        "/x",
        "javascript:alert(1)",
        "https://user:hush@sso.example.com/x",
        " https://sso.example.com/x",
        "http://127.0.0.1.example.com/",
    ] {
        let list = format!("['https://sso.example.com/a', '{redirect}']");
        let printed = installed.refused(&[("step_up.redirects", &list)]);
        assert!(printed.contains("step_up.redirects"), "{printed}");
        assert!(!printed.contains("hush"), "{printed}");
    }
    let good = "['https://sso.example.com/a?b=c', 'http://localhost:3000/x', 'http://[::1]/']";
    assert_eq!(installed.check(&[("step_up.redirects", good)]).0, 0);
}

/// Addresses that a parser of URLs would repair, or that nothing should be sent to.
const BAD_URLS: [&str; 15] = [
    "https:///x",
    "https:////x",
    "https://",
    "https://:443/x",
    "https://user:hush@a.example/x",
    "https://hush@a.example/x",
    "https://@a.example/x",
    "https://a.example/#x",
    "https://a.example:0/x",
    "https://a.example:99999/x",
    "https://a.example/a b",
    " https://a.example/x",
    "https://a.example/x ",
    "https:a.example/x",
    "https:\\\\a.example/x",
];

#[test]
fn an_address_without_a_host_or_with_more_than_an_address_has_is_refused_in_every_setting() {
    let installed = Installed::new();
    let session = [
        ("authentication.issuer", "'https://id.example.com'"),
        ("authentication.audience", "'app'"),
    ];
    let entra = [("forward_auth.challenge", "'entra'")];
    for (setting, beside) in [
        ("incode.url", &[][..]),
        ("incode.proxy", &[]),
        ("http.public_url", &[]),
        ("trace.otlp_endpoint", &[]),
        ("step_up.redirects", &[]),
        ("forward_auth.step_up_url", &[]),
        ("forward_auth.verify_url", &[]),
        ("forward_auth.entra_authorization_uri", &entra),
        ("authentication.jwks_url", &session),
        ("callers.a.jwt", &[]),
    ] {
        for url in BAD_URLS {
            let value = match setting {
                "step_up.redirects" => format!("['{url}']"),
                "callers.a.jwt" => format!(
                    "{{ issuer = 'https://id.example.com', audience = 'a', subjects = ['s'], jwks_url = '{url}' }}"
                ),
                _ => format!("'{url}'"),
            };
            let mut settings = vec![(setting, value.as_str())];
            settings.extend(beside);
            let (code, printed) = installed.check(&settings);
            assert_eq!(code, 2, "{setting} = {url:?}: {printed}");
            assert!(printed.contains(setting), "{setting} = {url:?}: {printed}");
            assert!(!printed.contains("hush"), "{setting} = {url:?}: {printed}");
        }
    }
    let hostless = [
        ("authentication.jwks_url", "'https:///x'"),
        session[0],
        session[1],
    ];
    let printed = installed.refused(&hostless);
    let expected =
        "authentication.jwks_url has no host: write it as https://id.example.com/jwks.json";
    assert!(printed.contains(expected), "{printed}");
}

#[test]
fn a_whole_number_is_a_share_and_other_types_have_a_hint() {
    let installed = Installed::new();
    for sample in ["1", "0", "1.0", "0.5"] {
        let (code, printed) = installed.check(&[("trace.sample", sample)]);
        assert_eq!(code, 0, "{sample}: {printed}");
        let mut command = installed.command(&[], &["--check"]);
        let output = command.env("VERIGATE_TRACE__SAMPLE", sample).output();
        assert_eq!(output.unwrap().status.code(), Some(0), "{sample}");
    }
    for (setting, value, hint) in [
        ("trace.sample", "2", "is not from 0.0 to 1.0"),
        ("trace.sample", "'1'", "write the number without quotes"),
        ("cache.capacity", "'7'", "write the number without quotes"),
        ("cache.capacity", "7.5", "a whole number"),
        ("incode.timeout", "2", "such as \"2s\""),
        ("grpc.deadline", "1.5", "such as \"2s\""),
        ("grpc.listen", "50051", "write it in quotes"),
        ("step_up.redirects", "'https://x'", "a list is written as"),
    ] {
        let printed = installed.refused(&[(setting, value)]);
        for expected in [setting, hint] {
            assert!(printed.contains(expected), "{expected}: {printed}");
        }
    }
}

#[test]
fn addresses_of_which_only_one_can_be_bound_are_refused() {
    let installed = Installed::new();
    let one = "'127.0.0.1:7001'";
    for (name, address, other, taken) in [
        ("http.listen", one, "grpc.listen", one),
        ("admin.listen", "'0.0.0.0:7001'", "grpc.listen", one),
        ("admin.listen", "'[::]:7001'", "grpc.listen", one),
        ("admin.listen", "'[::]:7001'", "http.listen", "'[::1]:7001'"),
        (
            "admin.listen",
            "'[::ffff:127.0.0.1]:7001'",
            "http.listen",
            one,
        ),
    ] {
        let printed = installed.refused(&[(name, address), (other, taken)]);
        assert!(printed.contains(other), "{address}: {printed}");
    }
    for (name, url) in [
        ("incode.url", "'http://127.0.0.1:7001'"),
        ("incode.url", "'http://localhost:7001'"),
        ("trace.otlp_endpoint", "'http://127.0.0.1:7001'"),
    ] {
        let printed = installed.refused(&[("http.listen", one), (name, url)]);
        let expected = "is the address of http.listen";
        assert!(printed.contains(expected), "{printed}");
    }
    let everywhere = ("admin.listen", "'0.0.0.0:7001'");
    let printed = installed.refused(&[everywhere, ("incode.url", "'http://127.0.0.1:7001'")]);
    let expected = "is the address of admin.listen";
    assert!(printed.contains(expected), "{printed}");
    let other_port = [
        ("http.listen", one),
        ("incode.url", "'http://127.0.0.1:7003'"),
    ];
    let (code, printed) = installed.check(&other_port);
    assert_eq!(code, 0, "{printed}");
}
