//! The value of an attribute, a rule operand or a feature variable.

use std::borrow::Cow;

mod de;
mod nested;
mod ser;
mod text;
mod view;

pub(crate) use self::de::{NameSeed, Scratch, ValueSeed};

pub use self::de::ValueError;
pub use self::nested::{ValueList, ValueMap};
pub use self::text::Text;
pub use self::view::ValueRef;

/// A JSON-like value: what attributes, rule operands and feature variables are made of.
///
/// Text may be borrowed, so a value can be built from a request without copying. Numbers mean the
/// double that ECMAScript would hold, by every way in: an integer past ±2⁵³ is the nearest double,
/// an `f32` the double that its shortest decimal form names, so that `0.1_f32` is 0.1. NaN and
/// infinities are numbers whose text forms are `NaN` and `Infinity`; JSON writes them as null.
/// Lists and maps nest at most 128 deep; see [`ValueList`].
///
/// Two values are equal if they are of the same kind and hold the same: `Integer(1)` and
/// `Float(1.0)` differ, NaN differs from itself, and maps with the same members in another order
/// differ. [`ValueRef::strictly_equals`] compares as ECMAScript does.
///
/// ```
/// use convert_config::Value;
///
/// assert_eq!(Value::from("DE"), Value::Text("DE".into()));
/// assert_eq!(Value::from(42), Value::Integer(42));
/// assert_eq!(Value::from(None::<bool>), Value::Null);
/// assert_eq!(Value::from(vec!["a", "b"]).as_view().to_text(), "a,b");
/// assert_ne!(Value::from(1), Value::from(1.0));
/// assert!(Value::from(1).as_view().strictly_equals(Value::from(1.0).as_view()));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::exhaustive_enums, reason = "the six JSON kinds are a closed set")]
pub enum Value<'a> {
    /// No value.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; one past ±2⁵³ means the nearest double.
    Integer(i64),
    /// An IEEE double.
    Float(f64),
    /// Text, borrowed or owned.
    Text(Text<'a>),
    /// A list of values.
    List(ValueList<'a>),
    /// Named values in the order given.
    Map(ValueMap<'a>),
}

impl<'a> Value<'a> {
    /// Returns the cheap, copyable view that rules work on.
    pub fn as_view(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Bool(*value),
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Float(value) => ValueRef::Float(*value),
            Value::Text(text) => ValueRef::Text(text),
            Value::List(items) => ValueRef::List(items),
            Value::Map(members) => ValueRef::Map(members),
        }
    }

    /// Copies whatever is borrowed, so that the value can be kept.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Integer(value) => Value::Integer(value),
            Value::Float(value) => Value::Float(value),
            Value::Text(text) => Value::Text(text.into_owned()),
            Value::List(list) => Value::List(list.into_owned()),
            Value::Map(map) => Value::Map(map.into_owned()),
        }
    }

    /// Returns a copy that borrows nothing.
    pub(crate) fn copied(&self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Integer(value) => Value::Integer(*value),
            Value::Float(value) => Value::Float(*value),
            // An owned text is shared, not copied.
            Value::Text(text) => Value::Text(text.clone().into_owned()),
            Value::List(list) => Value::List(list.copied()),
            Value::Map(map) => Value::Map(map.copied()),
        }
    }

    /// Returns the member called `name`, if this is a map that has it.
    ///
    /// ```
    /// let value: convert_config::Value = serde_json::from_str(r#"{"plan": "pro"}"#)?;
    /// assert_eq!(value.member("plan").and_then(|plan| plan.as_str()), Some("pro"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn member(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Map(map) => map.find(name),
            _ => None,
        }
    }

    /// Returns the text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Makes a number of a double: an integer where it is one ECMAScript holds exactly.
    pub(crate) fn number(value: f64) -> Value<'static> {
        match exact_integer(value) {
            Some(integer) => Value::Integer(integer),
            None => Value::Float(value),
        }
    }
}

/// Returns the double that the shortest decimal form of `value` names, as a reader of its JSON
/// would have it.
pub(crate) fn shortest_double(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Returns `value` as an integer if it is whole and a 64-bit integer holds it.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn whole_integer(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&value)).then_some(value as i64)
}

/// Returns `value` as an integer if it is whole and within ±2⁵³.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn exact_integer(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= MAX_SAFE).then_some(value as i64)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Text::from(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(Text::from(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Text::from(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Value::Text(Text::from(text))
    }
}

impl<'a> From<Text<'a>> for Value<'a> {
    fn from(text: Text<'a>) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<ValueList<'a>> for Value<'a> {
    fn from(list: ValueList<'a>) -> Self {
        Value::List(list)
    }
}

impl<'a> From<ValueMap<'a>> for Value<'a> {
    fn from(map: ValueMap<'a>) -> Self {
        Value::Map(map)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<f32> for Value<'_> {
    /// Makes the number that the shortest decimal form of `value` names: `0.1_f32` becomes 0.1.
    fn from(value: f32) -> Self {
        Value::Float(shortest_double(value))
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            fn from(value: $integer) -> Self {
                Value::Integer(i64::from(value))
            }
        }
    )*};
}

from_integers!(i8, i16, i32, u8, u16, u32);

macro_rules! from_long_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            /// Integers past ±2⁵³ become the nearest double, as ECMAScript reads them.
            #[expect(clippy::cast_precision_loss, reason = "documented: doubles hold no more")]
            fn from(value: $integer) -> Self {
                Value::number(value as f64)
            }
        }
    )*};
}

from_long_integers!(i64, isize, u64, usize);

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// An item that is nested too deeply becomes null; see [`ValueList`].
impl<'a, T: Into<Value<'a>>> From<Vec<T>> for Value<'a> {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().collect())
    }
}

impl<'a, T: Into<Value<'a>>, const N: usize> From<[T; N]> for Value<'a> {
    fn from(items: [T; N]) -> Self {
        Value::List(items.into_iter().collect())
    }
}

/// The largest whole number up to which every integer is an exact double.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
