//! Writing values: numbers as ECMAScript's `JSON.stringify` writes them.

use serde::ser::{Serialize, Serializer};

use crate::value::{Text, Value, whole_integer};

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Serialize for Value<'_> {
    /// A whole double is written without a fraction, and one JSON cannot hold (NaN, ±∞) as `null`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Integer(_) | Value::Float(_) => self.serialize_number(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => serializer.collect_seq(items.iter()),
            Value::Map(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl Value<'_> {
    fn serialize_number<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = self.as_view().as_number().unwrap_or(f64::NAN);
        match whole_integer(number) {
            Some(integer) => serializer.serialize_i64(integer),
            None => serializer.serialize_f64(number),
        }
    }
}
