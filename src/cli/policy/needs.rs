//! `verigate policy needs`: what policies read, so that no more is asked of the vendor and of callers than that.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Exit,
    format::Format,
    page::Page,
    problems::{load, problems_of, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        examples,
        output::{eprint_coloured, print, print_json},
        screen::Screen,
    },
    policy::{Needs, Scope},
};

/// Show what policies read: the scopes to ask the vendor for, and what a request has to carry.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_NEEDS)]
pub(super) struct NeedsOf {
    /// A policy file, or a folder of them.
    #[arg(value_name = "PATH")]
    policies: PathBuf,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl NeedsOf {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                eprint_coloured(&problems_of(
                    &invalid,
                    &renderer(&std::io::stderr(), colours),
                ));
                return Ok(Exit::Invalid);
            }
        };
        let needs = policies.iter().map(|(name, policy)| (name, policy.needs()));
        match self.format {
            Format::Human => {
                let mut page = Page::of(screen);
                needs.for_each(|(name, needs)| write_needs(&mut page, name.as_str(), &needs));
                print(&page.into_text())?;
            }
            Format::Json => {
                let all: serde_json::Map<String, Value> = needs
                    .map(|(name, needs)| (name.to_string(), as_json(&needs)))
                    .collect();
                print_json(&Value::from(all))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn write_needs(page: &mut Page, name: &str, needs: &Needs) {
    page.line(name);
    let mut unless_empty = |label: &str, value: &str| {
        if !value.is_empty() {
            page.labelled(label, value);
        }
    };
    let scopes: Vec<&str> = needs.scopes.iter().map(Scope::as_str).collect();
    unless_empty("scopes", &scopes.join(" "));
    unless_empty("vendor", if needs.project { "the project" } else { "" });
    let mut request: Vec<String> = Vec::new();
    request.extend(needs.identity.then(|| "identity_id".to_owned()));
    request.extend(needs.authentication.then(|| "authentication".to_owned()));
    let attributes = needs.attributes.iter();
    request.extend(attributes.map(|name| format!("attributes.{name}")));
    unless_empty("request", &request.join(" "));
    let zones: Vec<&str> = needs.zones.iter().map(String::as_str).collect();
    unless_empty("zones", &zones.join(" "));
}

fn as_json(needs: &Needs) -> Value {
    let scopes: Vec<&str> = needs.scopes.iter().map(Scope::as_str).collect();
    json!({
        "scopes": scopes,
        "project": needs.project,
        "identity": needs.identity,
        "authentication": needs.authentication,
        "attributes": needs.attributes,
        "zones": needs.zones,
    })
}
