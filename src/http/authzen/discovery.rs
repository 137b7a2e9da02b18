//! `GET /.well-known/authzen-configuration`: what the service can do, and where. All of it comes from the configured address; nothing that a
//! request says, such as its host, has an effect.

use axum::{
    Router,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    EVALUATION, EVALUATIONS,
    access_requests::{ACCESS_REQUESTS, CAPABILITY},
    answer::STEP_UP,
    config::{Config, PublicUrl},
    response::error,
};

/// The path, before that of the address.
const WELL_KNOWN: &str = "/.well-known/authzen-configuration";
const CACHED_FOR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The routes: the document at the path of this address, and 404 without it, which says where it is.
pub(in crate::http) fn routes(config: &Config) -> Router {
    let (at, metadata) = match &config.public_url {
        Some(url) => (
            url.path().to_owned(),
            Some(metadata(url, config.access_requests)),
        ),
        None => (String::new(), None),
    };
    let paths = Router::new().without_v07_checks();
    let here = format!("{WELL_KNOWN}{at}");
    let hint = format!("there is no metadata here: it is at `{here}`");
    let shown = move || async move { response(metadata.as_ref()) };
    let paths = paths.route(&here, get(shown));
    if at.is_empty() {
        paths
    } else {
        let elsewhere = move || async move { error(StatusCode::NOT_FOUND, &hint) };
        paths.route(WELL_KNOWN, get(elsewhere))
    }
}

/// The document.
fn metadata(url: &PublicUrl, access_requests: bool) -> Value {
    let mut metadata = json!({
        "policy_decision_point": url.as_str(),
        "access_evaluation_endpoint": url.join(EVALUATION),
        "access_evaluations_endpoint": url.join(EVALUATIONS),
        "supported_obligations": [STEP_UP],
    });
    if let (true, Some(metadata)) = (access_requests, metadata.as_object_mut()) {
        let endpoint = url.join(ACCESS_REQUESTS);
        metadata.insert("access_request_endpoint".to_owned(), endpoint.into());
        metadata.insert("capabilities".to_owned(), json!([CAPABILITY]));
    }
    metadata
}

fn response(metadata: Option<&Value>) -> Response {
    let Some(metadata) = metadata else {
        let hint =
            "there is no metadata here: `http.public_url` must be the https address of the service";
        return error(StatusCode::NOT_FOUND, hint);
    };
    let json = HeaderValue::from_static("application/json");
    let headers = [(CONTENT_TYPE, json), (CACHE_CONTROL, CACHED_FOR)];
    (headers, metadata.to_string()).into_response()
}
