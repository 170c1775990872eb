//! Replacing one record.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use convert_redis::{RedisStore, Stored};
use serde_json::Value;
use serde_json::value::RawValue;

use super::document::{Document, write_line};
use super::key::{NO_KEY, is_of_visitor};
use super::left::shown;
use super::of_change;
use crate::failure::Failure;
use crate::input::read_stdin;

/// Stores the record on standard input under a key, in place of the one that is there.
pub(super) fn run(store: &RedisStore, key: &str, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let name = shown(key.as_bytes());
    if !is_of_visitor(key) {
        return Err(Failure::new(format_args!("{name} {NO_KEY}")));
    }
    // Read before standard input, which a pipeline may derive from what `get` prints: a change in
    // between must not be undone.
    let held = store.text(key).map_err(|error| Failure::of_store(&error))?;
    if !held.is_empty() {
        Document::stored(&held).map_err(|why| {
            Failure::new(format_args!("{name} holds no visitor record: {why}; delete it first"))
        })?;
    }
    let input = read_stdin("a record", MAX_INPUT).map_err(Failure::Other)?;
    let given = read(&input, key)
        .map_err(|why| Failure::new(format_args!("standard input is no record: {why}")))?;
    let stored = store.store_text(key, Some(&held), given.text().as_bytes());
    let is_replaced = match stored.map_err(|error| Failure::Other(of_change(&error)))? {
        Stored::Changed => {
            let why = format!("{name} has changed meanwhile, so nothing was stored");
            return Err(Failure::Other(why));
        }
        stored => stored == Stored::Replaced,
    };
    write_line(key, given.text(), Some(is_replaced), out)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the JSON of a record, or the line that `get` prints of the record under this key.
///
/// What the SDK would read differently is refused: a service would write it back without that.
fn read<'t>(input: &'t [u8], key: &str) -> Result<Document<'t>, String> {
    let text = std::str::from_utf8(input).map_err(|_| "it is no UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
    let record = match (members.get("key"), members.get("record")) {
        (Some(other), Some(record)) if members.keys().all(|name| LINE.contains(&name.as_str())) => {
            let other: Value = serde_json::from_str(other.get()).map_err(|e| e.to_string())?;
            if other.as_str() != Some(key) {
                return Err(format!("it is the one of {other}"));
            }
            record.get()
        }
        _ => text,
    };
    let document = Document::read(record).map_err(|error| error.to_string())?;
    document.expect_record()?;
    let given: Value =
        serde_json::from_str(document.repaired()).map_err(|error| error.to_string())?;
    let kept = document.kept();
    if significant(&given) != significant(&kept) {
        return Err(format!("the SDK would make {kept} of it"));
    }
    Ok(document)
}

/// Returns JSON without what a record need not keep: members that are null, false or empty, and the
/// spelling of numbers.
fn significant(json: &Value) -> Value {
    let is_kept = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    match json {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), significant(value)));
            Value::Object(members.filter(|(_, value)| is_kept(value)).collect())
        }
        Value::Array(items) => items.iter().map(significant).collect(),
        Value::Number(number) => number.as_f64().into(),
        _ => json.clone(),
    }
}

/// The members of a line as `get` and `set` print it.
const LINE: [&str; 3] = ["key", "record", "replaced"];
/// Room for the longest record and its key, however they are written.
const MAX_INPUT: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<&str, &str>) {
        match (read(input.as_bytes(), "1-2-v"), expected) {
            (Ok(document), Ok(text)) => assert_eq!(document.text(), text, "{input}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{input}: {why}"),
            (found, _) => panic!("{input}: {found:?}"),
        }
    }

    #[test]
    fn a_record_is_taken_as_it_is_written() {
        let record = r#"{"z": 1, "goals": {"b": true, "a": true}}"#;
        check(record, Ok(record));
        check(&format!("\u{feff}{record}\r\n"), Ok(record));
        check(&format!(r#"{{"key":"1-2-v","record":{record},"replaced":true}}"#), Ok(record));
        check("{}", Ok("{}"));
        let odd = r#"{"goals":{"a":true,"b":false},"segments":{},"a":[1e2,1.0,null]}"#;
        check(odd, Ok(odd));
        let cut = r#"{"segments":{"campaign":"x\ud83d"}}"#;
        check(cut, Ok(cut));
    }

    #[test]
    fn what_the_sdk_reads_differently_is_refused_with_what_it_would_make_of_it() {
        check(r#"{"goals":{"a":true},"locations":5}"#, Err(r#"make {"goals":{"a":true}} of it"#));
        check(r#"{"bucketing":{"3":30}}"#, Err(r#"{"bucketing":{"3":"30"}}"#));
        check(r#"{"segments":{"country":"DE","plan":"gold"}}"#, Err(r#"{"country":"DE"}"#));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for (input, why) in [
            ("", "it is empty"),
            ("\u{feff} \n", "it is empty"),
            ("[1]", "a visitor record is a JSON object"),
            (r#"{"key":"1-2-w","record":{}}"#, "it is the one of \"1-2-w\""),
            (r#"{"key":5,"record":{}}"#, "it is the one of 5"),
            (r#"{"key":"1-2-v"}"#, "it has none of bucketing"),
            (r#"{"deleted":1}"#, "it has none of bucketing"),
        ] {
            check(input, Err(why));
        }
    }
}
