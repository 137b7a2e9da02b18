//! `[forward_auth]`: how gateways name the person, and how they are answered.

use std::{fmt::Display, time::Duration};

use http::{HeaderName, header::AUTHORIZATION};

use super::{
    section::{Reported, Section},
    session::OTHER_HEADERS,
};
use crate::{
    callers::TOKEN_HEADER,
    gateway::{self, ChallengeStyle, ReturnHosts, UrlTemplate},
    http::forward_auth::Config,
};

/// The longest deadline. Proxies must wait for longer, and people with them.
const DEADLINE_MAX: Duration = Duration::from_secs(10);

/// The settings of forward auth.
pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let deadline = deadline(section);
    let verification_header = header(section, "verification_header");
    let identity_header = header(section, "identity_header");
    let challenge = challenge(section);
    let step_up_url = template(section, "step_up_url");
    let verify_url = template(section, "verify_url");
    let return_hosts = return_hosts(section);
    let (verification_header, identity_header) = (verification_header?, identity_header?);
    if verification_header == identity_header {
        let message = "forward_auth.identity_header is forward_auth.verification_header";
        return Err(section.problem("identity_header", message, None));
    }
    Ok(Config {
        deadline: deadline?,
        gateway: gateway::Config {
            verification_header,
            identity_header,
            challenge: challenge?,
            step_up_url: step_up_url?,
            verify_url: verify_url?,
            return_hosts: return_hosts?,
            // Of `[step_up]`: made when the service is assembled.
            page: None,
        },
    })
}

fn deadline(section: &mut Section<'_>) -> Result<Duration, Reported> {
    let deadline = section.duration("deadline")?;
    if deadline > DEADLINE_MAX {
        let message = format!(
            "forward_auth.deadline is longer than {}s",
            DEADLINE_MAX.as_secs()
        );
        return Err(section.problem("deadline", message, None));
    }
    Ok(deadline)
}

/// How headers begin that say something else: what was asked for, and what was decided.
const OTHER_PREFIXES: [&str; 2] = ["x-forwarded-", "x-verigate-"];

/// The header with an id. Not one that carries a credential, or that means something else.
fn header(section: &mut Section<'_>, key: &str) -> Result<HeaderName, Reported> {
    let text = section.text(key);
    let is_free = |name: &HeaderName| {
        let begins = |prefix| name.as_str().starts_with(prefix);
        ![AUTHORIZATION, TOKEN_HEADER].contains(name)
            && !OTHER_HEADERS.contains(name)
            && !OTHER_PREFIXES.into_iter().any(begins)
    };
    match HeaderName::try_from(text) {
        Ok(name) if is_free(&name) => Ok(name),
        _ => {
            let message =
                format!("forward_auth.{key}: `{text}` is not the name of a header for an id");
            Err(section.problem(key, message, Some(r#"such as "x-verification-id""#)))
        }
    }
}

fn challenge(section: &mut Section<'_>) -> Result<ChallengeStyle, Reported> {
    let is_entra = section.one_of("challenge", &[("rfc9470", false), ("entra", true)])?;
    let uri = section.text("entra_authorization_uri");
    match (is_entra, uri) {
        (false, "") => Ok(ChallengeStyle::Rfc9470),
        (false, _) => {
            let message = r#"forward_auth.entra_authorization_uri is set, but forward_auth.challenge is not "entra""#;
            Err(section.problem("entra_authorization_uri", message, None))
        }
        (true, uri) => match UrlTemplate::parse(uri) {
            Ok(_) if uri.starts_with("https://") && !uri.contains('{') => {
                Ok(ChallengeStyle::Entra {
                    authorization_uri: uri.into(),
                })
            }
            _ => {
                let message = "forward_auth.entra_authorization_uri is not an https address";
                let hint =
                    r#"such as "https://login.microsoftonline.com/TENANT/oauth2/v2.0/authorize""#;
                Err(section.problem("entra_authorization_uri", message, Some(hint)))
            }
        },
    }
}

fn template(section: &mut Section<'_>, key: &str) -> Result<Option<UrlTemplate>, Reported> {
    let text = section.text(key);
    if text.is_empty() {
        return Ok(None);
    }
    let hint = r#"such as "https://app.example.org/oauth2/start?rd={original_url}&acr_values={acr_values}""#;
    match UrlTemplate::parse(text) {
        Ok(template) => Ok(Some(template)),
        Err(error) => Err(problem(section, key, &error, hint)),
    }
}

fn return_hosts(section: &mut Section<'_>) -> Result<ReturnHosts, Reported> {
    let hint = r#"such as ["app.example.org", "app.example.org:8443"]"#;
    let texts: Option<Vec<&str>> = section.list("return_hosts").into_iter().collect();
    let Some(texts) = texts else {
        return Err(problem(
            section,
            "return_hosts",
            &"is not a list of texts",
            hint,
        ));
    };
    match ReturnHosts::parse(texts) {
        Ok(hosts) => Ok(hosts),
        Err(error) => Err(problem(section, "return_hosts", &error, hint)),
    }
}

fn problem(section: &mut Section<'_>, key: &str, error: &dyn Display, hint: &str) -> Reported {
    section.problem(key, format!("forward_auth.{key} {error}"), Some(hint))
}
