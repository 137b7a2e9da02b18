//! JSON that is written member by member into a buffer: a line has no value in between that would have to be built, and freed again.

use std::{fmt::Display, io::Write as _, net::SocketAddr};

use uuid::{Uuid, fmt::Hyphenated};

use crate::policy::{
    Revision, Timestamp, push_rfc3339,
    yaml::{is_visible, json_escape},
};

/// The digits of the largest number.
const NUMBER_DIGITS: usize = 20;

/// An object that is being written. All names are of plain ASCII, and none is given twice.
pub(super) struct Object<'j> {
    json: &'j mut Vec<u8>,
    is_empty: bool,
}

/// Appends an object with what is written into it.
pub(super) fn push_object(json: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    json.push(b'{');
    let mut object = Object {
        json,
        is_empty: true,
    };
    write(&mut object);
    json.push(b'}');
}

/// Appends an array of objects.
fn push_objects<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Object<'_>, T),
) {
    push_array(json, items, |json, item| {
        push_object(json, |object| write(object, item));
    });
}

fn push_array<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) {
    json.push(b'[');
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            json.push(b',');
        }
        push(json, item);
    }
    json.push(b']');
}

impl Object<'_> {
    /// A member of this name; its value is appended to what is returned.
    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.json.push(b',');
        }
        self.is_empty = false;
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
        self.json
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        push_text(self.member(name), text);
    }

    /// A member whose name comes from outside.
    pub(super) fn text_of_any_name(&mut self, name: &str, text: &str) {
        if !self.is_empty {
            self.json.push(b',');
        }
        self.is_empty = false;
        push_text(self.json, name);
        self.json.push(b':');
        push_text(self.json, text);
    }

    pub(super) fn texts<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        push_array(self.member(name), texts, push_text);
    }

    /// A text as this value shows itself, which is of characters that JSON takes as they are.
    pub(super) fn shown(&mut self, name: &str, value: &impl Display) {
        let json = self.member(name);
        // Memory takes whatever is written.
        let _ = write!(json, "\"{value}\"");
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        push_number(self.member(name), number);
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        let text: &[u8] = if flag { b"true" } else { b"false" };
        self.member(name).extend_from_slice(text);
    }

    pub(super) fn instant(&mut self, name: &str, instant: Timestamp) {
        let json = self.member(name);
        json.push(b'"');
        push_rfc3339(json, instant);
        json.push(b'"');
    }

    pub(super) fn uuid(&mut self, name: &str, uuid: Uuid) {
        let mut text = [0; Hyphenated::LENGTH];
        self.text(name, uuid.as_hyphenated().encode_lower(&mut text));
    }

    pub(super) fn revision(&mut self, name: &str, revision: Revision) {
        let json = self.member(name);
        json.push(b'"');
        json.extend_from_slice(&revision.digits());
        json.push(b'"');
    }

    pub(super) fn address(&mut self, name: &str, address: SocketAddr) {
        let json = self.member(name);
        json.push(b'"');
        match address {
            SocketAddr::V4(v4) => {
                for (n, octet) in v4.ip().octets().into_iter().enumerate() {
                    if n > 0 {
                        json.push(b'.');
                    }
                    push_number(json, octet.into());
                }
                json.push(b':');
                push_number(json, v4.port().into());
            }
            SocketAddr::V6(_) => json.extend_from_slice(address.to_string().as_bytes()),
        }
        json.push(b'"');
    }

    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        push_object(self.member(name), write);
    }

    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Object<'_>, T),
    ) {
        push_objects(self.member(name), items, write);
    }
}

/// Appends a text whose characters are all visible: a caller's text may reach a terminal, and what a terminal might obey is escaped as JSON
/// escapes it.
pub(super) fn push_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    if is_plain(text.as_bytes()) {
        json.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|c| push_char(json, c));
    }
    json.push(b'"');
}

/// Whether all bytes are characters that JSON takes as they are. Without an early end, so that many are compared at once.
fn is_plain(bytes: &[u8]) -> bool {
    let escaped = |byte: u8| {
        let is_outside = byte.wrapping_sub(b' ') > b'~' - b' ';
        u8::from(is_outside) | u8::from(byte == b'"') | u8::from(byte == b'\\')
    };
    bytes.iter().fold(0, |found, byte| found | escaped(*byte)) == 0
}

fn push_char(json: &mut Vec<u8>, c: char) {
    match c {
        '"' => json.extend_from_slice(b"\\\""),
        '\\' => json.extend_from_slice(b"\\\\"),
        '\n' => json.extend_from_slice(b"\\n"),
        '\r' => json.extend_from_slice(b"\\r"),
        '\t' => json.extend_from_slice(b"\\t"),
        '\u{8}' => json.extend_from_slice(b"\\b"),
        '\u{c}' => json.extend_from_slice(b"\\f"),
        c if is_visible(c) => json.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        c => json.extend_from_slice(json_escape(c).as_bytes()),
    }
}

pub(super) fn push_number(json: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; NUMBER_DIGITS];
    let mut start = NUMBER_DIGITS;
    for (n, place) in digits.iter_mut().enumerate().rev() {
        // A remainder of ten is a digit.
        *place = b'0'.wrapping_add(u8::try_from(number % 10).unwrap_or_default());
        start = n;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    json.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::line::to_json;

    fn text_of(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut json = Vec::new();
        push(&mut json);
        String::from_utf8(json).unwrap()
    }

    proptest! {
        #[test]
        fn texts_are_as_serde_writes_them(text in "(?s:.{0,40})") {
            let json = text_of(|json| push_text(json, &text));
            prop_assert_eq!(json.as_bytes(), to_json(&text));
            prop_assert!(json.chars().all(is_visible), "{}", json);
        }

        #[test]
        fn numbers_are_as_they_are_displayed(number: u64, digits in 0..64_u32) {
            for number in [number, number >> digits, 0, 9, 10, u64::MAX] {
                prop_assert_eq!(text_of(|json| push_number(json, number)), number.to_string());
            }
        }

        #[test]
        fn addresses_are_as_they_are_displayed(address: SocketAddr) {
            let json = text_of(|json| push_object(json, |o| o.address("a", address)));
            prop_assert_eq!(json, format!(r#"{{"a":"{address}"}}"#));
        }
    }

    #[test]
    fn members_and_items_are_separated_by_commas() {
        let json = text_of(|json| {
            push_object(json, |o| {
                o.object("empty", |_| {});
                o.flag("yes", true);
                o.flag("no", false);
                o.texts("none", []);
                o.texts("two", ["a", "b"]);
                o.objects("objects", [1, 2], |o, n| o.number("n", n));
            });
        });
        let expected = r#"{"empty":{},"yes":true,"no":false,"none":[],"two":["a","b"],"objects":[{"n":1},{"n":2}]}"#;
        assert_eq!(json, expected);
    }
}
