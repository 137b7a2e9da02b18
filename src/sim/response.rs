//! Responses of the vendor's API: the right one, an error, or what a fault makes of the right one.

use std::{
    future::{Future, pending, ready},
    io,
};

use axum::{
    Json,
    body::Body,
    http::{
        HeaderValue, StatusCode, Uri,
        header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER},
    },
    response::{Html, IntoResponse, Response},
};
use futures_util::stream::{self, StreamExt as _};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;

use super::{
    fault::{Answer, Fault, Header},
    vendor::Vendor,
    wire,
};
use crate::policy::{Timestamp, from_millis};

/// Padding of a response that is larger than clients should read.
const HUGE_BYTES: usize = 256 * 1024;

/// The right response, or what this fault makes of it.
pub(super) async fn respond(
    vendor: &Vendor,
    fault: Option<Fault>,
    right: &Value,
    uri: &Uri,
) -> Response {
    match fault {
        None => Json(right).into_response(),
        Some(fault) => faulty(vendor, fault, right, uri).await,
    }
}

/// An error in the vendor's form.
pub(super) fn error(vendor: &Vendor, status: StatusCode, uri: &Uri) -> Response {
    let body = wire::error(status, vendor.now(), uri.path());
    (status, Json(body)).into_response()
}

/// What this fault makes of the right response.
pub(super) async fn faulty(vendor: &Vendor, fault: Fault, right: &Value, uri: &Uri) -> Response {
    match fault {
        Fault::LatencyMs(_) => Json(right).into_response(),
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            error(vendor, status, uri)
        }
        Fault::Truncated => json_text(first_half(right)),
        Fault::Html => Html("<html><body>Bad gateway</body></html>").into_response(),
        Fault::ContentType(kind) => ([(CONTENT_TYPE, kind)], right.to_string()).into_response(),
        Fault::Redirect(url) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, url)]).into_response(),
        Fault::ExpiredToken => error(vendor, StatusCode::UNAUTHORIZED, uri),
        Fault::AnotherId => about_another_verification(right),
        Fault::Hang => pending().await,
        Fault::RetryAfter(seconds) => {
            let response = error(vendor, StatusCode::TOO_MANY_REQUESTS, uri);
            ([(RETRY_AFTER, seconds.to_string())], response).into_response()
        }
        Fault::Huge => huge(right),
        Fault::SlowBody => first_half_then(right, pending()),
        Fault::Reset => first_half_then(right, ready(Err(io::ErrorKind::ConnectionReset.into()))),
        Fault::ClockAheadMs(ms) => {
            let at = from_millis(vendor.now().as_millisecond().saturating_add(ms));
            let date = http_date(at).map(|date| [(DATE, date)]);
            (date, Json(right)).into_response()
        }
        Fault::Body(body) => json_text(body),
        Fault::Answer(answer) => another(vendor, answer, right, uri),
    }
}

/// The response that a fault describes.
fn another(vendor: &Vendor, answer: Answer, right: &Value, uri: &Uri) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => Body::from(body).into_response(),
        None if status == StatusCode::OK => Json(right).into_response(),
        None => error(vendor, status, uri),
    };
    *response.status_mut() = status;
    let mut content_type = response.headers_mut().remove(CONTENT_TYPE);
    for Header(name, value) in answer.headers {
        if name == CONTENT_TYPE {
            content_type = None;
        }
        response.headers_mut().append(name, value);
    }
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// This time as the value of a `Date` header. `None` if its year has no such form.
pub(super) fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    date.ok()?.parse().ok()
}

fn about_another_verification(right: &Value) -> Response {
    let mut other = right.clone();
    if let Some(fields) = other.as_object_mut() {
        fields.insert("id".to_owned(), "another".into());
        fields.insert("traceId".to_owned(), "trace-another".into());
    }
    Json(other).into_response()
}

fn huge(right: &Value) -> Response {
    let padding = "x".repeat(HUGE_BYTES);
    let text = right.to_string();
    let fields = text.trim_start_matches('{');
    json_text(format!(r#"{{"padding":"{padding}",{fields}"#))
}

/// The first half of the right response, and then `rest`.
fn first_half_then(
    right: &Value,
    rest: impl Future<Output = io::Result<String>> + Send + 'static,
) -> Response {
    let first = stream::once(ready(Ok(first_half(right))));
    let body = Body::from_stream(first.chain(stream::once(rest)));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn first_half(right: &Value) -> String {
    let text = right.to_string();
    text.chars().take(text.len() / 2).collect()
}

fn json_text(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
