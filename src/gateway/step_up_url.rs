//! Why a person who must step up is sent nowhere.

/// Why there is no address where a person can do what leads to ALLOW.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepUpUrlError {
    /// Nothing that a browser can be sent to helps.
    NoRemedy,
    /// An authentication helps, and no address for it is configured.
    NoLogin,
    /// A verification helps, and no address for it is configured.
    NoVerification,
    /// The address needs the URL to return to, and that is not known or not allowed.
    NoOriginalUrl,
    /// The gateway may not begin step-ups, which our own page would do for it.
    NotPermitted,
    /// A class of the policy has characters that an address or a header cannot carry.
    Unprintable,
}

impl StepUpUrlError {
    /// The reason's name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRemedy => "no_remedy",
            Self::NoLogin => "no_step_up_url",
            Self::NoVerification => "no_verify_url",
            Self::NoOriginalUrl => "no_original_url",
            Self::NotPermitted => "step_ups_not_permitted",
            Self::Unprintable => "unprintable",
        }
    }

    /// What to do about it; `None` where no setting would help.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::NoRemedy => None,
            Self::NoLogin => Some(
                "set forward_auth.step_up_url, the address where people sign in with another class, and forward_auth.return_hosts",
            ),
            Self::NoVerification => Some(
                "set step_up.state_key for the page of Verigate, or forward_auth.verify_url for an address of yours",
            ),
            Self::NoOriginalUrl => Some(
                "add the host of the application to forward_auth.return_hosts, and let the gateway send X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Uri",
            ),
            Self::NotPermitted => Some("give the gateway step_ups = true"),
            Self::Unprintable => Some(
                "choose classes (acr_any of the policy) of letters, digits and punctuation other than quotes and backslashes",
            ),
        }
    }
}
