//! People who verify again, by each proxy with its recipe: a browser is sent to the page for step-ups, and returns to where it was refused.

use std::net::SocketAddr;

use http::HeaderName;
use serde_json::{Value, json};
use verigate::{
    clock::{Clock as _, SystemClock},
    gateway::ReturnHosts,
    grpc::ext_authz::ClaimNames,
    jwt::{self, Keys},
    session,
};

use super::{
    application::Application,
    matrix::{Sessions, token},
    proxy::{Kind, Neighbours, Proxy, free_address},
};
use crate::{
    browser::{Browser, chromium},
    callers::{
        caller,
        issuer::{AUDIENCE, ISSUER},
    },
    components::skip,
    step_up::page::{browser::submit, world_with},
    world::World,
};

/// The number of the caller with the token of the recipes.
const PROXY: u8 = 7;

/// A service whose page people come to from this proxy, and the token of the session of a person who has to verify again.
async fn service(kind: Kind, own: SocketAddr, sessions: &Sessions) -> (World, String) {
    let keys = Keys::File(sessions.keys().to_owned());
    let world = world_with(|config| {
        config.callers = vec![caller(PROXY, "proxy", &["front-door"], &[], true)];
        config.forward_auth.gateway.return_hosts =
            ReturnHosts::parse([own.to_string().as_str()]).unwrap();
        if kind == Kind::EnvoyJwt {
            config.ext_authz = ClaimNames {
                verification: Some("verification".into()),
                ..ClaimNames::default()
            };
        } else {
            config.session = Some(session::Config {
                header: HeaderName::from_static("authorization"),
                token: jwt::Config::new(ISSUER, vec![AUDIENCE.to_owned()], keys),
                identity_claim: None,
                verification_claim: Some("verification".to_owned()),
                email_claim: None,
            });
        }
    })
    .await;
    // Who verifies it has a clock of its own.
    let now = if kind == Kind::EnvoyJwt {
        SystemClock.now()
    } else {
        world.clock_now()
    };
    let token = sessions.token_at(now, "month-old", "urn:x:pwd");
    (world, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_sent_to_the_page_by_each_proxy_and_returns_when_the_person_has_verified() {
    if chromium().is_none() {
        return skip("chromium is not installed: .ci/run installs it");
    }
    let mut browser = Browser::start();
    // At Apache, people have to sign in first.
    for kind in [
        Kind::Envoy,
        Kind::EnvoyJwt,
        Kind::Nginx,
        Kind::Caddy,
        Kind::Haproxy,
    ] {
        if !kind.is_installed() {
            continue;
        }
        let own = free_address();
        let sessions = Sessions::new();
        let (world, session) = service(kind, own, &sessions).await;
        let application = Application::start().await;
        let token = token();
        let between = Neighbours {
            service: if kind.speaks_grpc() {
                world.grpc_address()
            } else {
                world.http_address()
            },
            application: application.address,
            token: token.reveal(),
            keys: sessions.keys(),
            login: None,
            fault: None,
        };
        let _proxy = Proxy::start_at(kind, between, own, None).await;
        let door = format!("http://{own}/door?a=1&b=%C3%A4");
        browser.new_tab(true);
        browser.send_headers(&json!({ "authorization": session }));
        browser.open(&door);
        browser.until_shown("Your work e-mail address");
        let trail = browser.trail();
        let page = format!("http://{}/step-up/?state=", world.http_address());
        assert_eq!(trail[0][0], 302, "{kind:?} {trail}");
        assert_eq!(trail[0][1], door.as_str(), "{kind:?} {trail}");
        let location = trail[0][2].as_str().unwrap();
        assert!(location.starts_with(&page), "{kind:?} {location}");
        submit(&mut browser, "ada@example.com");
        browser.until_shown("Waiting for the result");
        let link = crate::step_up::page::browser::link_of(&mut browser);
        // Nobody gets in before.
        assert_eq!(application.reached(), 0, "{kind:?}");
        let opened = reqwest::get(link).await.unwrap();
        assert_eq!(opened.status(), 200);
        browser.until(&format!(
            "location.href === '{door}' && document.readyState === 'complete'"
        ));
        let seen: Value = serde_json::from_str(&browser.text()).unwrap();
        assert_eq!(seen["target"], "/door?a=1&b=%C3%A4", "{kind:?}");
        let headers = seen["headers"].to_string();
        assert!(
            headers.contains("[\"x-verigate-decision\",\"ALLOW\"]"),
            "{kind:?} {headers}"
        );
        assert_eq!(world.calls().link, 1);
    }
}
