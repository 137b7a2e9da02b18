//! Real proxies with the recipes that are shipped: each is started with its file, in which only addresses and paths are replaced. Whatever
//! happens to the service, nobody reaches the application who should not.

mod application;
mod browser;
mod login;
mod matrix;
mod proxy;
mod stub;
mod traefik;

use self::{
    matrix::{Scene, away, broken, decided, spoofed, tricked},
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
    // Both wait more than they compute.
    tokio::join!(with_service, broken(kind));
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
