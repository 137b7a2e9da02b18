//! JSON in which no object has two members of the same name: two readers of one text could otherwise see two values.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// A value, if no object in it, at any depth, has two members of the same name. `None` otherwise, so that the rest of a text can be read.
pub(super) struct Unambiguous(pub(super) Option<Value>);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(Value::Null)))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(flag.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(number.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Some(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unambiguous, A::Error> {
        let mut list = Some(Vec::new());
        while let Some(Unambiguous(item)) = items.next_element()? {
            list = list.zip(item).map(|(mut list, item)| {
                list.push(item);
                list
            });
        }
        Ok(Unambiguous(list.map(Value::Array)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unambiguous, A::Error> {
        let mut members = Some(Map::new());
        while let Some((name, Unambiguous(value))) = entries.next_entry::<String, _>()? {
            members = members.zip(value).and_then(|(mut members, value)| {
                members.insert(name, value).is_none().then_some(members)
            });
        }
        Ok(Unambiguous(members.map(Value::Object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_is_unless_a_name_in_it_occurs_twice() {
        for text in [
            "null",
            "true",
            "-7",
            "18446744073709551615",
            "1.5",
            r#""a""#,
            r#"{"a":[1,{"b":{"a":1}},{"b":2}],"c":{}}"#,
        ] {
            let Unambiguous(read) = serde_json::from_str(text).unwrap();
            assert_eq!(read, serde_json::from_str(text).ok(), "{text}");
        }
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":null}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[{},{"a":{"b":1,"b":2}}]"#,
            r#"{"a":[{"b":1,"b":2}],"c":1}"#,
        ] {
            let Unambiguous(read) = serde_json::from_str(text).unwrap();
            assert_eq!(read, None, "{text}");
        }
        // What is no JSON is an error, wherever it stands.
        for text in ["", "{", r#"{"a":1,"a":1"#, r#"[{"a":1,"a":1}] x"#] {
            assert!(serde_json::from_str::<Unambiguous>(text).is_err(), "{text}");
        }
    }
}
