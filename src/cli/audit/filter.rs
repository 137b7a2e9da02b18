//! Which decisions of a journal a command is about.

use std::{path::PathBuf, slice};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::secret_keys::identifier_keys;
use crate::{
    audit::{JournalFiles, Record, Records, TimeRange},
    cli::output::{eprint_line, is_stdout_closed},
    clock::{Clock as _, SystemClock},
    journal::{IdentifierKey, IdentifierKind},
    policy::{Timestamp, before, parse_duration, parse_instant},
};

/// A journal, and which of its decisions.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// The folder of the journal, or its file; several files in the order of their lines; `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// From this instant on: `2026-01-31T12:00:00Z`, or how long ago: `24h`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this instant, or how long ago.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The decision with this id.
    #[arg(long, value_name = "ID")]
    decision_id: Option<String>,
    /// About this verification: by the id that was asked about, that of the verification that succeeded it, or the vendor's trace id.
    #[arg(long, value_name = "ID")]
    verification: Option<String>,
    /// About this identity.
    #[arg(long, value_name = "ID")]
    identity: Option<String>,
    /// In a journal whose identifiers are keyed: a file with the key, so that `--verification` and `--identity` find their lines; several for keys that
    /// were replaced.
    #[arg(long, value_name = "FILE")]
    identifier_key: Vec<PathBuf>,
    /// By this policy.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// With this outcome.
    #[arg(long, value_parser = ["allow", "step_up", "deny"])]
    decision: Option<String>,
    /// For this caller.
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// With this reason, such as `VERIFICATION_TOO_OLD`.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
}

impl Filter {
    /// Where the journal is.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The journal.
    pub(super) fn journal(&self) -> anyhow::Result<JournalFiles> {
        find(&self.paths)
    }

    /// Passes each decision that is meant to this function, until it returns false.
    pub(super) fn each(
        &self,
        journal: &JournalFiles,
        mut take: impl FnMut(Record) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let meant = self.meant()?;
        let mut records = Records::open(journal, self.range()?)?;
        while let Some(record) = records.next_record()? {
            if meant.has(&record.value) && (!take(record)? || is_stdout_closed()) {
                break;
            }
        }
        if records.unreadable > 0 {
            let lines = records.unreadable;
            eprint_line(&format!(
                "{lines} lines are no records and were passed over: `verigate audit verify` names the first"
            ));
        }
        Ok(())
    }

    fn range(&self) -> anyhow::Result<TimeRange> {
        let now = SystemClock.now();
        let instant =
            |text: &Option<String>| text.as_deref().map(|text| instant(text, now)).transpose();
        Ok(TimeRange {
            since: instant(&self.since)?,
            until: instant(&self.until)?,
        })
    }

    /// What is asked for. Reads the keys.
    pub(super) fn meant(&self) -> anyhow::Result<Meant<'_>> {
        let keys = identifier_keys(&self.identifier_key)?;
        let forms = |kind, id: &Option<String>| id.as_ref().map(|id| forms(&keys, kind, id));
        Ok(Meant {
            filter: self,
            verification: forms(IdentifierKind::Verification, &self.verification),
            identity: forms(IdentifierKind::Identity, &self.identity),
        })
    }
}

/// Which decisions are meant, and how the journal may record the identifiers that are asked for.
pub(super) struct Meant<'f> {
    filter: &'f Filter,
    verification: Option<Vec<String>>,
    identity: Option<Vec<String>>,
}

impl Meant<'_> {
    /// Whether a line is a decision with all that is asked for.
    pub(super) fn has(&self, line: &Value) -> bool {
        let Filter {
            decision_id,
            policy,
            decision,
            caller,
            reason,
            ..
        } = self.filter;
        let one_of = |name: &str, wanted: &[String]| {
            let value = line.get(name).and_then(Value::as_str);
            value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
        };
        let is = |name: &str, wanted: &Option<String>| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| one_of(name, slice::from_ref(wanted)))
        };
        let is_identity = |wanted: &Vec<String>| one_of("identity_id", wanted);
        let is_verification =
            |wanted: &Vec<String>| verifications(line).any(|id| wanted.iter().any(|w| w == id));
        let has_reason = |wanted: &String| {
            let reasons = line.get("reasons").and_then(Value::as_array);
            let mut codes = reasons
                .into_iter()
                .flatten()
                .filter_map(|r| r.get("code")?.as_str());
            codes.any(|code| code.eq_ignore_ascii_case(wanted))
        };
        line.get("decision").is_some()
            && is("decision_id", decision_id)
            && self.verification.as_ref().is_none_or(is_verification)
            && self.identity.as_ref().is_none_or(is_identity)
            && is("policy", policy)
            && is("decision", decision)
            && is("caller", caller)
            && reason.as_ref().is_none_or(has_reason)
    }
}

/// The forms in which a journal may have an identifier: as it is, and under each key.
fn forms(keys: &[IdentifierKey], kind: IdentifierKind, id: &str) -> Vec<String> {
    let keyed = keys.iter().map(|key| key.keyed(kind, id));
    keyed.chain([id.to_owned()]).collect()
}

/// The journal at these paths. One without files is an error.
pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<JournalFiles> {
    let journal = JournalFiles::find(paths)?;
    if journal.files.is_empty() {
        let shown = paths
            .first()
            .map_or_else(String::new, |path| path.display().to_string());
        bail!("there is no journal in `{shown}`: no file `decisions-<20 digits>.jsonl`");
    }
    Ok(journal)
}

/// The identifiers of verifications in a line. A decision that rests on the evidence of a successor is about both.
fn verifications(line: &Value) -> impl Iterator<Item = &str> {
    let members = [
        line.get("verification_id"),
        line.get("successor_id"),
        line.pointer("/evidence/trace_id"),
    ];
    members.into_iter().flatten().filter_map(Value::as_str)
}

/// An instant, or how long before `now`.
fn instant(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let ago = || parse_duration(text).ok().map(|ago| before(now, ago));
    parse_instant(text).or_else(ago).with_context(|| {
        format!(
            "`{text}` is no time: give one like `2026-01-31T12:00:00Z`, or how long ago, like `24h`"
        )
    })
}
