//! The claims of a token that Envoy has verified (`jwt_authn` with `payload_in_metadata`), as its metadata has them. Numbers are doubles there.

use std::time::Duration;

use prost_types::{Struct, value::Kind};

use crate::{
    policy::{Authentication, Timestamp, after, from_millis},
    proto::ext_authz::envoy::config::core::v3::Metadata,
};

/// The filter that verifies tokens.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";
/// How far the clock of an issuer may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);
const TEXT_BYTES_MAX: usize = 256;
const METHODS_MAX: usize = 32;
const METHOD_BYTES_MAX: usize = 64;
/// The last second of the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

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

    /// How the session was authenticated; `None` if no claim says it.
    pub(super) fn authentication(self, now: Timestamp) -> Result<Option<Authentication>, String> {
        let acr = self.text("acr")?;
        let amr = self.methods()?;
        let auth_time = self.auth_time(now)?;
        let is_said = acr.is_some() || amr.is_some() || auth_time.is_some();
        Ok(is_said.then(|| Authentication {
            acr: acr.unwrap_or_default().to_owned(),
            amr: amr.unwrap_or_default(),
            auth_time,
        }))
    }

    /// A list of texts, or one text.
    fn methods(self) -> Result<Option<Vec<String>>, String> {
        let texts: Option<Vec<String>> = match self.kind("amr") {
            None => return Ok(None),
            Some(Kind::StringValue(text)) => Some(vec![text.clone()]),
            Some(Kind::ListValue(list)) => {
                let texts = list.values.iter().map(|value| match &value.kind {
                    Some(Kind::StringValue(text)) => Some(text.clone()),
                    _ => None,
                });
                texts.collect()
            }
            Some(_) => None,
        };
        let is_within = |texts: &Vec<String>| {
            texts.len() <= METHODS_MAX && texts.iter().all(|text| text.len() <= METHOD_BYTES_MAX)
        };
        let wrong = || {
            format!(
                "claim `amr` of the metadata must be at most {METHODS_MAX} texts of at most {METHOD_BYTES_MAX} bytes"
            )
        };
        texts.filter(is_within).map(Some).ok_or_else(wrong)
    }

    /// Seconds since 1970, as a double. One that is in the future would stay young for longer.
    fn auth_time(self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let seconds = match self.kind("auth_time") {
            None => return Ok(None),
            Some(Kind::NumberValue(seconds)) => *seconds,
            Some(_) => f64::NAN,
        };
        let wrong =
            "claim `auth_time` of the metadata must be seconds since 1970, and not in the future";
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(wrong.to_owned());
        }
        let millis = Duration::from_secs_f64(seconds).as_millis();
        let at = from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        if after(now, LEEWAY) < at {
            return Err(wrong.to_owned());
        }
        Ok(Some(at))
    }

    /// A claim; one that is null counts as absent.
    fn kind(self, name: &str) -> Option<&'m Kind> {
        let kind = self.0.fields.get(name)?.kind.as_ref()?;
        Some(kind).filter(|kind| !matches!(kind, Kind::NullValue(_)))
    }
}
