//! The page where people verify again, over HTTP: the whole loop, and that nobody gets anything by it who should not.

pub mod browser;
mod bounds;
mod forged;
mod hand_on;
mod known;
mod settings;
mod states;

use std::{net::TcpListener, time::Duration};

use reqwest::{Client, Response, StatusCode, redirect::Policy};
use verigate::{
    config::Config,
    gateway::ReturnHosts,
    step_up::{PageConfig, WaitingLimits},
};

use super::configure;
use crate::{
    webhook::call_back,
    world::{World, until},
};

/// Ada and Ben, and what the page is about.
const CAST: &str = "\
people:
  ada: { identity_id: id-ada, full_name: Ada Example }
  ben: { identity_id: id-ben, full_name: Ben Sample }
  kim: { full_name: Kim Unknown }
verifications:
  month-old: { person: ada, verified_ago: 31d, scopes: [NAME] }
  months-old: { person: ada, verified_ago: 40d, scopes: [NAME] }
  looked-at: { person: ada, verified_ago: 40d, scopes: [NAME] }
  bens-try: { person: ada, verified_ago: 40d, scopes: [NAME] }
  fresh: { person: ada, verified_ago: 10m, scopes: [NAME] }
  pending: { person: ada, status: PENDING, scopes: [NAME] }
  bens: { person: ben, verified_ago: 10m, scopes: [NAME] }
  kims: { person: kim, verified_ago: 10m, scopes: [NAME] }
  kims-old: { person: kim, verified_ago: 31d, scopes: [NAME] }
";

const KEY: &str = "the-key-of-states-in-the-tests";
/// What the person has asked the gateway for.
const HOST: &str = "app.example.org";
const ASKED: &str = "/door/open?a=1&b=%20%22";

/// A world with a page, at an address that is known before it starts.
pub async fn world_with(adjust: impl FnOnce(&mut Config)) -> World {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let world = World::of(CAST, |config| {
        configure(config);
        config.http = address.into();
        let page = page(&format!("http://{address}"));
        config.step_up.redirects.insert(page.return_url.to_string());
        config.step_up.page = Some(page);
        config.step_up.follow_successors = true;
        config.forward_auth.gateway.return_hosts = ReturnHosts::parse([HOST]).unwrap();
        adjust(config);
    })
    .await;
    call_back(&world);
    world
}

async fn world() -> World {
    world_with(|_| {}).await
}

/// A world whose page is behind a proxy.
async fn proxied(adjust: impl FnOnce(&mut Config)) -> World {
    world_with(|config| {
        config.filters.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        adjust(config);
    })
    .await
}

/// A page below this address.
pub fn page(base: &str) -> PageConfig {
    PageConfig {
        url: format!("{base}/step-up/").into(),
        return_url: format!("{base}/step-up/return").into(),
        key: KEY.into(),
        previous_key: None,
        life: Duration::from_mins(15),
        hand_on: None,
        waiting: WaitingLimits::default(),
    }
}

fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

/// What a gateway is answered about a browser's request to this host.
async fn check(world: &World, verification: &str, host: &str) -> Response {
    let url = format!(
        "http://{}/check/front-door?profile=browser",
        world.http_address()
    );
    let request = client()
        .get(url)
        .header("accept", "text/html,*/*")
        .header("x-verification-id", verification)
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", ASKED);
    request.send().await.unwrap()
}

fn shown<'r>(response: &'r Response, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// The address of the page to which a browser is sent.
async fn sent_to(world: &World) -> String {
    let answer = check(world, "month-old", HOST).await;
    assert_eq!(answer.status(), 302);
    let location = shown(&answer, "location").to_owned();
    assert_eq!(shown(&answer, "x-verigate-step-up-url"), location);
    let page = format!("http://{}/step-up/?state=", world.http_address());
    assert!(location.starts_with(&page), "{location}");
    location
}

/// A browser: it has the cookie that it was given, and follows no redirect by itself.
#[derive(Default)]
struct Browser {
    cookie: String,
    /// Where a proxy says that it comes from.
    from: String,
}

impl Browser {
    /// One in this network, behind a proxy.
    fn in_network(number: usize) -> Self {
        Self {
            from: format!("198.51.{}.{}", number / 250, number % 250 + 1),
            ..Self::default()
        }
    }

