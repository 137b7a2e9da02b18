//! Links cost and the page faces the Internet: how many are made, and how many browsers may wait.

use std::sync::Arc;

use verigate::{
    policy::PolicyName,
    rate_limit::Rate,
    sim::{ApiCall, Fault},
    signatures::SigningKeys,
    step_up::{PageKeys, PageState},
};

use super::*;

#[tokio::test]
async fn one_decision_makes_three_links_however_often_it_is_asked() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    for n in 0..3 {
        let again = format!("{url}&again=1");
        for _ in 0..3 {
            let sent = browser
                .submit(&again, &format!("ada+{n}@example.com"))
                .await;
            assert_eq!(sent.status(), 303);
        }
    }
    assert_eq!(world.calls().link, 3);
    let again = format!("{url}&again=1");
    let sent = browser.submit(&again, "ada+4@example.com").await;
    assert_eq!(sent.status(), 429);
    assert_eq!(
        shown(&sent, "retry-after"),
        "",
        "asking later does not help"
    );
    // Another browser with the same state has no more.
    let sent = Browser::default().submit(&again, "ada+5@example.com").await;
    assert_eq!(sent.status(), 429);
    assert_eq!(world.calls().link, 3);
    // The links that were made stay.
    let (_, page) = browser.get(&url).await;
    assert!(page.contains("Waiting"), "{page}");
    // Another decision has its own.
    let next = sent_to(&world).await;
    assert_eq!(browser.submit(&next, "ada@example.com").await.status(), 303);
}

#[tokio::test]
async fn one_decision_makes_three_links_from_whichever_networks_it_is_asked() {
    let world = proxied(|_| {}).await;
    let url = sent_to(&world).await;
    let mut statuses = Vec::new();
    // The same person first, then others.
    for n in 0..24 {
        let mut browser = Browser::in_network(n);
        let email = format!("ada+{}@example.com", n / 6);
        let sent = browser.submit(&format!("{url}&again=1"), &email).await;
        statuses.push(sent.status().as_u16());
        let made = if n < 18 { n / 6 + 1 } else { 3 };
        assert_eq!(world.calls().link, u64::try_from(made).unwrap(), "{n}");
    }
    assert_eq!(statuses, [vec![303; 18], vec![429; 6]].concat());
    // Everybody with the state sees the same link.
    let mut links = Vec::new();
    for n in [0, 7, 30] {
        let (_, page) = Browser::in_network(n).get(&url).await;
        links.push(attribute(&page, "class=\"button\" href=\""));
    }
    assert!(links.iter().all(|link| *link == links[0]), "{links:?}");
}

#[tokio::test]
async fn browsers_that_leave_before_there_is_a_link_have_asked_for_it_all_the_same() {
    let world = proxied(|config| config.incode.timeout = Duration::from_millis(200)).await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let (_, form) = browser.get(&url).await;
    let token = token(&form);
    world.inject(ApiCall::Link, None, Fault::Hang);
    for n in 1..=3 {
        let leaves = async {
            until("the vendor is asked", async || world.calls().link == n).await;
        };
        tokio::select! {
            sent = browser.post(&url, "ada@example.com", &token) => {
                panic!("{n}: {} before the browser left", sent.status());
            }
            () = leaves => {}
        }
        let ended = format!("verigate_step_ups_total{{event=\"unavailable\"}} {n}");
        until("there is no link", async || {
            world.metrics().await.contains(&ended)
        })
        .await;
        world.clock.advance(Duration::from_secs(2));
    }
    for _ in 0..3 {
        let sent = browser.post(&url, "ada@example.com", &token).await;
        assert_eq!(sent.status(), 429);
    }
    assert_eq!(world.calls().link, 3);
}

