//! Reading JSON text as ECMAScript reads it.

use std::borrow::Cow;

use serde::de::DeserializeSeed as _;

use crate::diagnostic::Severity;
use crate::error::InvalidConfigError;
use crate::load::locate::{Trail, find_repeated, locate};
use crate::load::root::{DocumentSeed, Root};
use crate::value::{Scratch, Value, ValueSeed};

/// Parses `json`; `None` if it is no object. What had to be replaced to do so is reported.
pub(super) fn parse<T>(
    json: &[u8],
    read: impl FnOnce(Option<Root<'_>>) -> Result<T, InvalidConfigError>,
) -> Result<T, InvalidConfigError> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let text = std::str::from_utf8(json).map_err(|error| {
        InvalidConfigError::new("", format!("not UTF-8 at byte {}", error.valid_up_to() + 1))
    })?;
    let error = match parse_strictly(text) {
        Ok(root) => {
            report_repeated_names(text, root.as_ref());
            return read(root);
        }
        Err(error) => error,
    };
    let Some(repaired) = repair(text) else { return Err(not_json(&error)) };
    let root = parse_strictly(&repaired.text).map_err(|error| not_json(&error))?;
    if let Some(root) = &root {
        report_repairs(&repaired, root);
    }
    report_repeated_names(&repaired.text, root.as_ref());
    read(root)
}

/// A feature variable that was read from JSON text.
pub(super) struct Variable {
    pub(super) value: Value<'static>,
    /// Whether the text had to be repaired.
    pub(super) is_repaired: bool,
    /// Whether some object in it repeats a name.
    pub(super) has_repeated_names: bool,
}

/// Reads the JSON text of a feature variable.
pub(super) fn parse_variable(text: &str) -> Option<Variable> {
    if let Ok((value, has_repeated_names)) = parse_value(text) {
        return Some(Variable { value, is_repaired: false, has_repeated_names });
    }
    let repaired = repair(text)?;
    let (value, has_repeated_names) = parse_value(&repaired.text).ok()?;
    Some(Variable { value, is_repaired: true, has_repeated_names })
}

fn parse_value(text: &str) -> Result<(Value<'static>, bool), serde_json::Error> {
    let mut scratch = Scratch::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = ValueSeed::new(&mut scratch).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value.into_owned(), scratch.has_repeated_names))
}

fn parse_strictly(text: &str) -> Result<Option<Root<'_>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = DocumentSeed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(root)
}

/// Reports every member that repeats a name of its object, where there is any.
fn report_repeated_names(text: &str, root: Option<&Root<'_>>) {
    let Some(root) = root.filter(|root| root.has_repeated_names) else { return };
    find_repeated(text, |path| report(root, path, REPEATED));
}

/// Reports something about a document, whose root or whose `data` may turn out to be the config.
fn report(root: &Root<'_>, path: &Trail<'_>, reason: &str) {
    root.sink.push(Severity::Warning, path, reason);
    if let Some(data) = &root.data {
        data.sink.push(Severity::Warning, path, reason);
    }
}

/// Reports what was replaced, and where, in the documents that were read.
fn report_repairs(repaired: &Repaired, root: &Root<'_>) {
    locate(&repaired.text, &repaired.places, |path, place| {
        let is_text = repaired.text.get(place..).is_some_and(|rest| rest.starts_with('\\'));
        report(root, path, if is_text { SURROGATE } else { NUMBER });
    });
}

/// Replaces what ECMAScript reads in JSON but strict parsers refuse: a lone surrogate escape
/// becomes `\ufffd`, a number past the range of doubles the largest one.
///
/// Everything else stays as it is, broken JSON included.
///
/// ```
/// use convert_config::repair_json;
///
/// assert_eq!(repair_json(r#"["\ud800!", 1e999]"#), r#"["\ufffd!", 1.7976931348623157e308]"#);
/// assert_eq!(repair_json(r#"["\ud83d\ude00"]"#), r#"["\ud83d\ude00"]"#);
/// ```
pub fn repair_json(text: &str) -> Cow<'_, str> {
    repair(text).map_or(Cow::Borrowed(text), |repaired| Cow::Owned(repaired.text))
}

