//! The three calls of the vendor's API.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use url::Url;

use super::{
    fault::ApiCall,
    response::{error, faulty, respond},
    vendor::Vendor,
    wire::{self, AuthorizeRequest, LinkRequest},
};

/// `POST /v1/integration/authorize/server`
pub(super) async fn authorize(
    State(vendor): State<Arc<Vendor>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let fault = vendor.begin(ApiCall::Authorize, None).await;
    let issue = || wire::authorized(&vendor.tokens.issue(vendor.now()));
    if let Some(fault) = fault {
        // Before the credentials are checked: the fault stands for any answer.
        return faulty(&vendor, fault, &issue(), &uri).await;
    }
    let known = &vendor.credentials;
    if header(&headers, "x-api-key") != Some(known.api_key.as_str()) {
        return error(&vendor, StatusCode::FORBIDDEN, &uri);
    }
    let Ok(request) = serde_json::from_str::<AuthorizeRequest>(&body) else {
        return error(&vendor, StatusCode::BAD_REQUEST, &uri);
    };
    if request.integration_id != known.integration_id || request.secret != known.secret {
        return error(&vendor, StatusCode::UNAUTHORIZED, &uri);
    }
    respond(&vendor, None, &issue(), &uri).await
}

/// `GET /v1/verification/details/{id}`
pub(super) async fn details(
    State(vendor): State<Arc<Vendor>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let fault = vendor.begin(ApiCall::Details, Some(&id)).await;
    if !has_valid_token(&vendor, &headers) {
        return error(&vendor, StatusCode::UNAUTHORIZED, &uri);
    }
    let details = vendor
        .verification(&id)
        .map(|verification| wire::details(&id, &verification));
    match (details, fault) {
        (None, None) => error(&vendor, StatusCode::NOT_FOUND, &uri),
        (details, fault) => respond(&vendor, fault, &details.unwrap_or_default(), &uri).await,
    }
}

/// `POST /v1/verification/generate-verification-link`
pub(super) async fn link(
    State(vendor): State<Arc<Vendor>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let fault = vendor.begin(ApiCall::Link, None).await;
    if !has_valid_token(&vendor, &headers) {
        return error(&vendor, StatusCode::UNAUTHORIZED, &uri);
    }
    let Ok(request) = serde_json::from_str::<LinkRequest>(&body) else {
        return error(&vendor, StatusCode::BAD_REQUEST, &uri);
    };
    if request.integration_id != vendor.credentials.integration_id {
        return error(&vendor, StatusCode::FORBIDDEN, &uri);
    }
    if !request.login_hint.contains('@') || Url::parse(&request.redirect_url).is_err() {
        return error(&vendor, StatusCode::BAD_REQUEST, &uri);
    }
    let trace_id = vendor.links.issue(request);
    let url = format!("{}/sim/links/{trace_id}", vendor.url);
    respond(&vendor, fault, &wire::link(&url, &trace_id), &uri).await
}

fn has_valid_token(vendor: &Vendor, headers: &HeaderMap) -> bool {
    let token = header(headers, "x-auth-token").unwrap_or_default();
    vendor.tokens.accepts(token, vendor.now())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
