//! `POST /admin/purge`: removes what memory knows of a person or of a verification. Only for callers that are named and may make the calls of
//! operators, wherever the listener is.

use std::time::Duration;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONNECTION, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};

use crate::{
    call::Deadline,
    callers::Caller,
    http::body,
    json::StrictJson,
    policy::{Identity, VerificationId, rfc3339},
    purge::{PurgeError, PurgeReceipt, Purges},
    source::PurgeTarget,
};

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The members of a request, of which there is one.
const IDENTITY: &str = "identity_id";
const VERIFICATION: &str = "verification_id";

/// Purges, and says what the journal holds.
#[derive(Debug, Clone)]
pub struct AdminPurge {
    /// Purges persons and verifications.
    pub purges: Purges,
    /// Whether the journal has a keyed form in place of the ids that name a person.
    pub are_identifiers_keyed: bool,
    /// How long files of the journal are kept, if it removes them by age.
    pub journal_retain_for: Option<Duration>,
}

/// The route of purges. Each request has the caller among its extensions.
pub(super) fn routes(admin: AdminPurge) -> Router {
    Router::new()
        .route("/admin/purge", post(purge))
        .with_state(admin)
}

/// Purges what the body names.
async fn purge(
    State(admin): State<AdminPurge>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let deadline = Deadline::within(BODY_TIMEOUT);
    let body = match body::read(&parts.headers, body, BODY_BYTES_MAX, deadline).await {
        Ok(body) => body,
        Err(rejected) => {
            let (status, message) = rejected.described();
            let mut response = refused(status, &message);
            // The body was not read, so that no other request can follow on the connection.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            return response;
        }
    };
    let target = match parse(&body) {
        Ok(target) => target,
        Err(message) => return refused(StatusCode::BAD_REQUEST, &message),
    };
    match admin.purges.purge(target, caller.id).await {
        Ok(receipt) => {
            let held = still_held(admin.are_identifiers_keyed, admin.journal_retain_for);
            answer(&receipt, &held)
        }
        Err(error) => failed(error),
    }
}

/// What a body names. The message never quotes it.
fn parse(body: &[u8]) -> Result<PurgeTarget, String> {
    let json = StrictJson::parse(body).map_err(|error| format!("the body is {error}"))?;
    let expected = || format!("the body must be an object with `{IDENTITY}` or `{VERIFICATION}`");
    let [(name, value)] = json.members().ok_or_else(expected)? else {
        return Err(format!("{}, and with nothing else", expected()));
    };
    let text = || {
        value
            .text()
            .ok_or_else(|| format!("`{name}` must be a text"))
    };
    match &**name {
        IDENTITY => Identity::parse(text()?)
            .map(PurgeTarget::Identity)
            .map_err(|error| format!("`{IDENTITY}` {error}")),
        VERIFICATION => VerificationId::parse(text()?)
            .map(PurgeTarget::Verification)
            .map_err(|error| format!("`{VERIFICATION}` {error}")),
        _ => Err(expected()),
    }
}

