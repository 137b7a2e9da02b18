//! A whole JSON text as I-JSON (RFC 7493) wants it: UTF-8, no name twice in an object at any depth, no half of a surrogate pair. What is read
//! takes at most some fifteen times the memory of its text, which a tree of `serde_json` does not promise. An object and a list have a bound,
//! because a member is found by looking at all before it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

/// Members that one object may have, and items of one list.
const MEMBERS_MAX: usize = 1024;

/// A value. It may have personal data in it, so `Debug` shows its type alone.
#[derive(Clone, PartialEq, Eq)]
pub enum StrictJson {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number of 64 bits with its sign, written without fraction and exponent.
    Integer(i64),
    /// Another number: its bits as a double.
    Number(u64),
    /// A text.
    Text(Box<str>),
    /// An array.
    List(Box<[Self]>),
    /// An object: its members, in their order. No two have one name.
    Object(Box<[(Box<str>, Self)]>),
}

/// A text is not JSON, or not as strict as it must be.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct StrictJsonError(Box<str>);

impl StrictJson {
    /// Reads a whole text.
    pub fn parse(text: &[u8]) -> Result<Self, StrictJsonError> {
        serde_json::from_slice(text).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let shown = error.to_string();
            // What serde says of a value never quotes it: only its syntax can be wrong.
            let shown = shown.strip_suffix(&place).unwrap_or(&shown);
            StrictJsonError(
                format!("{shown}, line {} column {}", error.line(), error.column()).into(),
            )
        })
    }

    /// The members, if it is an object.
    pub fn members(&self) -> Option<&[(Box<str>, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member; `None` if there is none of this name, or if it is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let members = self.members()?.iter();
        let mut found = members.filter(|(other, _)| **other == *name);
        found.next().map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// A text as it is; `true`, `false` or a whole number as it is written. `None` for everything else.
    pub fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Flag(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Self::Integer(number) => Some(Cow::Owned(number.to_string())),
            Self::Null | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The number as a double, if it is one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "as any other reader of JSON does"
    )]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }
}

impl fmt::Debug for StrictJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Flag(_) => "Flag(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
            Self::List(_) => "List(..)",
            Self::Object(_) => "Object(..)",
        })
    }
}

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = StrictJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<StrictJson, E> {
        Ok(StrictJson::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<StrictJson, E> {
        Ok(StrictJson::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<StrictJson, E> {
        Ok(StrictJson::Integer(number))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "as any other reader of JSON does with a number that is too large"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<StrictJson, E> {
        let too_large = StrictJson::Number((number as f64).to_bits());
        Ok(i64::try_from(number).map_or(too_large, StrictJson::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<StrictJson, E> {
        Ok(StrictJson::Number(number.to_bits()))
    }

    fn visit_str<E>(self, text: &str) -> Result<StrictJson, E> {
        Ok(StrictJson::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StrictJson, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == MEMBERS_MAX {
                let error = format_args!("a list has more than {MEMBERS_MAX} items");
                return Err(A::Error::custom(error));
            }
            list.push(item);
        }
        Ok(StrictJson::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<StrictJson, A::Error> {
        let mut members: Vec<(Box<str>, StrictJson)> = Vec::new();
        while let Some(member) = entries.next_entry()? {
            if members.len() == MEMBERS_MAX {
                let error = format_args!("an object has more than {MEMBERS_MAX} members");
                return Err(A::Error::custom(error));
            }
            members.push(member);
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let mut pairs = names.iter().zip(names.iter().skip(1));
        if pairs.any(|(one, next)| one == next) {
            return Err(A::Error::custom("an object has two members of one name"));
        }
        Ok(StrictJson::Object(members.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StrictJson, StrictJsonError> {
        StrictJson::parse(text.as_bytes())
    }

    #[test]
    fn values_are_read_as_they_are() {
        let value = read(r#" {"a": [1, -2, 1.5, true, null], "b": {"a": "x\u0041\ud83d\ude00"}} "#);
        let value = value.unwrap();
        let items = value.get("a").and_then(StrictJson::items).unwrap();
        let scalars: Vec<Option<Cow<'_, str>>> = items.iter().map(StrictJson::scalar).collect();
        let shown: Vec<Option<&str>> = scalars.iter().map(Option::as_deref).collect();
        assert_eq!(shown, [Some("1"), Some("-2"), None, Some("true"), None]);
        let inner = value.get("b").and_then(|b| b.get("a")?.text());
        assert_eq!(inner, Some("xA\u{1f600}"));
        assert_eq!(format!("{value:?}"), "Object(..)");
        let largest = read("9223372036854775807").unwrap();
        assert_eq!(largest.scalar().as_deref(), Some("9223372036854775807"));
        for other in ["1.0", "1e0", "-0", "9223372036854775808", "1e300"] {
            assert_eq!(read(other).unwrap().scalar(), None, "{other}");
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_no_json_at_any_depth() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            " ",
            "{",
            "{} x",
            "\u{feff}{}",
            "{'a':1}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":null}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":[{},{"a":{"b":1,"b":2}}]}"#,
            r#"{"x":"\ud800"}"#,
            r#"{"x":"\udc00"}"#,
            r#"{"\ud800":1}"#,
            r#"{"x":[["\ud800\u0041"]]}"#,
            "{\"x\":\"\n\"}",
            "[1,]",
            "01",
            "NaN",
            "1e999",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text:.40}");
        }
        for bytes in [
            &b"{\"x\":\"\xff\"}"[..],
            b"{\"x\":\"\xc0\xaf\"}",
            b"{\"x\":\"\xed\xa0\x80\"}",
            b"\xff\xfe{\x00}\x00",
        ] {
            assert!(StrictJson::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_object_and_a_list_have_a_bound_at_any_depth_and_the_error_says_where() {
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        for (at_most, too_many, what) in [
            (
                list(MEMBERS_MAX),
                list(MEMBERS_MAX + 1),
                "a list has more than 1024 items, line 2",
            ),
            (
                object(MEMBERS_MAX),
                object(MEMBERS_MAX + 1),
                "an object has more than 1024 members, line 2",
            ),
        ] {
            for around in ["\n$", "{\"x\":\n$}", "[[{\"x\":\n$}]]"] {
                assert!(read(&around.replace('$', &at_most)).is_ok(), "{around}");
                let error = read(&around.replace('$', &too_many)).unwrap_err();
                assert!(error.to_string().contains(what), "{error}");
            }
        }
    }

    #[test]
    fn an_error_says_where_and_quotes_nothing() {
        let error = read("{\"secret-1\":1,\n\"secret-1\":2}")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "not JSON: an object has two members of one name, line 2 column 13"
        );
        let error = read("{\"secret\" 1}").unwrap_err().to_string();
        assert_eq!(error, "not JSON: expected `:`, line 1 column 11");
    }
}
