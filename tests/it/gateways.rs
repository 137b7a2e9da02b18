//! Real proxies with the recipes that are shipped: each is started with its file, in which only addresses and paths are replaced. Whatever
//! happens to the service, nobody reaches the application who should not.

mod application;
mod matrix;
mod proxy;
mod stub;

use self::{
    matrix::{Scene, away, broken, decided, spoofed, tricked},
    proxy::Kind,
};

/// The whole matrix for one proxy.
async fn all(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let mut scene = Scene::new(kind).await;
    decided(&scene).await;
    spoofed(&scene).await;
    tricked(&scene).await;
    away(&mut scene).await;
    broken(kind).await;
}

#[tokio::test]
async fn nginx_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Nginx).await;
}

#[tokio::test]
async fn caddy_lets_nobody_pass_whom_the_service_does_not() {
    all(Kind::Caddy).await;
}
