//! The challenge of a step-up (`WWW-Authenticate`): RFC 9470, or as the clients of Entra know it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use serde_json::json;

use super::{headers::value, remedy::RemedyKind};
use crate::policy::NewSession;

/// A challenge that names no error: the person is not sent anywhere by it.
const PLAIN: HeaderValue = HeaderValue::from_static("Bearer");
/// To verify again is no authentication: a client of RFC 9470 must not send the person to log in for it.
const VERIFY: HeaderValue = HeaderValue::from_static(
    r#"Bearer error="verification_required", error_description="the person must verify again""#,
);

/// How a stronger or newer authentication is demanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ChallengeStyle {
    /// RFC 9470.
    #[default]
    Rfc9470,
    /// A claims challenge of Microsoft Entra.
    Entra {
        /// The address at which a token is asked for.
        authorization_uri: Box<str>,
    },
}

/// The challenge for what the person is sent to do.
pub(super) fn challenge(way: RemedyKind<'_>, style: &ChallengeStyle) -> HeaderValue {
    match way {
        RemedyKind::Authenticate(session) => {
            let entra = match style {
                ChallengeStyle::Rfc9470 => None,
                ChallengeStyle::Entra { authorization_uri } => entra(session, authorization_uri),
            };
            entra.or_else(|| rfc9470(session)).unwrap_or(PLAIN)
        }
        RemedyKind::Verify => VERIFY,
        RemedyKind::Other => PLAIN,
    }
}

/// The classes that a challenge can name, separated by blanks, any of which suffices. `None` if none of those that are needed can be named: a
/// challenge for any class would be met in vain. `Some("")`: any class suffices.
pub fn acr_values(session: &NewSession) -> Option<String> {
    let is_nameable = |class: &&str| {
        let is_plain = |b: u8| (b'!'..=b'~').contains(&b) && b != b'"' && b != b'\\';
        !class.is_empty() && class.bytes().all(is_plain)
    };
    let classes: Vec<&str> = session.acr_any.iter().map(AsRef::as_ref).collect();
    let nameable: Vec<&str> = classes.iter().copied().filter(is_nameable).collect();
    (classes.is_empty() || !nameable.is_empty()).then(|| nameable.join(" "))
}

fn rfc9470(session: &NewSession) -> Option<HeaderValue> {
    let classes = acr_values(session)?;
    let mut text = concat!(
        r#"Bearer error="insufficient_user_authentication", "#,
        r#"error_description="a stronger or newer authentication is required""#
    )
    .to_owned();
    if !classes.is_empty() {
        text.push_str(", acr_values=\"");
        text.push_str(&classes);
        text.push('"');
    }
    text.push_str(", max_age=\"");
    text.push_str(&session.max_age.as_secs().to_string());
    text.push('"');
    value(&text)
}

/// Entra has contexts alone: without a class there is nothing to claim.
fn entra(session: &NewSession, authorization_uri: &str) -> Option<HeaderValue> {
    let classes = acr_values(session).filter(|classes| !classes.is_empty())?;
    let classes: Vec<&str> = classes.split(' ').collect();
    let acrs = match classes.as_slice() {
        [class] => json!({ "essential": true, "value": class }),
        several => json!({ "essential": true, "values": several }),
    };
    let claims = STANDARD.encode(json!({ "access_token": { "acrs": acrs } }).to_string());
    value(&format!(
        r#"Bearer realm="", authorization_uri="{authorization_uri}", error="insufficient_claims", claims="{claims}""#
    ))
}
