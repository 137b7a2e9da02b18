//! The claims of a token that Envoy has verified (`jwt_authn` with `payload_in_metadata`), as its metadata has them. Numbers are doubles there.

use std::time::Duration;

use prost_types::{Struct, value::Kind};

use crate::{
    jwt::ClaimValue,
    policy::Timestamp,
    proto::ext_authz::envoy::config::core::v3::Metadata,
    session::{BadClaimError, SessionAuthentication},
};

/// The filter that verifies tokens.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";
/// How far the clock of an issuer may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);
const TEXT_BYTES_MAX: usize = 256;

/// The claims of one token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'m>(&'m Struct);

impl<'m> Claims<'m> {
    /// The claims in this metadata; `None` if there was no token.
    pub(super) fn of(
        metadata: Option<&'m Metadata>,
        payload: Option<&str>,
    ) -> Result<Option<Self>, String> {
        let filters = metadata.map(|metadata| &metadata.filter_metadata);
        let Some(payloads) = filters.and_then(|filters| filters.get(JWT_AUTHN)) else {
            return Ok(None);
        };
        let mut all = payloads.fields.iter();
        let claims = match (payload, all.next(), all.next()) {
            (Some(name), _, _) => payloads.fields.get(name),
            (None, first, None) => first.map(|(_, claims)| claims),
            (None, _, Some(_)) => {
                return Err(
                    "the metadata has several tokens: name one of them by `ext_authz.jwt_payload`"
                        .to_owned(),
                );
            }
        };
        match claims.map(|claims| &claims.kind) {
            None => Ok(None),
            Some(Some(Kind::StructValue(claims))) => Ok(Some(Self(claims))),
            Some(_) => Err("the claims in the metadata are no object".to_owned()),
        }
    }

    /// A claim that is one text.
    pub(super) fn text(self, name: &str) -> Result<Option<&'m str>, String> {
        match self.kind(name) {
            None => Ok(None),
            Some(Kind::StringValue(text)) if text.len() <= TEXT_BYTES_MAX => Ok(Some(text)),
            Some(_) => Err(format!(
                "claim `{name}` of the metadata must be a text of at most {TEXT_BYTES_MAX} bytes"
            )),
        }
    }

    /// How the session was authenticated.
    pub(super) fn authentication(
        self,
        now: Timestamp,
    ) -> Result<SessionAuthentication, BadClaimError> {
        let claim = |name: &str| self.kind(name).map(value);
        SessionAuthentication::of(claim, now, LEEWAY)
    }

    /// A claim; one that is null counts as absent.
    fn kind(self, name: &str) -> Option<&'m Kind> {
        let kind = self.0.fields.get(name)?.kind.as_ref()?;
        Some(kind).filter(|kind| !matches!(kind, Kind::NullValue(_)))
    }
}

/// The value of a claim as a token has it.
fn value(kind: &Kind) -> ClaimValue {
    match kind {
        Kind::StringValue(text) => ClaimValue::Text(text.clone()),
        Kind::NumberValue(number) => ClaimValue::Number(*number),
        Kind::BoolValue(flag) => ClaimValue::Flag(*flag),
        Kind::ListValue(list) => {
            let texts = list.values.iter().map(|value| match &value.kind {
                Some(Kind::StringValue(text)) => Some(text.clone()),
                _ => None,
            });
            let texts: Option<Vec<String>> = texts.collect();
            texts.map_or(ClaimValue::Other, ClaimValue::Texts)
        }
        Kind::StructValue(_) | Kind::NullValue(_) => ClaimValue::Other,
    }
}
