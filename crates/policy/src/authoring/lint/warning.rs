//! What a warning says, and the kinds of warnings, by codes that programs may rely on.

use annotate_snippets::{Level, Renderer};

use crate::{request::PolicyName, yaml::Location};

/// A warning about something in a policy that is valid but very probably a mistake.
#[derive(Debug, Clone)]
pub struct Warning {
    /// What kind of mistake it is.
    pub code: WarningCode,
    /// The policy that has it.
    pub policy: PolicyName,
    /// Where it is, if the policy was read from a text.
    pub location: Option<Location>,
    /// What it is.
    pub message: String,
    /// What can be done about it.
    pub hint: String,
    /// The places of other rules that the message names.
    pub related: Vec<Location>,
}

impl Warning {
    /// The warning with its line and a caret under the position, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let message = format!("policy `{}`: {}", self.policy, self.message);
        let hint = self.hint.as_str();
        match &self.location {
            Some(location) => location.render(
                Level::WARNING,
                &message,
                Some(hint),
                &self.related,
                renderer,
            ),
            None => {
                let title = Level::WARNING.primary_title(&message);
                renderer.render(&[title.element(Level::HELP.message(hint))])
            }
        }
    }
}

/// What kind of mistake a warning is about. The codes are stable: programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningCode {
    /// The policy can never ALLOW.
    NeverAllow,
    /// A rule can never matter.
    RuleWithoutEffect,
    /// An alternative of an `any_of` can never matter.
    AlternativeWithoutEffect,
    /// A part of an `all_of` can never matter.
    PartWithoutEffect,
    /// The policy can ALLOW without asking whose verification it is.
    NoIdentityCheck,
    /// The policy can ALLOW a verification of any age.
    NoAgeLimit,
    /// A block list steps up.
    BlockListStepsUp,
    /// The policy steps up in an outage.
    StepUpInOutage,
    /// `fresh_for` is too long.
    FreshForTooLong,
    /// `stale_for` is too long.
    StaleForTooLong,
    /// `reuse.allow` is too long.
    ReuseTooLong,
    /// The policy decides also while nothing can be recorded.
    UnrecordedAllowed,
    /// A scope is similar to a known one.
    UnknownScope,
    /// A status is similar to a known one, or none of a list is known.
    UnknownStatus,
    /// A method of authentication is similar to a known one, or another name of one.
    UnknownAmr,
    /// An authentication class is similar to a known one.
    UnknownAcr,
    /// A text has letters that look like others.
    LookalikeLetters,
    /// A text has characters that cannot be seen.
    InvisibleCharacters,
    /// A time zone has no summer time although its name is that of a place's standard time.
    ZoneWithoutSummerTime,
}

impl WarningCode {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::NeverAllow,
        Self::RuleWithoutEffect,
        Self::AlternativeWithoutEffect,
        Self::PartWithoutEffect,
        Self::NoIdentityCheck,
        Self::NoAgeLimit,
        Self::BlockListStepsUp,
        Self::StepUpInOutage,
        Self::FreshForTooLong,
        Self::StaleForTooLong,
        Self::ReuseTooLong,
        Self::UnrecordedAllowed,
        Self::UnknownScope,
        Self::UnknownStatus,
        Self::UnknownAmr,
        Self::UnknownAcr,
        Self::LookalikeLetters,
        Self::InvisibleCharacters,
        Self::ZoneWithoutSummerTime,
    ];

    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverAllow => "never_allow",
            Self::RuleWithoutEffect => "rule_without_effect",
            Self::AlternativeWithoutEffect => "alternative_without_effect",
            Self::PartWithoutEffect => "part_without_effect",
            Self::NoIdentityCheck => "no_identity_check",
            Self::NoAgeLimit => "no_age_limit",
            Self::BlockListStepsUp => "block_list_steps_up",
            Self::StepUpInOutage => "step_up_in_outage",
            Self::FreshForTooLong => "fresh_for_too_long",
            Self::StaleForTooLong => "stale_for_too_long",
            Self::ReuseTooLong => "reuse_too_long",
            Self::UnrecordedAllowed => "unrecorded_allowed",
            Self::UnknownScope => "unknown_scope",
            Self::UnknownStatus => "unknown_status",
            Self::UnknownAmr => "unknown_amr",
            Self::UnknownAcr => "unknown_acr",
            Self::LookalikeLetters => "lookalike_letters",
            Self::InvisibleCharacters => "invisible_characters",
            Self::ZoneWithoutSummerTime => "zone_without_summer_time",
        }
    }

    /// What the kind is, in one sentence.
    pub fn summary(self) -> &'static str {
        match self {
            Self::NeverAllow => "The policy can never ALLOW.",
            Self::RuleWithoutEffect => "A rule can never matter to a decision.",
            Self::AlternativeWithoutEffect => "An alternative of an `any_of` can never matter.",
            Self::PartWithoutEffect => "A part of an `all_of` can never matter.",
            Self::NoIdentityCheck => {
                "The policy can ALLOW without asking whose verification it is."
            }
            Self::NoAgeLimit => "The policy can ALLOW a verification of any age.",
            Self::BlockListStepsUp => "A block list leads to STEP_UP, not to DENY.",
            Self::StepUpInOutage => {
                "The policy answers STEP_UP in an outage, in which no step-up helps."
            }
            Self::FreshForTooLong => "`fresh_for` is longer than is safe.",
            Self::StaleForTooLong => "`stale_for` is longer than is useful or safe.",
            Self::ReuseTooLong => "`reuse.allow` is longer than is safe.",
            Self::UnrecordedAllowed => "The policy decides also while nothing can be recorded.",
            Self::UnknownScope => "A scope is similar to a known one and not equal to it.",
            Self::UnknownStatus => {
                "A status is similar to a known one, or no status of a list is known."
            }
            Self::UnknownAmr => {
                "A method of authentication is similar to a known one, or another name for one."
            }
            Self::UnknownAcr => {
                "An authentication class is similar to a known one and not equal to it."
            }
            Self::LookalikeLetters => "A text has letters that look like those of another script.",
            Self::InvisibleCharacters => "A text has characters that cannot be seen.",
            Self::ZoneWithoutSummerTime => {
                "A time zone keeps no summer time although its name suggests a place that does."
            }
        }
    }
}
