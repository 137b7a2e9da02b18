//! The vendor's calls for a token and for details, as its page describes them.

use std::{
    future::{Future, pending, ready},
    io,
    sync::Arc,
};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER},
    },
    response::{Html, IntoResponse, Response},
};
use futures_util::stream::{self, StreamExt as _};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    Call, Fault, World,
    wire::{self, AuthorizeRequest},
};
use crate::policy::from_millis;

/// No more verifications than this are counted one by one.
const IDS_COUNTED_MAX: usize = 100_000;
/// More than anybody should read.
const HUGE_BYTES: usize = 256 * 1024;

/// `POST /v1/integration/authorize/server`
pub(super) async fn authorize(
    State(world): State<Arc<World>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    {
        let mut calls = world.calls();
        calls.authorize = calls.authorize.saturating_add(1);
    }
    let (late, fault) = world.faults.strike(Call::Authorize, None);
    sleep(late).await;
    let known = &world.credentials;
    let asked = serde_json::from_str::<AuthorizeRequest>(&body);
    let honest = || match asked {
        _ if header(&headers, "x-api-key") != Some(known.api_key.as_str()) => {
            refusal(&world, StatusCode::FORBIDDEN, &uri)
        }
        Ok(asked)
            if asked.integration_id == known.integration_id && asked.secret == known.secret =>
        {
            Json(wire::authorized(&world.issue())).into_response()
        }
        Ok(_) => refusal(&world, StatusCode::UNAUTHORIZED, &uri),
        Err(_) => refusal(&world, StatusCode::BAD_REQUEST, &uri),
    };
    match fault {
        None => honest(),
        Some(fault) => {
            let right = wire::authorized(&world.issue());
            spoilt(&world, fault, &right, &uri).await
        }
    }
}

/// `GET /v1/verification/details/{id}`
pub(super) async fn details(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    {
        let mut calls = world.calls();
        calls.details = calls.details.saturating_add(1);
        if calls.details_of.len() < IDS_COUNTED_MAX || calls.details_of.contains_key(&id) {
            let of = calls.details_of.entry(id.clone()).or_default();
            *of = of.saturating_add(1);
        }
    }
    let (late, fault) = world.faults.strike(Call::Details, Some(&id));
    sleep(late).await;
    let token = header(&headers, "x-auth-token").unwrap_or_default();
    if !world.admits(token) {
        return refusal(&world, StatusCode::UNAUTHORIZED, &uri);
    }
    let right = world.part(&id).map(|part| wire::details(&id, &part));
    match (fault, right) {
        (Some(fault), right) => spoilt(&world, fault, &right.unwrap_or_default(), &uri).await,
        (None, Some(right)) => Json(right).into_response(),
        (None, None) => refusal(&world, StatusCode::NOT_FOUND, &uri),
    }
}

/// What a fault makes of the right answer.
pub(super) async fn spoilt(world: &World, fault: Fault, right: &Value, uri: &Uri) -> Response {
    match fault {
        Fault::LatencyMs(_) => Json(right.clone()).into_response(),
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refusal(world, status, uri)
        }
        Fault::Truncated => {
            let text = right.to_string();
            let half = text.chars().take(text.len() / 2).collect();
            as_json(half)
        }
        Fault::Html => Html("<html><body>Bad gateway</body></html>").into_response(),
        Fault::ContentType(kind) => ([(CONTENT_TYPE, kind)], right.to_string()).into_response(),
        Fault::Redirect(place) => {
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, place)]).into_response()
        }
        Fault::ExpiredToken => refusal(world, StatusCode::UNAUTHORIZED, uri),
        Fault::AnotherId => {
            let mut other = right.clone();
            if let Some(fields) = other.as_object_mut() {
                fields.insert("id".to_owned(), "another".into());
                fields.insert("traceId".to_owned(), "trace-another".into());
            }
            Json(other).into_response()
        }
        Fault::Hang => pending().await,
        Fault::RetryAfter(seconds) => {
            let told = refusal(world, StatusCode::TOO_MANY_REQUESTS, uri);
            ([(RETRY_AFTER, seconds.to_string())], told).into_response()
        }
        Fault::Huge => {
            let padding = "x".repeat(HUGE_BYTES);
            let rest = right.to_string();
            let rest = rest.trim_start_matches('{');
            as_json(format!(r#"{{"padding":"{padding}",{rest}"#))
        }
        Fault::SlowBody => begun(right, pending()),
        Fault::Reset => begun(right, ready(Err(io::ErrorKind::ConnectionReset.into()))),
        Fault::ClockAheadMs(ms) => {
            let there = world.clock.now().as_millisecond().saturating_add(ms);
            let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&from_millis(there));
            let dated = date.ok().map(|date| [(DATE, date)]);
            (dated, Json(right.clone())).into_response()
        }
        Fault::Body(body) => as_json(body),
    }
}

/// The beginning of the right answer, and then what the rest turns out to be.
fn begun(
    right: &Value,
    rest: impl Future<Output = io::Result<String>> + Send + 'static,
) -> Response {
    let text = right.to_string();
    let half: String = text.chars().take(text.len() / 2).collect();
    let parts = stream::once(ready(Ok(half))).chain(stream::once(rest));
    (
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(parts),
    )
        .into_response()
}

fn as_json(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// An error as the vendor tells it.
pub(super) fn refusal(world: &World, status: StatusCode, uri: &Uri) -> Response {
    let body = wire::error(status, world.clock.now(), uri.path());
    (status, Json(body)).into_response()
}

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
