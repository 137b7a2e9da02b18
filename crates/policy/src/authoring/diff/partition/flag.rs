//! Yes-or-no axes: [`YES`] and [`NO`] are their regions.

use super::{
    super::{check::Check, draft::Draft, expression::Condition, regions::Regions},
    alternatives::alternatives,
};
use crate::{
    evidence::{Datum, Scope},
    request::ClaimedIdentity,
    rule::Given,
};

const YES: u16 = 0;
const NO: u16 = 1;

/// Something that is so or is not.
#[derive(Debug)]
pub(in crate::authoring::diff) enum Flag<'p> {
    /// Whether this scope is granted and its data readable.
    Scope(Scope),
    /// Whether the request names the identity that was verified.
    IdentityMatch,
    /// Whether the session was authenticated by one of these methods.
    Methods(Vec<&'p str>),
}

impl Flag<'_> {
    /// How many regions there are.
    pub(super) const LEN: usize = 2;

    pub(super) fn meeting(condition: Condition<'_>) -> Vec<u16> {
        match condition {
            Condition::Known => vec![YES],
            Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::NewerThan(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::Inside(_) => Vec::new(),
        }
    }

    pub(super) fn region_of(&self, check: &Check<'_>) -> u16 {
        let yes = match self {
            Self::Scope(scope) => check.reads(scope),
            Self::IdentityMatch => {
                let Given { verification, .. } = check.given;
                let identity = verification.identity().ok();
                identity.is_some() && identity == check.given.claimed().ok()
            }
            Self::Methods(methods) => {
                let amr = check.session().map_or(&[][..], |session| &session.amr);
                amr.iter().any(|method| methods.contains(&&**method))
            }
        };
        if yes { YES } else { NO }
    }

    pub(super) fn set_example(&self, allowed: &Regions, draft: &mut Draft) {
        if !allowed.contains(YES) {
            return;
        }
        match self {
            Self::Scope(scope) => {
                draft.verification.scopes.insert(scope.clone());
                if *scope == Scope::Name {
                    draft.verification.name = Datum::Known(());
                }
            }
            Self::IdentityMatch => {
                let identity = draft.verification.identity().ok().cloned();
                let claimed = identity.map(ClaimedIdentity::Known);
                draft.request.identity = claimed.unwrap_or_default();
            }
            Self::Methods(methods) => {
                if let (Some(method), Some(session)) = (methods.first(), draft.session_mut()) {
                    session.amr.push((*method).to_owned());
                }
            }
        }
    }

    pub(super) fn describe(&self, regions: &Regions) -> String {
        let yes = regions.contains(YES);
        match self {
            Self::Scope(Scope::Other(name)) if yes => format!("{name} granted"),
            Self::Scope(Scope::Other(name)) => format!("{name} not granted"),
            Self::Scope(scope) if yes => format!("{} readable", scope.as_str()),
            Self::Scope(scope) => format!("{} not granted or not readable", scope.as_str()),
            Self::IdentityMatch if yes => "the request names that identity".to_owned(),
            Self::IdentityMatch => "the request names another identity or none".to_owned(),
            Self::Methods(methods) => {
                let with = if yes { "with" } else { "without" };
                format!("{with} amr {}", alternatives(methods))
            }
        }
    }
}
