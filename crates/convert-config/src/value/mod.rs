//! The value of an attribute, a rule operand or a feature variable.

use std::borrow::Cow;

mod de;
mod ser;
mod view;

pub use self::de::ValueError;
pub use self::view::ValueRef;

/// A JSON-like value: what attributes, rule operands and feature variables are made of.
///
/// Text may be borrowed, so a value can be built from a request without copying. Numbers are
/// 64-bit integers or IEEE doubles; read from JSON, an integer that ECMAScript could not hold
/// exactly becomes the double ECMAScript would read.
///
/// ```
/// use convert_config::Value;
///
/// assert_eq!(Value::from("DE"), Value::Text("DE".into()));
/// assert_eq!(Value::from(42), Value::Integer(42));
/// assert_eq!(Value::from(None::<bool>), Value::Null);
/// assert_eq!(Value::from(vec!["a", "b"]).as_view().to_text(), "a,b");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::exhaustive_enums, reason = "the six JSON kinds are a closed set")]
pub enum Value<'a> {
    /// No value.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// An IEEE double.
    Float(f64),
    /// Text, borrowed or owned.
    Text(Cow<'a, str>),
    /// A list of values.
    List(Vec<Value<'a>>),
    /// Named values in the order given; a repeated name keeps its last value.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
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
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Map(members) => Value::Map(
                members
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()))
                    .collect(),
            ),
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
            Value::Map(members) => {
                members.iter().rev().find(|(member, _)| member == name).map(|(_, value)| value)
            }
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

/// Returns `value` as an integer if it is whole and within ±2⁵³.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn exact_integer(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= MAX_SAFE).then_some(value as i64)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Value::Text(text)
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
    fn from(value: f32) -> Self {
        Value::Float(f64::from(value))
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

from_integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Value<'_> {
    /// Integers past `i64::MAX` become the nearest double.
    #[expect(clippy::cast_precision_loss, reason = "documented: no 64-bit integer holds it")]
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer)
    }
}

impl From<usize> for Value<'_> {
    /// Integers past `i64::MAX` become the nearest double.
    fn from(value: usize) -> Self {
        Value::from(value as u64)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<'a, T: Into<Value<'a>>> From<Vec<T>> for Value<'a> {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<'a, T: Into<Value<'a>>, const N: usize> From<[T; N]> for Value<'a> {
    fn from(items: [T; N]) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

/// The largest whole number up to which every integer is an exact double.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;
