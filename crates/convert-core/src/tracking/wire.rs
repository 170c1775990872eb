//! The JSON of a batch, as the tracking endpoint expects it.

use std::collections::HashMap;
use std::io;

use convert_config::ValueRef;
use convert_decision::Segments;
use serde::ser::{Serialize, SerializeMap as _, SerializeStruct as _, Serializer};

use crate::tracking::event::{Event, Origin, Payload, Reached};
use crate::tracking::goal_data::{Content, GoalDatum, GoalValue};

/// What is the same for every batch of a core.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) source: String,
    pub(crate) enrich_data: bool,
}

/// A batch as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) json: Vec<u8>,
    pub(crate) visitors: usize,
}

impl Envelope {
    /// Writes a batch of events that share an origin: visitors in first-seen order, each with its
    /// latest segments, and its events in the order given.
    pub(crate) fn body(&self, origin: &Origin, events: &[Event]) -> Body {
        let visitors = by_visitor(events);
        let count = visitors.len();
        let size: usize = events.iter().map(|event| event.size).sum();
        let document = Document { envelope: self, origin, visitors };
        Body { json: to_json(&document, ENVELOPE_FRAME + origin.size + size), visitors: count }
    }
}

/// Returns an upper bound of what an event adds to a body, in bytes: what it takes if its visitor
/// has no other event there. Also what the queue's bound counts.
pub(crate) fn size_of(visitor_id: &str, segments: &Segments, payload: &Payload) -> usize {
    let segments = if segments.is_empty() { 0 } else { segments_size(segments) };
    let payload = match payload {
        Payload::Exposure { experience_id, variation_id } => {
            text_size(experience_id) + text_size(variation_id)
        }
        Payload::Conversion(reached) => {
            let data: usize = reached.data.iter().map(datum_size).sum();
            let pairs = reached.bucketing.iter();
            let bucketing: usize =
                pairs.map(|(key, value)| text_size(key) + text_size(value) + 2).sum();
            text_size(&reached.goal_id) + data + bucketing
        }
    };
    EVENT_FRAME + text_size(visitor_id) + segments + payload
}

/// Writes a value as `JSON.stringify` does.
fn to_json(value: &impl Serialize, expected: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(expected);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, EcmaNumbers);
    // Neither writing to memory nor an object whose names are text can fail.
    let _ = value.serialize(&mut serializer);
    out
}

/// Writes JSON without whitespace, and numbers as ECMAScript does.
struct EcmaNumbers;

impl serde_json::ser::Formatter for EcmaNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }
}

struct Document<'e> {
    envelope: &'e Envelope,
    origin: &'e Origin,
    visitors: Vec<Visitor<'e>>,
}

/// The events of one visitor, of which the latest has the segments.
struct Visitor<'e> {
    latest: &'e Event,
    events: Vec<&'e Payload>,
}

/// Groups events by visitor, in the order in which the visitors come first.
fn by_visitor(events: &[Event]) -> Vec<Visitor<'_>> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(events.len());
    let mut visitors: Vec<Visitor<'_>> = Vec::new();
    for event in events {
        let place = *places.entry(&event.visitor_id).or_insert(visitors.len());
        match visitors.get_mut(place) {
            Some(visitor) => {
                visitor.latest = event;
                visitor.events.push(&event.payload);
            }
            None => visitors.push(Visitor { latest: event, events: vec![&event.payload] }),
        }
    }
    visitors
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Body", 5)?;
        body.serialize_field("accountId", &*self.origin.account_id)?;
        body.serialize_field("projectId", &*self.origin.project_id)?;
        body.serialize_field("enrichData", &self.envelope.enrich_data)?;
        body.serialize_field("source", &self.envelope.source)?;
        body.serialize_field("visitors", &self.visitors)?;
        body.end()
    }
}

impl Serialize for Visitor<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut visitor = serializer.serialize_struct("Visitor", 3)?;
        visitor.serialize_field("visitorId", &*self.latest.visitor_id)?;
        if !self.latest.segments.is_empty() {
            visitor.serialize_field("segments", &self.latest.segments)?;
        }
        visitor.serialize_field("events", &self.events)?;
        visitor.end()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 2)?;
        match self {
            Payload::Exposure { experience_id, variation_id } => {
                event.serialize_field("eventType", "bucketing")?;
                let data = Exposure { experience_id, variation_id };
                event.serialize_field("data", &data)?;
            }
            Payload::Conversion(reached) => {
                event.serialize_field("eventType", "conversion")?;
                event.serialize_field("data", reached)?;
            }
        }
        event.end()
    }
}

