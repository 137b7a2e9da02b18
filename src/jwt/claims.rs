//! What a token says, once its signature was verified: whether it is valid now and for us, and who it is about.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;

use super::{config::Config, members::Members, rejected::Rejected};
use crate::policy::{Timestamp, from_millis};

/// The claims of a token that was accepted. They may be personal data, so `Debug` shows only whose token it is.
#[derive(Clone, PartialEq)]
pub struct Claims {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `aud`.
    pub audiences: Vec<String>,
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `exp`.
    pub expires_at: Timestamp,
    kept: BTreeMap<String, ClaimValue>,
    lifetime: Lifetime,
}

/// The value of a claim.
#[derive(Clone, PartialEq)]
pub enum ClaimValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// Anything else, of which nothing is kept.
    Other,
}

impl Claims {
    /// Checks the claims of a token whose signature was verified.
    pub(super) fn check(
        members: &Members,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, Rejected> {
        let issuer = text(members, "iss")?.ok_or(Rejected::MalformedClaim)?;
        if issuer != config.issuer {
            return Err(Rejected::WrongIssuer);
        }
        let audiences = members.audiences().ok_or(Rejected::MalformedClaim)?;
        let is_ours = |audience: &str| config.audiences.iter().any(|ours| ours == audience);
        if !audiences.iter().any(|audience| is_ours(audience)) {
            return Err(Rejected::WrongAudience);
        }
        let lifetime = Lifetime::of(members)?;
        let expires_at = lifetime.check(config, now)?;
        let kept = config.kept_claims.iter().filter_map(|name| {
            let value = ClaimValue::of(members.get(name)?)?;
            Some((name.clone(), value))
        });
        Ok(Self {
            issuer: issuer.to_owned(),
            audiences: audiences.into_iter().map(str::to_owned).collect(),
            subject: text(members, "sub")?.map(str::to_owned),
            expires_at,
            kept: kept.collect(),
            lifetime,
        })
    }

    /// Whether the token is valid at this instant too.
    pub(super) fn are_valid(&self, config: &Config, now: Timestamp) -> bool {
        self.lifetime.check(config, now).is_ok()
    }

    /// A claim that the configuration keeps. `None` if the token does not have it, or if it is null.
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        self.kept.get(name)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

impl ClaimValue {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Array(list) => {
                let texts = list.iter().map(|value| value.as_str().map(str::to_owned));
                Some(
                    texts
                        .collect::<Option<_>>()
                        .map_or(Self::Other, Self::Texts),
                )
            }
            Value::Object(_) => Some(Self::Other),
            Value::Null => None,
        }
    }
}

impl fmt::Debug for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Number(_) => "Number(..)",
            Self::Flag(_) => "Flag(..)",
            Self::Texts(_) => "Texts(..)",
            Self::Other => "Other",
        })
    }
}

/// When a token is valid. Instants are durations since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lifetime {
    expires_at: Duration,
    not_before: Option<Duration>,
    issued_at: Option<Duration>,
}

impl Lifetime {
    fn of(members: &Members) -> Result<Self, Rejected> {
        Ok(Self {
            expires_at: instant(members, "exp")?.ok_or(Rejected::MalformedClaim)?,
            not_before: instant(members, "nbf")?,
            issued_at: instant(members, "iat")?,
        })
    }

    /// When the token expires, if it is valid now.
    fn check(self, config: &Config, now: Timestamp) -> Result<Timestamp, Rejected> {
        let now = u64::try_from(now.as_millisecond()).map_or(Duration::ZERO, Duration::from_millis);
        let latest = now.saturating_add(config.leeway);
        if self.expires_at.saturating_add(config.leeway) <= now {
            return Err(Rejected::Expired);
        }
        if self.not_before.is_some_and(|instant| latest < instant) {
            return Err(Rejected::NotYetValid);
        }
        if self.issued_at.is_some_and(|instant| latest < instant) {
            return Err(Rejected::IssuedInFuture);
        }
        let from_issue = self.issued_at.unwrap_or(latest);
        let is_too_long = self.expires_at.saturating_sub(from_issue) > config.lifetime_max
            || self.expires_at.saturating_sub(latest) > config.lifetime_max;
        match i64::try_from(self.expires_at.as_millis()) {
            Ok(millis) if !is_too_long => Ok(from_millis(millis)),
            _ => Err(Rejected::LifetimeTooLong),
        }
    }
}

/// A claim that is a text.
fn text<'m>(members: &'m Members, name: &str) -> Result<Option<&'m str>, Rejected> {
    members.text(name).map_err(|_| Rejected::MalformedClaim)
}

/// A claim that is an instant: a number of seconds since 1970, which may have a fraction. A text of digits is none.
fn instant(members: &Members, name: &str) -> Result<Option<Duration>, Rejected> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let whole = value.as_u64().map(Duration::from_secs);
    let fraction = || Duration::try_from_secs_f64(value.as_f64()?).ok();
    let instant = whole.or_else(fraction);
    instant.map(Some).ok_or(Rejected::MalformedClaim)
}
