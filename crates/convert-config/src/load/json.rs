//! Reading JSON text as ECMAScript reads it.

use std::borrow::Cow;

use crate::error::InvalidConfigError;
use crate::value::Value;

/// Parses `json` and hands the document to `read`, with whether the text had to be repaired.
pub(super) fn parse<T>(
    json: &[u8],
    read: impl FnOnce(&Value<'_>, bool) -> Result<T, InvalidConfigError>,
) -> Result<T, InvalidConfigError> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let text = std::str::from_utf8(json).map_err(|error| {
        InvalidConfigError::new("", format!("not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    match serde_json::from_str::<Value<'_>>(text) {
        Ok(root) => read(&root, false),
        Err(error) => match repair_json(text) {
            Cow::Borrowed(_) => Err(not_json(&error)),
            Cow::Owned(repaired) => match serde_json::from_str::<Value<'_>>(&repaired) {
                Ok(root) => read(&root, true),
                Err(error) => Err(not_json(&error)),
            },
        },
    }
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
    let mut repaired = String::new();
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
            repaired.push_str(text.get(copied..at).unwrap_or_default());
            repaired.push_str(replacement);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    repaired.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(repaired)
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