struct Exposure<'e> {
    experience_id: &'e str,
    variation_id: &'e str,
}

impl Serialize for Exposure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_struct("Exposure", 2)?;
        data.serialize_field("experienceId", self.experience_id)?;
        data.serialize_field("variationId", self.variation_id)?;
        data.end()
    }
}

impl Serialize for Reached {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_map(None)?;
        data.serialize_entry("goalId", self.goal_id.as_str())?;
        if !self.data.is_empty() {
            data.serialize_entry("goalData", &self.data)?;
        }
        if !self.bucketing.is_empty() {
            data.serialize_entry("bucketingData", &Assignments(self))?;
        }
        data.end()
    }
}

/// The visitor's assignments, as a map.
struct Assignments<'e>(&'e Reached);

impl Serialize for Assignments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.bucketing.iter();
        serializer.collect_map(pairs.map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

impl Serialize for GoalDatum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut datum = serializer.serialize_struct("GoalDatum", 2)?;
        datum.serialize_field("key", self.key.name())?;
        datum.serialize_field("value", &Datum(&self.value))?;
        datum.end()
    }
}

/// The value of a goal datum. [`GoalValue`] is public, and its JSON is the endpoint's business.
struct Datum<'e>(&'e GoalValue);

impl Serialize for Datum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.0 {
            Content::Number(number) => serializer.serialize_f64(*number),
            Content::Text(text) => serializer.serialize_str(text),
            Content::Texts(texts) => serializer.collect_seq(texts),
        }
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Returns an upper bound of a text's length as JSON: six bytes for each one that is escaped.
pub(crate) fn text_size(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| needs_escape(*byte)).count();
    text.len() + 5 * escaped + 2
}

fn segments_size(segments: &Segments) -> usize {
    let members = segments.iter().map(|(name, value)| text_size(name) + value_size(value) + 2);
    SEGMENTS_FRAME + members.sum::<usize>()
}

fn value_size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) => text_size(text),
        ValueRef::List(items) => {
            items.iter().map(|item| value_size(item.as_view()) + 1).sum::<usize>() + 2
        }
        ValueRef::Map(members) => {
            let sizes = members
                .iter()
                .map(|(name, value)| text_size(name) + value_size(value.as_view()) + 2);
            sizes.sum::<usize>() + 2
        }
        _ => NUMBER_SIZE,
    }
}

fn datum_size(datum: &GoalDatum) -> usize {
    let value = match &datum.value.0 {
        Content::Number(_) => NUMBER_SIZE,
        Content::Text(text) => text_size(text),
        Content::Texts(texts) => texts.iter().map(|text| text_size(text) + 1).sum::<usize>() + 2,
    };
    DATUM_FRAME + value
}

