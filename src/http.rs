//! The HTTP listeners: each file has its routes, and they are merged here. Every request first passes the `filter`.

mod admin;
mod callers;
mod filter;
pub mod forward_auth;
mod not_implemented;
mod step_up_page;
pub mod webhook;

use std::sync::Arc;

use axum::Router;

use self::filter::{Listener, Metrics, RequestFilter};
pub use self::{
    admin::{Admin, AdminCallers},
    callers::HttpCallers,
    filter::{Credentials, HostName, HostNameError, Rules},
    forward_auth::ForwardAuth,
    step_up_page::StepUpPage,
    webhook::Webhooks,
};
use crate::deps::Deps;

/// Who each listener answers to.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Of the listener for callers.
    pub http: Rules,
    /// Of the listener for the Internet, if that is another.
    pub public: Rules,
    /// Of the listener for operators.
    pub admin: Rules,
}

/// What each listener serves.
#[derive(Debug)]
pub struct Routers {
    /// For callers; without a listener for the Internet also what that would serve.
    pub http: Router,
    /// For the Internet: for the vendor, and for the browsers of people.
    pub public: Option<Router>,
    /// For operators.
    pub admin: Router,
}

/// What each listener serves: each route is on exactly one of them. `apart`: whether there is a listener for the Internet.
pub fn routers(
    config: &Config,
    apart: bool,
    webhooks: Arc<Webhooks>,
    forward_auth: Arc<ForwardAuth>,
    page: Option<Arc<StepUpPage>>,
    admin: Admin,
    credentials: &Arc<dyn Credentials>,
    deps: &Deps,
) -> Result<Routers, prometheus::Error> {
    let metrics = Metrics::register(&deps.registry)?;
    let filter = |listener, rules: &Rules| {
        RequestFilter::new(listener, rules.clone(), credentials, &metrics, deps)
    };
    let http = filter(Listener::Http, &config.http);
    let callers = admin.callers.callers.clone();
    let routes_for_callers = http
        .same_site(callers.only(not_implemented::routes()))
        .merge(forward_auth::routes(forward_auth));
    let routes_for_the_internet = |filter: &Arc<RequestFilter>| {
        let page = page.map(step_up_page::routes).unwrap_or_default();
        filter
            .same_site(webhook::routes(webhooks).merge(page))
            .merge(not_implemented::routes_of_the_internet())
    };
    let (http, public) = if apart {
        let public = filter(Listener::Public, &config.public);
        let routes = routes_for_the_internet(&public);
        (http.around(routes_for_callers), Some(public.around(routes)))
    } else {
        let routes = routes_for_callers.merge(routes_for_the_internet(&http));
        (http.around(routes), None)
    };
    let for_admin = filter(Listener::Admin, &config.admin);
    Ok(Routers {
        http,
        public,
        admin: for_admin.around(for_admin.same_site(admin::routes(admin))),
    })
}
