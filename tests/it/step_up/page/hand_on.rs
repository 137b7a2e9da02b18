//! The hand-on: page and webhooks are on one instance, checks on another one, and they share nothing but the key. The browser brings the new id; and
//! nothing that somebody has made or changed lets anybody in.

mod envoy;
mod transfer;

use std::sync::Arc;

use verigate::{
    policy::{Identity, Timestamp, VerificationId, after},
    signatures::{HandOn, SigningKeys},
};

use super::*;

const LIFE: Duration = Duration::from_hours(1);
const COOKIE: &str = "__Host-verigate-hand-on";
const OTHER_HOST: &str = "intranet.example.org";

/// One instance for the page and the webhooks, and one for checks. Neither follows what it knows itself.
struct Fleet {
    page: World,
    checks: World,
}

fn sharing(config: &mut Config, key: &str) {
    let page = config.step_up.page.as_mut().unwrap();
    (page.key, page.hand_on) = (key.into(), Some(LIFE));
    config.step_up.follow_successors = false;
    config.forward_auth.gateway.return_hosts = ReturnHosts::parse([HOST, OTHER_HOST]).unwrap();
}

/// An instance that asks the vendor of another one, with this key.
async fn beside(first: &World, key: &str) -> World {
    let (vendor, page_at) = (first.simulator.url().to_owned(), first.http_address());
    world_with(move |config| {
        config.incode.url = vendor.parse().unwrap();
        let own = config.step_up.page.take().unwrap();
        config.step_up.page = Some(PageConfig {
            url: page(&format!("http://{page_at}")).url,
            ..own
        });
        sharing(config, key);
    })
    .await
}

impl Fleet {
    async fn new() -> Self {
        let page = world_with(|config| sharing(config, KEY)).await;
        let checks = beside(&page, KEY).await;
        Self { page, checks }
    }

    /// A person is sent from the instance for checks to the page, and verifies there as this person. Where the page leads then.
    async fn verified_as(&self, verification: &str, person: &str) -> String {
        let answer = check(&self.checks, verification, HOST).await;
        assert_eq!(answer.status(), 302);
        let url = shown(&answer, "location").to_owned();
        let page = format!("http://{}/step-up/?state=", self.page.http_address());
        assert!(url.starts_with(&page), "{url}");
        let mut browser = Browser::default();
        let link = browser.link(&url, &format!("{person}@example.com")).await;
        // Nothing is handed on before, and the page says how far they are.
        let onward = url.replace("/step-up/?", "/step-up/onward?");
        let early = client().get(&onward).send().await.unwrap();
        assert_eq!(early.status(), 303);
        assert!(shown(&early, "location").starts_with("./?state="));
        open(&link, "").await;
        let done = until_shown(&mut browser, &url, "Your verification was received").await;
        let href = attribute(&done, "id=\"onward\" href=\"");
        assert!(href.starts_with("onward?state="), "{href}");
        let left = client().get(&onward).send().await.unwrap();
        assert_eq!(left.status(), 303);
        assert_eq!(shown(&left, "cache-control"), "no-store");
        shown(&left, "location").to_owned()
    }
}

/// What the host of an application answers to this transfer, which it passes on.
async fn arrive(world: &World, transfer: &str, host: &str) -> Response {
    let (_, query) = transfer.split_once('?').unwrap_or(("", transfer));
    let url = format!("http://{}/.verigate/hand-on?{query}", world.http_address());
    let request = client()
        .get(url)
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", host);
    request.send().await.unwrap()
}

/// The name and value of the cookie of an answer.
fn given(response: &Response) -> String {
    let cookie = shown(response, "set-cookie");
    cookie.split(';').next().unwrap().to_owned()
}

/// The status of a check on this host with these headers.
async fn status(world: &World, verification: &str, host: &str, cookies: &[&str]) -> u16 {
    let url = format!(
        "http://{}/check/front-door?profile=browser",
        world.http_address()
    );
    let mut request = client()
        .get(url)
        .header("accept", "text/html")
        .header("x-verification-id", verification)
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", ASKED);
    for cookie in cookies {
        request = request.header("cookie", *cookie);
    }
    request.send().await.unwrap().status().as_u16()
}

