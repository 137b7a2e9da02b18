//! JSON from outside, decoded by type and more strictly than serde does by itself: only an object is decoded as one ([`Object`]), and a
//! duplicate key is an error. A field that need not have the documented type is decoded as [`Lenient`], by one rule
//! for all numbers: a whole number and the string of its digits are the same.

mod strict;

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use zeroize::Zeroizing;

pub use self::strict::{StrictJson, StrictJsonError};

/// Up to this magnitude, every whole number that a double can have is exact: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A JSON object. By itself, serde also decodes a struct from an array, field by field.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries)).map(Object)
    }
}

/// A field of any type, so that one of an unexpected type does not fail the whole message. It may be personal data, so `Debug` does
/// not show its value.
#[derive(Default)]
pub enum Lenient {
    /// The field is missing or null.
    #[default]
    Missing,
    /// A string, which is overwritten when it is dropped: it may be a person's.
    Text(Zeroizing<Box<str>>),
    /// A whole number, however it is written: of 64 bits, or with a fraction or an exponent up to 2^53.
    Number(i64),
    /// A value of another type.
    Other,
}

impl fmt::Debug for Lenient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Text(_) => "Text(..)",
            Self::Number(_) => "Number(..)",
            Self::Other => "Other",
        })
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor)
    }
}

/// A number that was written with a fraction or an exponent, as `587455200000.0` and `1.5e12` are, if it is whole and exact.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.trunc().to_bits() == number.to_bits() && number.abs() <= EXACT_MAX;
    // A whole number shows its digits alone.
    is_whole.then(|| format!("{number}").parse().ok())?
}

impl Lenient {
    /// A whole number, as a number or as the string of its digits: `0`, or digits without a leading zero, a minus before them if need
    /// be. None if it is missing or anything else.
    pub fn as_whole_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => {
                let number = text.parse::<i64>().ok();
                number.filter(|number| *Zeroizing::new(number.to_string()) == ***text)
            }
            Self::Missing | Self::Other => None,
        }
    }

    /// An identifier: a string, or a whole number as the string of its digits. `Err` if it is of another type.
    pub fn into_identifier(self) -> Result<Option<Box<str>>, NotAnIdentifierError> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(mut text) => Ok(Some(std::mem::take(&mut *text))),
            Self::Number(number) => Ok(Some(number.to_string().into())),
            Self::Other => Err(NotAnIdentifierError),
        }
    }
}

/// A field is neither a string nor a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a string nor a whole number")]
pub struct NotAnIdentifierError;

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Lenient, E> {
        Ok(Lenient::Missing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
        Ok(Lenient::Text(Zeroizing::new(text.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Lenient, E> {
        Ok(Lenient::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Lenient, E> {
        Ok(i64::try_from(number).map_or(Lenient::Other, Lenient::Number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Lenient, E> {
        Ok(whole(number).map_or(Lenient::Other, Lenient::Number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Lenient, E> {
        Ok(Lenient::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lenient, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Lenient, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }
}
