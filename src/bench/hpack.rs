//! The headers of answers (HPACK, RFC 7541), of which three count: `:status`, `grpc-status` and `grpc-message`. The table of the
//! connection is kept as a server expects of any client.

use std::collections::VecDeque;

use percent_encoding::percent_decode;

use super::huffman::Huffman;

/// The size of the dynamic table that every client has unless it says otherwise.
const TABLE_BYTES_MAX: usize = 4_096;
/// What an entry costs beside its texts.
const ENTRY_BYTES: usize = 32;
/// The names of the static table. Of the values, only those of `:status` matter.
#[rustfmt::skip]
const STATIC_NAMES: [&str; 61] = [
    ":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme",
    ":status", ":status", ":status", ":status", ":status", ":status", ":status",
    "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept", "access-control-allow-origin",
    "age", "allow", "authorization", "cache-control", "content-disposition", "content-encoding", "content-language",
    "content-length", "content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires",
    "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified",
    "link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh",
    "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via",
    "www-authenticate",
];
/// The first entry that is a `:status`.
const STATUS_FIRST: usize = 8;
const STATUSES: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
/// No text of a header is longer.
const TEXT_BYTES_MAX: usize = 64 * 1_024;

/// A header: name and value.
type Header = (Vec<u8>, Vec<u8>);

/// What the headers of an answer, or its trailers, say.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) http_status: Option<u16>,
    pub(super) grpc_status: Option<u8>,
    pub(super) message: Option<String>,
}

/// Why a block of headers cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the headers of an answer are no valid HPACK")]
pub(super) struct HpackError;

/// Reads the blocks of headers of a connection, which have to come in order.
#[derive(Debug)]
pub(super) struct Decoder {
    huffman: Huffman,
    /// The newest first.
    table: VecDeque<Header>,
    bytes: usize,
    bytes_max: usize,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            huffman: Huffman::new(),
            table: VecDeque::new(),
            bytes: 0,
            bytes_max: TABLE_BYTES_MAX,
        }
    }

    /// Reads a block, and adds what it says to `head`.
    pub(super) fn read(&mut self, mut block: &[u8], head: &mut Head) -> Result<(), HpackError> {
        while let Some(first) = block.first().copied() {
            if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                self.indexed(index, |name, value| note(name, value, head))?;
            } else if first & 0xc0 == 0x40 {
                let header = self.literal(&mut block, 6)?;
                note(&header.0, &header.1, head);
                self.add(header);
            } else if first & 0xe0 == 0x20 {
                let size = integer(&mut block, 5)?;
                self.resize(size)?;
            } else {
                let (name, value) = self.literal(&mut block, 4)?;
                note(&name, &value, head);
            }
        }
        Ok(())
    }

    fn indexed(&self, index: usize, with: impl FnOnce(&[u8], &[u8])) -> Result<(), HpackError> {
        let place = index.checked_sub(1).ok_or(HpackError)?;
        if let Some(name) = STATIC_NAMES.get(place) {
            let status = index.checked_sub(STATUS_FIRST);
            let value = status.and_then(|place| STATUSES.get(place));
            with(name.as_bytes(), value.map_or(b"", |value| value.as_bytes()));
            return Ok(());
        }
        let place = place.saturating_sub(STATIC_NAMES.len());
        let (name, value) = self.table.get(place).ok_or(HpackError)?;
        with(name, value);
        Ok(())
    }

    fn literal(&self, block: &mut &[u8], prefix: u8) -> Result<Header, HpackError> {
        let index = integer(block, prefix)?;
        let name = match index {
            0 => self.text(block)?,
            _ => {
                let mut name = Vec::new();
                self.indexed(index, |of, _| name.extend_from_slice(of))?;
                name
            }
        };
        Ok((name, self.text(block)?))
    }

    fn text(&self, block: &mut &[u8]) -> Result<Vec<u8>, HpackError> {
        let is_coded = block.first().is_some_and(|first| first & 0x80 != 0);
        let length = integer(block, 7)?;
        let (text, rest) = block.split_at_checked(length).ok_or(HpackError)?;
        *block = rest;
        if is_coded {
            return self.huffman.decode(text).ok_or(HpackError);
        }
        Ok(text.to_vec())
    }

    fn add(&mut self, header: Header) {
        self.bytes += size(&header);
        self.table.push_front(header);
        self.evict();
    }

    fn resize(&mut self, bytes_max: usize) -> Result<(), HpackError> {
        if bytes_max > TABLE_BYTES_MAX {
            return Err(HpackError);
        }
        self.bytes_max = bytes_max;
        self.evict();
        Ok(())
    }

    fn evict(&mut self) {
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.table.pop_back()
        {
            self.bytes -= size(&oldest);
        }
    }
}

