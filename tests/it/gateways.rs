//! Real proxies with the recipes that are shipped: each is started with its file, in which only addresses and paths are replaced. Whatever
//! happens to the service, nobody reaches the application who should not.

mod application;
pub mod browser;
mod hand_on;
mod login;
mod matrix;
mod proxy;
mod stub;
mod traefik;

use self::{
    matrix::{Scene, away, broken, decided, sent_on, spoofed, tricked},
    proxy::Kind,
};

/// The whole matrix for one proxy.
async fn all(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let with_service = async {
        let mut scene = Scene::new(kind).await;
        decided(&scene).await;
        spoofed(&scene).await;
        tricked(&scene).await;
        away(&mut scene).await;
    };
    // They wait more than they compute.
    tokio::join!(with_service, broken(kind), sent_on(kind));
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
