//! The upstream's JSON, decoded by type: a duplicate key, a wrong type or a missing brace is an error, an unknown key is
//! not. A person's data is read leniently, so that one odd field spoils itself and not the rest, and is kept only as far
//! as a policy can ask for it.

mod link;

use std::borrow::Cow;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use self::link::LinkWanted;
pub use self::link::link;
use crate::{
    json::{Lenient, Object},
    policy::{Datum, Flaw, Scope, Verification, VerificationId, are_modest, from_millis},
};

/// What `POST /v1/integration/authorize/server` is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Authorize<'a> {
    /// The integration, as the upstream names it.
    pub integration_id: Cow<'a, str>,
    /// Its secret.
    pub secret: Cow<'a, str>,
}

/// What `POST /v1/integration/authorize/server` answers.
#[derive(Deserialize)]
struct Authorized {
    token: String,
}

/// Reads the token for later calls.
pub fn token(body: &[u8]) -> Option<SecretString> {
    let Object(Authorized { token }) = serde_json::from_slice::<Object<Authorized>>(body).ok()?;
    (!token.is_empty()).then(|| token.into())
}

/// What `GET /v1/verification/details/{id}` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    id: Option<Box<str>>,
    project_id: Option<Box<str>>,
    trace_id: Option<Box<str>>,
    /// Milliseconds since 1970.
    verified_at: Option<i64>,
    status: Option<Box<str>>,
    scopes: Option<Vec<Box<str>>>,
    data: Option<Object<Data>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    identity_id: Lenient,
    full_name: Lenient,
    first_name: Lenient,
    last_name: Lenient,
    phone: Lenient,
    date_of_birth: Lenient,
}

impl Details {
    /// Whether it is no larger than any honest answer.
    fn is_modest(&self) -> bool {
        let scopes = self.scopes.as_deref().unwrap_or_default();
        let texts = [&self.id, &self.project_id, &self.trace_id, &self.status];
        are_modest(
            texts.into_iter().flatten().map(AsRef::as_ref),
            scopes.iter().map(AsRef::as_ref),
        )
    }
}

/// Reads the details of the verification that was asked for.
pub fn details(body: &[u8], asked: &VerificationId) -> Result<Verification, Flaw> {
    let Object(details) =
        serde_json::from_slice::<Object<Details>>(body).map_err(|_| Flaw::Unreadable)?;
    if !details.is_modest() {
        return Err(Flaw::TooLarge);
    }
    let verification = Verification::from(details);
    if verification.is_about(asked) {
        Ok(verification)
    } else {
        Err(Flaw::AnotherVerification)
    }
}

impl From<Details> for Verification {
    fn from(details: Details) -> Self {
        let data = details.data.map_or_else(Data::default, |Object(data)| data);
        let scopes = details.scopes.unwrap_or_default();
        Self {
            id: details.id,
            trace_id: details.trace_id,
            project: details.project_id,
            status: details.status,
            verified_at: details.verified_at.map(from_millis),
            scopes: scopes.iter().map(|name| Scope::from(&**name)).collect(),
            name: Datum::name(
                data.full_name.text(),
                data.first_name.text(),
                data.last_name.text(),
            ),
            identity: data.identity_id.text().as_identity(),
            phone: data.phone.text().as_phone(),
            born: data.date_of_birth.millis(),
        }
    }
}

impl Lenient {
    /// The field as a text.
    fn text(self) -> Datum<Box<str>> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Text(text) => Datum::text(text),
            Self::Number(_) | Self::Odd => Datum::Unreadable,
        }
    }

    /// The field as milliseconds since 1970, which may come as a numeric text.
    fn millis(self) -> Datum<crate::policy::Timestamp> {
        let millis = match self {
            Self::Missing => return Datum::Missing,
            Self::Text(text) if text.trim().is_empty() => return Datum::Missing,
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(number),
            Self::Odd => None,
        };
        millis.map_or(Datum::Unreadable, |millis| {
            Datum::Known(from_millis(millis))
        })
    }
}

#[cfg(test)]
mod tests;
