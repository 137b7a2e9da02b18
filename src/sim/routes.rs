//! All routes of the simulator, and the requests that control it.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::DATE},
    middleware::map_response_with_state,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    api,
    fault::PlannedFault,
    opening, response,
    vendor::{Calls, Vendor},
};

/// A response to a request that is about the connections was sent by then.
const RESPONSE_SENT_AFTER: Duration = Duration::from_millis(50);

pub(super) fn router(vendor: Arc<Vendor>) -> Router {
    Router::new()
        .route("/v1/integration/authorize/server", post(api::authorize))
        .route("/v1/verification/details/{id}", get(api::details))
        .route(
            "/v1/verification/generate-verification-link",
            post(api::link),
        )
        .route("/sim/links/{trace}", get(opening::open))
        .route("/sim/faults", post(plan_fault).delete(clear_faults))
        .route("/sim/tokens/expire", post(expire_tokens))
        .route("/sim/calls", get(calls))
        .route("/sim/connections", get(connections))
        .route("/sim/connections/freeze", post(freeze_connections))
        .route("/sim/connections/close", post(close_connections))
        .layer(map_response_with_state(Arc::clone(&vendor), add_date))
        .with_state(vendor)
}

/// Dates a response by the simulator's clock, unless a fault has dated it.
async fn add_date(State(vendor): State<Arc<Vendor>>, mut response: Response) -> Response {
    if let Some(date) = response::http_date(vendor.now()) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

async fn plan_fault(
    State(vendor): State<Arc<Vendor>>,
    Json(fault): Json<PlannedFault>,
) -> Result<StatusCode, (StatusCode, String)> {
    match vendor.faults.plan(fault) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err((StatusCode::TOO_MANY_REQUESTS, format!("{error}\n"))),
    }
}

async fn clear_faults(State(vendor): State<Arc<Vendor>>) -> StatusCode {
    vendor.faults.clear();
    StatusCode::NO_CONTENT
}

async fn expire_tokens(State(vendor): State<Arc<Vendor>>) -> StatusCode {
    vendor.tokens.expire();
    StatusCode::NO_CONTENT
}

async fn connections(State(vendor): State<Arc<Vendor>>) -> Json<Value> {
    Json(json!({
        "accepted": vendor.network.accepted(),
        "open": vendor.network.open_connections(),
    }))
}

async fn freeze_connections(State(vendor): State<Arc<Vendor>>) -> StatusCode {
    after_the_response(move || vendor.network.freeze())
}

async fn close_connections(State(vendor): State<Arc<Vendor>>) -> StatusCode {
    after_the_response(move || vendor.network.close())
}

/// Does something to the connections once the response, which uses one of them, was sent.
fn after_the_response(act: impl FnOnce() + Send + 'static) -> StatusCode {
    tokio::spawn(async move {
        sleep(RESPONSE_SENT_AFTER).await;
        act();
    });
    StatusCode::NO_CONTENT
}

async fn calls(State(vendor): State<Arc<Vendor>>) -> Json<Value> {
    let Calls {
        authorize,
        details,
        details_of,
        link,
    } = vendor.calls();
    Json(json!({
        "authorize": authorize,
        "details": details,
        "details_of": details_of,
        "link": link,
    }))
}
