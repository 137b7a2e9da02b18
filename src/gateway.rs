//! What a gateway is answered: one function from the outcome of a check to status, headers and body, for every protocol that gateways
//! speak. To a gateway the status alone decides, so nothing but an ALLOW has a status below 300.

mod config;
mod headers;
mod refusal;
mod request;
mod remedy;
mod challenge;
mod url_template;
mod original_url;
mod step_up_url;
mod answer;
mod step_up_url_log;

pub use self::{
    answer::{Answer, Outcome, StepUpContext, answer, whole_seconds},
    challenge::{ChallengeStyle, acr_values},
    config::Config,
    headers::{OWN, accepts_pages},
    original_url::{OriginalUrl, ReturnHostError, ReturnHosts},
    refusal::Refusal,
    remedy::{authentication_alone, verifying_helps},
    request::{Asked, SessionContext, asked},
    step_up_url::StepUpUrlError,
    step_up_url_log::StepUpUrlLog,
    url_template::{UrlTemplate, UrlTemplateError},
};

#[cfg(test)]
mod tests;