/// More than what surrounds the ids and the visitors of a body, whose source has at most 256 bytes.
pub(crate) const ENVELOPE_FRAME: usize = 2_048;
/// More than what surrounds the ids of the longest kind of event, and its visitor.
const EVENT_FRAME: usize = 144;
/// More than what surrounds the members of `segments`.
const SEGMENTS_FRAME: usize = 16;
/// More than what surrounds the value of a goal datum, its key included.
const DATUM_FRAME: usize = 40;
/// More than any number is long.
const NUMBER_SIZE: usize = 26;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use convert_decision::attributes;
    use proptest::prelude::*;

    use super::*;
    use crate::tracking::conversion::Conversion;

    fn origin() -> Arc<Origin> {
        Arc::new(Origin::new("1001", "2002"))
    }

    fn envelope() -> Envelope {
        Envelope { source: "rust-sdk".to_owned(), enrich_data: true }
    }

    fn event(visitor_id: &str, segments: Segments, payload: Payload) -> Event {
        Event::new(origin(), visitor_id, segments, payload, Duration::ZERO)
    }

    fn exposure(experience_id: &str, variation_id: &str) -> Payload {
        let (experience_id, variation_id) = (experience_id.into(), variation_id.into());
        Payload::Exposure { experience_id, variation_id }
    }

    fn reached(conversion: Conversion, bucketing: &[(&str, &str)]) -> Payload {
        let pairs = bucketing.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        Payload::Conversion(Box::new(Reached {
            goal_id: "77".into(),
            data: conversion.into_data(),
            bucketing: pairs.collect(),
        }))
    }

    fn json(events: &[Event]) -> String {
        String::from_utf8(envelope().body(&origin(), events).json).unwrap()
    }

    #[test]
    fn fields_come_in_the_documented_order() {
        let segments =
            || Segments::from(attributes! { "country" => "US", "customSegments" => ["5"] });
        let events = [
            event("v", segments(), exposure("10", "20")),
            event("v", segments(), reached(Conversion::new("g").revenue(10.3), &[("10", "20")])),
        ];
        assert_eq!(
            json(&events),
            r#"{"accountId":"1001","projectId":"2002","enrichData":true,"source":"rust-sdk","visitors":[{"visitorId":"v","segments":{"country":"US","customSegments":["5"]},"events":[{"eventType":"bucketing","data":{"experienceId":"10","variationId":"20"}},{"eventType":"conversion","data":{"goalId":"77","goalData":[{"key":"amount","value":10.3}],"bucketingData":{"10":"20"}}}]}]}"#
        );
    }

    #[test]
    fn visitors_come_in_first_seen_order_with_their_latest_segments() {
        let segments = |country: &str| Segments::from(attributes! { "country" => country });
        let events = [
            event("b", segments("DE"), exposure("1", "2")),
            event("a", Segments::default(), exposure("3", "4")),
            event("b", segments("FR"), reached(Conversion::new("g"), &[])),
        ];
        assert_eq!(envelope().body(&origin(), &events).visitors, 2);
        let json = json(&events);
        let visitors = json.split_once(r#""visitors":"#).unwrap().1;
        assert_eq!(
            visitors,
            r#"[{"visitorId":"b","segments":{"country":"FR"},"events":[{"eventType":"bucketing","data":{"experienceId":"1","variationId":"2"}},{"eventType":"conversion","data":{"goalId":"77"}}]},{"visitorId":"a","events":[{"eventType":"bucketing","data":{"experienceId":"3","variationId":"4"}}]}]}"#
        );
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, expected) in [
            (10.0, "10"),
            (-0.0, "0"),
            (49.99, "49.99"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(String::from_utf8(to_json(&number, 0)).unwrap(), expected);
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![".{0,12}", "[\u{0}-\u{1f}\"\\\\]{0,40}"]
    }

    fn any_payload() -> impl Strategy<Value = Payload> {
        let exposures = (any_text(), any_text()).prop_map(|(one, two)| exposure(&one, &two));
        let texts = proptest::collection::vec(any_text(), 0..4);
        let pairs = proptest::collection::vec((any_text(), any_text()), 0..4);
        let conversions = (any_text(), proptest::num::f64::NORMAL, texts, pairs);
        let conversions = conversions.prop_map(|(text, number, texts, pairs)| {
            let conversion = Conversion::new("g")
                .revenue(number)
                .products_count(u32::MAX)
                .transaction_id(text)
                .custom_dimension(1, texts);
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(one, two)| (one.as_str(), two.as_str())).collect();
            reached(conversion, &pairs)
        });
        prop_oneof![exposures, conversions]
    }

    proptest! {
        /// Another JSON reader gets back what was written, and the size is never underestimated.
        #[test]
        fn bodies_are_json_and_no_longer_than_estimated(
            events in proptest::collection::vec((any_text(), any_text(), any_payload()), 1..12)
        ) {
            let events: Vec<Event> = events
                .into_iter()
                .map(|(visitor, country, payload)| {
                    let segments = attributes! {
                        "country" => &country, "visitorType" => 1e300, "content" => i64::MIN,
                        "customSegments" => [country.as_str(), "x"],
                    };
                    event(&visitor, Segments::from(segments), payload)
                })
                .collect();
            let body = envelope().body(&origin(), &events);
            let sizes = events.iter().map(|event| event.size).sum::<usize>();
            let bound = ENVELOPE_FRAME + origin().size + sizes;
            prop_assert!(body.json.len() <= bound, "{} > {bound}", body.json.len());

            let read: serde_json::Value = serde_json::from_slice(&body.json).unwrap();
            let visitors = read["visitors"].as_array().unwrap();
            let count: usize =
                visitors.iter().map(|one| one["events"].as_array().unwrap().len()).sum();
            prop_assert_eq!(count, events.len());
            prop_assert_eq!(visitors[0]["visitorId"].as_str().unwrap(), &*events[0].visitor_id);
            if let Payload::Exposure { experience_id, .. } = &events[0].payload {
                let data = &visitors[0]["events"][0]["data"];
                prop_assert_eq!(data["experienceId"].as_str().unwrap(), experience_id.as_str());
            }
        }
    }
}
