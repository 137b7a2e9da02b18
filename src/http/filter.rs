//! What every request on an HTTP listener passes before its route: it is for this service, in bounds, and not made by another web page.
//!
//! Why the host: a page that somebody opens can have its own name resolve to an address of this machine or network, and then read what
//! is answered (DNS rebinding). It cannot choose the name that its browser sends: that is always the page's own. An IP address and
//! `localhost` are no names that anybody can have resolve elsewhere.

mod client_address;
mod credentials;
mod cross_site;
mod host;
mod listener;
mod rejected;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, Version, header::CONNECTION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use ipnet::IpNet;
use serde_json::json;

use self::{
    client_address::client_address,
    cross_site::is_cross_site,
    host::{Host, MalformedHost, hosts},
    rejected::{HEADER_LIST_BYTES_MAX, Rejected},
};
pub use self::{
    credentials::Credentials,
    host::{HostName, HostNameError},
};
pub(super) use self::{listener::Listener, rejected::Metrics};
use crate::{
    clock::Clock,
    deps::Deps,
    header_list::header_list_bytes,
    log_throttle::{LogThrottle, throttled},
    peer::{self, ClientAddress, Peer},
};

/// The name that every machine has for itself.
const LOCALHOST: &str = "localhost";

/// Who a listener answers to.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The names of the service, beside `localhost` and its IP addresses.
    pub hosts: BTreeSet<HostName>,
    /// The proxies that are believed where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
}

/// Filters the requests of one listener.
#[derive(Debug)]
pub(super) struct RequestFilter {
    listener: Listener,
    rules: Rules,
    credentials: Arc<dyn Credentials>,
    metrics: Metrics,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

impl RequestFilter {
    /// The filter of a listener.
    pub(super) fn new(
        listener: Listener,
        rules: Rules,
        credentials: &Arc<dyn Credentials>,
        metrics: &Metrics,
        deps: &Deps,
    ) -> Arc<Self> {
        Arc::new(Self {
            listener,
            rules,
            credentials: Arc::clone(credentials),
            metrics: metrics.clone(),
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
        })
    }

    /// These routes, behind the rules of the listener.
    pub(super) fn around(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::clone(self), admit))
    }

    /// These routes, behind the rules of the listener but that for hosts. Only for what is the same for everybody.
    pub(super) fn around_any_host(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::clone(self), admit_for_any_host))
    }

    /// These routes, closed to other web pages. For all that changes something or shows what is not public; not where a proxy passes
    /// on the headers of somebody else's request.
    pub(super) fn same_site(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::clone(self), not_cross_site))
    }

    /// Why a request does not reach its route.
    fn check(&self, request: &Request) -> Result<(), (Rejected, Option<HostName>)> {
        if header_list_bytes(request.uri(), request.headers()) > HEADER_LIST_BYTES_MAX {
            return Err((Rejected::HeadersTooLarge, None));
        }
        let hosts = hosts(request.version(), request.uri(), request.headers());
        let hosts = hosts.map_err(|MalformedHost| (Rejected::MalformedHost, None))?;
        for host in hosts {
            if let Host::Name(name) = host
                && name.as_str() != LOCALHOST
                && !self.rules.hosts.contains(&name)
            {
                return Err((Rejected::ForeignHost, Some(name)));
            }
        }
        Ok(())
    }

    /// Records a rejection; the response to the request.
    fn reject(
        &self,
        rejected: Rejected,
        host: Option<&HostName>,
        version: Version,
        from: IpAddr,
    ) -> Response {
        let (listener, reason) = (self.listener.as_str(), rejected.as_str());
        self.metrics.rejected(self.listener, rejected);
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "http_request_rejected" / reason,
            listener,
            reason,
            host = host.map(HostName::as_str),
            setting = host.map(|_| self.listener.hosts_setting()),
            %from,
            hint = rejected.hint(),
            "request on an HTTP listener rejected"
        );
        let body = Json(json!({ "error": rejected.error(self.listener.hosts_setting()) }));
        let mut response = (rejected.status(), body).into_response();
        if version < Version::HTTP_2 {
            // Its body was not read.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}

async fn admit(
    State(filter): State<Arc<RequestFilter>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer::ip_of(request.extensions());
    let from = client_address(peer, request.headers(), &filter.rules.trusted_proxies);
    request.extensions_mut().insert(ClientAddress(from));
    let Err((rejected, host)) = filter.check(&request) else {
        return next.run(request).await;
    };
    if rejected == Rejected::ForeignHost {
        // A web page has no credential, so a caller is no page, whatever name it asks for.
        let peer = Peer::of(request.extensions()).cloned();
        let credentials = &filter.credentials;
        if credentials
            .are_valid(request.headers(), peer.as_ref())
            .await
        {
            return next.run(request).await;
        }
    }
    filter.reject(rejected, host.as_ref(), request.version(), from)
}

async fn admit_for_any_host(
    State(filter): State<Arc<RequestFilter>>,
    request: Request,
    next: Next,
) -> Response {
    match filter.check(&request) {
        Ok(()) | Err((Rejected::ForeignHost, _)) => next.run(request).await,
        Err((rejected, host)) => {
            let from = peer::ip_of(request.extensions());
            filter.reject(rejected, host.as_ref(), request.version(), from)
        }
    }
}

async fn not_cross_site(
    State(filter): State<Arc<RequestFilter>>,
    request: Request,
    next: Next,
) -> Response {
    if is_cross_site(request.method(), request.uri(), request.headers()) {
        let from = peer::ip_of(request.extensions());
        return filter.reject(Rejected::CrossSite, None, request.version(), from);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use axum::{body::Body, routing::any};
    use http::{HeaderMap, StatusCode};
    use tonic::codegen::Service as _;

    use super::*;
    use crate::clock::ManualClock;

    /// A request with the right header is a caller's.
    #[derive(Debug)]
    struct OneCaller;

    #[async_trait]
    impl Credentials for OneCaller {
        async fn are_valid(&self, headers: &HeaderMap, _: Option<&Peer>) -> bool {
            headers.get("x-verigate-token").is_some_and(|t| t == "good")
        }
    }

    async fn status(headers: &[(&str, &str)]) -> StatusCode {
        let deps = Deps::new(Arc::new(ManualClock::at(
            "2026-01-31T12:00:00Z".parse().unwrap(),
        )));
        let metrics = Metrics::register(&deps.registry).unwrap();
        let caller: Arc<dyn Credentials> = Arc::new(OneCaller);
        let rules = Rules::default();
        let filter = RequestFilter::new(Listener::Http, rules, &caller, &metrics, &deps);
        let routes = Router::new().fallback(any(|| async { StatusCode::OK }));
        let mut router = filter.around(filter.same_site(routes));
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        router.call(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_caller_may_ask_for_any_host_but_no_page_may_use_its_browser() {
        let (foreign, good) = (("host", "pdp.example"), ("x-verigate-token", "good"));
        let misdirected = StatusCode::MISDIRECTED_REQUEST;
        assert_eq!(status(&[foreign]).await, misdirected);
        assert_eq!(
            status(&[foreign, ("x-verigate-token", "bad")]).await,
            misdirected
        );
        assert_eq!(status(&[foreign, good]).await, StatusCode::OK);
        // What is malformed stays so, and a certificate is in the browser of somebody who has one.
        assert_eq!(status(&[good]).await, StatusCode::BAD_REQUEST);
        let page = ("sec-fetch-site", "cross-site");
        assert_eq!(status(&[foreign, good, page]).await, StatusCode::FORBIDDEN);
    }
}
