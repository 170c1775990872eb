//! Reading JSON as ECMAScript reads it.

use std::borrow::Cow;

use convert_sdk::{Value, repair_json};

/// Parses `text` and hands the value to `read`.
///
/// What ECMAScript accepts and strict parsers refuse, lone surrogates say, is repaired first.
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

#[cfg(test)]
mod tests {
    use super::*;

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
