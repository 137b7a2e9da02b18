//! The HTTP listeners: each file has its routes, and they are merged here. Every request first passes the `filter`.

mod admin;
pub mod authzen;
mod body;
mod callers;
mod filter;
pub mod forward_auth;
mod hand_on;
mod query;
mod step_up_page;
pub mod webhook;

use std::sync::Arc;

use axum::Router;

use self::filter::{Listener, Metrics, RequestFilter};
pub use self::{
    admin::{Admin, AdminCallers, AdminPurge},
    authzen::Authzen,
    callers::HttpCallers,
    filter::{Credentials, HostName, HostNameError, Rules},
    forward_auth::ForwardAuth,
    hand_on::HandOnReturn,
    step_up_page::{HandingOn, StepUpPage},
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

/// What answers on the HTTP listeners.
#[derive(Debug)]
pub struct Served {
    /// Webhooks.
    pub webhooks: Arc<Webhooks>,
    /// Forward auth.
    pub forward_auth: Arc<ForwardAuth>,
    /// AuthZEN.
    pub authzen: Arc<Authzen>,
    /// The page for step-ups, if there is one.
    pub page: Option<Arc<StepUpPage>>,
    /// Where browsers get what the page hands on, if it does.
    pub hand_on: Option<Arc<HandOnReturn>>,
    /// Operators.
    pub admin: Admin,
}

/// What each listener serves: each route is on exactly one of them. `apart`: whether there is a listener for the Internet.
pub fn routers(
    config: &Config,
    apart: bool,
    served: Served,
    credentials: &Arc<dyn Credentials>,
    deps: &Deps,
) -> Result<Routers, prometheus::Error> {
    let metrics = Metrics::register(&deps.registry)?;
    let filter = |listener, rules: &Rules| {
        RequestFilter::new(listener, rules.clone(), credentials, &metrics, deps)
    };
    let Served {
        webhooks,
        forward_auth,
        authzen,
        page,
        hand_on,
        admin,
    } = served;
    let http = filter(Listener::Http, &config.http);
    let discovery = authzen::discovery::routes(authzen.config());
    let evaluations = http.around(http.same_site(authzen::routes(authzen)));
    let evaluations = authzen::echoing(evaluations);
    // Both are asked by proxies, which pass on the headers of somebody else's request.
    let hand_on = hand_on.map(hand_on::routes).unwrap_or_default();
    let forward_auth = forward_auth::routes(forward_auth).merge(hand_on);
    let page = page.map(step_up_page::routes).unwrap_or_default();
    let for_the_internet = webhook::routes(webhooks).merge(page);
    // Of merged routes, the last ones answer where there is no route: behind the rules of the listener.
    let (http, public) = if apart {
        let public = filter(Listener::Public, &config.public);
        let for_the_internet = public.same_site(for_the_internet);
        let open = public.around_any_host(discovery);
        (
            evaluations.merge(http.around(forward_auth)),
            Some(open.merge(public.around(for_the_internet))),
        )
    } else {
        let rest = forward_auth.merge(http.same_site(for_the_internet));
        let open = http.around_any_host(discovery).merge(evaluations);
        (open.merge(http.around(rest)), None)
    };
    let for_admin = filter(Listener::Admin, &config.admin);
    Ok(Routers {
        http,
        public,
        admin: for_admin.around(for_admin.same_site(admin::routes(admin))),
    })
}
