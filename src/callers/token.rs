//! Tokens of callers: `vg_`, an id of 8 characters, `_`, and 256 random bits as base64url. The configuration holds the id and the SHA-256
//! of the whole text, so that nobody who reads it can make calls. A random secret needs no salt and no slow hash.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How every token begins, so that scanners for leaked secrets can find it.
pub(super) const PREFIX: &str = "vg_";
const ID_LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const ID_BYTES: usize = 8;
/// 256 bits in base64url without padding.
const SECRET_CHARS: usize = 43;

/// Whether this is a letter of base64url.
fn is_base64url(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_')
}

/// The part of a token that is no secret: it finds the entry that the token is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; ID_BYTES]);

impl TokenId {
    fn parse(text: &str) -> Option<Self> {
        let bytes = <[u8; ID_BYTES]>::try_from(text.as_bytes()).ok()?;
        bytes
            .iter()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            .then_some(Self(bytes))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// A text in which the secret part of whatever looks like a token is replaced by `…`: a token is easily pasted into a wrong setting.
pub fn without_tokens(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(PREFIX) {
        let (before, token) = rest.split_at(begin + PREFIX.len());
        shown.push_str(before);
        rest = token;
        let id = token.get(..ID_BYTES).and_then(TokenId::parse);
        let secret = token
            .get(ID_BYTES..)
            .and_then(|rest| rest.strip_prefix('_'));
        if let (Some(_), Some(secret)) = (id, secret) {
            shown.push_str(token.get(..=ID_BYTES).unwrap_or_default());
            shown.push('…');
            rest =
                secret.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
        }
    }
    shown.push_str(rest);
    shown
}

/// A token of a caller. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Token {
    id: TokenId,
    text: SecretString,
}

impl Token {
    /// A token made of random bytes. Each byte of the id is used modulo 36, which is uneven by a tenth: the id is no secret.
    pub fn from_random(id: [u8; ID_BYTES], secret: [u8; 32]) -> Self {
        let letter = |byte: u8| {
            let letter = ID_LETTERS.get(usize::from(byte) % ID_LETTERS.len());
            letter.copied().unwrap_or(b'a')
        };
        let id = TokenId(id.map(letter));
        let mut text = format!("{id}_");
        URL_SAFE_NO_PAD.encode_string(secret, &mut text);
        Self {
            id,
            text: text.into(),
        }
    }

    /// What the configuration holds of it.
    pub fn entry(&self) -> TokenEntry {
        TokenEntry::of(self.id, self.reveal())
    }

    /// Its text, to be given to the caller.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A token that a caller has sent, in the header that it came in.
#[derive(Clone, Copy)]
pub struct SentToken<'h> {
    id: TokenId,
    text: &'h str,
}

impl fmt::Debug for SentToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'h> SentToken<'h> {
    /// Parses the text that a caller sends. `None` if it is no token.
    pub fn parse(text: &'h str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (id, secret) = rest.split_at_checked(ID_BYTES)?;
        let id = TokenId::parse(id)?;
        let secret = secret.strip_prefix('_')?;
        let is_secret = secret.len() == SECRET_CHARS && secret.bytes().all(is_base64url);
        is_secret.then_some(Self { id, text })
    }

    /// Its id.
    pub fn id(self) -> TokenId {
        self.id
    }

    /// What the configuration holds of it.
    pub fn entry(self) -> TokenEntry {
        TokenEntry::of(self.id, self.text)
    }
}

/// What the configuration holds of a token: `vg_<id>:<SHA-256 of the whole text in hexadecimal>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its id.
    pub id: TokenId,
    digest: [u8; 32],
}

/// A text is not the entry of a token. The text is not shown, because it may be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntryError {
    /// It is the token itself, which the configuration must not hold.
    #[error(
        "has a token in it, and not its digest: anybody who can read the file could use it, so replace that token"
    )]
    IsToken,
    /// Its form is another.
    #[error("is not `vg_`, 8 of a-z and 0-9, `:` and 64 hexadecimal digits")]
    Form,
}

impl TokenEntry {
    /// An entry that no token has. Compared with where there is none of that id, so that both take the same time.
    pub(super) const NONE: Self = Self {
        id: TokenId([0; ID_BYTES]),
        digest: [0; 32],
    };

