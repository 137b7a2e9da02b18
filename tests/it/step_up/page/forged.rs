//! States and forms that were made by somebody else, for something else, or that have expired.

use std::time::Duration;

use verigate::gateway::ReturnHosts;

use super::*;

#[tokio::test]
async fn a_state_that_was_not_signed_here_shows_nothing_and_makes_nothing() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let (_, form) = browser.get(&url).await;
    let token = token(&form);
    let (base, state) = url.split_once("?state=").unwrap();
    let middle = state.len() / 2;
    let swapped = if &state[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let others = [
        String::new(),
        "x".to_owned(),
        format!("{}{swapped}{}", &state[..middle], &state[middle + 1..]),
        state[1..].to_owned(),
        state[..state.len() - 1].to_owned(),
        format!("{state}="),
        format!("{state}&state={state}"),
        "A".repeat(20_000),
    ];
    for other in others {
        let forged = format!("{base}?state={other}");
        let (status, page) = browser.get(&forged).await;
        assert_eq!(status, 403, "{other:.60}");
        assert!(page.contains("cannot be shown"), "{page}");
        assert!(!page.contains(HOST), "{page}");
        let sent = browser.post(&forged, "ada@example.com", &token).await;
        assert_eq!(sent.status(), 403, "{other:.60}");
        let events = forged.replace("/step-up/?", "/step-up/events?");
        let refused = client().get(events).send().await.unwrap();
        assert_eq!(refused.status(), 403);
        assert_eq!(shown(&refused, "cache-control"), "no-store");
        assert_eq!(shown(&refused, "x-content-type-options"), "nosniff");
    }
    assert_eq!(browser.get(base).await.0, 403);
    assert_eq!(world.calls().link, 0);
    let metrics = world.metrics().await;
    assert!(metrics.contains(r#"verigate_step_up_page_total{outcome="forged"}"#));
}

#[tokio::test]
async fn a_state_of_another_key_or_for_a_host_that_is_not_allowed_any_more_leads_nowhere() {
    let other = world_with(|config| {
        config.step_up.page.as_mut().unwrap().key = "another-key-of-states".into();
    })
    .await;
    let moved = world_with(|config| {
        config.forward_auth.gateway.return_hosts = ReturnHosts::parse(["other.example"]).unwrap();
    })
    .await;
    let world = world().await;
    let url = sent_to(&world).await;
    let (_, state) = url.split_once("?state=").unwrap();
    for (elsewhere, why) in [(&other, "key"), (&moved, "host")] {
        let url = format!("http://{}/step-up/?state={state}", elsewhere.http_address());
        let (status, page) = Browser::default().get(&url).await;
        assert_eq!(status, 403, "{why}");
        assert!(!page.contains(HOST), "{page}");
    }
    // Another instance with the same key takes it, also while the key is being replaced.
    let next = world_with(|config| {
        let page = config.step_up.page.as_mut().unwrap();
        page.previous_key = Some(KEY.into());
        page.key = "the-next-key-of-states".into();
    })
    .await;
    let url = format!("http://{}/step-up/?state={state}", next.http_address());
    let mut browser = Browser::default();
    browser.link(&url, "ada@example.com").await;
}

#[tokio::test]
async fn an_expired_state_makes_no_link_and_what_was_begun_by_it_goes_on() {
    let world = world().await;
    let (unused, begun) = (sent_to(&world).await, sent_to(&world).await);
    let mut browser = Browser::default();
    let (_, form) = browser.get(&unused).await;
    let unused_token = token(&form);
    world.clock.advance(Duration::from_mins(14));
    let link = browser.link(&begun, "ada@example.com").await;
    world.clock.advance(Duration::from_mins(1));
    let (status, page) = browser.get(&unused).await;
    assert_eq!(status, 410);
    let back = attribute(&page, "class=\"button\" href=\"");
    assert_eq!(back, format!("https://{HOST}{ASKED}"));
    let sent = browser
        .post(&unused, "ada@example.com", &unused_token)
        .await;
    assert_eq!(sent.status(), 410);
    assert_eq!(world.calls().link, 1);
    // The link of the other one is valid for a quarter of an hour from when it was made.
    let (status, page) = browser.get(&begun).await;
    assert_eq!((status.as_u16(), page.contains("Waiting")), (200, true));
    assert_eq!(browser.get(&format!("{begun}&again=1")).await.0, 410);
    open(&link, "").await;
    until_shown(&mut browser, &begun, "was received").await;
    world.clock.advance(Duration::from_mins(20));
    let (status, _) = browser.get(&begun).await;
    assert_eq!(status, 200, "that it has succeeded stays");
}

#[tokio::test]
async fn a_form_counts_only_from_the_browser_that_it_was_shown_to_for_its_own_state() {
    let world = world().await;
    let (url, other_url) = (sent_to(&world).await, sent_to(&world).await);
    let mut browser = Browser::default();
    let (_, form) = browser.get(&url).await;
    let token = token(&form);
    let mut other = Browser::default();
    other.get(&url).await;
    let (_, of_other_state) = browser.get(&other_url).await;
    let none = Browser::default();
    let email = "ada@example.com";
    for (which, sent) in [
        ("another browser", other.post(&url, email, &token).await),
        ("no cookie", none.post(&url, email, &token).await),
        (
            "another state",
            browser.post(&other_url, email, &token).await,
        ),
        (
            "its token",
            browser
                .post(&url, email, &super::token(&of_other_state))
                .await,
        ),
        ("no token", browser.post(&url, email, "").await),
        ("part of it", browser.post(&url, email, &token[1..]).await),
    ] {
        assert_eq!(sent.status(), 403, "{which}");
    }
    let cross_site = client()
        .post(&url)
        .header("cookie", &browser.cookie)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("email={email}&token={token}"));
    assert_eq!(cross_site.send().await.unwrap().status(), 403);
    assert_eq!(world.calls().link, 0);
    assert_eq!(browser.post(&url, email, &token).await.status(), 303);
    // Once more is the same link.
    assert_eq!(browser.post(&url, email, &token).await.status(), 303);
    assert_eq!(world.calls().link, 1);
}

#[tokio::test]
async fn over_https_only_the_cookie_counts_that_no_other_host_can_set() {
    let world = world_with(|config| {
        let page = config.step_up.page.as_mut().unwrap();
        page.return_url = "https://pdp.example.org/step-up/return".into();
        config.step_up.redirects.insert(page.return_url.to_string());
    })
    .await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let (_, form) = browser.get(&url).await;
    let token = token(&form);
    let own = browser.cookie.clone();
    let (name, nonce) = own.split_once('=').unwrap();
    assert_eq!(name, "__Host-verigate-step-up");
    // Another host has set the cookie without the prefix, with a nonce for which it has got a token.
    let bare = format!("verigate-step-up={nonce}");
    browser.cookie.clone_from(&bare);
    let sent = browser.post(&url, "ada@example.com", &token).await;
    assert_eq!(sent.status(), 403);
    assert_eq!(world.calls().link, 0);
    let (_, form) = browser.get(&url).await;
    assert_ne!(super::token(&form), token, "a new nonce is given");
    // And it does not keep the form from being sent.
    browser.cookie = format!("verigate-step-up=AAAAAAAAAAAAAAAAAAAAAA; {own}; {bare}");
    let sent = browser.post(&url, "ada@example.com", &token).await;
    assert_eq!(sent.status(), 303);
}

#[tokio::test]
async fn the_address_without_the_slash_leads_to_the_page() {
    let world = world().await;
    let url = sent_to(&world).await;
    let (_, state) = url.split_once('?').unwrap();
    let bare = format!("http://{}/step-up?{state}", world.http_address());
    let answer = client().get(bare).send().await.unwrap();
    assert_eq!(answer.status(), 308);
    assert_eq!(shown(&answer, "location"), format!("step-up/?{state}"));
    assert_eq!(shown(&answer, "cache-control"), "no-store");
}

#[tokio::test]
async fn nobody_is_sent_to_the_page_for_a_host_that_is_not_allowed() {
    let world = world().await;
    for host in [
        "evil.example",
        "app.example.org.evil.example",
        "app.example.org:8443",
        "",
    ] {
        let answer = check(&world, "month-old", host).await;
        assert_eq!(answer.status(), 401, "{host}");
        assert_eq!(shown(&answer, "x-verigate-step-up-url"), "", "{host}");
    }
    // What a person cannot help by it: neither.
    let answer = check(&world, "nobody", HOST).await;
    assert_eq!(
        (answer.status().as_u16(), shown(&answer, "location")),
        (403, "")
    );
    assert_eq!(check(&world, "fresh", HOST).await.status(), 200);
}

#[tokio::test]
async fn what_is_typed_is_shown_to_nobody() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    for email in [
        "",
        "ada",
        "<script>alert(1)</script>@x",
        "ada@example.com, ben@example.com",
        "a b@c",
    ] {
        let sent = browser.submit(&url, email).await;
        assert_eq!(sent.status(), 422, "{email}");
        let page = sent.text().await.unwrap();
        assert!(page.contains("aria-invalid=\"true\""), "{page}");
        assert!(email.is_empty() || !page.contains(email), "{page}");
        assert!(!page.contains("alert(1)"), "{page}");
    }
    assert_eq!(world.calls().link, 0);
}
