//! Verifier keys on the command line: the key itself, or a file with some.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::{files::read_text, journal::signed_note::VerifierKey};

/// The size of a file of keys, in bytes.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// The keys that these arguments name: each is a key, or a file with a key in each line.
pub(super) fn keys(arguments: &[String]) -> anyhow::Result<Vec<VerifierKey>> {
    let mut keys = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if !path.is_file() {
            let key = VerifierKey::parse(argument);
            keys.push(key.with_context(|| format!("`{argument}` is no file, and it"))?);
            continue;
        }
        let shown = path.display();
        let text =
            read_text(path, FILE_BYTES_MAX).with_context(|| format!("cannot read `{shown}`"))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let before = keys.len();
        for (number, line) in (1..).zip(lines) {
            let key = VerifierKey::parse(line);
            keys.push(key.with_context(|| format!("line {number} of `{shown}`"))?);
        }
        if keys.len() == before {
            bail!(
                "`{shown}` is empty: it should have the line that `verigate audit keygen` printed"
            );
        }
    }
    Ok(keys)
}
