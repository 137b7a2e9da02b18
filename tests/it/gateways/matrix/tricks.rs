//! What a client can send to pass: headers of others, and paths that are read in two ways.

use reqwest::RequestBuilder;
use serde_json::Value;

use super::{Cell, Scene, token, values};

/// Headers by which a client says who it is, or what was decided.
pub async fn spoofed(scene: &Scene) {
    let own = token();
    let spoofed = [
        ("x-verification-id", "ada-fresh"),
        ("x-identity-id", "id-ada"),
        ("x-verigate-token", own.reveal()),
        ("x-verigate-decision", "ALLOW"),
        ("x_verigate_decision", "ALLOW"),
        ("x-verigate-decision-id", "1"),
        ("x-verigate-valid-for", "600"),
        ("x-verigate-step-up-url", "https://evil.example/"),
        ("x-original-uri", "/open/x"),
        ("x-original-url", "/open/x"),
        ("x-rewrite-url", "/open/x"),
        ("x-forwarded-uri", "/open/x"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-http-method-override", "OPTIONS"),
        ("connection", "x-verigate-token, authorization"),
    ];
    let all = |request: RequestBuilder| {
        let add = |request: RequestBuilder, (name, value)| request.header(name, value);
        spoofed.into_iter().fold(request, add)
    };
    for (name, value) in spoofed {
        scene
            .refused(Cell::Spoofed, name, scene.get("/door").header(name, value))
            .await;
    }
    let refused = scene.refused(Cell::Spoofed, "all", all(scene.get("/door")));
    refused.await;
    let strong = scene.session("ada-fresh", "urn:x:mfa");
    for (path, is_all) in [
        ("/door", true),
        ("/open/x", true),
        ("/door", false),
        ("/open/x", false),
    ] {
        let mut request = scene.get(path).header("authorization", &strong);
        // Headers with underscores, and two headers that Connection names, may be refused. The others are removed or overwritten.
        for (name, value) in spoofed {
            if is_all || !(name.contains('_') || name == "connection") {
                request = request.header(name, value);
            }
        }
        let response = scene.sent(Cell::Spoofed, request).await;
        assert!(
            is_all || response.status() == 200,
            "{path}: {}",
            response.status()
        );
        if response.status() == 200 {
            untouched(&response.json().await.unwrap());
        }
    }
    two_tokens(scene, &strong).await;
}

/// What the application was sent has our headers, and not those of the client.
fn untouched(seen: &Value) {
    let decided = values(seen, "x-verigate-decision");
    let is_open = seen["target"] == "/open/x";
    assert_eq!(decided.is_empty(), is_open, "{seen}");
    let ids = values(seen, "x-verigate-decision-id");
    assert!(ids.iter().all(|id| id.len() == 36), "{seen}");
    for name in [
        "x-verification-id",
        "x-identity-id",
        "x-verigate-token",
        "x_verigate_decision",
        "x-verigate-valid-for",
        "x-verigate-step-up-url",
    ] {
        assert_eq!(values(seen, name), [""; 0], "{name}");
    }
}

/// Neither counts, or both sides see the same one.
async fn two_tokens(scene: &Scene, strong: &str) {
    let twice = scene
        .get("/door")
        .header("authorization", strong)
        .header("authorization", "Bearer x.y.z");
    let response = scene.sent(Cell::Spoofed, twice).await;
    if response.status() == 200 {
        let seen: Value = response.json().await.unwrap();
        assert_eq!(values(&seen, "authorization"), [strong]);
    } else {
        assert!(response.status().is_client_error(), "{}", response.status());
    }
}

/// Paths that lead from what is open to what is not.
pub async fn tricked(scene: &Scene) {
    for path in [
        "/open/../door",
        "/open/./../door",
        "/open//../door",
        "/open//../../door",
        "/open/x//../../../door",
        "/%6fpen/../door",
        "/open/%2e%2e;/door",
        "/open/.%2e/door",
        "/open/%2e/../door",
        "/open/../%64oor",
        "//door",
        "/open/%2e%2e/door",
        "/open/%2E%2e%2fdoor",
        "/open/..%2fdoor",
        "/open/..%5cdoor",
        "/open\\..\\door",
        "/open/..\\door",
        "/open/%252e%252e/door",
        "/open/..%252fdoor",
        "/open/..;/door",
        "/open/..;x/door",
        "/open/%00/../door",
        "/open/x%00",
        "/OPEN/x",
        "/Open/../door",
        "/open",
        "/_verigate",
        "/%5fverigate",
        "/check/front-door",
        "/door%2f..%2fopen/",
        "/open/%2e%2e%2e/../../door",
        "/./open/../door",
        "/open/x/../../door",
        "/open/%c0%ae%c0%ae/door/../../../door",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: app.example.org\r\nconnection: close\r\n\r\n");
        let before = scene.application.reached();
        let answered = crate::hosts::raw(scene.proxy.address, request.as_bytes());
        let (status, answer) = scene.times.of(Cell::Tricks, answered).await;
        if status < 300 {
            // What the proxy has made of it is what the application gets, and no other reading of it leads elsewhere.
            let body = answer.split("\r\n\r\n").last().unwrap();
            let seen: Value = serde_json::from_str(body).expect(path);
            let target = seen["target"].as_str().unwrap();
            assert!(target.starts_with("/open/"), "{path}: {target}");
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'/';
            assert!(
                target.bytes().all(is_plain) && !target.contains("//"),
                "{path}: {target}"
            );
        } else {
            assert_eq!(scene.application.reached(), before, "{path}");
        }
    }
}
