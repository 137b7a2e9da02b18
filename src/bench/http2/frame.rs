//! The frames of HTTP/2 (RFC 9113, section 4).

use super::error::Http2Error;

/// What a client begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame that every peer takes. No peer sends us a longer one, because our settings permit none.
pub(super) const FRAME_BYTES_MAX: usize = 16_384;
const HEAD_BYTES: usize = 9;
pub(super) const END_STREAM: u8 = 0x01;
pub(super) const ACK: u8 = 0x01;
pub(super) const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
const PRIORITY_BYTES: usize = 5;
const SETTING_BYTES: usize = 6;
/// What is kept of the text of a server.
const TEXT_BYTES_MAX: usize = 200;
/// The codes of errors (RFC 9113, section 7).
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const DATA: Self = Self(0);
    pub(super) const HEADERS: Self = Self(1);
    pub(super) const RST_STREAM: Self = Self(3);
    pub(super) const SETTINGS: Self = Self(4);
    pub(super) const PING: Self = Self(6);
    pub(super) const GOAWAY: Self = Self(7);
    pub(super) const WINDOW_UPDATE: Self = Self(8);
    pub(super) const CONTINUATION: Self = Self(9);
}

/// A frame of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) kind: Kind,
    flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'f [u8],
}

impl<'f> Frame<'f> {
    /// The first frame of these bytes and what follows it; nothing if it is not complete.
    pub(super) fn split(bytes: &'f [u8]) -> Result<Option<(Self, &'f [u8])>, Http2Error> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            // Text, such as an answer of HTTP/1, would be a very long frame.
            return Err(Http2Error::NoHttp2);
        }
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        let frame = Self {
            kind: Kind(kind),
            flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
            payload,
        };
        Ok(Some((frame, rest)))
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The number that the payload begins with.
    pub(super) fn number(&self) -> Result<u32, Http2Error> {
        let first = self.payload.first_chunk();
        first
            .map(|bytes| u32::from_be_bytes(*bytes))
            .ok_or(Http2Error::Frame)
    }

    /// Of GOAWAY: the last stream that the server has taken, and why it takes no others.
    pub(super) fn go_away(&self) -> Result<(u32, String), Http2Error> {
        let (last, rest) = self.payload.split_first_chunk().ok_or(Http2Error::Frame)?;
        let (code, text) = rest.split_first_chunk().ok_or(Http2Error::Frame)?;
        let code = error_name(u32::from_be_bytes(*code));
        let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        let separator = if text.is_empty() { "" } else { ": " };
        let last = u32::from_be_bytes(*last) & (u32::MAX >> 1);
        Ok((
            last,
            format!("GOAWAY {code}{separator}{}", text.escape_debug()),
        ))
    }

    /// The payload without its padding.
    pub(super) fn unpadded(&self) -> Result<&'f [u8], Http2Error> {
        if !self.has(PADDED) {
            return Ok(self.payload);
        }
        let (padding, rest) = self.payload.split_first().ok_or(Http2Error::Frame)?;
        let length = rest.len().checked_sub(usize::from(*padding));
        length
            .and_then(|length| rest.get(..length))
            .ok_or(Http2Error::Frame)
    }

    /// The block of headers in the payload.
    pub(super) fn unpadded_head(&self) -> Result<&'f [u8], Http2Error> {
        let block = self.unpadded()?;
        if !self.has(PRIORITY) {
            return Ok(block);
        }
        block.get(PRIORITY_BYTES..).ok_or(Http2Error::Frame)
    }

    /// The settings in the payload.
    pub(super) fn settings(&self) -> Result<impl Iterator<Item = (u16, u32)>, Http2Error> {
        let (settings, rest) = self.payload.as_chunks::<SETTING_BYTES>();
        if !rest.is_empty() {
            return Err(Http2Error::Frame);
        }
        Ok(settings
            .iter()
            .map(|[a, b, value @ ..]| (u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value))))
    }
}

/// The name of an error, or its number.
pub(in crate::bench) fn error_name(code: u32) -> String {
    let place = usize::try_from(code).unwrap_or(usize::MAX);
    ERRORS
        .get(place)
        .map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

/// Appends a frame, whose payload stands in parts. It is no longer than [`FRAME_BYTES_MAX`].
pub(super) fn put(to: &mut Vec<u8>, Kind(kind): Kind, flags: u8, stream: u32, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    to.extend(length.into_iter().skip(1));
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    for part in parts {
        to.extend_from_slice(part);
    }
}

/// Appends a setting.
pub(super) fn put_setting(to: &mut Vec<u8>, setting: u16, value: u32) {
    to.extend_from_slice(&setting.to_be_bytes());
    to.extend_from_slice(&value.to_be_bytes());
}
