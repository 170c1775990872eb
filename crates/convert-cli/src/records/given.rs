//! A record that is to be stored, as it is given.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use convert_sdk::repair_json;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::document::Document;
use crate::output::one_line;

/// A record, and whose it is said to be.
#[derive(Debug)]
pub(super) struct Given<'t> {
    /// All of it.
    whole: &'t str,
    pub(super) key: Option<String>,
    pub(super) document: Document<'t>,
}

impl<'t> Given<'t> {
    /// Reads the JSON of a record, or of a key and a record.
    pub(super) fn read(whole: &'t str) -> Result<Self, String> {
        let members =
            serde_json::from_str::<BTreeMap<String, &RawValue>>(whole).unwrap_or_default();
        let (key, text) = match (members.get("key"), members.get("record")) {
            (Some(key), Some(record)) => {
                if members.keys().any(|name| !LINE.contains(&name.as_str())) {
                    return Err("there is more than a key and a record".to_owned());
                }
                let key = serde_json::from_str(key.get()).map_err(|_| "the key is no text")?;
                (Some(key), record.get())
            }
            _ => (None, whole),
        };
        let document = Document::read(text).map_err(|error| error.to_string())?;
        Ok(Given { whole, key, document })
    }

    /// Returns the text that is to be stored: what was given if the SDK keeps all of it, else what it
    /// would write in its place, if that means the same. Fails with words for people if something
    /// would be lost.
    pub(super) fn to_store(&self) -> Result<String, String> {
        serde_json::from_str::<Once>(&repair_json(self.whole))
            .map_err(|error| error.to_string())?;
        self.document.expect_record()?;
        let given = self.document.repaired();
        let given = serde_json::from_str(given).map_err(|error| error.to_string())?;
        let kept = self.document.kept();
        if given == kept {
            return Ok(self.document.text().to_owned());
        }
        match first_lost(&given, &kept, "$") {
            Some(path) => Err(format!("the SDK would not keep what is at {}", one_line(&path))),
            None => {
                let kept = kept.to_string();
                // The SDK writes no empty member, and what is left may be foreign to all but it.
                let is_record = Document::read(&kept).is_ok_and(|one| one.expect_record().is_ok());
                Ok(if is_record { kept } else { self.document.text().to_owned() })
            }
        }
    }
}

/// Returns where the first value is that a record does not keep; a goal that is not reached and a
/// repeated item of a list say nothing that could be lost.
fn first_lost(given: &Value, kept: &Value, path: &str) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match kept.get(name) {
                Some(kept) => first_lost(value, kept, &path),
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(kept)) => {
            let is_kept =
                |item: &Value| kept.iter().any(|kept| first_lost(item, kept, path).is_none());
            given.iter().position(|item| !is_kept(item)).map(|at| format!("{path}[{at}]"))
        }
        // Ids may be numbers, which are kept as texts.
        (Value::Number(given), Value::String(kept)) if given.to_string() == *kept => None,
        // A whole number may be written with a fraction, which is not kept.
        (Value::Number(given), Value::Number(kept))
            if given.is_f64() && given.as_f64() == kept.as_f64() =>
        {
            None
        }
        (given, kept) => (given != kept).then(|| path.to_owned()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(members) => members.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

/// JSON in which every member of an object is there once, as no other reading of it would tell.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Once, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Once>()?;
            if let Some(name) = names.replace(name) {
                let name = one_line(&name);
                return Err(A::Error::custom(format_args!("the member `{name}` is there twice")));
            }
        }
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }
}

/// The members of a line as this command prints them.
const LINE: [&str; 3] = ["key", "record", "replaced"];