/// What was purged, and what was not.
fn answer(receipt: &PurgeReceipt, held: &Value) -> Response {
    let purged = &receipt.purged;
    let body = json!({
        "purge_id": receipt.id.to_string(),
        "at": rfc3339(receipt.at),
        "by": receipt.by,
        "removed": {
            "evidence": purged.evidence,
            "aliases": purged.aliases,
            "step_ups": receipt.step_ups,
        },
        "unidentified": purged.unidentified,
        "salt": receipt.salt,
        "subject_digest": receipt.digest,
        "recorded": receipt.is_recorded,
        "journal": held,
    });
    let status = if receipt.is_recorded {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// What the journal holds after a purge: a line cannot be taken out of its chain.
fn still_held(are_keyed: bool, retain_for: Option<Duration>) -> Value {
    let (identifiers, message) = if are_keyed {
        (
            "keyed",
            "lines of earlier decisions can be linked to the verification, and to the identity that the caller gave, by anyone who has the key of identifiers: delete that key, and start with another one, to erase the link",
        )
    } else {
        (
            "plain",
            "lines of earlier decisions still have the identifiers of the verification, and of the identity that the caller gave, until their files are removed",
        )
    };
    json!({
        "identifiers": identifiers,
        "retain_for_seconds": retain_for.map(|age| age.as_secs()),
        "message": message,
    })
}

fn failed(error: PurgeError) -> Response {
    let status = match error {
        PurgeError::Busy => StatusCode::TOO_MANY_REQUESTS,
        PurgeError::NotRecordable => StatusCode::SERVICE_UNAVAILABLE,
        PurgeError::NotRecorded | PurgeError::NoRandom | PurgeError::Abandoned => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = refused(status, &error.to_string());
    if matches!(error, PurgeError::Busy | PurgeError::NotRecordable) {
        let second = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, second);
    }
    response
}

fn refused(status: StatusCode, message: &str) -> Response {
    let body = Json(json!({ "error": message }));
    (status, [(CACHE_CONTROL, "no-store")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::from_millis, source::Purged};

    #[test]
    fn each_end_of_a_purge_has_its_status_and_what_may_be_repeated_says_when() {
        let receipt = |is_recorded| PurgeReceipt {
            id: uuid::Uuid::nil(),
            at: from_millis(0),
            by: "identity",
            purged: Purged::default(),
            step_ups: 0,
            salt: "salt".into(),
            digest: "digest".into(),
            is_recorded,
        };
        let status = |is_recorded| {
            answer(&receipt(is_recorded), &Value::Null)
                .status()
                .as_u16()
        };
        assert_eq!((status(true), status(false)), (200, 202));
        for (error, status, is_repeatable) in [
            (PurgeError::Busy, 429, true),
            (PurgeError::NotRecordable, 503, true),
            (PurgeError::NotRecorded, 500, false),
            (PurgeError::NoRandom, 500, false),
            (PurgeError::Abandoned, 500, false),
        ] {
            let response = failed(error);
            assert_eq!(response.status().as_u16(), status, "{error:?}");
            let after = response.headers().get(RETRY_AFTER);
            assert_eq!(after.is_some(), is_repeatable, "{error:?}");
        }
    }

    #[test]
    fn the_answer_says_what_the_journal_still_holds() {
        let held = |are_keyed| {
            let held = still_held(are_keyed, Some(Duration::from_hours(24)));
            assert_eq!(held["retain_for_seconds"], 86_400);
            let message = held["message"].as_str().unwrap();
            (
                held["identifiers"].clone(),
                message.contains("delete that key"),
            )
        };
        assert_eq!(held(false), ("plain".into(), false));
        assert_eq!(held(true), ("keyed".into(), true));
        assert_eq!(still_held(false, None)["retain_for_seconds"], Value::Null);
    }

    #[test]
    fn a_body_names_one_person_or_one_verification_and_nothing_else() {
        let identity = parse(br#"{"identity_id": "id-ada"}"#).unwrap();
        assert_eq!(
            identity,
            PurgeTarget::Identity(Identity::parse("id-ada").unwrap())
        );
        let verification = parse(br#"{"verification_id":"v-1"}"#).unwrap();
        assert_eq!(
            verification,
            PurgeTarget::Verification(VerificationId::parse("v-1").unwrap())
        );
        for body in [
            "",
            "[]",
            "{}",
            "null",
            r#""id-ada""#,
            r#"{"identity_id":"id-ada","verification_id":"v-1"}"#,
            r#"{"identity_id":"id-ada","identity_id":"id-ben"}"#,
            r#"{"identity_id":"id-ada","reason":"asked"}"#,
            r#"{"identity":"id-ada"}"#,
            r#"{"identity_id":null}"#,
            r#"{"identity_id":7}"#,
            r#"{"identity_id":""}"#,
            r#"{"identity_id":"a b"}"#,
            r#"{"verification_id":"../a"}"#,
            r#"{"verification_id":""}"#,
            r#"{"verification_id":"v-1"}x"#,
        ] {
            let message = parse(body.as_bytes()).unwrap_err();
            assert!(!message.contains("id-ada"), "{message}");
        }
    }
}