    fn of(id: TokenId, text: &str) -> Self {
        Self {
            id,
            digest: Sha256::digest(text).into(),
        }
    }

    /// Parses an entry.
    pub fn parse(text: &str) -> Result<Self, InvalidEntryError> {
        if SentToken::parse(text).is_some() {
            return Err(InvalidEntryError::IsToken);
        }
        let parts = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once(':'));
        let (id, hex) = parts.ok_or(InvalidEntryError::Form)?;
        let id = TokenId::parse(id).ok_or(InvalidEntryError::Form)?;
        let digest = bytes_of(hex).ok_or(InvalidEntryError::Form)?;
        Ok(Self { id, digest })
    }

    /// Whether this is the entry of a token, in constant time.
    pub(super) fn is_of(&self, token: SentToken<'_>) -> bool {
        let given = token.entry();
        bool::from(given.digest.ct_eq(&self.digest)) && given.id == self.id
    }
}

impl fmt::Display for TokenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.id)?;
        self.digest
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The 32 bytes of 64 hexadecimal digits.
fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, two) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::from_random([0, 1, 2, 25, 26, 35, 36, 255], [0xff; 32])
    }

    #[test]
    fn a_token_is_prefix_id_and_256_bits_and_reads_back() {
        let token = token();
        assert_eq!(token.reveal(), format!("vg_abcz09ad_{}8", "_".repeat(42)));
        assert_eq!(token.reveal().len(), 55);
        let read = SentToken::parse(token.reveal()).unwrap();
        assert_eq!(read.entry(), token.entry());
        let zeros = Token::from_random([0; 8], [0; 32]);
        assert_eq!(zeros.reveal(), format!("vg_aaaaaaaa_{}", "A".repeat(43)));
        let counting: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let counting = Token::from_random([0; 8], counting);
        // As `base64` of coreutils has it.
        let text = "vg_aaaaaaaa_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(counting.reveal(), text);
    }

    #[test]
    fn an_entry_is_the_id_and_the_digest_and_holds_for_its_token_alone() {
        let token = token();
        let entry = TokenEntry::parse(&token.entry().to_string()).unwrap();
        let sent = |token: &Token, entry: TokenEntry| {
            entry.is_of(SentToken::parse(token.reveal()).unwrap())
        };
        assert!(sent(&token, entry));
        let upper = token
            .entry()
            .to_string()
            .split_once(':')
            .map(|(id, hex)| format!("{id}:{}", hex.to_uppercase()));
        assert!(sent(&token, TokenEntry::parse(&upper.unwrap()).unwrap()));
        assert!(!sent(&Token::from_random([0; 8], [0xff; 32]), entry));
        assert!(!sent(&token, TokenEntry::NONE));
        // As `sha256sum` has it.
        let known = "vg_aaaaaaaa:635c4549fcfd9192598e62957bac922200c939b3c5da376c039993d0f6c550e8";
        assert_eq!(
            Token::from_random([0; 8], [0; 32]).entry().to_string(),
            known
        );
    }

    #[test]
    fn what_is_no_entry_is_refused_and_a_token_in_its_place_is_named() {
        let (token, entry) = (token(), token().entry().to_string());
        assert_eq!(
            TokenEntry::parse(token.reveal()),
            Err(InvalidEntryError::IsToken)
        );
        let odd = [
            String::new(),
            entry.replace("vg_", ""),
            entry.replace("vg_", "VG_"),
            entry.replace(':', "_"),
            entry.replace(':', "::"),
            format!("{entry}0"),
            entry.get(..entry.len() - 1).unwrap().to_owned(),
            entry.replace("abcz09ad", "abcz09a"),
            entry.replace("abcz09ad", "ABCZ09AD"),
            format!("{}z", entry.get(..entry.len() - 1).unwrap()),
        ];
        for text in odd {
            assert_eq!(
                TokenEntry::parse(&text),
                Err(InvalidEntryError::Form),
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_shows_a_token() {
        let (token, text) = (token(), token().reveal().to_owned());
        for shown in [
            format!("{token:?}"),
            format!("{:?}", SentToken::parse(&text).unwrap()),
        ] {
            assert!(!shown.contains("______"), "{shown}");
        }
    }
}
