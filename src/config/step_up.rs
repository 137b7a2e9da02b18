//! The settings of step-ups.

use std::collections::BTreeSet;

use super::{
    reader::Reader,
    section::{Reported, Section},
    webhook::is_strong,
};
use crate::{
    gateway::ReturnHosts,
    http::{forward_auth, webhook},
    rate_limit::Rate,
    step_up::{Config, PageConfig, PageState, WaitingLimits},
    web_url::{WebUrlError, is_secure, web_url},
};

/// The path of the page below `http.public_url`, and of the one to which the vendor sends browsers afterwards.
const PAGE: &str = "/step-up/";
const RETURN: &str = "/step-up/return";

pub(super) fn read(reader: &mut Reader) -> Result<Config, Reported> {
    let public_url = reader.section("http").text("public_url").to_owned();
    let section = &mut reader.section("step_up");
    let redirects = redirects(section);
    let page = page(section, &public_url);
    let link_life = section.duration("link_life");
    let links = section.rate("links_per_second", "links_burst");
    let follow_successors = section.boolean("follow_successors");
    let (mut redirects, page) = (redirects?, page?);
    redirects.extend(page.iter().map(|page| page.return_url.to_string()));
    Ok(Config {
        follow_successors: follow_successors?,
        redirects,
        page,
        link_life: link_life?,
        links: links?,
    })
}

/// The rate limit of links of all callers together.
pub(super) fn links_of_all(section: &mut Section<'_>) -> Result<Rate, Reported> {
    section.rate("links_total_per_second", "links_total_burst")
}

/// The page for browsers. `None` if no key is set.
fn page(section: &mut Section<'_>, public_url: &str) -> Result<Option<PageConfig>, Reported> {
    let key = section.secret("state_key", "state_key_file", is_strong);
    let previous = section.secret("previous_state_key", "previous_state_key_file", is_strong);
    let life = section.duration("state_life");
    let (key, previous_key, life) = (key?, previous?, life?);
    if life > PageState::LIFE_MAX {
        let message = "step_up.state_life is longer than 1h";
        return Err(section.problem("state_life", message, None));
    }
    let Some(key) = key else {
        if previous_key.is_some() {
            let message = "step_up.previous_state_key is set, but step_up.state_key is not";
            let hint = "set step_up.state_key or step_up.state_key_file to the new one";
            return Err(section.problem("previous_state_key", message, Some(hint)));
        }
        return Ok(None);
    };
    if public_url.is_empty() {
        let message = "step_up.state_key is set, but http.public_url is not";
        let hint = "browsers are sent to the page by that address: set http.public_url";
        return Err(section.problem("state_key", message, Some(hint)));
    }
    let base = public_url.trim_end_matches('/');
    Ok(Some(PageConfig {
        url: format!("{base}{PAGE}").into(),
        return_url: format!("{base}{RETURN}").into(),
        key,
        previous_key,
        life,
        waiting: WaitingLimits::default(),
    }))
}

/// Reports what would keep the page from being of use.
pub(super) fn check_page(
    reader: &mut Reader,
    step_up: &Result<Config, Reported>,
    forward_auth: &Result<forward_auth::Config, Reported>,
    webhook: &Result<Option<webhook::Config>, Reported>,
) {
    let (Ok(step_up), Ok(forward_auth), Ok(webhook)) = (step_up, forward_auth, webhook) else {
        return;
    };
    if step_up.page.is_none() {
        return;
    }
    let gateway = &forward_auth.gateway;
    let problems = [
        (
            !step_up.follow_successors,
            "step_up.state_key is set, but step_up.follow_successors is not",
            "a gateway that goes on sending the old id would send people to the page for ever, with a link each time: set step_up.follow_successors",
        ),
        (
            gateway.verify_url.is_some(),
            "step_up.state_key is set, and so is forward_auth.verify_url",
            "browsers can be sent to one of them: unset the other",
        ),
        (
            gateway.return_hosts == ReturnHosts::default(),
            "step_up.state_key is set, but forward_auth.return_hosts is empty",
            "people return from the page to these hosts alone: set them",
        ),
        (
            webhook.is_none(),
            "step_up.state_key is set, but webhook.secret is not",
            "the page waits for the webhooks of the vendor: set webhook.secret or webhook.secret_file",
        ),
    ];
    for (is_wrong, message, hint) in problems {
        if is_wrong {
            let mut section = reader.section("step_up");
            section.problem("state_key", message, Some(hint));
        }
    }
}

fn redirects(section: &mut Section<'_>) -> Result<BTreeSet<String>, Reported> {
    let mut redirects = Ok(BTreeSet::new());
    for redirect in section.list("redirects") {
        let checked = match redirect {
            Some(text) => check_redirect(text).map(|()| text.to_owned()),
            None => Err("step_up.redirects is not a list of texts".to_owned()),
        };
        match (checked, &mut redirects) {
            (Ok(redirect), Ok(redirects)) => drop(redirects.insert(redirect)),
            (Ok(_), Err(_)) => {}
            (Err(message), redirects) => {
                let hint =
                    "such as \"https://sso.example.com/step-up\"; http only to a loopback address";
                *redirects = Err(section.problem("redirects", message, Some(hint)));
            }
        }
    }
    redirects
}

/// Whether a browser may be sent to this address.
fn check_redirect(text: &str) -> Result<(), String> {
    match web_url(text) {
        Ok(url) if is_secure(&url) => Ok(()),
        Ok(_) => Err(format!("step_up.redirects: `{text}` is not https")),
        // A password is not shown.
        Err(error @ WebUrlError::Credentials) => {
            Err(format!("step_up.redirects: an address {error}"))
        }
        Err(error) => Err(format!("step_up.redirects: `{text}` {error}")),
    }
}
