//! The headers of a request, prepared: the first call of a connection adds them to the table of HPACK, and later ones refer to it.

use std::time::Duration;

/// The size of the dynamic table that every server has unless it says otherwise.
const TABLE_BYTES: usize = 4_096;
const ENTRY_BYTES: usize = 32;
/// The first entry of the dynamic table.
const DYNAMIC_FIRST: usize = 62;

/// A header: its name, and its number in the static table if it is there.
type Header = (&'static str, Option<u8>, String);

/// The blocks of headers of a request.
#[derive(Debug, Clone)]
pub(super) struct RequestHead {
    /// Of the first call of a connection.
    pub(super) first: Vec<u8>,
    /// Of later calls, once the first was sent.
    pub(super) later: Vec<u8>,
    /// Of any call, for a server without a table.
    pub(super) plain: Vec<u8>,
}

impl RequestHead {
    /// `token` is that of a caller. `timeout` is what the server is given for the whole call: none on a stream, which lasts as long as the
    /// load.
    pub(super) fn new(
        path: &str,
        authority: &str,
        is_tls: bool,
        token: Option<&str>,
        timeout: Option<Duration>,
    ) -> Self {
        let mut headers: Vec<Header> = vec![
            (":path", Some(4), path.to_owned()),
            (":authority", Some(1), authority.to_owned()),
            ("content-type", Some(31), "application/grpc".to_owned()),
            ("te", None, "trailers".to_owned()),
            ("user-agent", Some(58), "verigate-bench".to_owned()),
        ];
        headers.extend(timeout.map(|timeout| ("grpc-timeout", None, grpc_timeout(timeout))));
        headers.extend(token.map(|token| ("x-verigate-token", None, token.to_owned())));
        // `:method: POST`, and `:scheme: https` or `http`.
        let start = vec![0x83, if is_tls { 0x87 } else { 0x86 }];
        let block = |kind: u8, prefix: u8| {
            let mut block = start.clone();
            for (name, number, value) in &headers {
                match number {
                    Some(number) => integer(&mut block, kind, prefix, usize::from(*number)),
                    None => {
                        block.push(kind);
                        text(&mut block, name);
                    }
                }
                text(&mut block, value);
            }
            block
        };
        let plain = block(0x00, 4);
        let sizes = headers
            .iter()
            .map(|(name, _, value)| name.len() + value.len() + ENTRY_BYTES);
        if sizes.sum::<usize>() > TABLE_BYTES {
            return Self {
                first: plain.clone(),
                later: plain.clone(),
                plain,
            };
        }
        let mut later = start.clone();
        // The newest entry is the first.
        for entry in (0..headers.len()).rev() {
            integer(&mut later, 0x80, 7, DYNAMIC_FIRST + entry);
        }
        Self {
            first: block(0x40, 6),
            later,
            plain,
        }
    }
}

/// A timeout as gRPC has it: at most eight digits.
fn grpc_timeout(timeout: Duration) -> String {
    format!("{}m", timeout.as_millis().clamp(1, 99_999_999))
}

/// An integer whose first bits are the last `prefix` ones of a byte, of which `kind` are the others.
fn integer(block: &mut Vec<u8>, kind: u8, prefix: u8, value: usize) {
    let most = (1_u8 << prefix) - 1;
    if let Some(small) = u8::try_from(value).ok().filter(|value| *value < most) {
        block.push(kind | small);
        return;
    }
    block.push(kind | most);
    let mut rest = value.saturating_sub(usize::from(most));
    while rest >= 0x80 {
        // The low seven bits.
        block.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
        rest >>= 7;
    }
    block.push(u8::try_from(rest).unwrap_or(0));
}

fn text(block: &mut Vec<u8>, text: &str) {
    integer(block, 0x00, 7, text.len());
    block.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(token: Option<&str>) -> RequestHead {
        let timeout = Some(Duration::from_secs(2));
        RequestHead::new("/a.B/C", "localhost", false, token, timeout)
    }

    #[test]
    fn the_first_call_names_its_headers_and_later_ones_refer_to_them() {
        let head = head(Some("vg_1"));
        let first = b"\x83\x86\x44\x06/a.B/C\x41\x09localhost\x5f\x10application/grpc\x40\x02te\x08trailers\
            \x7a\x0everigate-bench\x40\x0cgrpc-timeout\x052000m\x40\x10x-verigate-token\x04vg_1";
        assert_eq!(head.first, first);
        assert_eq!(
            head.later,
            [0x83, 0x86, 0xc4, 0xc3, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe]
        );
        assert!(
            head.plain.starts_with(
                b"\x83\x86\x04\x06/a.B/C\x01\x09localhost\x0f\x10\x10application/grpc"
            )
        );
    }

    #[test]
    fn without_a_timeout_the_server_is_given_none() {
        let head = RequestHead::new("/a.B/C", "localhost", false, None, None);
        let named = |block: &[u8]| block.windows(12).any(|part| part == b"grpc-timeout");
        assert!(!named(&head.first) && !named(&head.plain));
        assert_eq!(head.later, [0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe]);
    }

    #[test]
    fn headers_that_do_not_fit_in_the_table_are_sent_each_time() {
        let token = "t".repeat(4_000);
        let head = head(Some(&token));
        assert_eq!(head.first, head.later);
        // 4000 - 127 = 3873 = 0x21 + 0x1e * 128.
        let length = b"x-verigate-token\x7f\xa1\x1ett";
        assert!(head.later.windows(length.len()).any(|part| part == length));
    }
}
