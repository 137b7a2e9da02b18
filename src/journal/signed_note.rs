//! Signed notes (C2SP signed-note): a text with signatures below it. Checkpoints of the journal are such notes.

mod key;

use std::str;

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub use self::key::{KeyError, SigningKey, VerifierKey, is_key_name, signing_key_text};

/// Begins the line of a signature.
const SIGNATURE_PREFIX: &str = "— ";
/// Signatures that one note may have.
const SIGNATURES_MAX: usize = 16;
/// The size of a note, in bytes. A checkpoint with a signature has some 200.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// A note whose signatures have not been verified.
#[derive(Debug)]
pub struct Note<'n> {
    text: &'n str,
    signatures: Vec<Signature<'n>>,
}

#[derive(Debug)]
struct Signature<'n> {
    name: &'n str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why bytes are no note, or why the text of one is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is longer than [`NOTE_BYTES_MAX`].
    #[error("it is longer than {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8, or with control characters besides the end of a line.
    #[error("it is not a text of UTF-8 without control characters")]
    NotText,
    /// There is no empty line between a text and its signatures, or no end of the last line.
    #[error("it has no text, empty line and signatures, each line with its end")]
    NoSignatures,
    /// A line below the empty one is no signature.
    #[error("line {0} below the text is no signature: `— NAME BASE64`")]
    BadSignature(usize),
    /// There are more than sixteen.
    #[error("it has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// No signature is by this key.
    #[error("it is not signed by this key")]
    OtherKey,
    /// A signature by this key is wrong.
    #[error("its signature is wrong")]
    WrongSignature,
}

impl<'n> Note<'n> {
    /// Reads a whole note.
    pub fn parse(bytes: &'n [u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::NotText);
        }
        let (above, below) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        // The end of the last line of the text belongs to the text.
        let (text, _) = note
            .split_at_checked(above.len().saturating_add(1))
            .ok_or(NoteError::NoSignatures)?;
        let lines = below.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (number, line) in (1..).zip(lines.split('\n')) {
            if number > SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::BadSignature(number))?);
        }
        Ok(Self { text, signatures })
    }

    /// The text, if this key signed it and every signature by it is right.
    pub fn verified_by(&self, key: &VerifierKey) -> Result<&'n str, NoteError> {
        let ours = self
            .signatures
            .iter()
            .filter(|signature| key.is_named(signature.name, signature.id));
        let mut result = Err(NoteError::OtherKey);
        for signature in ours {
            if !key.verifies(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::WrongSignature);
            }
            result = Ok(self.text);
        }
        result
    }

    /// The text, although nobody is known to have signed it.
    pub fn unverified_text(&self) -> &'n str {
        self.text
    }
}

impl<'n> Signature<'n> {
    fn parse(line: &'n str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = STANDARD.decode(base64).ok()?;
        let (id, bytes) = decoded.split_first_chunk()?;
        let is_signature = is_key_name(name) && !bytes.is_empty();
        is_signature.then(|| Self {
            name,
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

/// Whether a line is that of a signature, by its beginning.
pub fn is_signature_line(line: &[u8]) -> bool {
    line.starts_with(SIGNATURE_PREFIX.as_bytes())
}

#[cfg(test)]
mod tests;
