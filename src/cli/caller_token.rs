//! The token of a caller, from a file.

use std::path::Path;

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use crate::files::read_text;

/// The size of a file with a token, in bytes.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// The token that is alone in a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let shown = path.display();
    let text = read_text(path, FILE_BYTES_MAX);
    let text = Zeroizing::new(text.with_context(|| format!("cannot read `{shown}`"))?);
    let is_token = |text: &str| text.bytes().all(|c| c.is_ascii_graphic()) && !text.is_empty();
    let Some(token) = Some(text.trim_end_matches(['\r', '\n'])).filter(|text| is_token(text))
    else {
        bail!("`{shown}` does not hold a token alone on one line");
    };
    Ok(Zeroizing::new(token.to_owned()))
}
