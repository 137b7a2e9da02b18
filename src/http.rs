//! The HTTP listeners: each file has its routes, and they are merged here. Every request first passes the `guard`.

mod admin;
mod guard;
mod not_implemented;
pub mod webhook;

use std::sync::Arc;

use axum::Router;

use self::guard::{Guard, Listener, Metrics};
pub use self::{
    admin::Admin,
    guard::{HostName, HostNameError, Rules},
    webhook::Webhooks,
};
use crate::deps::Deps;

/// Who each listener answers to.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Of the listener for callers.
    pub http: Rules,
    /// Of the listener for operators.
    pub admin: Rules,
}

/// What each listener serves.
#[derive(Debug)]
pub struct Routers {
    /// For callers and for the vendor.
    pub http: Router,
    /// For operators.
    pub admin: Router,
}

/// What each listener serves.
pub fn routers(
    config: &Config,
    webhooks: Arc<Webhooks>,
    admin: Admin,
    deps: &Deps,
) -> Result<Routers, prometheus::Error> {
    let metrics = Metrics::register(&deps.registry)?;
    let guard = |listener, rules: &Rules| Guard::new(listener, rules.clone(), &metrics, deps);
    let (for_http, for_admin) = (
        guard(Listener::Http, &config.http),
        guard(Listener::Admin, &config.admin),
    );
    let http = for_http
        .same_site(webhook::routes(webhooks).merge(not_implemented::routes()))
        .merge(not_implemented::routes_of_proxies())
        .merge(not_implemented::routes_of_the_internet());
    let admin = for_admin.same_site(admin::routes(admin));
    Ok(Routers {
        http: for_http.around(http),
        admin: for_admin.around(admin),
    })
}
