//! How a session was authenticated, by the claims of its token: one that we have verified, or one that a gateway has verified and passes on.

use std::time::Duration;

use crate::{
    jwt::ClaimValue,
    policy::{Authentication, Policy, Requirement, Timestamp, after, from_millis},
};

const ACR: &str = "acr";
/// The authentication contexts of Entra, all of which the session has.
const ACRS: &str = "acrs";
const AMR: &str = "amr";
const AUTH_TIME: &str = "auth_time";
/// The claims that are read.
pub(super) const CLAIMS: [&str; 4] = [ACR, ACRS, AMR, AUTH_TIME];

const HALF_MILLISECOND: Duration = Duration::from_micros(500);

/// Classes and methods that a token may have, and the longest of each.
const CLASSES_MAX: usize = SessionAuthentication::VALUES_MAX;
const CLASS_BYTES_MAX: usize = SessionAuthentication::VALUE_BYTES_MAX;
const METHODS_MAX: usize = SessionAuthentication::VALUES_MAX;
const METHOD_BYTES_MAX: usize = 64;

/// What a token says about the authentication of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAuthentication {
    classes: Vec<String>,
    methods: Vec<String>,
    auth_time: Option<Timestamp>,
}

/// A claim has another type than it must, or is out of its bounds. A part of an authentication would be another one, so none of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadClaimError {
    /// Not one text.
    #[error("claim `{ACR}` must be a text of at most {CLASS_BYTES_MAX} bytes")]
    Acr,
    /// Not texts.
    #[error(
        "claim `{ACRS}` must be at most {CLASSES_MAX} texts of at most {CLASS_BYTES_MAX} bytes"
    )]
    Acrs,
    /// Not texts.
    #[error(
        "claim `{AMR}` must be at most {METHODS_MAX} texts of at most {METHOD_BYTES_MAX} bytes"
    )]
    Amr,
    /// Not an instant that has passed.
    #[error("claim `{AUTH_TIME}` must be seconds since 1970, and not in the future")]
    AuthTime,
}

impl SessionAuthentication {
    /// The claims that are read.
    pub const CLAIMS: [&'static str; 4] = CLAIMS;
    /// Values that any of the claims may have: what has more need not be copied to be refused.
    pub const VALUES_MAX: usize = 32;
    /// The longest value of any of the claims, in bytes.
    pub const VALUE_BYTES_MAX: usize = 256;

    /// What these claims say at this instant. The clock of the issuer may be ahead by `leeway`.
    pub fn of(
        claim: impl Fn(&str) -> Option<ClaimValue>,
        now: Timestamp,
        leeway: Duration,
    ) -> Result<Self, BadClaimError> {
        let class = text(claim(ACR), CLASS_BYTES_MAX).map_err(|_| BadClaimError::Acr)?;
        let contexts = texts(claim(ACRS), CLASSES_MAX, CLASS_BYTES_MAX);
        let mut classes: Vec<String> = class.into_iter().collect();
        classes.extend(contexts.map_err(|_| BadClaimError::Acrs)?);
        let methods = texts(claim(AMR), METHODS_MAX, METHOD_BYTES_MAX);
        let auth_time = match claim(AUTH_TIME) {
            None => None,
            Some(value) => {
                let at = instant(&value, now, leeway);
                Some(at.ok_or(BadClaimError::AuthTime)?)
            }
        };
        Ok(Self {
            classes,
            methods: methods.map_err(|_| BadClaimError::Amr)?,
            auth_time,
        })
    }

    /// Whether no claim says anything.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.methods.is_empty() && self.auth_time.is_none()
    }

    /// The authentication, for this policy: of several classes, the one that most of its rules name. A policy judges one class, as most
    /// issuers give it.
    pub fn judged_by(&self, policy: Option<&Policy>) -> Authentication {
        let rank = |class: &&String| {
            let rules = policy.into_iter().flat_map(Policy::rules);
            let named = rules.map(|rule| times_named(rule.requirement(), class));
            named.fold(0, usize::saturating_add)
        };
        // The last of the highest; reversed, the token's first one.
        let class = self.classes.iter().rev().max_by_key(rank);
        Authentication {
            acr: class.cloned().unwrap_or_default(),
            amr: self.methods.clone(),
            auth_time: self.auth_time,
        }
    }
}

/// How many lists of classes in a requirement name this one.
fn times_named(requirement: &Requirement, class: &str) -> usize {
    match requirement {
        Requirement::Authenticated(wanted) => usize::from(wanted.acr_any.contains(class)),
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            let named = parts.iter().map(|part| times_named(part, class));
            named.fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

/// A claim has another type than it must, or is out of its bounds.
pub(super) struct WrongTypeError;

/// A claim that is one text within a bound, if it is there.
pub(super) fn text(
    claim: Option<ClaimValue>,
    bytes_max: usize,
) -> Result<Option<String>, WrongTypeError> {
    match claim {
        None => Ok(None),
        Some(ClaimValue::Text(text)) if text.len() <= bytes_max => Ok(Some(text)),
        Some(_) => Err(WrongTypeError),
    }
}

/// A claim that is a list of texts within bounds, or one text.
fn texts(
    claim: Option<ClaimValue>,
    count_max: usize,
    bytes_max: usize,
) -> Result<Vec<String>, WrongTypeError> {
    let texts = match claim {
        None => Vec::new(),
        Some(ClaimValue::Text(text)) => vec![text],
        Some(ClaimValue::Texts(texts)) => texts,
        Some(_) => return Err(WrongTypeError),
    };
    let are_within = texts.len() <= count_max && texts.iter().all(|text| text.len() <= bytes_max);
    are_within.then_some(texts).ok_or(WrongTypeError)
}

/// Seconds since 1970, not later than now by more than the clocks may be apart. A session that began in the future would stay young for
/// longer.
fn instant(claim: &ClaimValue, now: Timestamp, leeway: Duration) -> Option<Timestamp> {
    let ClaimValue::Number(seconds) = claim else {
        return None;
    };
    let since = Duration::try_from_secs_f64(*seconds).ok()?;
    // To the nearest millisecond: a double has no exact thousandths.
    let millis = since.saturating_add(HALF_MILLISECOND).as_millis();
    // Out of the range of instants, it is the last one, which is later than now.
    let at = from_millis(i64::try_from(millis).ok()?);
    (at <= after(now, leeway)).then_some(at)
}
