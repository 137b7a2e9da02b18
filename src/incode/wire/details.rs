//! `GET /v1/verification/details/{id}`: what the vendor knows about a verification.

use serde::Deserialize;

use crate::{
    json::{Lenient, Object},
    policy::{
        Datum, Flaw, Scope, Timestamp, Verification, VerificationId, are_modest, from_millis,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DetailsResponse {
    id: Option<Box<str>>,
    project_id: Option<Box<str>>,
    trace_id: Option<Box<str>>,
    /// Milliseconds since 1970.
    verified_at: Option<i64>,
    status: Option<Box<str>>,
    scopes: Option<Vec<Box<str>>>,
    data: Option<Object<PersonalData>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PersonalData {
    identity_id: Lenient,
    full_name: Lenient,
    first_name: Lenient,
    last_name: Lenient,
    phone: Lenient,
    /// Milliseconds since 1970, as a number or as text.
    date_of_birth: Lenient,
}

/// Decodes the details of the verification that was requested, by its id or its trace id.
pub fn details(body: &[u8], requested: &VerificationId) -> Result<Verification, Flaw> {
    let response = serde_json::from_slice::<Object<DetailsResponse>>(body);
    let Object(response) = response.map_err(|_| Flaw::Unreadable)?;
    if !response.is_within_limits() {
        return Err(Flaw::TooLarge);
    }
    let verification = Verification::from(response);
    if verification.is_about(requested) {
        Ok(verification)
    } else {
        Err(Flaw::AnotherVerification)
    }
}

impl DetailsResponse {
    /// Whether its texts are within the limits of evidence: of those that are kept, none is long and the scopes are few.
    fn is_within_limits(&self) -> bool {
        let scopes = self.scopes.as_deref().unwrap_or_default();
        let texts = [&self.id, &self.project_id, &self.trace_id, &self.status];
        are_modest(
            texts.into_iter().flatten().map(AsRef::as_ref),
            scopes.iter().map(AsRef::as_ref),
        )
    }
}

impl From<DetailsResponse> for Verification {
    fn from(response: DetailsResponse) -> Self {
        let data = response.data.map(|Object(data)| data).unwrap_or_default();
        let scopes = response.scopes.unwrap_or_default();
        Self {
            id: response.id,
            trace_id: response.trace_id,
            project: response.project_id,
            status: response.status,
            verified_at: response.verified_at.map(from_millis),
            scopes: scopes.iter().map(|name| Scope::from(&**name)).collect(),
            name: Datum::name(
                text(data.full_name),
                text(data.first_name),
                text(data.last_name),
            ),
            identity: text(data.identity_id).as_identity(),
            phone: text(data.phone).as_phone(),
            born: millis(data.date_of_birth),
        }
    }
}

/// A field that is text.
fn text(field: Lenient) -> Datum<Box<str>> {
    match field {
        Lenient::Missing => Datum::Missing,
        Lenient::Text(text) => Datum::text(text),
        Lenient::Number(_) | Lenient::Other => Datum::Unreadable,
    }
}

/// A field that is milliseconds since 1970, as a number or as text.
fn millis(field: Lenient) -> Datum<Timestamp> {
    let millis = match field {
        Lenient::Missing => return Datum::Missing,
        Lenient::Text(text) if text.trim().is_empty() => return Datum::Missing,
        Lenient::Text(text) => text.parse().ok(),
        Lenient::Number(number) => Some(number),
        Lenient::Other => None,
    };
    millis.map_or(Datum::Unreadable, |millis| {
        Datum::Known(from_millis(millis))
    })
}

#[cfg(test)]
mod tests;
