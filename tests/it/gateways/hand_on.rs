//! The hand-on with the recipes as they are shipped: each passes the browser's way back on to the service, sends the service the cookie, and keeps it from
//! the application. And the whole loop in a browser, behind a real proxy, with one instance for checks and another one for the page.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use verigate::{
    clock::{Clock as _, SystemClock},
    policy::{Identity, VerificationId, after},
    signatures::{HandOn, SigningKeys, Transfer},
    sim::WebhookTarget,
};

use super::{
    application::Application,
    matrix::{Sessions, token, values},
    proxy::{Kind, Neighbours, Proxy, free_address},
};
use crate::{
    browser::{Browser, chromium},
    components::skip,
    program::{Program, Start},
};

const KEY: &str = "the-key-of-states-in-the-tests";
const SECRET: &str = "a-secret-of-webhooks";
const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 30d
        otherwise: step_up
";

fn address(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// The configuration of an instance whose page is at this address.
fn config(sessions: &Sessions, kind: Kind, host: &str) -> String {
    let gateways = sessions.config(kind);
    let gateways = gateways.replace(
        "policies = ['front-door']",
        "policies = ['front-door']\nstep_ups = true",
    );
    let (before, _) = gateways.split_once("[forward_auth]").unwrap();
    format!(
        "{before}[forward_auth]\nreturn_hosts = ['{host}']\n[step_up]\nstate_key = '{KEY}'\nhand_on = true\n\
         [webhook]\nsecret = '{SECRET}'\n"
    )
}

/// An instance with these variables in its environment.
async fn instance(config: String, variables: &[(&str, String)]) -> Program {
    let exports = variables
        .iter()
        .map(|(name, value)| format!("export {name}={value}; "));
    let before: String = exports.chain([":".to_owned()]).collect();
    Program::start(Start::with(config, POLICIES).after(before)).await
}

fn get(proxy: SocketAddr, path: &str) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    client
        .get(format!("http://{proxy}{path}"))
        .header("accept", "text/html")
}

/// The answer, once the vendor has been asked.
async fn settled(request: RequestBuilder) -> Response {
    for _ in 0..50 {
        let response = request.try_clone().unwrap().send().await.unwrap();
        if response.status() != 503 {
            return response;
        }
    }
    request.send().await.unwrap()
}

async fn cookies_seen(response: Response) -> String {
    assert_eq!(response.status(), 200);
    let seen: Value = response.json().await.unwrap();
    values(&seen, "cookie").join("; ")
}

/// The way back for this verification of a person, as the page would sign it.
fn transfer(old: &str, host: &str, path: &str) -> String {
    let now = SystemClock.now();
    let keys = Arc::new(SigningKeys::new(&KEY.into(), None));
    let id = |text: &str| VerificationId::parse(text).unwrap();
    let hand_on = HandOn {
        old: id(old),
        new: id("ada-fresh"),
        host: host.into(),
        expires_at: after(now, Duration::from_mins(5)),
    };
    let hand_on = keys.hand_on(&hand_on, &Identity::parse("id-ada").unwrap());
    keys.transfer(&Transfer {
        hand_on: hand_on.into(),
        original_url: format!("http://{host}{path}").into(),
        expires_at: after(now, Duration::from_mins(1)),
    })
}

async fn recipe_hands_on(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let own = free_address();
    let (sessions, host) = (Sessions::new(), own.to_string());
    let public = ("VERIGATE_HTTP__PUBLIC_URL", "http://127.0.0.1:1".to_owned());
    let service = instance(config(&sessions, kind, &host), &[public]).await;
    let application = Application::start().await;
    let token = token();
    let http = address(&service.http);
    let between = Neighbours {
        service: if kind.speaks_grpc() {
            address(&service.grpc)
        } else {
            http
        },
        application: application.address,
        token: token.reveal(),
        keys: sessions.keys(),
        login: None,
        fault: None,
    };
    let proxy = Proxy::start_at(kind, between, own, kind.speaks_grpc().then_some(http)).await;
    let door = kind.door();
    let session = sessions.token("ada-month-old", "urn:x:mfa");
    let without = get(proxy.address, door).header("authorization", &session);
    assert_eq!(settled(without).await.status(), 302, "{kind:?}");
    let back = format!("{door}?a=1");
    let way = transfer("ada-month-old", &host, &back);
    let before = application.reached();
    let way = format!("/.verigate/hand-on?transfer={way}");
    let arrived = get(proxy.address, &way).send().await.unwrap();
    assert_eq!(arrived.status(), 303, "{kind:?}: {arrived:?}");
    assert_eq!(
        arrived.headers()["location"],
        format!("http://{host}{back}")
    );
    let cookie = arrived.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    // A client that says that it is on another host, or sends what is not signed, gets none.
    for (path, host) in [
        (way.as_str(), "localhost"),
        ("/.verigate/hand-on?transfer=x", &host),
        ("/.verigate/hand-on", &host),
    ] {
        let request = get(proxy.address, path).header("host", host);
        let request = request.header("x-forwarded-host", own.to_string());
        let refused = request.send().await.unwrap();
        assert!(
            refused.status().is_client_error(),
            "{kind:?} {path} {host}: {refused:?}"
        );
        assert!(!refused.headers().contains_key("set-cookie"), "{path}");
    }
    assert_eq!(application.reached(), before, "{kind:?}");
    let scene = (kind, proxy.address, &sessions);
    counts_and_goes_no_further(scene, &application, &cookie).await;
}

