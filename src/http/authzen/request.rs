//! What an evaluation asks, as a request: the policy and the verification as the configuration says, and every fact that a decision may depend
//! on. What a policy reads and what has no form that can be read is refused and never left out: a rule may hold for a fact that is absent.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use super::{
    config::{Config, PolicySource, VerificationSource, policy_by_pattern},
    error::EvaluationError,
    message::{Evaluation, Properties},
};
use crate::{
    callers::{Assertion, NotPermittedError, Permissions},
    json::StrictJson,
    jwt::ClaimValue,
    policy::{
        Authentication, ClaimedIdentity, Policy, PolicyName, Request, Timestamp, VerificationId,
    },
    session::SessionAuthentication,
    violations::{ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, ID_BYTES_MAX, Quoted},
};

/// The property of a subject with the identity.
const IDENTITY: &str = "identity_id";
/// The claims that may be a list, of which an empty one says nothing.
const LISTS: [&str; 2] = ["acrs", "amr"];
/// The member of the context with the instant of the authentication.
const AUTH_TIME: &str = "auth_time";
/// How far the clock by which the person was authenticated may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);

/// The policy that an evaluation is about.
pub(super) fn policy(
    evaluation: &Evaluation<'_>,
    config: &Config,
) -> Result<PolicyName, EvaluationError> {
    let Evaluation {
        action, resource, ..
    } = evaluation;
    let name = match &config.policy_from {
        PolicySource::ActionName => action.name,
        PolicySource::ResourceId => resource.id,
        PolicySource::ResourceType => resource.kind,
        PolicySource::Patterns(patterns) => {
            let found = policy_by_pattern(patterns, action.name, resource.kind, resource.id);
            return found.cloned().map_err(EvaluationError::NoPattern);
        }
    };
    PolicyName::parse(name).map_err(|_| EvaluationError::BadPolicyName)
}

/// The verification that an evaluation is about.
pub(super) fn verification(
    evaluation: &Evaluation<'_>,
    config: &Config,
) -> Result<VerificationId, EvaluationError> {
    let subject = &evaluation.subject;
    if !config.subject_types.contains(subject.kind) {
        return Err(EvaluationError::SubjectType);
    }
    let id = match &config.verification_from {
        VerificationSource::SubjectId => subject.id,
        VerificationSource::Property(name) => {
            let value = subject.properties.get(name);
            value
                .and_then(StrictJson::text)
                .ok_or(EvaluationError::NoVerification)?
        }
    };
    VerificationId::parse(id).map_err(|_| EvaluationError::BadId)
}

/// Whether a caller with these permissions, which include the policy, may assert what the evaluation says. Looked at before any value is, so
/// that an error about a value does not show what the policy reads.
pub(super) fn permit(
    evaluation: &Evaluation<'_>,
    policy: Option<&Policy>,
    permissions: &Permissions,
) -> Result<(), NotPermittedError> {
    let identity = evaluation.subject.properties.get(IDENTITY);
    let mut claims = SessionAuthentication::CLAIMS.iter();
    let mut attributes = policy.into_iter().flat_map(Policy::attributes);
    permissions.permit_assertions([
        (
            identity.is_some_and(|value| !is_null(value) && value.text() != Some("")),
            Assertion::Identity,
        ),
        (
            claims.any(|name| is_claimed(name, evaluation.context.get(name))),
            Assertion::Authentication,
        ),
        (
            attributes.any(|name| !matches!(attribute(evaluation, name), Given::Absent)),
            Assertion::Attributes,
        ),
    ])
}

fn is_claimed(name: &str, value: Option<&StrictJson>) -> bool {
    let is_empty =
        |value: &StrictJson| LISTS.contains(&name) && value.items().is_some_and(<[_]>::is_empty);
    value.is_some_and(|value| !is_null(value) && !is_empty(value))
}

fn is_null(value: &StrictJson) -> bool {
    matches!(value, StrictJson::Null)
}

/// The request of an evaluation about this policy and verification. The policy is given too if it is in force.
pub(super) fn request(
    evaluation: &Evaluation<'_>,
    name: PolicyName,
    verification: VerificationId,
    policy: Option<&Policy>,
    now: Timestamp,
) -> Result<Request, EvaluationError> {
    Ok(Request {
        identity: identity(evaluation.subject.properties)?,
        authentication: authentication(evaluation.context, policy, now)?,
        attributes: attributes(evaluation, policy)?,
        ..Request::bare(name, verification)
    })
}

fn identity(properties: Properties<'_>) -> Result<ClaimedIdentity, EvaluationError> {
    match properties.get(IDENTITY) {
        None | Some(StrictJson::Null) => Ok(ClaimedIdentity::None),
        Some(StrictJson::Text(text)) if text.len() <= ID_BYTES_MAX => {
            Ok(ClaimedIdentity::parse(&**text))
        }
        Some(_) => Err(EvaluationError::BadIdentity),
    }
}

