//! Real proxies with the recipes that are shipped: each is started with its file, in which only addresses and paths are replaced. Whatever
//! happens to the service, nobody reaches the application who should not.

mod application;
mod cookies;
mod hand_on;
mod login;
mod matrix;
mod page;
mod provider;
pub mod proxy;
mod stub;
mod traefik;

use std::sync::Arc;

use self::{
    matrix::{Scene, Times, away, broken, decided, sent_on, spoofed, tricked},
    proxy::Kind,
};

/// The whole matrix for one proxy.
async fn all(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let times = Arc::new(Times::new(kind));
    let with_service = async {
        let mut scene = Scene::new(kind, &times).await;
        decided(&scene).await;
        spoofed(&scene).await;
        tricked(&scene).await;
        away(&mut scene).await;
    };
    // They wait more than they compute.
    tokio::join!(with_service, broken(kind, &times), sent_on(kind, &times));
    times.check();
}

#[tokio::test]
async fn nginx_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Caddy).await;
}

#[tokio::test]
async fn envoy_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Envoy).await;
}

#[tokio::test]
async fn envoy_that_verifies_tokens_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::EnvoyJwt).await;
}

#[tokio::test]
async fn haproxy_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Haproxy).await;
}

#[tokio::test]
async fn apache_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Apache).await;
}

fn recipe(file: &str) -> String {
    std::fs::read_to_string(format!("{}/deploy/gateways/{file}", proxy::ROOT)).unwrap()
}

/// How long each waits for the service: longer than `forward_auth.deadline`, and with what else a request takes less than 1.3 s.
#[test]
fn the_recipes_give_up_after_1100_ms() {
    for (file, bound) in [
        ("nginx/nginx.conf", "proxy_read_timeout 1100ms;"),
        ("caddy/Caddyfile", "response_header_timeout 1100ms"),
        ("envoy/envoy.yaml", "                timeout: 1.1s"),
        ("envoy/envoy-jwt.yaml", "                timeout: 1.1s"),
        ("haproxy/verigate.lua", "local DEADLINE = 1100"),
        ("apache/verigate.lua", "local DEADLINE = 1.1"),
    ] {
        let has = recipe(file).lines().any(|line| line.trim() == bound.trim());
        assert!(has, "{file} has no line {bound}");
    }
}

/// Nothing else is waited for, so that what does not hang is answered at once: a connection is made within 100 ms or within the same 1.1 s, and no
/// request is repeated.
#[test]
fn the_recipes_wait_for_a_connection_for_100_ms_and_ask_once() {
    for (file, lines, never) in [
        (
            "nginx/nginx.conf",
            &[
                "proxy_connect_timeout 100ms;",
                "proxy_send_timeout 100ms;",
                "proxy_next_upstream off;",
            ][..],
            &["proxy_next_upstream_tries"][..],
        ),
        (
            "caddy/Caddyfile",
            &["dial_timeout 100ms", "write_timeout 100ms"],
            &["lb_try_duration", "lb_retries", "lb_try_interval"],
        ),
        (
            "envoy/envoy.yaml",
            &["connect_timeout: 0.1s"],
            &["retry_policy", "num_retries", "retry_on"],
        ),
        (
            "envoy/envoy-jwt.yaml",
            &["connect_timeout: 0.1s"],
            &["retry_policy", "num_retries", "retry_on"],
        ),
        (
            "haproxy/verigate.lua",
            &[],
            &["core.httpclient", "core.sleep", "core.msleep"],
        ),
        ("apache/verigate.lua", &[], &["sleep"]),
    ] {
        let text = recipe(file);
        let is_code = |line: &&str| !line.starts_with("--") && !line.starts_with('#');
        let code: Vec<&str> = text.lines().map(str::trim).filter(is_code).collect();
        for line in lines {
            assert!(code.contains(line), "{file} has no line {line}");
        }
        for word in never {
            let has = code.iter().any(|line| line.contains(word));
            assert!(!has, "{file} has {word}");
        }
    }
}

/// A read of Caddy that times out on a connection that was used before makes the request once more, and its client wait for twice as long.
#[test]
fn caddy_closes_connections_before_a_read_on_them_can_time_out() {
    let text = recipe("caddy/Caddyfile");
    let durations = |name: &str| {
        let lines = text.lines().map(str::trim);
        let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let values = values.map(|value| verigate::policy::parse_duration(value).unwrap());
        values.collect::<Vec<_>>()
    };
    let [read, kept, head] =
        ["read_timeout", "keepalive", "response_header_timeout"].map(durations);
    // To decide, and for the way back from the page.
    assert_eq!([read.len(), kept.len(), head.len()], [2; 3]);
    for ((read, kept), head) in read.into_iter().zip(kept).zip(head) {
        assert!(read > kept + head, "{read:?} {kept:?} {head:?}");
    }
}

#[test]
fn the_recipes_for_envoy_differ_in_what_is_about_the_token_alone() {
    let jwt = recipe("envoy/envoy-jwt.yaml");
    let jwt: Vec<&str> = jwt.lines().collect();
    let plain = recipe("envoy/envoy.yaml");
    let is_missing = |line: &&str| !line.starts_with('#') && !jwt.contains(line);
    let missing: Vec<&str> = plain.lines().filter(is_missing).map(str::trim).collect();
    let expected = [
        "- { exact: authorization }  # the token of the session",
        "- { exact: accept }         # whether it is a browser",
    ];
    assert_eq!(missing, expected);
}
