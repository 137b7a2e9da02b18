//! `verigate policy needs`: what policies read, so that no more is asked of the vendor and of callers than that.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, load, mistakes, renderer};
use crate::{
    cli::{
        environment::Colours,
        output::{eprint_line, print},
    },
    policy::{Needs, Scope},
};

/// Tell what policies read: the scopes to ask the vendor for, and what a question has to carry.
#[derive(Debug, Args)]
pub(super) struct NeedsOf {
    /// A policy file, or a folder of them.
    #[arg(value_name = "PATH")]
    policies: PathBuf,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl NeedsOf {
    pub(super) fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                eprint_line(&mistakes(&invalid, &renderer(&std::io::stderr(), colours)));
                return Ok(Exit::Invalid);
            }
        };
        let needs = policies.iter().map(|(name, policy)| (name, policy.needs()));
        let text = match self.format {
            Format::Human => needs.map(|(name, n)| in_words(name.as_str(), &n)).collect(),
            Format::Json => {
                let all: serde_json::Map<String, Value> = needs
                    .map(|(name, needs)| (name.to_string(), as_json(&needs)))
                    .collect();
                format!("{:#}\n", Value::from(all))
            }
        };
        print(&text)?;
        Ok(Exit::Done)
    }
}

fn in_words(name: &str, needs: &Needs) -> String {
    let mut text = format!("{name}\n");
    let mut line = |label: &str, told: &str| {
        if !told.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "  {label:<9} {told}");
        }
    };
    let scopes: Vec<&str> = needs.scopes.iter().map(Scope::as_str).collect();
    line("scopes", &scopes.join(" "));
    line("vendor", if needs.project { "the project" } else { "" });
    let mut question: Vec<String> = Vec::new();
    question.extend(needs.identity.then(|| "identity_id".to_owned()));
    question.extend(needs.authentication.then(|| "authentication".to_owned()));
    question.extend(
        needs
            .attributes
            .iter()
            .map(|name| format!("attributes.{name}")),
    );
    line("question", &question.join(" "));
    let zones: Vec<&str> = needs.zones.iter().map(String::as_str).collect();
    line("zones", &zones.join(" "));
    text
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
