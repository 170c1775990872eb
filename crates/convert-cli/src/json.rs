//! Reading JSON as ECMAScript reads it, and writing it so that it steers no terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use convert_sdk::escape::is_escaped;
use convert_sdk::{Value, repair_json};
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Parses `text` and hands the value to `read`.
///
/// What ECMAScript accepts and strict parsers refuse, lone surrogates for example, is repaired first.
///
/// # Errors
///
/// Fails with words for people if the text is no JSON, or nested more than 128 deep.
pub(crate) fn with_value<T>(text: &str, read: impl FnOnce(&Value<'_>) -> T) -> Result<T, String> {
    match serde_json::from_str::<Value<'_>>(text) {
        Ok(value) => Ok(read(&value)),
        Err(error) => match repair_json(text) {
            Cow::Borrowed(_) => Err(not_json(&error)),
            Cow::Owned(repaired) => match serde_json::from_str::<Value<'_>>(&repaired) {
                Ok(value) => Ok(read(&value)),
                Err(error) => Err(not_json(&error)),
            },
        },
    }
}

fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The parser sees one line at a time, so its line number would only mislead.
    let fault = text.split(" at line ").next().unwrap_or_default();
    format!("not JSON: {fault} at column {}", error.column())
}

/// Writes `value` as indented JSON and ends the line.
pub(crate) fn write_pretty(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write(out, value, PrettyFormatter::new())
}

/// Writes `value` as JSON on one line and ends it.
pub(crate) fn write_line(mut out: impl Write, value: &impl Serialize) -> io::Result<()> {
    write(&mut out, value, CompactFormatter)
}

fn write(mut out: impl Write, value: &impl Serialize, layout: impl Formatter) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, Escaping(layout)))?;
    out.write_all(b"\n")
}

/// Appends JSON text, with the characters that could steer a terminal or end a line as JSON's own
/// escapes, which mean the same.
pub(crate) fn push_escaped(json: &str, out: &mut String) {
    for character in json.chars() {
        if is_escaped(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
}

/// A layout of JSON in which texts have their unprintable characters escaped.
struct Escaping<F>(F);

macro_rules! as_inside {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {$(
        fn $method<W: ?Sized + Write>(&mut self, out: &mut W, $($argument: $kind),*) -> io::Result<()> {
            self.0.$method(out, $($argument),*)
        }
    )*};
}

impl<F: Formatter> Formatter for Escaping<F> {
    as_inside! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most texts are plain, which is quickly seen.
        let is_plain = fragment.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_plain || !fragment.contains(is_escaped) {
            return out.write_all(fragment.as_bytes());
        }
        let mut escaped = String::with_capacity(fragment.len() + 16);
        push_escaped(fragment, &mut escaped);
        out.write_all(escaped.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_steer_no_terminal_and_mean_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}2J\u{7f}\u{1b}\n", "é", 1.5, {}, []]});
        for is_pretty in [false, true] {
            let mut out = Vec::new();
            if is_pretty {
                write_pretty(&mut out, &value).unwrap();
            } else {
                write_line(&mut out, &value).unwrap();
            }
            let text = String::from_utf8(out).unwrap();
            assert!(!text.contains(|it| is_escaped(it) && it != '\n'), "{text}");
            assert!(text.contains("a\\u202e") && text.contains('é'), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
            let lines = text.lines().count();
            assert_eq!(lines > 1, is_pretty, "{text}");
        }
    }

    #[test]
    fn faults_are_named_by_column() {
        let fault = with_value("{\"a\": x}", |_| ()).unwrap_err();
        assert_eq!(fault, "not JSON: expected value at column 7");
    }

    #[test]
    fn a_lone_surrogate_is_repaired() {
        let text = with_value(r#""\ud800""#, |value| value.as_str().map(str::to_owned));
        assert_eq!(text, Ok(Some("\u{fffd}".to_owned())));
    }
}
