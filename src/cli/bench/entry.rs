//! The settings of one target: flags of the command, and keys of a file of targets.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Deserializer};

use super::super::check::attribute;

pub(super) const TARGETS: &str = "What is measured";
const CALLS: &str = "What it is asked";
/// The service takes no more checks in a call.
pub(super) const BATCH_MAX: i64 = 256;

/// The settings of one target. What is not set has the value of the flag, or the default.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    /// As it is shown.
    #[arg(skip)]
    pub(super) name: String,
    /// Where it is.
    #[arg(skip)]
    pub(super) url: String,
    /// Kind of the calls: unary by default.
    #[arg(long, value_enum, value_name = "KIND", help_heading = CALLS)]
    pub(super) call: Option<CallKind>,
    /// Checks in each call of --call batch, 64 by default.
    #[arg(long, value_name = "N", help_heading = CALLS, value_parser = clap::value_parser!(u32).range(1..=BATCH_MAX))]
    pub(super) batch: Option<u32>,
    /// Name of the policy.
    #[arg(long, value_name = "NAME", help_heading = CALLS)]
    pub(super) policy: Option<String>,
    /// Id of a verification; can be repeated, and they are asked about in turn.
    #[arg(long = "verification", value_name = "ID", help_heading = CALLS)]
    pub(super) verifications: Vec<String>,
    /// Id of the identity that the verifications are expected to be of.
    #[arg(long, value_name = "ID", help_heading = CALLS)]
    pub(super) identity: Option<String>,
    /// Attribute of the requests; can be repeated.
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute, help_heading = CALLS)]
    #[serde(deserialize_with = "pairs")]
    pub(super) attributes: Vec<(String, String)>,
    /// Context class of the person's session (acr).
    #[arg(long, value_name = "CLASS", help_heading = CALLS)]
    pub(super) acr: Option<String>,
    /// Method that the session was authenticated by, such as hwk; can be repeated.
    #[arg(long, value_name = "METHOD", help_heading = CALLS)]
    pub(super) amr: Vec<String>,
    /// How long before the start the session was authenticated, such as 5m.
    #[arg(long, value_name = "DURATION", help_heading = CALLS)]
    pub(super) auth_ago: Option<String>,
    /// What every answer has to be: ALLOW, STEP_UP, DENY, or a code of gRPC such as NOT_FOUND; without it, any decision.
    #[arg(long, value_name = "ANSWER", help_heading = CALLS)]
    pub(super) expect: Option<String>,
    /// Process of the service, whose CPU and memory are reported; of several targets, the file has that of each.
    #[arg(long, value_name = "PID", help_heading = TARGETS)]
    pub(super) server_pid: Option<u32>,
    /// File that holds the token of a caller.
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    pub(super) token_file: Option<PathBuf>,
    /// CA certificates (PEM) to accept in place of those of this machine.
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    pub(super) ca: Option<PathBuf>,
    /// Certificate chain to identify with (PEM), leaf first.
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    pub(super) certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    pub(super) key: Option<PathBuf>,
}

/// The kind of the calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallKind {
    /// CheckAccess: a check is a call.
    #[default]
    Unary,
    /// BatchCheckAccess: several checks are a call.
    Batch,
    /// StreamCheckAccess: all checks of a connection are one call.
    Stream,
    /// CheckResources of Cerbos, with facts of a person whom a policy for a front door lets in.
    Cerbos,
}

impl Entry {
    /// With nothing but a name and an address.
    pub(super) fn named(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// The settings of what is asked that calls of this kind have no use for.
    pub(super) fn in_vain(&self, kind: CallKind) -> Vec<&'static str> {
        let is_cerbos = kind == CallKind::Cerbos;
        let all = [
            ("batch", self.batch.is_some(), kind != CallKind::Batch),
            ("policy", self.policy.is_some(), is_cerbos),
            ("verification", !self.verifications.is_empty(), is_cerbos),
            ("identity", self.identity.is_some(), is_cerbos),
            ("attribute", !self.attributes.is_empty(), is_cerbos),
            ("acr", self.acr.is_some(), is_cerbos),
            ("amr", !self.amr.is_empty(), is_cerbos),
            ("auth-ago", self.auth_ago.is_some(), is_cerbos),
        ];
        let found = all
            .into_iter()
            .filter(|(_, is_set, is_unused)| *is_set && *is_unused);
        found.map(|(name, ..)| name).collect()
    }

    /// With what `others` has set and this has not.
    pub(super) fn or(self, others: &Self) -> Self {
        let texts = |own: Vec<String>, other: &Vec<String>| {
            if own.is_empty() { other.clone() } else { own }
        };
        Self {
            name: self.name,
            url: self.url,
            call: self.call.or(others.call),
            batch: self.batch.or(others.batch),
            policy: self.policy.or_else(|| others.policy.clone()),
            verifications: texts(self.verifications, &others.verifications),
            identity: self.identity.or_else(|| others.identity.clone()),
            attributes: if self.attributes.is_empty() {
                others.attributes.clone()
            } else {
                self.attributes
            },
            acr: self.acr.or_else(|| others.acr.clone()),
            amr: texts(self.amr, &others.amr),
            auth_ago: self.auth_ago.or_else(|| others.auth_ago.clone()),
            expect: self.expect.or_else(|| others.expect.clone()),
            server_pid: self.server_pid.or(others.server_pid),
            token_file: self.token_file.or_else(|| others.token_file.clone()),
            ca: self.ca.or_else(|| others.ca.clone()),
            certificate: self.certificate.or_else(|| others.certificate.clone()),
            key: self.key.or_else(|| others.key.clone()),
        }
    }
}

/// A table of TOML as pairs.
fn pairs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    Ok(BTreeMap::deserialize(from)?.into_iter().collect())
}
