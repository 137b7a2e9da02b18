//! A case that is given by flags. They are written as the case file that would say the same and read as one, so that there is
//! one grammar, and a mistake in a flag is reported as it is in a file.

use std::{sync::Arc, time::Duration};

use clap::{Args, ValueEnum};

use super::super::page::Page;
use crate::{
    cli::check::{attribute, duration},
    policy::{
        SourceText, Timestamp, before, parse_instant,
        yaml::{list, scalar},
    },
};

/// What is known and asked. Every flag is a key of a case file, with the same meaning.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(super) struct Flags {
    /// The instant of the check; now, if not given.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The vendor cannot be asked, or knows no such verification: in place of a verification.
    #[arg(long, value_name = "STATE")]
    upstream: Option<Upstream>,

    /// The verification's status; VERIFIED, if not given.
    #[arg(long, value_name = "STATUS", help_heading = VERIFICATION)]
    status: Option<String>,
    /// When it was made, such as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", help_heading = VERIFICATION)]
    verified_at: Option<String>,
    /// How long before the check it was made, such as 30d.
    #[arg(long, value_name = "DURATION", conflicts_with = "verified_at", help_heading = VERIFICATION, value_parser = duration)]
    verified_ago: Option<Duration>,
    /// A scope that is granted; may be given again. Data without its scope does not count.
    #[arg(long = "scope", value_name = "SCOPE", help_heading = VERIFICATION)]
    scopes: Vec<String>,
    /// The identity that was verified. The one that the request names is --identity.
    #[arg(long, value_name = "ID", help_heading = VERIFICATION)]
    verified_identity: Option<String>,
    /// The project that it was made in.
    #[arg(long, value_name = "ID", help_heading = VERIFICATION)]
    project_id: Option<String>,
    /// The person's name as a whole.
    #[arg(long, value_name = "NAME", help_heading = VERIFICATION)]
    full_name: Option<String>,
    /// The person's first name.
    #[arg(long, value_name = "NAME", help_heading = VERIFICATION)]
    first_name: Option<String>,
    /// The person's last name.
    #[arg(long, value_name = "NAME", help_heading = VERIFICATION)]
    last_name: Option<String>,
    /// The person's telephone number, such as +12025550101.
    #[arg(long, value_name = "NUMBER", help_heading = VERIFICATION)]
    phone: Option<String>,
    /// The person's date of birth, such as 1990-05-17.
    #[arg(long, value_name = "DATE", help_heading = VERIFICATION)]
    date_of_birth: Option<String>,

    /// The identity that the caller believes it is dealing with.
    #[arg(long, value_name = "ID", help_heading = REQUEST)]
    identity: Option<String>,
    /// A fact about the situation; may be given again.
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute, help_heading = REQUEST)]
    attributes: Vec<(String, String)>,
    /// The context class that the person's session was authenticated at.
    #[arg(long, value_name = "CLASS", help_heading = REQUEST)]
    acr: Option<String>,
    /// A method that the session was authenticated by; may be given again.
    #[arg(long, value_name = "METHOD", help_heading = REQUEST)]
    amr: Vec<String>,
    /// When the session was authenticated.
    #[arg(long, value_name = "TIME", help_heading = REQUEST)]
    auth_time: Option<String>,
    /// How long before the check it was, such as 5m.
    #[arg(long, value_name = "DURATION", conflicts_with = "auth_time", help_heading = REQUEST, value_parser = duration)]
    auth_ago: Option<Duration>,
}

const VERIFICATION: &str = "The verification";
const REQUEST: &str = "The request";

/// What is known of a verification when there is none to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Upstream {
    /// The vendor cannot be asked.
    Down,
    /// The vendor knows no such verification.
    Absent,
}

impl Flags {
    /// Whether no flag was given.
    pub(super) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// The same as a case file of one case, which is about this policy.
    pub(super) fn as_case_file(&self, policy: &str, now: Timestamp) -> Arc<SourceText> {
        let at = self.at.clone().unwrap_or_else(|| now.to_string());
        let verification = self.verification(&at);
        let mut page = Page::default();
        page.line("cases:");
        page.line("  - name: as the flags say");
        field(&mut page, 2, "policy", Some(scalar(policy)));
        field(&mut page, 2, "at", Some(scalar(&at)));
        let upstream = self.upstream.map(|state| match state {
            Upstream::Down => "down".to_owned(),
            Upstream::Absent => "absent".to_owned(),
        });
        let without_facts = upstream.is_none() && verification.is_empty();
        field(&mut page, 2, "upstream", upstream);
        field(
            &mut page,
            2,
            "verification",
            without_facts.then(|| "{}".to_owned()),
        );
        section(&mut page, 2, "verification", verification);
        section(&mut page, 2, "request", self.request(&at));
        let (path, text) = ("the flags".to_owned(), page.into_text());
        Arc::new(SourceText { path, text })
    }

    fn verification(&self, at: &str) -> Page {
        let mut page = Page::default();
        let scopes = (!self.scopes.is_empty()).then(|| list(&self.scopes));
        let verified_at = self.verified_at.clone().or(ago(at, self.verified_ago));
        let mut fact = |key, value: Option<&String>| {
            field(&mut page, 3, key, value.map(|value| scalar(value)));
        };
        fact("status", self.status.as_ref());
        fact("verified_at", verified_at.as_ref());
        fact("identity_id", self.verified_identity.as_ref());
        fact("project_id", self.project_id.as_ref());
        fact("full_name", self.full_name.as_ref());
        fact("first_name", self.first_name.as_ref());
        fact("last_name", self.last_name.as_ref());
        fact("phone", self.phone.as_ref());
        fact("date_of_birth", self.date_of_birth.as_ref());
        field(&mut page, 3, "scopes", scopes);
        page
    }

    fn request(&self, at: &str) -> Page {
        let (mut page, mut attributes) = (Page::default(), Page::default());
        for (key, value) in &self.attributes {
            field(&mut attributes, 4, &scalar(key), Some(scalar(value)));
        }
        let identity = self.identity.as_deref().map(scalar);
        field(&mut page, 3, "identity_id", identity);
        section(&mut page, 3, "attributes", attributes);
        section(&mut page, 3, "authentication", self.authentication(at));
        page
    }

    fn authentication(&self, at: &str) -> Page {
        let mut page = Page::default();
        let amr = (!self.amr.is_empty()).then(|| list(&self.amr));
        let auth_time = self.auth_time.clone().or(ago(at, self.auth_ago));
        field(&mut page, 4, "acr", self.acr.as_deref().map(scalar));
        field(&mut page, 4, "amr", amr);
        field(&mut page, 4, "auth_time", auth_time.as_deref().map(scalar));
        page
    }
}

/// The instant so long before the check. None if that of the check cannot be read, which the reader of cases reports.
fn ago(at: &str, ago: Option<Duration>) -> Option<String> {
    Some(before(parse_instant(at)?, ago?).to_string())
}

fn field(page: &mut Page, depth: usize, key: &str, value: Option<String>) {
    if let Some(value) = value {
        let indent = depth.saturating_mul(2);
        page.line(format_args!("{:indent$}{key}: {value}", ""));
    }
}

/// A key with the fields below it, if there are any.
fn section(page: &mut Page, depth: usize, key: &str, fields: Page) {
    if !fields.is_empty() {
        let indent = depth.saturating_mul(2);
        page.line(format_args!("{:indent$}{key}:", ""));
        page.lines(&fields.into_text());
    }
}
