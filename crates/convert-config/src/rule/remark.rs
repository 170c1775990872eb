//! What the author of a rule may not expect of it.

use crate::ecma;
use crate::rule::{Condition, Test};
use crate::value::{Value, ValueRef};

/// Returns why an element compares in a way that surprises, if it does.
///
/// The semantics are those of the JavaScript SDK; an element that can match nobody has a
/// [`Flaw`](crate::rule::Flaw) instead.
pub(crate) fn remark_on(test: &Test, operator: &str, constant: &Value<'_>) -> Option<&'static str> {
    match (test, constant) {
        (Test::IsIn(_), Value::Text(options)) => is_in(options.split('|')),
        (Test::IsIn(_), Value::List(items)) => is_in(items.iter().filter_map(Value::as_str)),
        (Test::IsIn(_), _) => Some("the value is neither text nor a list, so nothing is in it"),
        (Test::Less { .. }, constant) => less(constant.as_view()),
        (Test::Contains(None), _) => Some("the value is blank, and everything contains it"),
        (Test::StartsWith(part) | Test::EndsWith(part), _) if part.as_str().is_empty() => {
            Some("the value is empty, and every text starts and ends with it")
        }
        (Test::Equals(_), Value::List(_)) => Some(
            "the value is a list: texts are compared with its items joined by commas, and no list \
             equals it",
        ),
        (Test::Equals(_), Value::Map(_)) => {
            Some("the value is an object, so only the text `[object Object]` equals it")
        }
        (Test::DoesNotExist { absent_counts: false }, _) if operator == "not_exists" => {
            Some("false where the attribute is missing; `doesNotExist` is true there")
        }
        _ => None,
    }
}

impl Condition {
    /// Returns whether the comparison can hold or fail for some attribute, and so match.
    pub(crate) fn can_match(&self) -> bool {
        match (&self.test, &*self.operand) {
            (Test::Never(_), _) => false,
            (Test::IsIn(_), operand) => {
                self.negated || matches!(operand, Value::Text(_) | Value::List(_))
            }
            (Test::Contains(None), _) => !self.negated,
            _ => true,
        }
    }
}

fn is_in<'o>(mut options: impl Iterator<Item = &'o str> + Clone) -> Option<&'static str> {
    if options.clone().any(|option| ecma::lower(option) != option) {
        return Some(
            "values in capitals match only lower-case attributes: the values are lower-cased, the \
             attribute is not",
        );
    }
    options.any(|option| ecma::trim(option) != option).then_some("white space around values counts")
}

fn less(operand: ValueRef<'_>) -> Option<&'static str> {
    match operand {
        ValueRef::Text(text) if !ecma::is_numeric(text) => Some(
            "the value is no number, so texts are compared letter by letter (`1.9` comes after \
             `1.18.1`) and numbers never match",
        ),
        ValueRef::Text(text) if text.starts_with("0,") => {
            Some("the comma is read as a decimal point")
        }
        ValueRef::Text(text) if text.contains(',') => {
            Some("commas are read as thousands separators")
        }
        ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Float(_) => None,
        _ => Some("the value is no number, so only attributes of its type match"),
    }
}
