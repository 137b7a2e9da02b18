//! The settings of step-ups.

use std::collections::BTreeSet;

use super::section::{Reported, Section};
use crate::step_up::Config;

pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let redirects = redirects(section);
    let link_life = section.duration("link_life");
    let links = section.rate("links_per_second", "links_burst");
    Ok(Config {
        redirects: redirects?,
        link_life: link_life?,
        links: links?,
    })
}

fn redirects(section: &mut Section<'_>) -> Result<BTreeSet<String>, Reported> {
    let listed = section.list("redirects").into_iter();
    let texts: Option<BTreeSet<String>> = listed.map(|text| text.map(str::to_owned)).collect();
    texts.ok_or_else(|| {
        let message = "step_up.redirects is not a list of texts";
        section.problem("redirects", message, None)
    })
}
