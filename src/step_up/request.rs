//! A request for a re-verification link. Every field is validated when it is made, so a [`StepUpRequest`] is always valid.

use std::{collections::BTreeSet, fmt};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::callers::NotPermittedError;
use crate::policy::{InvalidNameError, PolicyName, VerificationId};

/// The longest e-mail address that mail can carry, in bytes (RFC 5321, 4.5.3.1.3).
const LOGIN_HINT_BYTES_MAX: usize = 254;

/// A request for a link by which a person verifies again.
#[derive(Debug)]
pub struct StepUpRequest {
    /// The verification that did not suffice.
    pub verification: VerificationId,
    /// The policy that it did not satisfy.
    pub policy: PolicyName,
    /// The person to verify.
    pub login_hint: LoginHint,
    /// Where the browser goes afterwards.
    pub redirect: Redirect,
    /// The caller's idempotency key; empty if it gave none.
    pub request_id: Box<str>,
}

impl StepUpRequest {
    /// Distinguishes requests with the same idempotency key.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for text in [
            self.verification.as_str(),
            self.policy.as_str(),
            self.login_hint.reveal(),
            &self.redirect.0,
        ] {
            // With its length, so that different fields never concatenate to the same bytes.
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}

/// A person's e-mail address. It is sent to the upstream and to nobody else.
pub struct LoginHint(SecretString);

impl LoginHint {
    /// Accepts what can be an e-mail address. Whether it exists, only the upstream knows.
    pub fn parse(text: &str) -> Result<Self, InvalidNameError> {
        if text.len() > LOGIN_HINT_BYTES_MAX {
            return Err(InvalidNameError("must be at most 254 bytes"));
        }
        let strange = |c: char| c.is_whitespace() || c.is_control() || "<>\"(),:;\\".contains(c);
        let parts = text.split_once('@').filter(|(person, host)| {
            !person.is_empty() && !host.contains('@') && !host.split('.').any(str::is_empty)
        });
        if parts.is_none() || text.contains(strange) {
            return Err(InvalidNameError("must be an e-mail address"));
        }
        Ok(Self(text.into()))
    }

    /// The address, for the request to the upstream.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for LoginHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginHint(..)")
    }
}

/// Where the browser goes afterwards: a URL of the configured allow-list. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect(Box<str>);

/// Why the browser cannot be redirected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The caller may not begin step-ups for this policy, whether there is such a policy or not.
    #[error(transparent)]
    NotPermitted(#[from] NotPermittedError),
    /// The configuration does not allow it.
    #[error("must be exactly one of `step_up.redirects` of the configuration")]
    NotAllowed,
    /// Neither the caller nor the policy says where.
    #[error("must be given, because the policy has no `step_up.redirect`")]
    NotGiven,
    /// The caller does not say where, and there is no such policy.
    #[error("must be given, because there is no such policy")]
    NoSuchPolicy,
}

impl Redirect {
    /// One of the allowed URLs, compared byte by byte: URLs that are nearly the same lead elsewhere.
    pub(super) fn among(allowed: &BTreeSet<String>, wanted: &str) -> Result<Self, RedirectError> {
        let found = allowed.get(wanted).ok_or(RedirectError::NotAllowed)?;
        Ok(Self(found.as_str().into()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_e_mail_address_is_refused() {
        let longest = format!("{}@example.com", "a".repeat(242));
        assert_eq!(longest.len(), 254);
        for text in [
            "ada@example.com",
            "ä.b+c@xn--e1afmkfd.example",
            "a@b",
            &longest,
        ] {
            assert!(LoginHint::parse(text).is_ok(), "{text}");
        }
        let too_long = format!("a{longest}");
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example..com",
            "ada@.com",
            "ada@example.com.",
            "a@b@c",
            "ada @example.com",
            "ada@example.com\r\nbcc: x@y",
            "Ada <ada@example.com>",
            &too_long,
        ] {
            assert!(LoginHint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_not_shown() {
        let hint = LoginHint::parse("ada@example.com").unwrap();
        assert_eq!(format!("{hint:?}"), "LoginHint(..)");
    }

    #[test]
    fn a_redirect_is_allowed_to_the_letter() {
        let allowed = ["https://sso.example.com/step-up".to_owned()].into();
        assert!(Redirect::among(&allowed, "https://sso.example.com/step-up").is_ok());
        for wanted in [
            "https://sso.example.com/step-up/",
            "https://sso.example.com/step-up?x",
            "https://SSO.example.com/step-up",
            "https://sso.example.com",
            "",
        ] {
            let found = Redirect::among(&allowed, wanted);
            assert_eq!(found, Err(RedirectError::NotAllowed), "{wanted}");
        }
    }

    #[test]
    fn requests_that_differ_have_different_digests() {
        let request = |verification: &str, policy: &str, hint: &str, redirect: &str| {
            let request = StepUpRequest {
                verification: VerificationId::parse(verification).unwrap(),
                policy: PolicyName::parse(policy).unwrap(),
                login_hint: LoginHint::parse(hint).unwrap(),
                redirect: Redirect(redirect.into()),
                request_id: "r".into(),
            };
            request.digest()
        };
        let one = request("ab", "c", "d@e", "f");
        assert_eq!(one, request("ab", "c", "d@e", "f"));
        assert_ne!(one, request("a", "bc", "d@e", "f"));
        assert_ne!(one, request("ab", "c", "d@ef", "x"));
        assert_ne!(one, request("ab", "c", "d@e", "g"));
    }
}
