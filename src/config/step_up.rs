//! The settings of step-ups.

use std::collections::BTreeSet;

use url::Url;

use super::section::{Reported, Section};
use crate::{incode::is_loopback, step_up::Config};

pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let redirects = redirects(section);
    let link_life = section.duration("link_life");
    let links = section.rate("links_per_second", "links_burst");
    let follow_successors = section.boolean("follow_successors");
    Ok(Config {
        follow_successors: follow_successors?,
        redirects: redirects?,
        link_life: link_life?,
        links: links?,
    })
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
    let not_a_url = |_| format!("step_up.redirects: `{text}` is not a URL");
    let url = Url::parse(text).map_err(not_a_url)?;
    if text.contains(char::is_whitespace) {
        return Err(format!("step_up.redirects: `{text}` has a space in it"));
    }
    let plain = url.scheme() == "http" && is_loopback(&url);
    if url.scheme() != "https" && !plain {
        return Err(format!("step_up.redirects: `{text}` is not https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "step_up.redirects: an address must not contain a user name or password".to_owned(),
        );
    }
    Ok(())
}
