//! The shape of the vendor's messages: which keys with values of which types say that the vendor sent a message, and not a proxy, a
//! cache or a maintenance page in its place. Whether its facts are valid is judged by the decoder.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Why a body is not of the vendor's shape. No text of the body is in it, because that may be personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeError {
    /// What is wrong.
    pub problem: &'static str,
    /// Where parsing the body failed: line and column, from 1.
    pub position: Option<(usize, usize)>,
}

/// A message of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The response to a request for a token.
    Token,
    /// The details of a verification.
    Details,
    /// A re-verification link.
    Link,
    /// An error.
    Error,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Number,
    Flag,
    List,
    Object,
}

/// The types of the values whose keys distinguish the messages. Of a key that occurs twice, the last value counts; where there is a
/// decoder, it judges that.
#[derive(Debug, Default)]
struct Outline {
    token: Option<Kind>,
    id: Option<Kind>,
    trace_id: Option<Kind>,
    status: Option<Kind>,
    /// Whether it has one of the other keys of the details, be it null.
    has_details: bool,
    verification_link: Option<Kind>,
    timestamp: Option<Kind>,
    error: Option<Kind>,
    message: Option<Kind>,
    path: Option<Kind>,
    /// Whether one of these keys occurs twice.
    is_ambiguous: bool,
}

/// Whether a body has the shape of this message.
pub fn check(body: &[u8], message: Message) -> Result<(), ShapeError> {
    let outline = serde_json::from_slice::<Outline>(body).map_err(|error| ShapeError {
        problem: if error.is_data() {
            "the body is not a JSON object"
        } else {
            "the body is not JSON"
        },
        position: Some((error.line(), error.column())),
    })?;
    outline.missing(message).map_or(Ok(()), |problem| {
        Err(ShapeError {
            problem,
            position: None,
        })
    })
}

impl Outline {
    /// What this message would have, and this body has not.
    fn missing(&self, message: Message) -> Option<&'static str> {
        let is_id = |kind| matches!(kind, Some(Kind::Text | Kind::Number));
        let required: &[(bool, &'static str)] = match message {
            Message::Token => &[(self.token == Some(Kind::Text), "it has no text `token`")],
            Message::Link => &[(
                self.verification_link == Some(Kind::Text),
                "it has no text `verificationLink`",
            )],
            Message::Details => &[
                (
                    is_id(self.id) || is_id(self.trace_id),
                    "it has neither `id` nor `traceId`",
                ),
                // Null where there is none yet; no policy accepts that.
                (
                    matches!(self.status, Some(Kind::Text | Kind::Null)),
                    "it has no text `status`",
                ),
                // What is unfinished or revoked may have nothing about the person.
                (
                    self.has_details || self.id.is_some() && self.trace_id.is_some(),
                    "it has no other key of the details of a verification",
                ),
            ],
            Message::Error => &[
                (
                    self.timestamp == Some(Kind::Number),
                    "it has no number `timestamp`",
                ),
                (
                    self.status == Some(Kind::Number),
                    "it has no number `status`",
                ),
                (self.error == Some(Kind::Text), "it has no text `error`"),
                (
                    // Null where there is nothing to say.
                    matches!(self.message, Some(Kind::Text | Kind::Null)),
                    "it has no `message`",
                ),
                (self.path == Some(Kind::Text), "it has no text `path`"),
                (!self.is_ambiguous, "it has a key twice"),
            ],
        };
        let mut required = required.iter();
        required.find(|(holds, _)| !holds).map(|(_, what)| *what)
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Outline, A::Error> {
        let mut outline = Outline::default();
        while let Some(Key(key)) = entries.next_key()? {
            let kind = entries.next_value::<Kind>()?;
            let field = match &*key {
                "token" => &mut outline.token,
                "id" => &mut outline.id,
                "traceId" => &mut outline.trace_id,
                "status" => &mut outline.status,
                "projectId" | "verifiedAt" | "scopes" | "data" => {
                    outline.has_details = true;
                    continue;
                }
                "verificationLink" => &mut outline.verification_link,
                "timestamp" => &mut outline.timestamp,
                "error" => &mut outline.error,
                "message" => &mut outline.message,
                "path" => &mut outline.path,
                _ => continue,
            };
            let occurs_twice = field.replace(kind).is_some();
            outline.is_ambiguous |= occurs_twice;
        }
        Ok(outline)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Text)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Flag)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Kind::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Kind::Object)
    }
}

#[cfg(test)]
mod tests;
