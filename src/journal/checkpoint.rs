//! Checkpoints of the journal (C2SP tlog-checkpoint): the origin, the number of lines and the root of their tree, signed as a note.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The state of a journal at one moment, as it is signed. Its text has three lines: the origin, the size and the root in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the journal.
    pub origin: Box<str>,
    /// How many lines there are.
    pub size: u64,
    /// The root of the tree over them (RFC 6962).
    pub root: [u8; 32],
}

/// The text of a note is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its text is no checkpoint: the origin, a size and a root in base64, a line each, and nothing more"
)]
pub struct CheckpointError;

impl Checkpoint {
    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let (origin, size, root) = (line(), line(), line());
        let end = (lines.next(), lines.next());
        let checkpoint = || {
            let number: u64 = size?.parse().ok()?;
            let root = STANDARD.decode(root?).ok()?.try_into().ok()?;
            let is_canonical = size? == number.to_string() && end == (Some(""), None);
            is_canonical.then_some(Self {
                origin: origin?.into(),
                size: number,
                root,
            })
        };
        checkpoint().ok_or(CheckpointError)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the example of C2SP tlog-checkpoint.
    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_format_is_read_and_written() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(&*checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.to_string(), EXAMPLE);
    }

    #[test]
    fn what_is_no_checkpoint_is_rejected() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for text in [
            String::new(),
            EXAMPLE.trim_end().to_owned(),
            format!("{EXAMPLE}extension\n"),
            format!("{EXAMPLE}\n"),
            format!("\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            "a\n1\nAAAA\n".to_owned(),
            format!("a\n1\n{}\n", root.replace("I=", "J=")),
            format!("a\n1\n{}\n", root.trim_end_matches('=')),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(CheckpointError), "{text}");
        }
    }
}
