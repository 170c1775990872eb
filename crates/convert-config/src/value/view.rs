//! A copyable view of a value, and ECMAScript's reading of it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ecma;
use crate::value::{Text, Value, ValueList, ValueMap};

/// A borrowed value, as cheap to pass as a reference: what rule operators look at.
///
/// Views are equal as [`Value`]s are.
///
/// ```
/// use convert_config::ValueRef;
///
/// assert_eq!(ValueRef::Float(5.0).to_text(), "5");
/// assert_eq!(ValueRef::Null.to_text(), "null");
/// assert!(!ValueRef::Text("").is_truthy());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the six JSON kinds are a closed set")]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// An IEEE double.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// A list of values.
    List(&'a [Value<'a>]),
    /// Named values.
    Map(&'a [(Text<'a>, Value<'a>)]),
}

impl<'a> ValueRef<'a> {
    /// Returns the number this is, as a double; `None` for every other kind.
    #[expect(clippy::cast_precision_loss, reason = "rules compare numbers as doubles")]
    pub fn as_number(self) -> Option<f64> {
        match self {
            ValueRef::Integer(value) => Some(value as f64),
            ValueRef::Float(value) => Some(value),
            _ => None,
        }
    }

    /// Returns ECMAScript's truth of the value: null, `false`, 0, NaN and empty text are false.
    pub fn is_truthy(self) -> bool {
        match self {
            ValueRef::Null => false,
            ValueRef::Bool(value) => value,
            ValueRef::Integer(value) => value != 0,
            ValueRef::Float(value) => value != 0.0 && !value.is_nan(),
            ValueRef::Text(text) => !text.is_empty(),
            ValueRef::List(_) | ValueRef::Map(_) => true,
        }
    }

    /// Returns whether both have the same type and value, as ECMAScript's `===` sees them.
    ///
    /// Lists and maps are never strictly equal: ECMAScript compares them by identity.
    pub fn strictly_equals(self, other: ValueRef<'_>) -> bool {
        match (self, other) {
            (ValueRef::Null, ValueRef::Null) => true,
            (ValueRef::Bool(left), ValueRef::Bool(right)) => left == right,
            (ValueRef::Text(left), ValueRef::Text(right)) => left == right,
            _ => match (self.as_number(), other.as_number()) {
                (Some(left), Some(right)) => ecma::numbers_equal(left, right),
                _ => false,
            },
        }
    }

    /// Returns the text form, as ECMAScript's `String(value)` gives it.
    pub fn to_text(self) -> Cow<'a, str> {
        match self {
            ValueRef::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.with_text(str::to_owned)),
        }
    }

    /// Calls `read` with the text form; only lists need an allocation for it.
    ///
    /// ```
    /// use convert_config::ValueRef;
    ///
    /// assert_eq!(ValueRef::Float(1e21).with_text(str::len), "1e+21".len());
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub fn with_text<R>(self, read: impl FnOnce(&str) -> R) -> R {
        match self {
            ValueRef::Text(text) => read(text),
            other => other.with_made_text(read),
        }
    }

    #[inline(never)]
    fn with_made_text<R>(self, read: impl FnOnce(&str) -> R) -> R {
        match self {
            ValueRef::Null => read("null"),
            ValueRef::Bool(true) => read("true"),
            ValueRef::Bool(false) => read("false"),
            ValueRef::Integer(value) if value.unsigned_abs() <= MAX_SAFE_INTEGER => {
                read(itoa::Buffer::new().format(value))
            }
            ValueRef::Integer(_) => {
                read(ryu_js::Buffer::new().format(self.as_number().unwrap_or(f64::NAN)))
            }
            ValueRef::Float(value) => read(ryu_js::Buffer::new().format(value)),
            ValueRef::Text(text) => read(text),
            ValueRef::Map(_) => read(MAP_TEXT),
            ValueRef::List(items) => {
                let mut joined = String::new();
                join(items, &mut joined);
                read(&joined)
            }
        }
    }
}

impl<'a> From<ValueRef<'a>> for Value<'a> {
    fn from(view: ValueRef<'a>) -> Self {
        match view {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::Integer(value) => Value::Integer(value),
            ValueRef::Float(value) => Value::Float(value),
            ValueRef::Text(text) => Value::Text(Text::from(text)),
            ValueRef::List(items) => Value::List(ValueList::from(items.to_vec())),
            ValueRef::Map(members) => Value::Map(ValueMap::from(members.to_vec())),
        }
    }
}

/// Appends the items' texts, parted by commas; null items are empty, as in ECMAScript.
///
/// The recursion is bounded by the nesting limit of values.
fn join(items: &[Value<'_>], joined: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined.push(',');
        }
        match item.as_view() {
            ValueRef::Null => {}
            ValueRef::List(inner) => join(inner, joined),
            other => other.with_text(|text| {
                // Writing to a `String` cannot fail.
                let _ = joined.write_str(text);
            }),
        }
    }
}

const MAP_TEXT: &str = "[object Object]";
/// The largest number up to which every integer is a double.
const MAX_SAFE_INTEGER: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let value: Value<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(value.as_view().to_text(), expected, "{json}");
    }

    #[test]
    fn text_forms_are_those_of_ecmascript() {
        check("5.0", "5");
        check("-0.0", "0");
        check("1e21", "1e+21");
        check("1e-7", "1e-7");
        check("123456789012345680000", "123456789012345680000");
        check("9007199254740993", "9007199254740992");
        check("0.1", "0.1");
        check("true", "true");
        check("null", "null");
        check("[1,null,[2,[]],\"a\",{}]", "1,,2,,a,[object Object]");
        check("{\"a\":1}", "[object Object]");
        check("[]", "");
    }

    #[test]
    fn strict_equality_needs_the_same_type() {
        assert!(ValueRef::Integer(5).strictly_equals(ValueRef::Float(5.0)));
        assert!(!ValueRef::Integer(5).strictly_equals(ValueRef::Text("5")));
        assert!(!ValueRef::Float(f64::NAN).strictly_equals(ValueRef::Float(f64::NAN)));
        assert!(!ValueRef::List(&[]).strictly_equals(ValueRef::List(&[])));
        assert!(ValueRef::Null.strictly_equals(ValueRef::Null));
    }
}