/// A text in which something was replaced.
struct Repaired {
    text: String,
    /// Where the replacements begin, ascending.
    places: Vec<usize>,
}

fn repair(text: &str) -> Option<Repaired> {
    let mut repaired = Repaired { text: String::new(), places: Vec::new() };
    let mut copied = 0;
    let mut at = 0;
    let mut in_text = false;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let (length, replacement) = match (in_text, byte) {
            (true, b'\\') => escape_at(bytes, at),
            (_, b'"') => {
                in_text = !in_text;
                (1, None)
            }
            (false, b'-' | b'0'..=b'9') => number_at(text, at),
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            repaired.text.push_str(text.get(copied..at).unwrap_or_default());
            repaired.places.push(repaired.text.len());
            repaired.text.push_str(replacement);
            copied = at + length;
        }
        at += length;
    }
    if repaired.places.is_empty() {
        return None;
    }
    repaired.text.push_str(text.get(copied..).unwrap_or_default());
    Some(repaired)
}

/// The length of the escape at `at`, and what to write instead if it is half a surrogate pair.
fn escape_at(bytes: &[u8], at: usize) -> (usize, Option<&'static str>) {
    match unit_at(bytes, at) {
        Some(0xd800..=0xdbff) => match unit_at(bytes, at + UNIT_LENGTH) {
            Some(0xdc00..=0xdfff) => (2 * UNIT_LENGTH, None),
            _ => (UNIT_LENGTH, Some(REPLACEMENT)),
        },
        Some(0xdc00..=0xdfff) => (UNIT_LENGTH, Some(REPLACEMENT)),
        Some(_) => (UNIT_LENGTH, None),
        None => (2, None),
    }
}

/// The code unit that a `\uXXXX` at `at` stands for.
fn unit_at(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + UNIT_LENGTH)?;
    let digits = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The length of the number at `at`, and what to write instead if no double holds it.
fn number_at(text: &str, at: usize) -> (usize, Option<&'static str>) {
    let rest = text.get(at..).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    let length = rest.bytes().take_while(is_part).count();
    let number = rest.get(..length).unwrap_or_default();
    let replacement = match number.parse::<f64>() {
        Ok(f64::INFINITY) => Some("1.7976931348623157e308"),
        Ok(f64::NEG_INFINITY) => Some("-1.7976931348623157e308"),
        _ => None,
    };
    (length, replacement)
}

fn not_json(error: &serde_json::Error) -> InvalidConfigError {
    InvalidConfigError::new("", format!("not a JSON document: {error}"))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const REPLACEMENT: &str = "\\ufffd";
const UNIT_LENGTH: usize = REPLACEMENT.len();
const REPEATED: &str = "repeats a name of its object; the last one counts";
const SURROGATE: &str = "a lone surrogate was replaced";
const NUMBER: &str = "a number past the range of doubles was replaced by the largest one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_broken_is_replaced() {
        for (text, expected) in [
            (r#""\udc00\ud800\ud800\udc00""#, r#""\ufffd\ufffd\ud800\udc00""#),
            (r#""\\ud800""#, r#""\\ud800""#),
            (r#""\"1e999""#, r#""\"1e999""#),
            ("-1e999", "-1.7976931348623157e308"),
            ("[1, 2.5e3]", "[1, 2.5e3]"),
            (r#""\ud8"#, r#""\ud8"#),
            (r#""\u+123""#, r#""\u+123""#),
            ("\"\\", "\"\\"),
            ("é1e999", "é1.7976931348623157e308"),
        ] {
            assert_eq!(repair_json(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn valid_json_is_left_alone(numbers: Vec<f64>, text: String) {
            let json = serde_json::to_string(&(numbers, text)).unwrap();
            assert!(matches!(repair_json(&json), Cow::Borrowed(_)));
        }

        #[test]
        fn nothing_panics(text in r#"["\\ud8cf0-9eé. +-]{0,40}"#) {
            repair_json(&text);
        }
    }
}
