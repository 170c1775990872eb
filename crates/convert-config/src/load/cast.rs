//! Casting feature variables to their declared types, as the family's SDKs do.

use crate::ecma::{parse_float, parse_int};
use crate::feature::VariableKind;
use crate::load::json::parse_variable;
use crate::load::reader::Reader;
use crate::value::{Value, ValueRef};

/// Casts a variable; `None` where it has no value of that type.
pub(super) fn cast(variable: &Reader<'_, '_>, kind: VariableKind) -> Option<Value<'static>> {
    let view = variable.value.as_view();
    match kind {
        VariableKind::Boolean => Some(Value::Bool(match view {
            ValueRef::Text("true") => true,
            ValueRef::Text("false") => false,
            other => other.is_truthy(),
        })),
        VariableKind::Integer => number(view, parse_int),
        VariableKind::Float => number(view, parse_float),
        VariableKind::String => Some(match variable.value {
            Value::Text(_) => variable.value.copied(),
            _ => Value::from(view.to_text().into_owned()),
        }),
        VariableKind::Json => match view {
            ValueRef::Null | ValueRef::List(_) | ValueRef::Map(_) => Some(variable.value.copied()),
            other => {
                let parsed = other.with_text(parse_variable)?;
                if parsed.is_repaired {
                    variable.warn("", "lone surrogates or too large numbers in it were replaced");
                }
                if parsed.has_repeated_names {
                    variable.warn("", "an object in it repeats a name; the last one counts");
                }
                Some(parsed.value)
            }
        },
    }
}

/// Reads a number out of the text form; a result JSON could not hold is none.
fn number(value: ValueRef<'_>, parse: fn(&str) -> f64) -> Option<Value<'static>> {
    if let ValueRef::Bool(value) = value {
        return Some(Value::Integer(i64::from(value)));
    }
    let number = value.with_text(parse);
    number.is_finite().then(|| Value::number(number))
}

#[cfg(test)]
mod tests {
    use crate::load::reader::Path;
    use crate::load::sink::Sink;

    use super::*;

    fn check(kind: VariableKind, json: &str, expected: Option<&str>) {
        let value: Value<'_> = serde_json::from_str(json).unwrap();
        let variable = Reader { value: &value, path: &Path::Root, sink: &Sink::default() };
        let found = cast(&variable, kind).map(|value| serde_json::to_string(&value).unwrap());
        assert_eq!(found.as_deref(), expected, "{json} as {kind:?}");
    }

    #[test]
    fn booleans_follow_truthiness_but_for_two_texts() {
        for (json, expected) in [
            ("\"true\"", "true"),
            ("\"false\"", "false"),
            ("\"0\"", "true"),
            ("\"\"", "false"),
            ("0", "false"),
            ("null", "false"),
            ("[]", "true"),
        ] {
            check(VariableKind::Boolean, json, Some(expected));
        }
    }

    #[test]
    fn numbers_are_read_from_the_text_form() {
        check(VariableKind::Integer, "\"12.75\"", Some("12"));
        check(VariableKind::Integer, "12.75", Some("12"));
        check(VariableKind::Integer, "true", Some("1"));
        check(VariableKind::Integer, "\"0x1F\"", Some("31"));
        check(VariableKind::Integer, "1e21", Some("1"));
        check(VariableKind::Integer, "[7, 8]", Some("7"));
        check(VariableKind::Integer, "null", None);
        check(VariableKind::Integer, "\"twelve\"", None);
        check(VariableKind::Float, "\"12.75 EUR\"", Some("12.75"));
        check(VariableKind::Float, "\"Infinity\"", None);
        check(VariableKind::Float, "{}", None);
    }

    #[test]
    fn texts_and_json() {
        check(VariableKind::String, "5.0", Some("\"5\""));
        check(VariableKind::String, "null", Some("\"null\""));
        check(VariableKind::String, "[1,null]", Some("\"1,\""));
        check(VariableKind::Json, "\"{\\\"a\\\": [1, 2.50]}\"", Some(r#"{"a":[1,2.5]}"#));
        check(VariableKind::Json, "{\"a\":1}", Some(r#"{"a":1}"#));
        check(VariableKind::Json, "\"no json\"", None);
        check(VariableKind::Json, "5", Some("5"));
        check(VariableKind::Json, "true", Some("true"));
        check(VariableKind::Json, "null", Some("null"));
    }
}
