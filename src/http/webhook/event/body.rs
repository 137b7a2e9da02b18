//! A webhook's body as JSON: the fields that matter of the object at the top and of the objects directly in it. Fields are read by type, a
//! whole number as the string of its digits; a key that is there twice is an error, because of two values neither can be preferred.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::json::Lenient;

/// How many keys are named, and how much of each.
const KEYS_MAX: usize = 16;
const KEY_CHARS_MAX: usize = 32;

/// A field, in one of its spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Event,
    EventTypeCamel,
    EventType,
    Type,
    VerificationIdCamel,
    VerificationId,
    VerificationTraceId,
    TraceId,
    Id,
    CorrelationIdCamel,
    CorrelationId,
}

impl Field {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "event" => Self::Event,
            "eventType" => Self::EventTypeCamel,
            "event_type" => Self::EventType,
            "type" => Self::Type,
            "verificationId" => Self::VerificationIdCamel,
            "verification_id" => Self::VerificationId,
            "verificationTraceId" => Self::VerificationTraceId,
            "traceId" => Self::TraceId,
            "id" => Self::Id,
            "correlationId" => Self::CorrelationIdCamel,
            "correlation_id" => Self::CorrelationId,
            _ => return None,
        })
    }
}

/// The texts of the fields of one object.
#[derive(Debug, Default)]
struct Texts(Vec<(Field, Box<str>)>);

impl Texts {
    fn get(&self, field: Field) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == field);
        found.map(|(_, text)| text.as_ref())
    }
}

/// The body of a webhook.
#[derive(Debug)]
pub(super) struct Body {
    top: Texts,
    below: Vec<Texts>,
    keys: BTreeSet<Box<str>>,
}

impl Body {
    /// The texts of a field: first that at the top.
    pub(super) fn texts(&self, field: Field) -> impl Iterator<Item = &str> {
        self.text_at_top(field)
            .into_iter()
            .chain(self.texts_below(field))
    }

    pub(super) fn text_at_top(&self, field: Field) -> Option<&str> {
        self.top.get(field)
    }

    pub(super) fn texts_below(&self, field: Field) -> impl Iterator<Item = &str> {
        self.below.iter().filter_map(move |texts| texts.get(field))
    }

    /// Whether there are objects below the top.
    pub(super) fn has_objects(&self) -> bool {
        !self.below.is_empty()
    }

    /// The keys at the top as a text for the log, without control characters and not without end.
    pub(super) fn keys(&self) -> String {
        let shown = self.keys.iter().take(KEYS_MAX).map(|key| {
            let start = key.chars().take(KEY_CHARS_MAX);
            start.flat_map(char::escape_debug).collect::<String>()
        });
        let mut keys = shown.collect::<Vec<_>>().join(", ");
        if self.keys.len() > KEYS_MAX {
            keys.push_str(", …");
        }
        keys
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Body, A::Error> {
        let mut body = Body {
            top: Texts::default(),
            below: Vec::new(),
            keys: BTreeSet::new(),
        };
        while let Some(key) = entries.next_key::<String>()? {
            match entries.next_value()? {
                Value::Text(text) => body
                    .top
                    .0
                    .extend(Field::of(&key).map(|field| (field, text))),
                Value::Object(texts) => body.below.push(texts),
                Value::Other => {}
            }
            if !body.keys.insert(key.into()) {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(body)
    }
}

/// A value of the object at the top.
enum Value {
    Text(Box<str>),
    Object(Texts),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string().into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut texts, mut met) = (Texts::default(), Vec::new());
        while let Some(key) = entries.next_key::<String>()? {
            let Some(field) = Field::of(&key) else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            if met.contains(&field) {
                return Err(A::Error::custom("a key is there twice"));
            }
            met.push(field);
            if let Ok(Some(text)) = entries.next_value::<Lenient>()?.into_identifier() {
                texts.0.push((field, text));
            }
        }
        Ok(Value::Object(texts))
    }
}
