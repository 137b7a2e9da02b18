//! Every address: nobody is sent to a host of somebody else's choice.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use url::Url;

use super::{super::*, config, header, hosts, name, ruling, verified};

#[test]
fn a_template_names_its_host_and_path_itself() {
    for right in [
        "https://app.example.org/start?rd={original_url}",
        "https://app.example.org?rd={original_url}",
        "https://app.example.org/start",
        "http://127.0.0.1:8081/start?a={acr_values}{max_age}",
        "http://[::1]/?x={policy}",
        "/oauth2/start?rd={original_url}&acr_values={acr_values}",
        "/?{decision_id}",
    ] {
        assert!(UrlTemplate::parse(right).is_ok(), "{right}");
    }
    let error = |text: &str| UrlTemplate::parse(text).unwrap_err();
    for outside in [
        "https://{original_url}/",
        "https://{policy}.example.org/?x",
        "https://app.example.org/{policy}",
        "{original_url}",
        "/{original_url}?x",
        "https://app.example.org/{max_age}?rd={original_url}",
    ] {
        assert_eq!(error(outside), UrlTemplateError::Outside, "{outside}");
    }
    for address in [
        "",
        "http://app.example.org/?x={policy}",
        "javascript:alert(1)?{original_url}",
        "data:text/html,x?{original_url}",
        "ftp://app.example.org/?{policy}",
        "//evil.example/?{original_url}",
        "///evil.example/?{original_url}",
        "app.example.org/start?rd={original_url}",
        "https:app.example.org?{policy}",
        "https:/app.example.org?{policy}",
    ] {
        assert_eq!(error(address), UrlTemplateError::Address, "{address}");
    }
}

#[test]
fn a_template_has_nothing_that_browsers_read_in_different_ways() {
    let error = |text: &str| UrlTemplate::parse(text).unwrap_err();
    for parts in [
        "https://a@app.example.org/?{policy}",
        "https://a:b@app.example.org/?{policy}",
        "https://app.example.org/?{policy}#x",
        "https://app.example.org/#?{original_url}",
    ] {
        assert_eq!(error(parts), UrlTemplateError::Parts, "{parts}");
    }
    for characters in [
        "https://app.example.org/\\evil?{policy}",
        "/\\evil.example/?{original_url}",
        "https://app.example.org/ ?{policy}",
        "https://app.example.org/\r\nset-cookie:x?{policy}",
        "https://\u{e4}pp.example.org/?{policy}",
        "https://app.example.org/\"?{policy}",
    ] {
        assert_eq!(
            error(characters),
            UrlTemplateError::Characters,
            "{characters}"
        );
    }
    for braces in ["/?{policy", "/?policy}", "/?{{policy}}", "/?}{policy}"] {
        let error = error(braces);
        let is_braces = matches!(
            error,
            UrlTemplateError::Braces | UrlTemplateError::Unknown(_)
        );
        assert!(is_braces, "{braces} {error}");
    }
    assert_eq!(
        error("/?{url}"),
        UrlTemplateError::Unknown("url".to_owned())
    );
    assert_eq!(
        error(&format!("/?{}", "x".repeat(2_048))),
        UrlTemplateError::TooLong
    );
}

#[test]
fn a_return_host_is_a_name_with_a_port_if_it_is_not_the_usual_one() {
    for wrong in [
        "",
        " ",
        "https://app.example.org",
        "app.example.org/",
        "app.example.org:443",
        "App.example.org",
        "app.example.org.:",
        "a@app.example.org",
        "app.example.org?x",
        "app.example.org#x",
        "*.example.org",
        "app.example.org:99999",
        "app example.org",
        "\u{e4}pp.example.org",
        "app%2eexample.org",
        "[::1",
        "0x7f.1",
    ] {
        let parsed = ReturnHosts::parse([wrong]);
        assert!(
            parsed.is_err() || wrong == "*.example.org",
            "{wrong}: {parsed:?}"
        );
    }
}

#[test]
fn only_addresses_on_allowed_hosts_are_returned_to() {
    let admitted = |scheme: &str, host: &str, uri: &str| {
        let url = hosts().admit(scheme, host, uri);
        url.map(|url| url.as_str().to_owned())
    };
    for (scheme, host, uri, url) in [
        ("https", "app.example.org", "/", "https://app.example.org/"),
        (
            "https",
            "APP.example.org:443",
            "/a?b=c",
            "https://app.example.org/a?b=c",
        ),
        (
            "https",
            "app.example.org:8443",
            "/a%2f..;b",
            "https://app.example.org:8443/a%2f..;b",
        ),
        ("http", "127.0.0.1:8081", "/x", "http://127.0.0.1:8081/x"),
        ("http", "[::1]:9", "/x", "http://[::1]:9/x"),
    ] {
        assert_eq!(admitted(scheme, host, uri).as_deref(), Some(url));
    }
    for (scheme, host, uri) in [
        ("http", "app.example.org", "/"),
        ("HTTPS", "app.example.org", "/"),
        ("javascript", "app.example.org", "/"),
        ("", "app.example.org", "/"),
        ("https://evil.example", "app.example.org", "/"),
        ("https", "evil.example", "/"),
        ("https", "app.example.org.evil.example", "/"),
        ("https", "evil.app.example.org", "/"),
        ("https", "app.example.org.", "/"),
        ("https", "app.example.org:8444", "/"),
        ("https", "app.example.org:80", "/"),
        ("https", "app.example.org@evil.example", "/"),
        ("https", "evil.example/app.example.org", "/"),
        ("https", "app.example.org\\", "/"),
        ("https", "app.example.org,evil.example", "/"),
        ("https", "app.example.or\u{261}", "/"),
        ("https", "app%2eexample.org", "/"),
        ("https", "", "/"),
        ("https", "app.example.org", ""),
        ("https", "app.example.org", "//evil.example"),
        ("https", "app.example.org", "/\\evil.example"),
        ("https", "app.example.org", "@evil.example/"),
        ("https", "app.example.org", ":443@evil.example/"),
        ("https", "app.example.org", ".evil.example/"),
        ("https", "app.example.org", "https://evil.example/"),
        ("https", "app.example.org", "/a#b"),
        ("https", "app.example.org", "/a b"),
        ("https", "app.example.org", "/a\r\nx: y"),
        ("https", "app.example.org", "/\u{e4}"),
    ] {
        assert_eq!(admitted(scheme, host, uri), None, "{scheme} {host} {uri}");
    }
    let long = format!("/{}", "x".repeat(4_096));
    assert_eq!(admitted("https", "app.example.org", &long), None);
}

