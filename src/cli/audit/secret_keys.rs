//! Secret keys of auditors, each in a file: those that open facts, and those under which identifiers are recorded.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::{
    cli::output::eprint_line,
    journal::{AuditorKey, IdentifierKey},
    secrets::{Check, Secret, SecretFile},
};

/// The keys of these files that open facts.
pub(super) fn auditor_keys(files: &[PathBuf]) -> anyhow::Result<Vec<AuditorKey>> {
    let check = |text: &str| {
        let key = AuditorKey::parse(text);
        key.map(drop).map_err(|error| error.to_string())
    };
    let keys = files.iter().map(|file| {
        let secret = read(file, "--auditor-key", check)?;
        Ok(AuditorKey::parse(secret.expose_secret())?)
    });
    keys.collect()
}

/// The keys of these files under which identifiers are recorded.
pub(super) fn identifier_keys(files: &[PathBuf]) -> anyhow::Result<Vec<IdentifierKey>> {
    let check = |text: &str| {
        let key = IdentifierKey::parse(text);
        key.map(drop).map_err(|error| error.to_string())
    };
    let keys = files.iter().map(|file| {
        let secret = read(file, "--identifier-key", check)?;
        Ok(IdentifierKey::parse(secret.expose_secret())?)
    });
    keys.collect()
}

/// Reads a file as the service reads those with its secrets, and says who else could.
fn read(path: &Path, flag: &'static str, check: Check) -> anyhow::Result<Secret> {
    let file = SecretFile {
        setting: flag.to_owned(),
        path: path.to_owned(),
        check,
    };
    let secret = file.read().context(flag)?;
    for exposure in secret.exposures() {
        eprint_line(&format!("warning: {exposure}"));
    }
    Ok(secret)
}
