//! What a caller may do. Nothing is permitted that is not given.

use super::Glob;
use crate::policy::{PolicyName, Request};

/// What a caller may do. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The policies that it may ask for.
    pub policies: Vec<Glob>,
    /// What it may assert about the person.
    pub asserts: Vec<Assertion>,
    /// Whether it may begin step-ups.
    pub step_ups: bool,
    /// Whether it may make the calls of operators.
    pub admin: bool,
}

/// A fact of a request that decisions depend on and that only the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assertion {
    /// Whose badge or session it is.
    Identity,
    /// How the session was authenticated.
    Authentication,
    /// Attributes of the request.
    Attributes,
}

impl Assertion {
    /// Every assertion, by its name in the configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("identity", Self::Identity),
        ("authentication", Self::Authentication),
        ("attributes", Self::Attributes),
    ];
}

/// The facts of a request that a verified token of the session proves, so that the caller asserts none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proven {
    /// Whose session it is.
    pub identity: bool,
    /// How the session was authenticated.
    pub authentication: bool,
}

/// What a caller asked for and may not do. The message says nothing of what exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPermittedError {
    /// None of its patterns fits the policy, whether there is such a policy or not.
    #[error("this caller may not ask for this policy")]
    Policy,
    /// It may not say whose badge or session it is.
    #[error("this caller may not assert `identity_id`")]
    Identity,
    /// It may not say how the session was authenticated.
    #[error("this caller may not assert `authentication`")]
    Authentication,
    /// It may not give attributes.
    #[error("this caller may not assert `attributes`")]
    Attributes,
    /// It may not begin step-ups.
    #[error("this caller may not begin step-ups")]
    StepUps,
    /// It may not make the calls of operators.
    #[error("this caller may not make calls of operators")]
    Admin,
}

impl NotPermittedError {
    /// The reason's name in metrics, the journal and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy_not_permitted",
            Self::Identity => "identity_not_permitted",
            Self::Authentication => "authentication_not_permitted",
            Self::Attributes => "attributes_not_permitted",
            Self::StepUps => "step_ups_not_permitted",
            Self::Admin => "admin_not_permitted",
        }
    }

    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Policy,
        Self::Identity,
        Self::Authentication,
        Self::Attributes,
        Self::StepUps,
        Self::Admin,
    ];
}

impl Permissions {
    /// Everything, for callers that are not authenticated because nobody is.
    pub fn all() -> Self {
        Self {
            policies: Glob::parse("*").into_iter().collect(),
            asserts: Assertion::ALL.map(|(_, assertion)| assertion).to_vec(),
            step_ups: true,
            admin: true,
        }
    }

    /// Whether it may ask for a decision about this request. It need not be permitted to assert what is proven.
    pub fn permit_check(&self, request: &Request, proven: Proven) -> Result<(), NotPermittedError> {
        self.permit_policy(&request.policy)?;
        let asserted = [
            (
                request.identity.as_text().is_some() && !proven.identity,
                Assertion::Identity,
            ),
            (
                request.authentication.is_some() && !proven.authentication,
                Assertion::Authentication,
            ),
            (!request.attributes.is_empty(), Assertion::Attributes),
        ];
        self.permit_assertions(asserted)
    }

    /// Whether it may assert each of these that is asserted.
    pub fn permit_assertions(
        &self,
        asserted: [(bool, Assertion); 3],
    ) -> Result<(), NotPermittedError> {
        for (is_asserted, assertion) in asserted {
            if is_asserted && !self.asserts.contains(&assertion) {
                return Err(match assertion {
                    Assertion::Identity => NotPermittedError::Identity,
                    Assertion::Authentication => NotPermittedError::Authentication,
                    Assertion::Attributes => NotPermittedError::Attributes,
                });
            }
        }
        Ok(())
    }

    /// Whether it may begin a step-up, for this policy if it is known.
    pub fn permit_step_up(&self, policy: Option<&PolicyName>) -> Result<(), NotPermittedError> {
        if !self.step_ups {
            return Err(NotPermittedError::StepUps);
        }
        policy.map_or(Ok(()), |policy| self.permit_policy(policy))
    }

    /// Whether it may make the calls of operators.
    pub fn permit_admin(&self) -> Result<(), NotPermittedError> {
        if self.admin {
            Ok(())
        } else {
            Err(NotPermittedError::Admin)
        }
    }

    /// Whether it may ask for this policy, whether there is one or not.
    pub fn permit_policy(&self, policy: &PolicyName) -> Result<(), NotPermittedError> {
        if self
            .policies
            .iter()
            .any(|glob| glob.matches(policy.as_str()))
        {
            Ok(())
        } else {
            Err(NotPermittedError::Policy)
        }
    }
}