#[test]
fn what_was_asked_for_is_said_by_three_headers_each_once() {
    let all = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example.org"),
        ("x-forwarded-uri", "/door"),
    ];
    let headers = |given: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    };
    let found = hosts().original_url(&headers(&all)).unwrap();
    assert_eq!(found.as_str(), "https://app.example.org/door");
    for index in 0..3 {
        let mut without = all.to_vec();
        let one = without.remove(index);
        assert_eq!(hosts().original_url(&headers(&without)), None);
        let mut twice = all.to_vec();
        twice.push(one);
        assert_eq!(hosts().original_url(&headers(&twice)), None);
    }
}

/// Texts of which attacks on redirects are made.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "/",
        "//",
        "\\",
        "@",
        ":",
        "?",
        "#",
        "%2f",
        "%5c",
        "%40",
        "%00",
        "%0d%0a",
        "\r\n",
        "\t",
        "\u{0}",
        " ",
        ".",
        "..",
        ";",
        ",",
        "https:",
        "http:",
        "javascript:",
        "data:",
        "https://",
        "evil.example",
        "app.example.org",
        "127.0.0.1",
        "127.0.0.1:8081",
        ":443",
        ":80",
        ":8443",
        "a@",
        "[::1]",
        "\u{ff0f}",
        "\u{3002}",
        "\u{e4}",
        "X",
        "xn--",
        "&",
        "=",
        "{original_url}",
    ];
    let known = proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned);
    prop_oneof![6 => known, 1 => "\\PC{0,4}".prop_map(String::from)]
}

fn text(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..most).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_texts_make_an_address_on_another_host(
        scheme in prop_oneof![3 => Just("https".to_owned()), 1 => Just("http".to_owned()), 1 => text(3)],
        host in prop_oneof![2 => Just("app.example.org".to_owned()), 1 => Just("127.0.0.1:8081".to_owned()), 2 => text(4)],
        uri in prop_oneof![3 => text(6).prop_map(|rest| format!("/{rest}")), 1 => text(6)],
    ) {
        let Some(original) = hosts().admit(&scheme, &host, &uri) else { return Ok(()) };
        let url = Url::parse(original.as_str()).unwrap();
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap()),
            None => url.host_str().unwrap().to_owned(),
        };
        prop_assert!(["app.example.org", "app.example.org:8443", "127.0.0.1:8081", "[::1]:9"].contains(&authority.as_str()), "{authority}");
        prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
        prop_assert!(url.scheme() == "https" || authority == "127.0.0.1:8081" || authority == "[::1]:9");
        let is_plain = original.as_str().bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'\\');
        prop_assert!(is_plain, "{}", original.as_str());
        // Where it is put into a template, it stays one value of the query.
        let ruling = ruling("login", verified());
        let policy = name("login");
        let step = StepUpContext { is_browser: true, original_url: Some(&original), begins: None, email: None };
        let answer = answer(Outcome::of(&policy, &ruling), &config(), step);
        let location = Url::parse(header(&answer, "location").unwrap()).unwrap();
        prop_assert_eq!(location.host_str(), Some("app.example.org"));
        prop_assert_eq!(location.path(), "/start");
        let returned: Vec<String> = location.query_pairs().filter(|(name, _)| name == "rd").map(|(_, value)| value.into_owned()).collect();
        prop_assert_eq!(returned, vec![original.as_str().to_owned()]);
    }

    #[test]
    fn whatever_a_template_is_no_value_chooses_where_it_leads(template in text(8)) {
        let Ok(template) = UrlTemplate::parse(&template) else { return Ok(()) };
        let config = Config { step_up_url: Some(template), ..config() };
        let places: BTreeSet<(Option<String>, String)> = ["/a", "/b?c=d&e=//evil.example/@"].iter().map(|uri| {
            let original = hosts().admit("https", "app.example.org", uri).unwrap();
            let (policy, ruling) = (name("login"), ruling("login", verified()));
            let step = StepUpContext { is_browser: true, original_url: Some(&original), begins: None, email: None };
            let answer = answer(Outcome::of(&policy, &ruling), &config, step);
            let base = Url::parse("https://app.example.org/").unwrap();
            let url = base.join(header(&answer, "location").unwrap()).unwrap();
            (url.host_str().map(str::to_owned), url.path().to_owned())
        }).collect();
        prop_assert_eq!(places.len(), 1);
    }
}
