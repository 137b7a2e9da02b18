//! The page in Chromium: the loop with script and without, by the keyboard.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path as Verification, State},
    http::header::LOCATION,
    response::{IntoResponse as _, Response as AppResponse},
    routing::get,
};
use tokio::net::TcpListener as AppListener;
use verigate::gateway::ReturnHosts;

use super::*;
use crate::{
    browser::{Browser as Chromium, chromium},
    components::skip,
};

/// An application behind a gateway that passes on what the service answers: `/door/VERIFICATION`.
async fn application(service: std::net::SocketAddr, listener: AppListener) {
    let host = listener.local_addr().unwrap().to_string();
    let app = Router::new()
        .route("/door/{verification}", get(door))
        .with_state(Arc::new((service, host)));
    axum::serve(listener, app).await.unwrap();
}

async fn door(
    State(known): State<Arc<(std::net::SocketAddr, String)>>,
    Verification(verification): Verification<String>,
) -> AppResponse {
    let (service, host) = &*known;
    let answer = client()
        .get(format!("http://{service}/check/front-door?profile=browser"))
        .header("accept", "text/html")
        .header("x-verification-id", &verification)
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", format!("/door/{verification}"))
        .send();
    let answer = answer.await.unwrap();
    match answer.status().as_u16() {
        200 => "welcome to the door".into_response(),
        302 => {
            let to = shown(&answer, "location").to_owned();
            (answer.status(), [(LOCATION, to)]).into_response()
        }
        _ => (answer.status(), "no access").into_response(),
    }
}

/// An application, and the world of the gateway in front of it.
pub struct Behind {
    pub world: World,
    pub application: String,
    _runs: tokio::task::JoinHandle<()>,
}

impl Behind {
    /// One with other settings of the service.
    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let listener = AppListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let hosts = ReturnHosts::parse([host.as_str()]).unwrap();
        let world = world_with(|config| {
            config.forward_auth.gateway.return_hosts = hosts;
            adjust(config);
        })
        .await;
        let runs = tokio::spawn(application(world.http_address(), listener));
        Self {
            world,
            application: format!("http://{host}"),
            _runs: runs,
        }
    }

    /// Where the application is asked about this verification.
    pub fn door(&self, verification: &str) -> String {
        format!("{}/door/{verification}", self.application)
    }

    /// The address of the page to which somebody is sent from there.
    pub async fn sent_from(&self, verification: &str) -> String {
        let answer = client().get(self.door(verification)).send().await.unwrap();
        shown(&answer, "location").to_owned()
    }
}

/// Writes the address into the form by the keyboard, and sends it.
pub fn submit(chromium: &mut Chromium, email: &str) {
    let empty = "document.forms[0].noValidate = true; document.getElementById('email').value = ''";
    chromium.evaluated(empty);
    chromium.tab_to("#email");
    chromium.write(email);
    chromium.press_enter();
}

/// The link that the page shows.
pub fn link_of(chromium: &mut Chromium) -> String {
    let link = chromium.evaluated("document.querySelector('a.button').href");
    link.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_the_whole_way_with_and_without_script() {
    if chromium().is_none() {
        return skip("chromium is not installed: .ci/run installs it");
    }
    let behind = Behind::with(|_| {}).await;
    let mut chromium = Chromium::start();
    for (has_script, verification) in [(true, "month-old"), (false, "months-old")] {
        let door = behind.door(verification);
        chromium.new_tab(has_script);
        chromium.open(&door);
        chromium.until_shown("Your work e-mail address");
        let page = chromium.evaluated("location.href");
        assert_ne!(page, door.as_str());
        submit(&mut chromium, "ada@example.com");
        chromium.until_shown("Waiting for the result");
        let link = link_of(&mut chromium);
        // The page goes on by itself: by its script, which its policy permits, or because the browser loads it again.
        open(&link, "?outcome=failed").await;
        chromium.until_shown("did not succeed");
        open(&link, "").await;
        if has_script {
            chromium.until_shown("welcome to the door");
        } else {
            chromium.until_shown("Your verification was received");
            chromium.tab_to("a.button");
            chromium.press_enter();
            chromium.until_shown("welcome to the door");
        }
        assert_eq!(chromium.evaluated("location.href"), door.as_str());
    }
}