/// How the session was authenticated, as the caller says by the names of the claims.
fn authentication(
    context: Properties<'_>,
    policy: Option<&Policy>,
    now: Timestamp,
) -> Result<Option<Authentication>, EvaluationError> {
    let claim = |name: &str| claim(name, context.get(name)?);
    let said = SessionAuthentication::of(claim, now, LEEWAY);
    let said = said.map_err(EvaluationError::BadAuthentication)?;
    Ok((!said.is_empty()).then(|| said.judged_by(policy)))
}

/// A member of the context as a claim; `None` if it is null. An instant may also be written as RFC 3339 has it. What no claim may be as long as
/// is not copied, but refused for its type.
fn claim(name: &str, value: &StrictJson) -> Option<ClaimValue> {
    Some(match value {
        StrictJson::Null => return None,
        StrictJson::Text(text) if text.len() > SessionAuthentication::VALUE_BYTES_MAX => {
            ClaimValue::Other
        }
        StrictJson::Text(text) if name == AUTH_TIME => seconds(text),
        StrictJson::Text(text) => ClaimValue::Text(text.as_ref().into()),
        StrictJson::Flag(flag) => ClaimValue::Flag(*flag),
        StrictJson::Integer(_) | StrictJson::Number(_) => {
            ClaimValue::Number(value.number().unwrap_or(f64::NAN))
        }
        StrictJson::List(items) if items.len() > SessionAuthentication::VALUES_MAX => {
            ClaimValue::Other
        }
        StrictJson::List(items) => {
            let texts = items.iter().map(StrictJson::text);
            let texts = texts
                .map(|text| text.filter(|t| t.len() <= SessionAuthentication::VALUE_BYTES_MAX));
            let texts: Option<Vec<String>> = texts.map(|text| text.map(str::to_owned)).collect();
            texts.map_or(ClaimValue::Other, ClaimValue::Texts)
        }
        StrictJson::Object(_) => ClaimValue::Other,
    })
}

/// An instant of RFC 3339 as seconds since 1970, to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "the milliseconds of the years 1 to 9999 have fewer than 53 bits"
)]
fn seconds(text: &str) -> ClaimValue {
    let at = text.parse::<Timestamp>();
    at.map_or(ClaimValue::Other, |at| {
        ClaimValue::Number(at.as_millisecond() as f64 / 1000.0)
    })
}

/// The attributes that the policy reads. No other has an effect, so that a caller may send what it likes beside them.
fn attributes(
    evaluation: &Evaluation<'_>,
    policy: Option<&Policy>,
) -> Result<BTreeMap<String, String>, EvaluationError> {
    let mut attributes = BTreeMap::new();
    for name in policy.into_iter().flat_map(Policy::attributes) {
        let value = match attribute(evaluation, name) {
            Given::Absent => continue,
            Given::Text(text) => text,
            Given::Unusable => return Err(EvaluationError::BadAttribute(shown(name))),
        };
        if value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
            return Err(EvaluationError::LongAttribute(shown(name)));
        }
        attributes.insert(name.to_string(), value.into_owned());
    }
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(EvaluationError::TooManyAttributes);
    }
    Ok(attributes)
}

fn shown(name: &str) -> Box<str> {
    Quoted(name).to_string().into()
}

/// What an evaluation gives of an attribute.
enum Given<'b> {
    Absent,
    Text(Cow<'b, str>),
    /// Something that is no text, flag or whole number.
    Unusable,
}

/// The attribute of this name. `resource.id` is the member; `resource.status` the property, as the contract has no such member; every other
/// name is a member of the context, with or without `context.` before it.
fn attribute<'b>(evaluation: &Evaluation<'b>, name: &str) -> Given<'b> {
    let Evaluation {
        subject,
        action,
        resource,
        context,
    } = evaluation;
    let value = match name.split_once('.') {
        Some(("subject", "type")) => return given(subject.kind),
        Some(("subject", "id")) => return given(subject.id),
        Some(("subject", property)) => subject.properties.get(property),
        Some(("action", "name")) => return given(action.name),
        Some(("action", property)) => action.properties.get(property),
        Some(("resource", "type")) => return given(resource.kind),
        Some(("resource", "id")) => return given(resource.id),
        Some(("resource", property)) => resource.properties.get(property),
        Some(("context", member)) => context.get(member),
        _ => context.get(name),
    };
    match value {
        None => Given::Absent,
        Some(value) => value.scalar().map_or(Given::Unusable, Given::Text),
    }
}

fn given(text: &str) -> Given<'_> {
    Given::Text(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests;