fn keys(key: &str) -> Arc<SigningKeys> {
    Arc::new(SigningKeys::new(&key.into(), None))
}

/// A cookie that we sign ourselves.
fn signed(
    key: &str,
    (old, new): (&str, &str),
    host: &str,
    identity: &str,
    until: Timestamp,
) -> String {
    let id = |text: &str| VerificationId::parse(text).unwrap();
    let hand_on = HandOn {
        old: id(old),
        new: id(new),
        host: host.into(),
        expires_at: until,
    };
    let identity = Identity::parse(identity).unwrap();
    format!("{COOKIE}={}", keys(key).hand_on(&hand_on, &identity))
}

#[tokio::test]
async fn the_loop_ends_on_an_instance_that_shares_nothing_but_the_key() {
    let fleet = Fleet::new().await;
    let transfer = fleet.verified_as("month-old", "ada").await;
    let there = format!("https://{HOST}/.verigate/hand-on?transfer=");
    assert!(transfer.starts_with(&there), "{transfer}");
    assert_eq!(status(&fleet.checks, "month-old", HOST, &[]).await, 302);
    let arrived = arrive(&fleet.checks, &transfer, HOST).await;
    assert_eq!(arrived.status(), 303);
    assert_eq!(
        shown(&arrived, "location"),
        format!("https://{HOST}{ASKED}")
    );
    assert_eq!(shown(&arrived, "cache-control"), "no-store");
    assert_eq!(shown(&arrived, "referrer-policy"), "no-referrer");
    let all = shown(&arrived, "set-cookie").to_owned();
    let rest = "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure";
    assert!(
        all.starts_with(&format!("{COOKIE}=")) && all.ends_with(rest),
        "{all}"
    );
    let cookie = given(&arrived);
    // Also among others, and on the other instance; and as often as is asked.
    for cookies in [
        &[cookie.as_str()][..],
        &["a=b", &format!("c=d; {cookie}; e=f")],
    ] {
        assert_eq!(status(&fleet.checks, "month-old", HOST, cookies).await, 200);
        assert_eq!(status(&fleet.page, "month-old", HOST, cookies).await, 200);
    }
    assert_eq!(fleet.page.calls().link, 1);
    let metrics = fleet.checks.metrics().await;
    for line in [
        r#"verigate_hand_ons_total{outcome="given"} 1"#,
        r#"verigate_hand_ons_total{outcome="accepted"} 2"#,
        r#"verigate_successors_total{outcome="followed"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // Once it has expired, the gateway's id counts alone.
    for world in [&fleet.page, &fleet.checks] {
        world.clock.advance(LIFE);
        assert_eq!(status(world, "month-old", HOST, &[&cookie]).await, 302);
    }
    let (_, journal) = fleet.checks.stop().await;
    let followed = journal.lines().filter(|line| line.contains("\"allow\""));
    for line in followed {
        let both = r#""verification_id":"month-old","successor_id":""#;
        assert!(line.contains(both), "{line}");
    }
    assert!(!journal.contains("id-ada"), "{journal}");
}

#[tokio::test]
async fn somebody_elses_verification_is_not_handed_on() {
    let fleet = Fleet::new().await;
    let back = fleet.verified_as("month-old", "ben").await;
    assert_eq!(back, format!("https://{HOST}{ASKED}"));
    let metrics = fleet.page.metrics().await;
    assert!(metrics.contains(r#"verigate_step_up_page_total{outcome="not_handed_on"} 1"#));
    // And then the right person's is.
    let transfer = fleet.verified_as("month-old", "ada").await;
    let cookie = given(&arrive(&fleet.checks, &transfer, HOST).await);
    assert_eq!(
        status(&fleet.checks, "month-old", HOST, &[&cookie]).await,
        200
    );
}

/// A text with another character at this place.
fn changed_at(text: &str, index: usize) -> String {
    let other = if text[index..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &text[..index], &text[index + 1..])
}

/// Cookies that were signed for something else, or by another key.
fn made(now: Timestamp) -> [(&'static str, String); 7] {
    let (soon, both) = (after(now, Duration::from_mins(1)), ("month-old", "fresh"));
    let signed_for = |both, host, until| signed(KEY, both, host, "id-ada", until);
    let by_another = signed("another-key-of-states", both, HOST, "id-ada", soon);
    let too_late = after(now, Duration::from_hours(25));
    [
        ("another key", by_another),
        ("for another host", signed_for(both, OTHER_HOST, soon)),
        ("for any host", signed_for(both, "", soon)),
        (
            "about another one",
            signed_for(("months-old", "fresh"), HOST, soon),
        ),
        ("expired", signed_for(both, HOST, now)),
        ("for too long", signed_for(both, HOST, too_late)),
        (
            "of itself",
            signed_for(("month-old", "month-old"), HOST, soon),
        ),
    ]
}

#[tokio::test]
async fn a_hand_on_that_was_made_or_changed_by_somebody_changes_no_decision() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let transfer = fleet.verified_as("month-old", "ada").await;
    let cookie = given(&arrive(checks, &transfer, HOST).await);
    let refused = async |what: &str, verification: &str, host: &str, cookies: &[&str]| {
        let status = status(checks, verification, host, cookies).await;
        assert_eq!(status, 302, "{what}");
    };
    let (name, text) = cookie.split_once('=').unwrap();
    // Each character of it.
    for index in 0..text.len() {
        let changed = format!("{name}={}", changed_at(text, index));
        refused(&changed, "month-old", HOST, &[&changed]).await;
    }
    let now = checks.clock_now();
    let soon = after(now, Duration::from_mins(1));
    let both = ("month-old", "fresh");
    let right = signed(KEY, both, HOST, "id-ada", soon);
    assert_eq!(status(checks, "month-old", HOST, &[&right]).await, 200);
    let twice = format!("{cookie}; {cookie}");
    let (_, as_cookie) = transfer.split_once('=').unwrap();
    for (what, cookies) in [
        (
            "without the prefix, over HTTPS",
            &[cookie.trim_start_matches("__Host-")][..],
        ),
        ("twice in a line", &[&twice]),
        ("twice", &[&cookie, &cookie]),
        ("empty", &[&format!("{name}=")]),
        ("in quotes", &[&format!("{name}=\"{text}\"")]),
        ("a transfer", &[&format!("{name}={as_cookie}")]),
    ] {
        refused(what, "month-old", HOST, cookies).await;
    }
    for (what, cookie) in made(now) {
        refused(what, "month-old", HOST, &[&cookie]).await;
    }
    refused("on another host", "month-old", OTHER_HOST, &[&cookie]).await;
    refused("for another verification", "months-old", HOST, &[&cookie]).await;
    // It makes nothing worse either.
    for (verification, expected) in [("fresh", 200), ("nobody", 403)] {
        let status = status(checks, verification, HOST, &[&cookie]).await;
        assert_eq!(status, expected, "{verification}");
    }
    let metrics = checks.metrics().await;
    for outcome in [
        "forged",
        "other_host",
        "other_verification",
        "repeated",
        "expired",
    ] {
        let none = format!("verigate_hand_ons_total{{outcome=\"{outcome}\"}} 0\n");
        assert!(!metrics.contains(&none), "{outcome}");
    }
}

#[tokio::test]
async fn whose_both_verifications_are_is_what_the_vendor_says_and_what_was_signed() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let soon = after(checks.clock_now(), Duration::from_mins(1));
    for (old, new, identity, expected) in [
        ("month-old", "fresh", "id-ada", 200),
        ("month-old", "fresh", "id-ben", 302),
        ("month-old", "bens", "id-ben", 302),
        ("month-old", "bens", "id-ada", 302),
        ("month-old", "kims", "id-ada", 302),
        ("month-old", "pending", "id-ada", 302),
        ("month-old", "never-there", "id-ada", 302),
        ("month-old", "months-old", "id-ada", 302),
        ("kims-old", "fresh", "id-ada", 302),
        ("kims-old", "kims", "id-ada", 302),
        ("never-there", "fresh", "id-ada", 403),
    ] {
        let cookie = signed(KEY, (old, new), HOST, identity, soon);
        let status = status(checks, old, HOST, &[&cookie]).await;
        assert_eq!(status, expected, "{old} {new} {identity}");
    }
}

#[tokio::test]
async fn of_what_an_instance_knows_and_what_a_browser_brings_the_later_verification_counts() {
    let world = world_with(|config| {
        sharing(config, KEY);
        config.step_up.follow_successors = true;
    })
    .await;
    let soon = after(world.clock_now(), Duration::from_mins(1));
    let bring = |new| signed(KEY, ("month-old", new), HOST, "id-ada", soon);
    // Nothing is known yet: what was brought is judged, and is too old or is not.
    let (older, newer) = (bring("months-old"), bring("fresh"));
    assert_eq!(status(&world, "month-old", HOST, &[&older]).await, 302);
    assert_eq!(status(&world, "month-old", HOST, &[&newer]).await, 200);
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let link = browser.link(&url, "ada@example.com").await;
    open(&link, "").await;
    until_shown(&mut browser, &url, "was received").await;
    // What is known is later than both.
    for cookies in [&[][..], &[older.as_str()], &[newer.as_str()]] {
        assert_eq!(status(&world, "month-old", HOST, cookies).await, 200);
    }
    let (_, journal) = world.stop().await;
    let last: Vec<&str> = journal.lines().rev().take(3).collect();
    for line in last {
        assert!(line.contains("\"successor_id\":\""), "{line}");
        assert!(!line.contains("\"successor_id\":\"fresh\""), "{line}");
    }
}

#[tokio::test]
async fn while_the_vendor_is_asked_nothing_is_handed_on_and_the_page_asks_again() {
    let fleet = Fleet::new().await;
    let url = shown(&check(&fleet.checks, "month-old", HOST).await, "location").to_owned();
    let mut browser = Browser::default();
    let link = browser.link(&url, "ada@example.com").await;
    open(&link, "").await;
    until_shown(&mut browser, &url, "Your verification was received").await;
    let details = verigate::sim::ApiCall::Details;
    let fault = verigate::sim::Fault::Status(500);
    fleet.page.inject(details, None, fault);
    fleet.page.clock.advance(Duration::from_mins(2));
    let onward = url.replace("/step-up/?", "/step-up/onward?");
    let asking = client().get(&onward).send().await.unwrap();
    // Neither without the new id: that would be to the page again, and cost another link.
    assert_eq!(asking.status(), 503);
    assert_eq!(shown(&asking, "retry-after"), "2");
    let page = asking.text().await.unwrap();
    assert!(
        page.contains("http-equiv=\"refresh\" content=\"2\""),
        "{page}"
    );
    assert!(page.contains("is being looked up"), "{page}");
}

#[tokio::test]
async fn without_the_setting_nothing_is_handed_on_and_no_cookie_counts() {
    let world = world_with(|config| {
        sharing(config, KEY);
        config.step_up.page.as_mut().unwrap().hand_on = None;
    })
    .await;
    let soon = after(world.clock_now(), Duration::from_mins(1));
    let cookie = signed(KEY, ("month-old", "fresh"), HOST, "id-ada", soon);
    assert_eq!(status(&world, "month-old", HOST, &[&cookie]).await, 302);
    assert_eq!(arrive(&world, "?transfer=x", HOST).await.status(), 404);
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let link = browser.link(&url, "ada@example.com").await;
    open(&link, "").await;
    let done = until_shown(&mut browser, &url, "was received").await;
    let back = attribute(&done, "id=\"onward\" href=\"");
    assert_eq!(back, format!("https://{HOST}{ASKED}"));
}
