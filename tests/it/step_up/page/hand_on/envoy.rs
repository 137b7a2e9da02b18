//! The hand-on where Envoy asks over gRPC: the cookie is read in both forms in which Envoy sends headers, for the host that Envoy names, and what
//! somebody has made or doubled changes no decision.

use verigate::proto::ext_authz::envoy::{
    config::core::v3::{HeaderMap, HeaderValue},
    service::auth::v3::AttributeContext,
};

use super::*;
use crate::ext_authz::{ask, asking, http, shown as shown_by_envoy, with_header};

/// What Envoy asks about a request with these cookies: joined in the one form, and each by itself in the other one.
fn with_cookies(verification: &str, joined: Option<&str>, apart: &[&str]) -> AttributeContext {
    let mut asked = asking("front-door", verification);
    if let Some(joined) = joined {
        asked = with_header(asked, "cookie", joined);
    }
    if !apart.is_empty() {
        let headers = apart.iter().map(|cookie| HeaderValue {
            key: "cookie".to_owned(),
            raw_value: cookie.as_bytes().to_vec().into(),
            ..HeaderValue::default()
        });
        let headers = headers.collect();
        http(&mut asked).header_map = Some(HeaderMap { headers });
    }
    asked
}

async fn answered(world: &World, asked: AttributeContext) -> String {
    shown_by_envoy(&ask(world, asked).await)
}

#[tokio::test]
async fn envoy_is_answered_by_the_later_verification_that_a_browser_brings() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let transfer = fleet.verified_as("month-old", "ada").await;
    let cookie = given(&arrive(checks, &transfer, HOST).await);
    let among = format!("a=b; {cookie}; c=d");
    for (what, asked) in [
        ("joined", with_cookies("month-old", Some(&cookie), &[])),
        ("apart", with_cookies("month-old", None, &[&cookie])),
        (
            "in both forms",
            with_cookies("month-old", Some(&cookie), &[&cookie]),
        ),
        ("among others", with_cookies("month-old", Some(&among), &[])),
        (
            "beside others",
            with_cookies("month-old", None, &["a=b", &cookie, "c=d"]),
        ),
    ] {
        assert_eq!(answered(checks, asked).await, "0", "{what}");
    }
    let metrics = checks.metrics().await;
    assert!(metrics.contains(r#"verigate_hand_ons_total{outcome="accepted"} 5"#));
    // Once it has expired, the id that Envoy sends counts alone.
    checks.clock.advance(LIFE);
    let late = with_cookies("month-old", Some(&cookie), &[]);
    assert_eq!(answered(checks, late).await, "16 401");
    let (_, journal) = fleet.checks.stop().await;
    let followed = journal.lines().filter(|line| line.contains("\"allow\""));
    assert_eq!(followed.count(), 5, "{journal}");
}

#[tokio::test]
async fn envoy_is_answered_as_without_it_where_a_hand_on_was_made_doubled_or_is_for_another_host() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let now = checks.clock_now();
    let soon = after(now, Duration::from_mins(1));
    let right = signed(KEY, ("month-old", "fresh"), HOST, "id-ada", soon);
    let other = signed(KEY, ("month-old", "months-old"), HOST, "id-ada", soon);
    let of_ben = signed(KEY, ("month-old", "fresh"), HOST, "id-ben", soon);
    let here = with_cookies("month-old", Some(&right), &[]);
    assert_eq!(answered(checks, here.clone()).await, "0");
    let twice = format!("{right}; {right}");
    let without_prefix = right.trim_start_matches("__Host-");
    for (what, asked) in [
        ("none", with_cookies("month-old", None, &[])),
        (
            "twice in a line",
            with_cookies("month-old", Some(&twice), &[]),
        ),
        ("twice", with_cookies("month-old", None, &[&right, &right])),
        (
            "two that differ",
            with_cookies("month-old", Some(&right), &[&other]),
        ),
        (
            "joined by a comma",
            with_cookies("month-old", Some(&format!("{right},{right}")), &[]),
        ),
        (
            "without the prefix, over HTTPS",
            with_cookies("month-old", Some(without_prefix), &[]),
        ),
        (
            "of somebody else",
            with_cookies("month-old", Some(&of_ben), &[]),
        ),
        (
            "about another one",
            with_cookies("months-old", Some(&right), &[]),
        ),
    ] {
        assert_eq!(answered(checks, asked).await, "16 401", "{what}");
    }
    for (what, cookie) in made(now) {
        let asked = with_cookies("month-old", Some(&cookie), &[]);
        assert_eq!(answered(checks, asked).await, "16 401", "{what}");
    }
    // The host and the scheme are those that Envoy names, and no header of the client.
    for (scheme, host) in [
        ("https", OTHER_HOST),
        ("https", "evil.example"),
        ("https", ""),
        ("http", HOST),
        ("", HOST),
    ] {
        let mut elsewhere = with_header(here.clone(), "x-forwarded-host", HOST);
        elsewhere = with_header(elsewhere, "x-forwarded-proto", "https");
        let request = http(&mut elsewhere);
        (request.scheme, request.host) = (scheme.to_owned(), host.to_owned());
        let what = format!("{scheme} {host}");
        assert_eq!(answered(checks, elsewhere).await, "16 401", "{what}");
    }
    // It makes nothing worse either.
    for (verification, expected) in [("fresh", "0"), ("nobody", "7 403")] {
        let asked = with_cookies(verification, Some(&right), &[]);
        assert_eq!(answered(checks, asked).await, expected, "{verification}");
    }
}