#[tokio::test]
async fn links_about_one_verification_are_bounded_over_all_decisions_and_networks() {
    let world = proxied(|_| {}).await;
    let mut statuses = Vec::new();
    for n in 0..14 {
        let url = sent_to(&world).await;
        let mut browser = Browser::in_network(n);
        let sent = browser.submit(&url, "ada@example.com").await;
        statuses.push(sent.status().as_u16());
        if n == 13 {
            assert_eq!(shown(&sent, "retry-after"), "361");
            let page = sent.text().await.unwrap();
            assert!(page.contains("Too many links were made"), "{page}");
        }
    }
    assert_eq!(statuses, [vec![303; 10], vec![429; 4]].concat());
    assert_eq!(world.calls().link, 10);
    let metrics = world.metrics().await;
    assert!(
        metrics.contains(r#"verigate_step_up_page_total{outcome="verification_spent"} 4"#),
        "{metrics}"
    );
    // Another verification has its own, and so has this one later.
    let mut browser = Browser::default();
    let other = check(&world, "months-old", HOST).await;
    browser
        .link(shown(&other, "location"), "ada@example.com")
        .await;
    world.clock.advance(Duration::from_mins(6));
    let url = sent_to(&world).await;
    browser.link(&url, "ada@example.com").await;
}

#[tokio::test]
async fn a_policy_that_is_gone_says_that_one_has_to_start_again() {
    let world = world().await;
    let url = sent_to(&world).await;
    let keys = PageKeys::new(Arc::new(SigningKeys::new(&KEY.into(), None)));
    let (base, text) = url.split_once("?state=").unwrap();
    let state = keys.verify(text, world.clock_now()).unwrap();
    let policy = PolicyName::parse("removed").unwrap();
    let state = keys.sign(&PageState { policy, ..state });
    let mut browser = Browser::default();
    let sent = browser
        .submit(&format!("{base}?state={state}"), "ada@example.com")
        .await;
    assert_eq!(sent.status(), 410);
    let page = sent.text().await.unwrap();
    assert!(page.contains("start again"), "{page}");
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn the_quota_of_links_of_a_network_holds_over_all_decisions() {
    let world = world_with(|config| {
        config.step_up.links = Rate {
            per_second: 1,
            burst: 2,
        };
    })
    .await;
    let mut statuses = Vec::new();
    let mut browser = Browser::default();
    let mut last = String::new();
    for _ in 0..4 {
        last = sent_to(&world).await;
        let sent = browser.submit(&last, "ada@example.com").await;
        statuses.push(sent.status().as_u16());
    }
    assert_eq!(statuses, [303, 303, 429, 429]);
    assert_eq!(world.calls().link, 2);
    // What was refused does not count as one of the links of its decision.
    for _ in 0..5 {
        assert_eq!(browser.submit(&last, "ada@example.com").await.status(), 429);
    }
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.submit(&last, "ada@example.com").await.status(), 303);
}

#[tokio::test]
async fn a_vendor_that_makes_no_link_is_asked_three_times_for_one_decision() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    world.inject(ApiCall::Link, None, Fault::Status(500));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let sent = browser.submit(&url, "ada@example.com").await;
        statuses.push(sent.status().as_u16());
        world.clock.advance(Duration::from_secs(2));
    }
    assert_eq!(statuses, [503, 503, 503, 429, 429]);
    assert!(world.calls().link <= 3, "{:?}", world.calls());
}

#[tokio::test]
async fn a_link_that_has_expired_is_asked_for_again() {
    let world = world_with(|config| {
        config.step_up.link_life = Duration::from_mins(5);
    })
    .await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let first = browser.link(&url, "ada@example.com").await;
    let events = url.replace("/step-up/?", "/step-up/events?");
    world.clock.advance(Duration::from_mins(5));
    let (_, page) = browser.get(&url).await;
    assert!(page.contains("The link is not valid any more"), "{page}");
    let ended = client().get(&events).send().await.unwrap().text().await;
    assert!(ended.unwrap().contains("event: changed"));
    let second = browser.link(&url, "ada@example.com").await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn browsers_that_wait_are_bounded_and_those_beyond_ask_by_themselves() {
    let world = world_with(|config| {
        let page = config.step_up.page.as_mut().unwrap();
        page.waiting = WaitingLimits { each: 3, all: 3 };
    })
    .await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    browser.link(&url, "ada@example.com").await;
    let events = url.replace("/step-up/?", "/step-up/events?");
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let response = client().get(&events).send().await.unwrap();
        assert_eq!(response.status(), 200);
        waiting.push(response);
    }
    assert_eq!(client().get(&events).send().await.unwrap().status(), 503);
    waiting.clear();
    until("a place is free", async || {
        client().get(&events).send().await.unwrap().status() == 200
    })
    .await;
    // A state by which nothing was begun waits for nothing.
    let unused = sent_to(&world)
        .await
        .replace("/step-up/?", "/step-up/events?");
    assert_eq!(client().get(unused).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn those_who_wait_leave_room_for_the_gateways_behind_the_same_proxy() {
    let world = proxied(|config| config.limits.connections_per_address = 32).await;
    let mut addresses = Vec::new();
    for n in 0..4 {
        let url = sent_to(&world).await;
        let mut browser = Browser::in_network(n);
        browser.link(&url, "ada@example.com").await;
        addresses.push(url.replace("/step-up/?", "/step-up/events?"));
    }
    let mut waiting = Vec::new();
    let mut wait = async |number: usize, network: usize| {
        let request = client()
            .get(&addresses[number])
            .header("x-forwarded-for", format!("203.0.113.{network}"));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        waiting.push(response);
        status
    };
    // By one state four, from whichever networks; and in all a quarter of what one address may have.
    for network in 1..=9 {
        let expected = if network <= 4 { 200 } else { 503 };
        assert_eq!(wait(0, network).await, expected, "{network}");
    }
    for (number, expected) in [(1, 200), (2, 503), (3, 503)] {
        for network in 10..=13 {
            assert_eq!(wait(number, network).await, expected, "{number} {network}");
        }
    }
    assert_eq!(check(&world, "month-old", HOST).await.status(), 302);
    assert_eq!(check(&world, "fresh", HOST).await.status(), 200);
}

#[tokio::test]
async fn a_stop_ends_those_who_wait_and_is_not_held_up_by_them() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    browser.link(&url, "ada@example.com").await;
    let events = url.replace("/step-up/?", "/step-up/events?");
    let waiting = client().get(&events).send().await.unwrap();
    let (stopped, rest) = tokio::join!(world.stop(), waiting.text());
    assert!(stopped.0.is_ok());
    assert!(rest.unwrap().contains("waiting"));
}