fn size((name, value): &Header) -> usize {
    name.len() + value.len() + ENTRY_BYTES
}

/// An integer whose first bits are the last `prefix` ones of a byte (section 5.1).
fn integer(block: &mut &[u8], prefix: u8) -> Result<usize, HpackError> {
    let (first, mut rest) = block.split_first().ok_or(HpackError)?;
    let most = (1_u8 << prefix) - 1;
    let mut value = usize::from(first & most);
    if value == usize::from(most) {
        let mut shift = 0;
        loop {
            let (next, after) = rest.split_first().ok_or(HpackError)?;
            rest = after;
            value += usize::from(next & 0x7f) << shift;
            shift += 7;
            if value > TEXT_BYTES_MAX || shift > 28 {
                return Err(HpackError);
            }
            if next & 0x80 == 0 {
                break;
            }
        }
    }
    *block = rest;
    Ok(value)
}

fn note(name: &[u8], value: &[u8], head: &mut Head) {
    let text = || std::str::from_utf8(value).ok();
    match name {
        b":status" => head.http_status = text().and_then(|text| text.parse().ok()),
        b"grpc-status" => head.grpc_status = text().and_then(|text| text.parse().ok()),
        b"grpc-message" => {
            let decoded = percent_decode(value).decode_utf8_lossy();
            head.message = Some(decoded.into_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Head, HpackError> {
        let mut head = Head::default();
        decoder.read(block, &mut head).map(|()| head)
    }

    /// RFC 7541, appendix C.6: three responses over a table of 256 bytes, which evicts.
    #[test]
    fn the_responses_of_the_specification_are_read_with_its_table() {
        let mut decoder = Decoder::new();
        decoder.bytes_max = 256;
        let blocks = [
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ];
        let statuses = blocks.map(|block| {
            let pairs = block
                .as_bytes()
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair).unwrap());
            let bytes: Vec<u8> = pairs
                .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                .collect();
            read(&mut decoder, &bytes).unwrap().http_status
        });
        assert_eq!(statuses, [Some(302), Some(307), Some(200)]);
        assert_eq!((decoder.table.len(), decoder.bytes), (3, 215));
    }

    #[test]
    fn the_status_of_a_call_is_read_and_found_in_the_table_again() {
        let mut decoder = Decoder::new();
        let block = b"\x88\x40\x0bgrpc-status\x015\x00\x0cgrpc-message\x09no%20room";
        let head = read(&mut decoder, block).unwrap();
        let message = Some("no room".to_owned());
        let expected = Head {
            http_status: Some(200),
            grpc_status: Some(5),
            message,
        };
        assert_eq!(head, expected);
        assert_eq!(read(&mut decoder, &[0xbe]).unwrap().grpc_status, Some(5));
        // A smaller table has no room for it.
        assert_eq!(read(&mut decoder, &[0x20, 0xbe]), Err(HpackError));
    }

    #[test]
    fn what_is_cut_or_refers_to_nothing_is_an_error() {
        for block in [
            &[0x80][..],
            &[0xbe],
            &[0x40],
            &[0x40, 0x05, b'a'],
            &[0x7f],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0x3f, 0xff, 0x7f],
        ] {
            assert_eq!(
                read(&mut Decoder::new(), block),
                Err(HpackError),
                "{block:x?}"
            );
        }
    }
}
