//! The callers' own names of their requests, in a form that can be echoed, logged and recorded anywhere.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::violations::ID_BYTES_MAX;

/// The header of a request over HTTP with the caller's own name of it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What stands for a character that is not kept.
const REPLACEMENT: char = '_';

/// A request id with an underscore for each character that is not visible ASCII: it may end in a header, on a terminal or in a log,
/// where a line end or an escape sequence would mean something.
pub fn cleaned(id: impl AsRef<str> + Into<Box<str>>) -> Box<str> {
    let text = id.as_ref();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return id.into();
    }
    let visible = |c: char| if c.is_ascii_graphic() { c } else { REPLACEMENT };
    text.chars().map(visible).collect()
}

/// The name of a request over HTTP, cleaned; empty if it has none, or one that is too long.
pub fn of_header(headers: &HeaderMap) -> Box<str> {
    let id = headers.get(REQUEST_ID).map(HeaderValue::to_str);
    let id = id.and_then(Result::ok);
    cleaned(id.filter(|id| id.len() <= ID_BYTES_MAX).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_caller_names_its_request_the_name_is_visible_ascii() {
        for kept in ["", "r-1", "A!~_\"'\\<>", "00-4bf92f3577b34da6-01"] {
            assert_eq!(&*cleaned(kept), kept);
        }
        for (id, expected) in [
            ("a\nb", "a_b"),
            ("a\r\nset-cookie: x", "a__set-cookie:_x"),
            ("\u{1b}[31mred", "_[31mred"),
            ("a b\tc\0", "a_b_c_"),
            ("T\u{fc}r 7", "T_r_7"),
            ("\u{202e}abc\u{200b}", "_abc_"),
            ("\u{7f}\u{9b}", "__"),
            ("\u{1f6aa}", "_"),
        ] {
            assert_eq!(&*cleaned(id), expected);
        }
        let all: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        assert!(cleaned(all).bytes().all(|c| c.is_ascii_graphic()));
    }
}
