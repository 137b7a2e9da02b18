//! Traefik's ForwardAuth, over HTTP. There is no package of Traefik, so that its part is played here: what its middleware sends, from the recipe that
//! is described, and what it makes of the answer.

use reqwest::{Client, Method, header::HeaderMap, redirect::Policy};
use verigate::sim::{ApiCall, Fault, PlannedFault};

use super::{
    matrix::Sessions,
    proxy::{Kind, ROOT},
};
use crate::program::{Program, Start};

/// The recipe's middlewares.
struct ForwardAuth {
    /// Where it asks, at this service.
    address: String,
    client_headers: Vec<String>,
    response_headers: Vec<String>,
    removed: Vec<String>,
    token: String,
}

fn list(recipe: &str, name: &str) -> Vec<String> {
    let line = recipe
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    let list = line.expect(name).trim().trim_matches(['[', ']']);
    list.split(", ").map(str::to_owned).collect()
}

impl ForwardAuth {
    fn of_recipe(service: &str, token: &str) -> Self {
        let file = format!("{ROOT}/deploy/gateways/traefik/dynamic.yaml");
        let recipe = std::fs::read_to_string(file).unwrap();
        let [address] = list(&recipe, "address:").try_into().unwrap();
        let removed = recipe
            .lines()
            .filter_map(|line| line.trim().strip_suffix(": \"\""));
        assert!(recipe.contains("trustForwardHeader: false"));
        assert!(recipe.contains("middlewares: [clean, identify, verigate, anonymize]"));
        Self {
            address: address.replace("http://127.0.0.1:8080", service),
            client_headers: list(&recipe, "authRequestHeaders:"),
            response_headers: list(&recipe, "authResponseHeaders:"),
            removed: removed.map(str::to_lowercase).collect(),
            token: token.to_owned(),
        }
    }

    /// Asks about a request of a client. The answer to the client, or the headers that the application gets.
    async fn ask(
        &self,
        method: Method,
        headers: &[(&str, &str)],
    ) -> Result<HeaderMap, (u16, HeaderMap)> {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        // GET, whatever the client's method is, and no body.
        let mut request = client.get(&self.address);
        let sent = headers
            .iter()
            .filter(|(name, _)| !self.removed.contains(&name.to_lowercase()));
        let sent: Vec<_> = sent
            .copied()
            .chain([("x-verigate-token", self.token.as_str())])
            .collect();
        for (name, value) in &sent {
            if self
                .client_headers
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
            {
                request = request.header(*name, *value);
            }
        }
        let request = request
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-forwarded-method", method.as_str())
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "app.example.org")
            .header("x-forwarded-uri", "/door?a=1");
        let response = request.send().await.unwrap();
        let (status, answered) = (response.status(), response.headers().clone());
        // It reads all of the body first, and one that is not whole is an error.
        response.bytes().await.unwrap();
        if !status.is_success() {
            return Err((status.as_u16(), answered));
        }
        let mut passed = HeaderMap::new();
        for name in &self.response_headers {
            let name = name.to_lowercase();
            for value in answered.get_all(&name) {
                passed.append(
                    reqwest::header::HeaderName::try_from(&name).unwrap(),
                    value.clone(),
                );
            }
        }
        Ok(passed)
    }
}

#[tokio::test]
async fn what_traefik_asks_is_answered_so_that_nobody_passes_who_may_not() {
    let sessions = Sessions::new();
    let config = sessions.config(Kind::Caddy);
    let service = Program::start(Start::with(config, super::matrix::POLICIES)).await;
    let token = super::matrix::token();
    let traefik = ForwardAuth::of_recipe(&service.http, token.reveal());
    let strong = sessions.token("ada-fresh", "urn:x:mfa");
    let weak = sessions.token("ada-fresh", "urn:x:pwd");
    let stale = sessions.token("ada-stale", "urn:x:mfa");
    for method in [Method::GET, Method::POST, Method::HEAD, Method::DELETE] {
        let passed = traefik
            .ask(method, &[("authorization", &strong)])
            .await
            .unwrap();
        assert_eq!(passed["x-verigate-decision"], "ALLOW");
        assert_eq!(passed.len(), 2);
    }
    let (status, headers) = traefik
        .ask(Method::GET, &[("authorization", &weak)])
        .await
        .unwrap_err();
    assert_eq!(status, 401);
    assert!(headers.contains_key("www-authenticate"));
    let page = [("authorization", weak.as_str()), ("accept", "text/html")];
    let (status, headers) = traefik.ask(Method::GET, &page).await.unwrap_err();
    assert_eq!(
        (status, &headers["location"]),
        (302, &"/login?acr_values=urn%3Ax%3Amfa".parse().unwrap())
    );
    for headers in [
        &[("authorization", stale.as_str())][..],
        &[("authorization", "Bearer x.y.z")],
        &[],
        &[
            ("x-verification-id", "ada-fresh"),
            ("x-identity-id", "id-ada"),
        ],
        &[
            ("authorization", &stale),
            ("x-verification-id", "ada-fresh"),
        ],
        &[
            ("authorization", &stale),
            ("x-verigate-decision", "ALLOW"),
            ("x-original-uri", "/open/"),
        ],
    ] {
        let (status, answered) = traefik.ask(Method::GET, headers).await.unwrap_err();
        assert_eq!(status, 403, "{headers:?}");
        assert_eq!(answered["x-verigate-decision"], "DENY");
    }
    whose_token(&service, &strong).await;
    pending(&service, &sessions).await;
}

/// A token of a client is not the gateway's: the middleware overwrites it.
async fn whose_token(service: &Program, strong: &str) {
    let own = super::matrix::token();
    let traefik = ForwardAuth::of_recipe(&service.http, own.reveal());
    let other = [("authorization", strong), ("x-verigate-token", "vg_x")];
    assert!(traefik.ask(Method::GET, &other).await.is_ok());
    let unknown = ForwardAuth::of_recipe(&service.http, "vg_x");
    let own = [
        ("authorization", strong),
        ("x-verigate-token", own.reveal()),
    ];
    let (status, _) = unknown.ask(Method::GET, &own).await.unwrap_err();
    assert_eq!(status, 403);
}

/// Traefik waits for 30 s, so that it is the service that has to answer.
async fn pending(service: &Program, sessions: &Sessions) {
    let planned = PlannedFault {
        call: ApiCall::Details,
        id: Some("ada-month-old".to_owned()),
        times: None,
        fault: Fault::Hang,
    };
    service.simulator.faults().plan(planned).unwrap();
    let token = super::matrix::token();
    let traefik = ForwardAuth::of_recipe(&service.http, token.reveal());
    let unknown = sessions.token("ada-month-old", "urn:x:mfa");
    let headers = [("authorization", unknown.as_str())];
    let asked = traefik.ask(Method::GET, &headers);
    let asked = tokio::time::timeout(super::matrix::SOON, asked).await;
    let (status, headers) = asked.expect("no answer").unwrap_err();
    assert_eq!(status, 503);
    assert_eq!(headers["retry-after"], "1");
}

#[test]
fn the_recipe_of_traefik_says_that_it_was_not_tried() {
    for file in ["traefik.yaml", "dynamic.yaml"] {
        let file = format!("{ROOT}/deploy/gateways/traefik/{file}");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("DESCRIBED, NOT TRIED"));
        // Well-formed.
        for event in saphyr_parser::Parser::new_from_str(&text) {
            event.unwrap();
        }
    }
}
