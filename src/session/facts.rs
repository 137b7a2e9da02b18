//! What a verified token proves. A claim that is read and is not of its type refuses the whole token: a part of an authentication would
//! be another one.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{config::Config, refused::Refused};
use crate::{
    callers::Proven,
    jwt::{ClaimValue, Claims},
    policy::{
        Authentication, ClaimedIdentity, Policy, Requirement, Timestamp, VerificationId, after,
        from_millis,
    },
    violations::ID_BYTES_MAX,
};

const ACR: &str = "acr";
/// The authentication contexts of Entra, all of which the session has.
const ACRS: &str = "acrs";
const AMR: &str = "amr";
const AUTH_TIME: &str = "auth_time";

/// Classes and methods that a token may have, and the longest of each.
const CLASSES_MAX: usize = 32;
const CLASS_BYTES_MAX: usize = 256;
const METHODS_MAX: usize = 32;
const METHOD_BYTES_MAX: usize = 64;

/// What the token of a session proves. It is about a person, so `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    identity: ClaimedIdentity,
    verification: Option<VerificationId>,
    classes: Vec<String>,
    methods: Vec<String>,
    auth_time: Option<Timestamp>,
}

/// The claims that are read.
pub(super) fn kept_claims(config: &Config) -> Vec<String> {
    let named = [&config.identity_claim, &config.verification_claim];
    let named = named.into_iter().flatten().cloned();
    let own = [ACR, ACRS, AMR, AUTH_TIME].map(str::to_owned);
    let all: BTreeSet<String> = own.into_iter().chain(named).collect();
    all.into_iter().collect()
}

impl Session {
    /// What these claims prove at this instant.
    pub(super) fn of(claims: &Claims, config: &Config, now: Timestamp) -> Result<Self, Refused> {
        let id = |claim: &Option<String>| match claim {
            None => Ok(None),
            Some(name) => text(claims, name, ID_BYTES_MAX),
        };
        let verification = match id(&config.verification_claim)? {
            None => None,
            Some(text) => Some(VerificationId::parse(text).map_err(|_| Refused::BadClaim)?),
        };
        let mut classes: Vec<String> = text(claims, ACR, CLASS_BYTES_MAX)?
            .map(str::to_owned)
            .into_iter()
            .collect();
        classes.extend(texts(claims, ACRS, CLASSES_MAX, CLASS_BYTES_MAX)?);
        Ok(Self {
            identity: ClaimedIdentity::parse(id(&config.identity_claim)?.unwrap_or_default()),
            verification,
            classes,
            methods: texts(claims, AMR, METHODS_MAX, METHOD_BYTES_MAX)?,
            auth_time: auth_time(claims, now, config.token.leeway)?,
        })
    }

    /// The identity of the person, if a claim with it is configured and the token has it.
    pub fn identity(&self) -> &ClaimedIdentity {
        &self.identity
    }

    /// The verification of the person, if a claim with it is configured and the token has it.
    pub fn verification(&self) -> Option<&VerificationId> {
        self.verification.as_ref()
    }

    /// How the session was authenticated, for this policy: of several classes, the one that most of its rules name. A policy judges one class, as
    /// most issuers give it.
    pub fn authentication(&self, policy: Option<&Policy>) -> Authentication {
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

    /// The facts that need no assertion of the caller.
    pub fn proven(&self) -> Proven {
        Proven {
            identity: self.identity != ClaimedIdentity::None,
            authentication: true,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
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

/// A claim that is one text within a bound.
fn text<'c>(claims: &'c Claims, name: &str, bytes_max: usize) -> Result<Option<&'c str>, Refused> {
    match claims.get(name) {
        None => Ok(None),
        Some(ClaimValue::Text(text)) if text.len() <= bytes_max => Ok(Some(text)),
        Some(_) => Err(Refused::BadClaim),
    }
}

/// A claim that is a list of texts within bounds, or one text.
fn texts(
    claims: &Claims,
    name: &str,
    count_max: usize,
    bytes_max: usize,
) -> Result<Vec<String>, Refused> {
    let texts = match claims.get(name) {
        None => return Ok(Vec::new()),
        Some(ClaimValue::Text(text)) => vec![text.clone()],
        Some(ClaimValue::Texts(texts)) => texts.clone(),
        Some(_) => return Err(Refused::BadClaim),
    };
    let are_within = texts.len() <= count_max && texts.iter().all(|text| text.len() <= bytes_max);
    are_within.then_some(texts).ok_or(Refused::BadClaim)
}

/// When the person has authenticated: seconds since 1970, not later than now by more than the clocks may be apart. A session that began in
/// the future would stay young for longer.
fn auth_time(
    claims: &Claims,
    now: Timestamp,
    leeway: Duration,
) -> Result<Option<Timestamp>, Refused> {
    let seconds = match claims.get(AUTH_TIME) {
        None => return Ok(None),
        Some(ClaimValue::Number(seconds)) => *seconds,
        Some(_) => return Err(Refused::BadClaim),
    };
    let since = Duration::try_from_secs_f64(seconds).map_err(|_| Refused::BadClaim)?;
    let millis = i64::try_from(since.as_millis()).map_err(|_| Refused::BadClaim)?;
    // Out of the range of instants, it is the last one, which is later than now.
    let at = from_millis(millis);
    if after(now, leeway) < at {
        return Err(Refused::BadClaim);
    }
    Ok(Some(at))
}
