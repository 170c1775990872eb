//! A request line.

use convert_sdk::{Attributes, Context, Core, Value, VisitorRecord};

use crate::json;

/// Who is to be decided for.
#[derive(Debug)]
pub(crate) struct Request {
    visitor_id: String,
    attributes: Attributes,
    location: Attributes,
    record: VisitorRecord,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// Fails with words for people if the text is no request.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        json::with_value(text, Request::read)?
    }

    /// Makes the visitor, who shares nothing with others of the same id.
    pub(crate) fn into_visitor(self, core: &Core) -> Context {
        core.create_context(self.visitor_id)
            .with_record(self.record)
            .with_attributes(self.attributes)
            .with_location(self.location)
    }

    fn read(request: &Value<'_>) -> Result<Self, String> {
        if !matches!(request, Value::Map(_)) {
            return Err("not a JSON object".to_owned());
        }
        Ok(Request {
            visitor_id: visitor_id(request.member("visitor_id"))?,
            attributes: attributes(request, "attributes")?,
            location: attributes(request, "location")?,
            record: record(request.member("record"))?,
        })
    }
}

fn visitor_id(value: Option<&Value<'_>>) -> Result<String, String> {
    match value {
        None | Some(Value::Null) => Err("visitor_id is missing".to_owned()),
        Some(Value::Text(id)) => Ok(id.to_string()),
        Some(number @ (Value::Integer(_) | Value::Float(_))) => {
            // Other numbers lose digits or their spelling, and the id would be another visitor's.
            let is_exact = |one: f64| one.abs() < INEXACT && one.fract() == 0.0;
            let is_id = number.as_view().as_number().is_some_and(is_exact);
            is_id.then(|| number.as_view().to_text().into_owned()).ok_or_else(|| {
                "visitor_id is a number with a fraction or too many digits: quote it".to_owned()
            })
        }
        Some(_) => Err("visitor_id is not text".to_owned()),
    }
}

fn attributes(request: &Value<'_>, name: &str) -> Result<Attributes, String> {
    match request.member(name) {
        None | Some(Value::Null) => Ok(Attributes::new()),
        Some(Value::Map(members)) => {
            let mut members: Vec<_> = members.iter().collect();
            // In order, each is added at the end; in any other, a huge map would take for ever.
            members.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            Ok(members.into_iter().map(|(name, value)| (name, value.as_view())).collect())
        }
        Some(_) => Err(format!("{name} is not an object")),
    }
}

fn record(value: Option<&Value<'_>>) -> Result<VisitorRecord, String> {
    match value {
        None | Some(Value::Null) => Ok(VisitorRecord::new()),
        Some(record @ Value::Map(_)) => record.read().map_err(|error| format!("record: {error}")),
        Some(_) => Err("record is not an object".to_owned()),
    }
}

/// The first whole number from which doubles leave some out.
const INEXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_visitor_id_is_needed() {
        let request = Request::parse(r#"{"visitor_id": "v", "other": [1], "record": null}"#);
        let request = request.unwrap();
        assert_eq!(request.visitor_id, "v");
        assert!(request.attributes.is_empty() && request.location.is_empty());
        assert!(request.record.is_empty());
    }

    #[test]
    fn numbers_are_ids_as_long_as_they_are_exact() {
        let id = |number: &str| {
            Request::parse(&format!(r#"{{"visitor_id": {number}}}"#)).map(|it| it.visitor_id)
        };
        assert_eq!(id("42"), Ok("42".to_owned()));
        assert!(id("1.10").is_err());
        assert_eq!(id("9007199254740991"), Ok("9007199254740991".to_owned()));
        assert!(id("9007199254740993").is_err());
        assert!(id("12345678901234567890").is_err());
    }

    #[test]
    fn what_is_no_request_is_named() {
        for (text, expected) in [
            ("[]", "not a JSON object"),
            ("{}", "visitor_id is missing"),
            (r#"{"visitor_id": null}"#, "visitor_id is missing"),
            (r#"{"visitor_id": true}"#, "visitor_id is not text"),
            (r#"{"visitor_id": "v", "attributes": []}"#, "attributes is not an object"),
            (r#"{"visitor_id": "v", "location": "x"}"#, "location is not an object"),
            (r#"{"visitor_id": "v", "record": 1}"#, "record is not an object"),
        ] {
            assert_eq!(Request::parse(text).unwrap_err(), expected, "{text}");
        }
        let deep = format!(r#"{{"visitor_id": "v", "attributes": {}1"#, "[".repeat(200));
        assert!(Request::parse(&deep).unwrap_err().starts_with("not JSON: "));
    }

    #[test]
    fn many_attributes_are_read_in_no_time() {
        let members: Vec<String> = (0..200_000).rev().map(|i| format!(r#""a{i}":{i}"#)).collect();
        let text = format!(r#"{{"visitor_id": "v", "attributes": {{{}}}}}"#, members.join(","));
        assert_eq!(Request::parse(&text).unwrap().attributes.len(), 200_000);
    }
}