    async fn get(&mut self, url: &str) -> (StatusCode, String) {
        let request = client()
            .get(url)
            .header("cookie", &self.cookie)
            .header("x-forwarded-for", &self.from);
        self.keep(request.send().await.unwrap()).await
    }

    async fn keep(&mut self, response: Response) -> (StatusCode, String) {
        let cookie = shown(&response, "set-cookie").split(';').next();
        if let Some(cookie) = cookie.filter(|cookie| !cookie.is_empty()) {
            cookie.clone_into(&mut self.cookie);
        }
        (response.status(), response.text().await.unwrap())
    }

    async fn post(&self, url: &str, email: &str, token: &str) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", email)
            .append_pair("token", token)
            .finish();
        let request = client()
            .post(url)
            .header("cookie", &self.cookie)
            .header("x-forwarded-for", &self.from)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap()
    }

    /// Opens the page, and sends its form with this address.
    async fn submit(&mut self, url: &str, email: &str) -> Response {
        let (status, form) = self.get(url).await;
        assert_eq!(status, 200);
        self.post(url, email, &token(&form)).await
    }

    /// The same, and the page with the link then.
    async fn link(&mut self, url: &str, email: &str) -> String {
        let sent = self.submit(url, email).await;
        assert_eq!(sent.status(), 303);
        assert!(shown(&sent, "location").starts_with("./?state="));
        let (status, page) = self.get(url).await;
        assert_eq!(status, 200);
        attribute(&page, "class=\"button\" href=\"")
    }
}

/// What stands between this and the next quote.
fn attribute(page: &str, before: &str) -> String {
    let (_, rest) = page.split_once(before).expect(page);
    let value = rest.split('"').next().unwrap();
    value.replace("&amp;", "&")
}

fn token(form: &str) -> String {
    attribute(form, "name=\"token\" value=\"")
}

/// The person opens the link and does this.
async fn open(link: &str, how: &str) {
    let opened = reqwest::get(format!("{link}{how}")).await.unwrap();
    assert_eq!(opened.status(), 200);
}

async fn until_shown(browser: &mut Browser, url: &str, text: &str) -> String {
    for _ in 0..500 {
        let (_, page) = browser.get(url).await;
        if page.contains(text) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, page) = browser.get(url).await;
    assert!(page.contains(text), "the page never shows `{text}`: {page}");
    page
}