/// The cookie leads to an ALLOW, and the application does not get it; what was changed and what is somebody else's lets nobody in.
async fn counts_and_goes_no_further(
    (kind, proxy, sessions): (Kind, SocketAddr, &Sessions),
    application: &Application,
    cookie: &str,
) {
    let session = sessions.token("ada-month-old", "urn:x:mfa");
    let ask = async |path: &str, cookies: &str| {
        let request = get(proxy, path).header("authorization", &session);
        settled(request.header("cookie", cookies)).await
    };
    let door = kind.door();
    for (cookies, others) in [
        (cookie.to_owned(), ""),
        (format!("{cookie}; a=b"), "a=b"),
        (format!("a=b; {cookie}"), "a=b"),
        (format!("a=b; {cookie}; c=d"), "a=b; c=d"),
    ] {
        assert_eq!(
            cookies_seen(ask(door, &cookies).await).await,
            others,
            "{kind:?}"
        );
        assert_eq!(
            cookies_seen(ask("/open/x", &cookies).await).await,
            others,
            "{kind:?}"
        );
    }
    assert_eq!(
        cookies_seen(ask("/open/x", "a=b; c=d").await).await,
        "a=b; c=d"
    );
    // What was changed, and what is somebody else's, lets nobody in.
    let end = if cookie.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{end}", &cookie[..cookie.len() - 1]);
    for cookies in [changed.as_str(), "verigate-hand-on=x", "verigate-hand-on="] {
        let before = application.reached();
        assert_eq!(ask(door, cookies).await.status(), 302, "{kind:?} {cookies}");
        assert_eq!(application.reached(), before);
    }
    let other = sessions.token("ada-stale", "urn:x:mfa");
    let other = get(proxy, door).header("authorization", other);
    let other = settled(other.header("cookie", cookie)).await;
    assert!(other.status().as_u16() >= 302, "{kind:?}");
}

#[tokio::test]
async fn nginx_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::Caddy).await;
}

#[tokio::test]
async fn envoy_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::Envoy).await;
}

#[tokio::test]
async fn envoy_that_verifies_tokens_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::EnvoyJwt).await;
}

#[tokio::test]
async fn haproxy_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::Haproxy).await;
}

#[tokio::test]
async fn apache_passes_on_what_the_page_hands_on() {
    recipe_hands_on(Kind::Apache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_browser_behind_nginx_the_loop_ends_at_an_instance_that_shares_only_the_key() {
    if !Kind::Nginx.is_installed() {
        return;
    }
    if chromium().is_none() {
        return skip("chromium is not installed: .ci/run installs it");
    }
    let (own, page_at) = (free_address(), free_address());
    let (sessions, host) = (Sessions::new(), own.to_string());
    let config = || config(&sessions, Kind::Nginx, &host);
    let public = ("VERIGATE_HTTP__PUBLIC_URL", format!("http://{page_at}"));
    let listen = ("VERIGATE_HTTP__LISTEN", page_at.to_string());
    // The page and the webhooks are here.
    let page = instance(config(), &[public.clone(), listen]).await;
    let webhooks = format!("{}/webhooks/incode", page.http);
    let webhooks = WebhookTarget::new(&webhooks, "x-webhook-secret", SECRET).unwrap();
    page.simulator.send_webhooks(webhooks);
    // And the checks here.
    let vendor = ("VERIGATE_INCODE__URL", page.simulator.url().to_owned());
    let checks = instance(config(), &[public, vendor]).await;
    let application = Application::start().await;
    let token = token();
    let between = Neighbours {
        service: address(&checks.http),
        application: application.address,
        token: token.reveal(),
        keys: sessions.keys(),
        login: None,
        fault: None,
    };
    let proxy = Proxy::start_at(Kind::Nginx, between, own, None).await;
    let mut browser = Browser::start();
    let session = sessions.token("ada-month-old", "urn:x:mfa");
    browser.send_headers(&json!({ "Authorization": session }));
    let door = format!("http://{}/door?a=1&b=%C3%A4", proxy.address);
    browser.open(&door);
    browser.until("document.getElementById('email') !== null");
    assert_eq!(application.reached(), 0);
    browser.evaluated(
        "document.getElementById('email').value = 'ada@example.com'; document.forms[0].requestSubmit(); 1",
    );
    browser.until("document.getElementById('wait') !== null");
    let link = browser.evaluated("document.querySelector('a.button').href");
    let opened = reqwest::get(link.as_str().unwrap()).await.unwrap();
    assert_eq!(opened.status(), 200);
    browser.until(&format!(
        "location.href === '{door}' && document.readyState === 'complete'"
    ));
    let seen: Value = serde_json::from_str(&browser.text()).unwrap();
    assert_eq!(values(&seen, "x-verigate-decision"), ["ALLOW"]);
    assert!(!seen.to_string().contains("hand-on"), "{seen}");
    let trail = browser.trail().to_string();
    assert!(trail.contains("/.verigate/hand-on?transfer="), "{trail}");
    // No script of the application sees it, and it is there with the next request.
    assert_eq!(browser.evaluated("document.cookie"), "");
    browser.open(&door);
    browser.until(&format!(
        "location.href === '{door}' && document.body.innerText.includes('ALLOW')"
    ));
    assert_eq!(page.simulator.calls().link, 1);
    assert_eq!(checks.simulator.calls().details, 0, "one vendor for both");
    // Somebody who has the session and not the browser is sent to the page.
    browser.clear();
    browser.open(&door);
    browser.until("document.getElementById('email') !== null");
}
