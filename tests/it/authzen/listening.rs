//! Where AuthZEN is answered, and the metadata: from the configured address alone, for every host.

use reqwest::{Client, Response};
use serde_json::{Value, json};
use verigate::listener::ListenAddress;

use super::{ONE, SEVERAL, configure, evaluation, raw, status};
use crate::world::World;

const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

async fn get(address: std::net::SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Client::new().get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn world(url: &str, apart: bool) -> World {
    World::with(|config| {
        configure(config, &format!("[http]\npublic_url = \"{url}\"\n"));
        config.public = apart.then(|| ListenAddress::Tcp(([127, 0, 0, 1], 0).into()));
    })
    .await
}

#[tokio::test]
async fn the_metadata_is_that_of_the_configured_address_whatever_is_asked() {
    for (url, path) in [
        ("https://pdp.example.org", ""),
        ("https://pdp.example.org:8443/", ""),
        ("https://pdp.example.org/tenant1", "/tenant1"),
        ("https://pdp.example.org/a/:b/*c/", "/a/:b/*c"),
    ] {
        let world = world(url, false).await;
        let base = url.trim_end_matches('/');
        let own = world.http_address();
        for headers in [
            &[][..],
            &[("host", "evil.example")],
            &[("host", "pdp.example.org")],
            &[
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "http"),
            ],
            &[("forwarded", "host=evil.example")],
            &[("x-forwarded-prefix", "/evil")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://evil.example"),
            ],
            &[("authorization", "Bearer vg_none")],
        ] {
            let response = get(own, &format!("{WELL_KNOWN}{path}"), headers).await;
            assert_eq!(response.status(), 200, "{url} {headers:?}");
            assert_eq!(response.headers()["content-type"], "application/json");
            assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
            assert_eq!(
                response.json::<Value>().await.unwrap(),
                json!({
                    "policy_decision_point": base,
                    "access_evaluation_endpoint": format!("{base}{ONE}"),
                    "access_evaluations_endpoint": format!("{base}{SEVERAL}"),
                    "supported_obligations": ["step-up"],
                })
            );
        }
        for other in ["/other", "/tenant", "/tenant1/x", "/"] {
            assert_eq!(
                get(own, &format!("{WELL_KNOWN}{other}"), &[])
                    .await
                    .status(),
                404
            );
        }
        if !path.is_empty() {
            let elsewhere = get(own, WELL_KNOWN, &[]).await;
            assert_eq!(elsewhere.status(), 404, "{url}");
            let text = elsewhere.text().await.unwrap();
            let hint = format!("there is no metadata here: it is at `{WELL_KNOWN}{path}`\n");
            assert_eq!(text, hint, "{url}");
        }
    }
}

#[tokio::test]
async fn the_endpoints_are_answered_also_below_the_path_of_the_address() {
    for path in ["", "/tenant1", "/a/:b/*c"] {
        let world = world(&format!("https://pdp.example.org{path}"), false).await;
        let body = evaluation("front-door", "fresh").to_string();
        for endpoint in [
            ONE.to_owned(),
            format!("{path}{ONE}"),
            format!("{path}{SEVERAL}"),
        ] {
            assert_eq!(
                status(raw(&world, &endpoint, body.clone())).await,
                200,
                "{endpoint}"
            );
        }
    }
}

#[tokio::test]
async fn without_an_https_address_there_is_no_metadata() {
    for url in ["", "http://127.0.0.1:8080"] {
        let world = world(url, false).await;
        let nowhere = get(world.http_address(), WELL_KNOWN, &[]).await;
        assert_eq!(nowhere.status(), 404, "{url}");
        let text = nowhere.text().await.unwrap();
        assert!(
            text.contains("`http.public_url` must be the https"),
            "{url}"
        );
    }
}

#[tokio::test]
async fn with_a_listener_for_the_internet_the_metadata_is_there_and_the_evaluations_are_not() {
    let world = world("https://pdp.example.org", true).await;
    let (inner, outer) = (world.http_address(), world.addresses().public.unwrap());
    assert_eq!(
        get(outer, WELL_KNOWN, &[("host", "evil.example")])
            .await
            .status(),
        200
    );
    assert_eq!(get(inner, WELL_KNOWN, &[]).await.status(), 404);
    let body = evaluation("front-door", "fresh").to_string();
    let ask = async |address| {
        let request = Client::new()
            .post(format!("http://{address}{ONE}"))
            .body(body.clone());
        status(request.header("content-type", "application/json")).await
    };
    assert_eq!((ask(inner).await, ask(outer).await), (200, 404));
    // Where there is no route, a foreign host is answered as everywhere else.
    for address in [inner, outer] {
        assert_eq!(
            get(address, "/nothing", &[("host", "evil.example")])
                .await
                .status(),
            421
        );
        assert_eq!(get(address, "/nothing", &[]).await.status(), 404);
    }
}

#[tokio::test]
async fn web_pages_and_foreign_hosts_reach_no_evaluation() {
    let world = world("https://pdp.example.org", false).await;
    let body = evaluation("front-door", "fresh").to_string();
    let ask = |name: &str, value: &str| raw(&world, ONE, body.clone()).header(name, value);
    assert_eq!(status(ask("host", "pdp.example.org")).await, 200);
    assert_eq!(status(ask("host", "evil.example")).await, 421);
    assert_eq!(status(ask("origin", "https://evil.example")).await, 403);
    assert_eq!(status(ask("sec-fetch-site", "cross-site")).await, 403);
    assert_eq!(
        get(
            world.http_address(),
            "/nothing",
            &[("host", "evil.example")]
        )
        .await
        .status(),
        421
    );
    for (path, expected) in [
        ("/access/v1/search/subject", 404),
        ("/access/v1", 404),
        ("/access/v1/evaluation/", 404),
        ("/ACCESS/v1/evaluation", 404),
    ] {
        assert_eq!(
            status(raw(&world, path, body.clone())).await,
            expected,
            "{path}"
        );
    }
}
