//! `GET /v1/verification/details/{id}`: what the vendor knows about a verification.

use std::sync::Arc;

use serde::Deserialize;

use crate::{
    json::{Lenient, Object},
    policy::{
        BirthDate, DataKinds, Datum, Flaw, Identity, PersonalText, Scope, Timestamp, Verification,
        VerificationId, are_within_bounds, from_millis,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DetailsResponse {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    project_id: Lenient,
    #[serde(default)]
    trace_id: Lenient,
    /// Milliseconds since 1970, as a number or as text.
    #[serde(default)]
    verified_at: Lenient,
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

/// Decodes the details of the verification that was requested, by its id or its trace id. Of the person's data, only these kinds are
/// kept.
pub fn details(
    body: &[u8],
    requested: &VerificationId,
    keeps: DataKinds,
) -> Result<Verification, Flaw> {
    let response = serde_json::from_slice::<Object<DetailsResponse>>(body);
    let Object(response) = response.map_err(|_| Flaw::Unreadable)?;
    let verification = Verification::try_from(response)?;
    if verification.is_about(requested) {
        Ok(verification.keeping(keeps))
    } else {
        Err(Flaw::AnotherVerification)
    }
}

impl TryFrom<DetailsResponse> for Verification {
    type Error = Flaw;

    fn try_from(response: DetailsResponse) -> Result<Self, Flaw> {
        let DetailsResponse {
            id,
            project_id,
            trace_id,
            verified_at,
            status,
            scopes,
            data,
        } = response;
        let data = data.map(|Object(data)| data).unwrap_or_default();
        let (status, scopes) = (status.map(Arc::from), scopes.unwrap_or_default());
        let identifier = |field: Lenient| match field.into_identifier() {
            Ok(id) => Ok(id.map(Arc::from)),
            Err(_) => Err(Flaw::Unreadable),
        };
        let (id, project, trace_id) = (
            identifier(id)?,
            identifier(project_id)?,
            identifier(trace_id)?,
        );
        let texts = [&id, &project, &trace_id, &status].into_iter().flatten();
        if !are_within_bounds(texts.map(AsRef::as_ref), scopes.iter().map(AsRef::as_ref)) {
            return Err(Flaw::TooLarge);
        }
        Ok(Self {
            id,
            trace_id,
            project,
            status,
            verified_at: instant(&verified_at)?,
            scopes: scopes.iter().map(|name| Scope::from(&**name)).collect(),
            name: Datum::name(
                text(data.full_name),
                text(data.first_name),
                text(data.last_name),
            ),
            identity: identity(data.identity_id),
            phone: text(data.phone).as_phone(),
            born: birth(&data.date_of_birth),
            kept: DataKinds::ALL,
        })
    }
}

/// When the person verified. What cannot be read is not taken for missing: a policy may not ask for it.
fn instant(field: &Lenient) -> Result<Option<Timestamp>, Flaw> {
    match (field, field.as_whole_number()) {
        (Lenient::Missing, _) => Ok(None),
        (_, Some(millis)) => Ok(Some(from_millis(millis))),
        (_, None) => Err(Flaw::Unreadable),
    }
}

/// The identity: a string, or a whole number as the string of its digits.
fn identity(field: Lenient) -> Datum<Identity> {
    match field.into_identifier() {
        Ok(Some(text)) => Datum::text(text).as_identity(),
        Ok(None) => Datum::Missing,
        Err(_) => Datum::Unreadable,
    }
}

/// A field that is text.
fn text(field: Lenient) -> Datum<PersonalText> {
    match field {
        Lenient::Missing => Datum::Missing,
        Lenient::Text(mut text) => Datum::text(std::mem::take(&mut *text)),
        Lenient::Number(_) | Lenient::Other => Datum::Unreadable,
    }
}

/// A date of birth in milliseconds since 1970. A blank text is missing, as other personal data is.
fn birth(field: &Lenient) -> Datum<BirthDate> {
    match field {
        Lenient::Missing => Datum::Missing,
        Lenient::Text(text) if text.trim().is_empty() => Datum::Missing,
        Lenient::Text(_) | Lenient::Number(_) | Lenient::Other => {
            let millis = field.as_whole_number();
            millis.map_or(Datum::Unreadable, Datum::birth)
        }
    }
}

#[cfg(test)]
mod tests;
