//! A visitor record as the JSON it is stored as.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use convert_sdk::{VisitorRecord, repair_json};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::json::push_escaped;

/// JSON that the SDK reads as a visitor record.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: Cow<'t, str>,
    /// The text, with U+FFFD where JavaScript has cut a character in two.
    repaired: Cow<'t, str>,
    record: VisitorRecord,
}

impl<'t> Document<'t> {
    /// Reads JSON as the SDK does.
    pub(super) fn read(text: &'t str) -> Result<Self, serde_json::Error> {
        let text = text.trim();
        let (record, repaired) = match serde_json::from_str(text) {
            Ok(record) => (record, Cow::Borrowed(text)),
            Err(_) => {
                let repaired = repair_json(text);
                (serde_json::from_str(&repaired)?, repaired)
            }
        };
        let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
        let text = if is_json { Cow::Borrowed(text) } else { repaired.clone() };
        Ok(Document { text, repaired, record })
    }

    /// Reads what a store holds; fails with words for people if it is no record.
    pub(super) fn stored(text: &'t [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is no UTF-8")?;
        let document = Document::read(text).map_err(|_| "it is no record in JSON")?;
        document.expect_record()?;
        Ok(document)
    }

    /// Fails with words for people if it has members, and none of those that a visitor record has: the
    /// SDK reads any object as a record, and would keep what is foreign to it.
    pub(super) fn expect_record(&self) -> Result<(), String> {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(&self.repaired).unwrap_or_default();
        if members.is_empty() || MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Ok(());
        }
        Err(format!("it has none of {}", MEMBERS.join(", ")))
    }

    /// Returns the JSON, unchanged.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the JSON with nothing in it that strict parsers refuse.
    pub(super) fn repaired(&self) -> &str {
        &self.repaired
    }

    /// Returns what the SDK sees of it, as it would write it.
    pub(super) fn kept(&self) -> Value {
        json!(self.record)
    }
}

/// Writes a record and its key on a line, and whether it has replaced another if that is known. The
/// JSON is shown as it is, but for line breaks, and for characters that could steer a terminal,
/// which JSON can escape.
pub(super) fn write_line(
    key: &str,
    text: &str,
    replaced: Option<bool>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let key = Value::from(key);
    let replaced = replaced.map(|replaced| format!(r#","replaced":{replaced}"#));
    let replaced = replaced.unwrap_or_default();
    let line = format!(r#"{{"key":{key},"record":{text}{replaced}}}"#);
    let line = line.replace(['\n', '\r'], "");
    let mut shown = String::with_capacity(line.len() + 1);
    push_escaped(&line, &mut shown);
    shown.push('\n');
    Ok(out.write_all(shown.as_bytes())?)
}

/// The members of a visitor record, of which each may be absent.
const MEMBERS: [&str; 4] = ["bucketing", "locations", "segments", "goals"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_lines_and_steer_no_terminal() {
        let mut out = Vec::new();
        write_line("a\u{9b}31m", "{\r\n\"b\": \"\u{7f}é\"\n}", None, &mut out).unwrap();
        let expected = "{\"key\":\"a\\u009b31m\",\"record\":{\"b\": \"\\u007fé\"}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_javascript_cuts_in_two_is_shown_as_it_is() {
        let text = r#"{"segments":{"campaign":"x\ud83d"}}"#;
        let document = Document::stored(text.as_bytes()).unwrap();
        assert_eq!(document.text(), text);
        assert_eq!(document.kept(), json!({"segments": {"campaign": "x\u{fffd}"}}));
        assert!(Document::stored(br#"{"theirs":1,"goals":{}}"#).is_ok());
        for wrong in [&b"x"[..], b"[]", b"\xff", b"{} {}", br#"{"cart":{"goals":1}}"#] {
            assert!(Document::stored(wrong).is_err(), "{wrong:?}");
        }
    }
}
