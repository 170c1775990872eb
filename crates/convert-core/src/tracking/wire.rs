//! The JSON of a batch, as the tracking endpoint wants it.

use std::collections::HashMap;

use convert_config::{Value, ValueRef};
use convert_decision::Segments;

use crate::tracking::event::{Event, Origin, Payload, Reached};
use crate::tracking::goal_data::{Content, GoalDatum};

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
        let visitors = Visitors::of(events);
        let expected: usize = events.iter().map(|event| event.size).sum();
        let mut out = Vec::with_capacity(self.size(origin) + expected);
        self.write_head(origin, &mut out);
        for (index, group) in visitors.groups.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            visitors.write(group, &mut out);
        }
        out.extend_from_slice(b"]}");
        Body { json: out, visitors: visitors.groups.len() }
    }

    /// Returns how long a batch without events is.
    pub(crate) fn size(&self, origin: &Origin) -> usize {
        let mut head = Vec::new();
        self.write_head(origin, &mut head);
        head.len() + "]}".len()
    }

    fn write_head(&self, origin: &Origin, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"accountId":"#);
        write_text(&origin.account_id, out);
        out.extend_from_slice(br#","projectId":"#);
        write_text(&origin.project_id, out);
        out.extend_from_slice(br#","enrichData":"#);
        out.extend_from_slice(if self.enrich_data { b"true" } else { b"false" });
        out.extend_from_slice(br#","source":"#);
        write_text(&self.source, out);
        out.extend_from_slice(br#","visitors":["#);
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

/// The events of one visitor, of which the latest knows the segments.
struct Group<'e> {
    first: usize,
    last: usize,
    latest: &'e Event,
}

/// The events of a batch, each with where its visitor's next one is.
struct Visitors<'e> {
    groups: Vec<Group<'e>>,
    events: Vec<(&'e Event, Option<usize>)>,
}

impl<'e> Visitors<'e> {
    fn of(events: &'e [Event]) -> Self {
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(events.len());
        let mut groups: Vec<Group<'e>> = Vec::new();
        let mut chained: Vec<(&Event, Option<usize>)> = Vec::with_capacity(events.len());
        let mut previous: Option<(&str, usize)> = None;
        for (index, event) in events.iter().enumerate() {
            let visitor_id = &*event.visitor_id;
            // What a visitor does comes in rows mostly.
            let place = match previous {
                Some((id, place)) if id == visitor_id => place,
                _ => *places.entry(visitor_id).or_insert(groups.len()),
            };
            previous = Some((visitor_id, place));
            match groups.get_mut(place) {
                Some(group) => {
                    if let Some((_, next)) = chained.get_mut(group.last) {
                        *next = Some(index);
                    }
                    (group.last, group.latest) = (index, event);
                }
                None => groups.push(Group { first: index, last: index, latest: event }),
            }
            chained.push((event, None));
        }
        Visitors { groups, events: chained }
    }

    fn write(&self, group: &Group<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"visitorId":"#);
        write_text(&group.latest.visitor_id, out);
        let segments = &group.latest.segments;
        if !segments.is_empty() {
            out.extend_from_slice(br#","segments":"#);
            let members = segments.iter().map(|(name, value)| (name, Member::View(value)));
            write_object(members, out);
        }
        out.extend_from_slice(br#","events":["#);
        let mut next = Some(group.first);
        while let Some((event, following)) = next.and_then(|index| self.events.get(index)) {
            if next != Some(group.first) {
                out.push(b',');
            }
            write_event(&event.payload, out);
            next = *following;
        }
        out.extend_from_slice(b"]}");
    }
}

fn write_event(payload: &Payload, out: &mut Vec<u8>) {
    match payload {
        Payload::Exposure { experience_id, variation_id } => {
            out.extend_from_slice(br#"{"eventType":"bucketing","data":{"experienceId":"#);
            write_text(experience_id, out);
            out.extend_from_slice(br#","variationId":"#);
            write_text(variation_id, out);
        }
        Payload::Conversion(reached) => write_conversion(reached, out),
    }
    out.extend_from_slice(b"}}");
}

fn write_conversion(reached: &Reached, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"eventType":"conversion","data":{"goalId":"#);
    write_text(&reached.goal_id, out);
    if !reached.data.is_empty() {
        out.extend_from_slice(br#","goalData":["#);
        for (index, datum) in reached.data.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_datum(datum, out);
        }
        out.push(b']');
    }
    if !reached.bucketing.is_empty() {
        out.extend_from_slice(br#","bucketingData":"#);
        let pairs = reached.bucketing.iter();
        let members = pairs.map(|(key, value)| (key.as_str(), Member::View(ValueRef::Text(value))));
        write_object(members, out);
    }
}

fn write_datum(datum: &GoalDatum, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"key":"#);
    write_text(datum.key.name(), out);
    out.extend_from_slice(br#","value":"#);
    match &datum.value.0 {
        Content::Number(number) => write_number(*number, out),
        Content::Text(text) => write_text(text, out),
        Content::Texts(texts) => {
            write_list(texts, |text, out| write_text(text, out), out);
        }
    }
    out.push(b'}');
}

/// A member of an object: as attributes show it, or as it is nested.
enum Member<'v> {
    View(ValueRef<'v>),
    Nested(&'v Value<'v>),
}

fn write_object<'v>(members: impl Iterator<Item = (&'v str, Member<'v>)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, member)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        match member {
            Member::View(value) => write_value(value, out),
            Member::Nested(value) => write_value(value.as_view(), out),
        }
    }
    out.push(b'}');
}

fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Bool(true) => out.extend_from_slice(b"true"),
        ValueRef::Bool(false) => out.extend_from_slice(b"false"),
        ValueRef::Integer(integer) => {
            out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        }
        ValueRef::Float(number) => write_number(number, out),
        ValueRef::Text(text) => write_text(text, out),
        ValueRef::List(items) => {
            write_list(items, |item, out| write_value(item.as_view(), out), out);
        }
        ValueRef::Map(members) => {
            let members = members.iter().map(|(name, value)| (&**name, Member::Nested(value)));
            write_object(members, out);
        }
    }
}

fn write_list<T>(items: &[T], write: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Writes a number as `JSON.stringify` does.
fn write_number(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Writes a text as `JSON.stringify` does.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = first_escape(rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = escaped.chars();
        if let Some(character) = characters.next() {
            write_escape(character, out);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn write_escape(character: char, out: &mut Vec<u8>) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        control => {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Finds the first byte that is escaped. Most texts have none, so that whole words are looked at
/// without a branch for each byte.
fn first_escape(bytes: &[u8]) -> Option<usize> {
    let has_escape = |word: &[u8]| word.iter().fold(false, |has, byte| has | needs_escape(*byte));
    let clean = bytes.chunks_exact(WORD).take_while(|word| !has_escape(word)).count() * WORD;
    let found = bytes.get(clean..)?.iter().position(|byte| needs_escape(*byte))?;
    Some(clean + found)
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

/// Bytes of a text that are looked at in one step.
const WORD: usize = 16;
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
            let mut out = Vec::new();
            write_number(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
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
            let bound = envelope().size(&origin()) + events.iter().map(|event| event.size).sum::<usize>();
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