#[tokio::test]
async fn a_person_is_sent_to_the_page_verifies_again_and_gets_in() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let (status, form) = browser.get(&url).await;
    assert_eq!(status, 200);
    assert!(form.contains("Your work e-mail address"), "{form}");
    let link = browser.link(&url, " ada@example.com ").await;
    assert!(link.starts_with(world.simulator.url()), "{link}");
    let (_, waiting) = browser.get(&url).await;
    assert!(waiting.contains("Waiting for the result"), "{waiting}");
    assert!(waiting.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
    assert!(waiting.contains("<svg class=\"code\""), "{waiting}");
    // Nobody gets in before.
    assert_eq!(check(&world, "month-old", HOST).await.status(), 302);
    open(&link, "?outcome=failed").await;
    let failed = until_shown(&mut browser, &url, "did not succeed").await;
    assert!(failed.contains("seen=failed"), "{failed}");
    assert_eq!(check(&world, "month-old", HOST).await.status(), 302);
    open(&link, "").await;
    let done = until_shown(&mut browser, &url, "Your verification was received").await;
    let back = attribute(&done, "id=\"onward\" href=\"");
    assert_eq!(back, format!("https://{HOST}{ASKED}"));
    until("the check of the old id is an ALLOW", async || {
        check(&world, "month-old", HOST).await.status() == 200
    })
    .await;
    assert_eq!(world.calls().link, 1);
    // The page by which the vendor sends browsers back knows nobody.
    let (status, returned) = browser
        .get(&format!("http://{}/step-up/return", world.http_address()))
        .await;
    assert_eq!(status, 200);
    assert!(returned.contains("You can close this page"));
    let (_, journal) = world.stop().await;
    let last = journal.lines().last().unwrap();
    assert!(
        last.contains(r#""verification_id":"month-old","successor_id":""#),
        "{last}"
    );
    assert!(!journal.contains("example.com"), "{journal}");
}

#[tokio::test]
async fn events_say_when_there_is_more_to_see() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let link = browser.link(&url, "ada@example.com").await;
    let events = url.replace("/step-up/?", "/step-up/events?");
    let receive = async |url: &str| {
        let mut response = client().get(url).send().await.unwrap();
        assert_eq!(shown(&response, "content-type"), "text/event-stream");
        assert_eq!(shown(&response, "cache-control"), "no-store");
        let first = response.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"retry: 2000\n"), "{first:?}");
        response
    };
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_step_up_page_waiting 0"));
    let mut response = receive(&events).await;
    let metrics = world.metrics().await;
    assert!(
        metrics.contains("verigate_step_up_page_waiting 1"),
        "{metrics}"
    );
    open(&link, "?outcome=failed").await;
    let changed = response.chunk().await.unwrap().unwrap();
    // A browser drops an event without data.
    assert_eq!(changed, "event: changed\ndata: 1\n\n");
    assert_eq!(response.chunk().await.unwrap(), None, "it ends");
    // A browser that has seen it waits for the next event; one that has not gets it at once.
    let mut response = receive(&format!("{events}&seen=failed")).await;
    let mut late = receive(&events).await;
    assert!(
        late.chunk()
            .await
            .unwrap()
            .unwrap()
            .starts_with(b"event: changed")
    );
    open(&link, "").await;
    assert!(
        response
            .chunk()
            .await
            .unwrap()
            .unwrap()
            .starts_with(b"event: changed")
    );
    drop((response, late));
    until("nobody waits any more", async || {
        world
            .metrics()
            .await
            .contains("verigate_step_up_page_waiting 0")
    })
    .await;
}

#[tokio::test]
async fn every_page_loads_nothing_stands_in_no_frame_and_is_kept_nowhere() {
    let world = world().await;
    let url = sent_to(&world).await;
    let base = format!("http://{}/step-up/", world.http_address());
    let mut browser = Browser::default();
    let mut pages = vec![url.clone(), base.clone(), format!("{base}return")];
    pages.push(format!("{base}?state=AAAA"));
    browser.link(&url, "ada@example.com").await;
    pages.push(url.clone());
    pages.push(format!("{url}&again=1"));
    for page in pages {
        let response = client().get(&page).send().await.unwrap();
        let policy = shown(&response, "content-security-policy").to_owned();
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{page} {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(shown(&response, "x-frame-options"), "DENY");
        assert_eq!(shown(&response, "cache-control"), "no-store");
        assert_eq!(shown(&response, "referrer-policy"), "same-origin");
        assert_eq!(shown(&response, "x-content-type-options"), "nosniff");
        let cookie = shown(&response, "set-cookie").to_owned();
        assert!(
            cookie.is_empty() || cookie.contains("HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
        let html = response.text().await.unwrap();
        for loaded in [
            "src=", "@import", "url(", "<link", "<iframe", "<img", " style=",
        ] {
            assert!(!html.contains(loaded), "{page} {loaded} {html}");
        }
        // No event handler stands in an element.
        let handlers = html.split(" on").skip(1);
        let are_words = handlers.map(|rest| rest.split([' ', '=', '.']).next().unwrap());
        for word in are_words {
            assert!(
                !["click", "load", "error", "input"].contains(&word),
                "{page}"
            );
        }
    }
}

#[tokio::test]
async fn somebody_elses_verification_leads_back_and_lets_nobody_in() {
    let world = world().await;
    let url = sent_to(&world).await;
    let mut browser = Browser::default();
    let link = browser.link(&url, "ben@example.com").await;
    open(&link, "").await;
    until_shown(&mut browser, &url, "Your verification was received").await;
    assert_eq!(check(&world, "month-old", HOST).await.status(), 302);
    // The next page says why it is asked again, and does not send the browser round in circles.
    let next = sent_to(&world).await;
    assert_ne!(next, url);
    let (_, form) = browser.get(&next).await;
    assert!(
        form.contains("Your last verification here does not suffice"),
        "{form}"
    );
    assert!(!form.contains("id=\"onward\""));
}
