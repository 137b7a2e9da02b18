//! Bytes that may hold a secret or a person's data: shown nowhere, and overwritten when they are dropped or moved to a larger place.

use std::{
    fmt, fs,
    io::{self, Read as _},
    ops::Deref,
    path::Path,
};

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use zeroize::Zeroizing;

/// The smallest capacity of bytes that grow.
const CAPACITY_MIN: usize = 4096;

/// Bytes that are overwritten when they are dropped. Their `Debug` output never shows them.
#[derive(Default)]
pub struct WipedBytes(Zeroizing<Vec<u8>>);

impl WipedBytes {
    /// Appends these bytes. Where they do not fit, all move to a larger place, and the old one is overwritten.
    pub fn append(&mut self, bytes: &[u8]) {
        let len = self.0.len().saturating_add(bytes.len());
        if len > self.0.capacity() {
            let capacity = len
                .max(self.0.capacity().saturating_mul(2))
                .max(CAPACITY_MIN);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }
}

impl Deref for WipedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for WipedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WipedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WipedBytes(…)")
    }
}

impl io::Write for WipedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The value as JSON, in bytes that are overwritten when the last of their users has dropped them.
pub fn json(value: &impl Serialize) -> serde_json::Result<Bytes> {
    let mut text = WipedBytes::default();
    serde_json::to_writer(&mut text, value)?;
    Ok(Bytes::from_owner(text))
}

/// A text as the value of a header that `Debug` does not show, in bytes that are overwritten; `None` if no header may have it.
pub fn header(text: &str) -> Option<HeaderValue> {
    let mut bytes = WipedBytes::default();
    bytes.append(text.as_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads a text in UTF-8 that is overwritten when it is dropped. One that is longer than `bytes_max` is an error. Blocks.
pub fn read_text(path: &Path, bytes_max: usize) -> io::Result<Zeroizing<String>> {
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let file = fs::File::open(path)?;
    let expected = file.metadata()?.len().min(limit);
    let capacity = usize::try_from(expected).unwrap_or(bytes_max);
    let mut file = file.take(limit);
    let mut bytes = WipedBytes::default();
    bytes.0.reserve(capacity);
    let mut chunk = Zeroizing::new([0; CAPACITY_MIN]);
    loop {
        let read = file.read(chunk.as_mut_slice())?;
        match chunk.get(..read) {
            None | Some([]) => break,
            Some(read) => bytes.append(read),
        }
    }
    if bytes.len() > bytes_max {
        let message = format!("it is longer than {bytes_max} bytes");
        return Err(io::Error::other(message));
    }
    let text = str::from_utf8(&bytes).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bytes_that_grow_are_the_same_and_are_never_shown() {
        let mut bytes = WipedBytes::default();
        let mut plain = Vec::new();
        for n in 0..5000_u32 {
            let part = n.to_string();
            bytes.write_all(part.as_bytes()).unwrap();
            plain.extend_from_slice(part.as_bytes());
        }
        assert_eq!(&*bytes, plain.as_slice());
        assert_eq!(format!("{bytes:?}"), "WipedBytes(…)");
    }

    #[test]
    fn a_header_with_a_secret_is_not_shown() {
        let header = header("a-secret-of-the-tests").unwrap();
        assert_eq!(header.as_bytes(), b"a-secret-of-the-tests");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert!(super::header("two\nlines").is_none());
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (len, fits) in [(0, true), (4096, true), (10_000, true), (10_001, false)] {
            fs::write(&path, "x".repeat(len)).unwrap();
            let text = read_text(&path, 10_000);
            assert_eq!(text.is_ok_and(|text| text.len() == len), fits, "{len}");
        }
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 10).is_err());
    }
}
