//! `POST /v1/integration/authorize/server`: a token for credentials.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::json::Object;

/// The request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::incode) struct AuthorizeRequest<'a> {
    /// The id of the integration at the vendor.
    pub(in crate::incode) integration_id: &'a str,
    /// Its secret.
    pub(in crate::incode) secret: &'a str,
}

#[derive(Deserialize)]
struct AuthorizeResponse {
    token: Zeroizing<String>,
}

/// Decodes the token; `None` if there is none.
pub fn token(body: &[u8]) -> Option<SecretString> {
    let response = serde_json::from_slice::<Object<AuthorizeResponse>>(body);
    let Object(AuthorizeResponse { mut token }) = response.ok()?;
    (!token.is_empty()).then(|| std::mem::take(&mut *token).into())
}
