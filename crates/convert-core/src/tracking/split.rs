//! Smaller bodies out of a larger one.
//!
//! A body may have to be sent in parts when its events are no longer in memory, only the JSON that was
//! made of them. So the JSON is taken apart: every value is copied as it is written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::tracking::batch::Batch;

/// Takes a batch apart into batches of at most `limit` bytes each, where that is possible: an event
/// that alone takes more has a batch to itself. Events keep their order.
///
/// Returns `None` if there is only one event, or the body is no batch.
pub(crate) fn split(batch: &Batch, limit: usize) -> Option<Vec<Batch>> {
    let body = Body::read(&batch.json)?;
    let empty = body.write(&[]).len();
    let mut parts = Parts { empty, limit, all: Vec::new() };
    for visitor in &body.visitors {
        parts.add(visitor)?;
    }
    if parts.all.len() < 2 {
        return None;
    }
    let all: Option<Vec<Batch>> =
        parts.all.iter().map(|part| body.batch(&part.visitors, batch)).collect();
    // In a forged spool file the number of events may be wrong.
    let count = |all: &Vec<Batch>| all.iter().map(|part| u64::from(part.events)).sum::<u64>();
    all.filter(|all| count(all) == u64::from(batch.events))
}

/// Returns a batch without its first events; `None` if nothing is left, or the body is no batch.
#[cfg(any(feature = "spool", test))]
pub(crate) fn without(batch: Batch, skip: u32) -> Option<Batch> {
    if skip == 0 {
        return Some(batch);
    }
    let mut body = Body::read(&batch.json)?;
    let mut visitors = std::mem::take(&mut body.visitors);
    let mut skip = usize::try_from(skip).ok()?;
    for visitor in &mut visitors {
        let count = skip.min(visitor.events.len());
        visitor.events.drain(..count);
        skip -= count;
    }
    visitors.retain(|visitor| !visitor.events.is_empty());
    if visitors.is_empty() {
        return None;
    }
    body.batch(&visitors, &batch)
}

/// The members of an object, each as it is written.
type Members<'b> = BTreeMap<&'b str, &'b RawValue>;

struct Body<'b> {
    head: Members<'b>,
    visitors: Vec<Visitor<'b>>,
}

#[derive(Clone)]
struct Visitor<'b> {
    id: &'b RawValue,
    segments: Option<&'b RawValue>,
    events: Vec<&'b RawValue>,
}

impl<'b> Body<'b> {
    fn read(json: &'b [u8]) -> Option<Self> {
        let head: Members<'b> = serde_json::from_slice(json).ok()?;
        if !HEAD.iter().all(|name| head.contains_key(name)) {
            return None;
        }
        let visitors: Vec<Members<'b>> = serde_json::from_str(head.get("visitors")?.get()).ok()?;
        let visitors: Option<Vec<_>> = visitors.iter().map(Visitor::read).collect();
        Some(Body { head, visitors: visitors? })
    }

    fn batch(&self, visitors: &[Visitor<'_>], of: &Batch) -> Option<Batch> {
        let events: usize = visitors.iter().map(|visitor| visitor.events.len()).sum();
        Some(Batch {
            project_id: of.project_id.clone(),
            events: u32::try_from(events).ok()?,
            visitors: u32::try_from(visitors.len()).ok()?,
            json: self.write(visitors),
        })
    }

    fn write(&self, visitors: &[Visitor<'_>]) -> Vec<u8> {
        let mut out = String::from("{");
        for name in HEAD {
            let value = self.head.get(name).map_or("null", |value| value.get());
            out.extend(["\"", name, "\":", value, ","]);
        }
        out.push_str("\"visitors\":[");
        for (index, visitor) in visitors.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            visitor.write(&mut out);
        }
        out.push_str("]}");
        out.into_bytes()
    }
}

impl<'b> Visitor<'b> {
    fn read(members: &Members<'b>) -> Option<Self> {
        let id = *members.get("visitorId")?;
        let segments = members.get("segments").copied();
        let events = serde_json::from_str(members.get("events")?.get()).ok()?;
        Some(Visitor { id, segments, events })
    }

    fn write(&self, out: &mut String) {
        out.extend(["{\"visitorId\":", self.id.get()]);
        if let Some(segments) = self.segments {
            out.extend([",\"segments\":", segments.get()]);
        }
        out.push_str(",\"events\":[");
        for (index, event) in self.events.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(event.get());
        }
        out.push_str("]}");
    }
}

/// The batches that a body is distributed to.
struct Parts<'b> {
    /// How long a body without visitors is.
    empty: usize,
    limit: usize,
    all: Vec<Part<'b>>,
}

struct Part<'b> {
    visitors: Vec<Visitor<'b>>,
    size: usize,
}

impl<'b> Parts<'b> {
    fn add(&mut self, visitor: &Visitor<'b>) -> Option<()> {
        let bare = Visitor { events: Vec::new(), ..visitor.clone() };
        let mut written = String::new();
        bare.write(&mut written);
        let frame = written.len() + 1;
        let mut is_new = true;
        for event in &visitor.events {
            let size = event.get().len() + 1;
            let added = size + if is_new { frame } else { 0 };
            match self.all.last_mut().filter(|part| part.size + added <= self.limit) {
                Some(part) => {
                    if is_new {
                        part.visitors.push(bare.clone());
                    }
                    part.visitors.last_mut()?.events.push(event);
                    part.size += added;
                }
                None => {
                    let visitors = vec![Visitor { events: vec![event], ..bare.clone() }];
                    self.all.push(Part { visitors, size: self.empty + frame + size });
                }
            }
            is_new = false;
        }
        Some(())
    }
}

/// The members of a body before its visitors, in this order.
const HEAD: [&str; 4] = ["accountId", "projectId", "enrichData", "source"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(visitors: &[(String, usize)]) -> Batch {
        let lists: Vec<String> = visitors
            .iter()
            .enumerate()
            .map(|(index, (id, count))| {
                let events: Vec<String> = (0..*count)
                    .map(|number| format!(r#"{{"n":{number}.50,"of":{index}}}"#))
                    .collect();
                let id = serde_json::to_string(id).unwrap();
                let segments = if index % 2 == 0 { r#""segments":{"a":1e+21},"# } else { "" };
                format!(r#"{{"visitorId":{id},{segments}"events":[{}]}}"#, events.join(","))
            })
            .collect();
        let json = format!(
            r#"{{"accountId":"1","projectId":"2","enrichData":true,"source":"s","visitors":[{}]}}"#,
            lists.join(",")
        );
        let events: usize = visitors.iter().map(|(_, count)| count).sum();
        let (events, count) =
            (u32::try_from(events).unwrap(), u32::try_from(visitors.len()).unwrap());
        Batch { project_id: "2".into(), events, visitors: count, json: json.into_bytes() }
    }

    /// The events of a body, each with what is said of its visitor.
    fn events(batch: &Batch) -> Vec<String> {
        let body = Body::read(&batch.json).unwrap();
        assert_eq!(u32::try_from(body.visitors.len()).unwrap(), batch.visitors);
        let lines: Vec<String> = body
            .visitors
            .iter()
            .flat_map(|visitor| {
                let mut who = String::new();
                Visitor { events: Vec::new(), ..visitor.clone() }.write(&mut who);
                visitor.events.iter().map(move |event| format!("{who} {event}"))
            })
            .collect();
        assert_eq!(u32::try_from(lines.len()).unwrap(), batch.events);
        lines
    }

    #[test]
    fn an_event_alone_cannot_be_split_and_what_is_no_batch_neither() {
        assert_eq!(split(&batch(&[("v".to_owned(), 1)]), 1), None);
        let broken = Batch { json: b"{}".to_vec(), ..batch(&[]) };
        assert_eq!((split(&broken, 1), without(broken, 1)), (None, None));
    }

    #[test]
    fn what_is_not_split_is_copied_byte_for_byte() {
        let whole = batch(&[("a\"\u{e9}".to_owned(), 2), ("b".to_owned(), 1)]);
        let body = Body::read(&whole.json).unwrap();
        assert_eq!(body.batch(&body.visitors, &whole).unwrap(), whole);
    }

    proptest! {
        /// Parts hold the events of the whole in their order, and no more bytes than they may.
        #[test]
        fn parts_make_up_the_whole(
            visitors in proptest::collection::vec((".{0,5}", 1usize..6), 1..6),
            limit in 1usize..600, skip in 0u32..30
        ) {
            let whole = batch(&visitors);
            let expected = events(&whole);
            if let Some(parts) = split(&whole, limit) {
                let found: Vec<String> = parts.iter().flat_map(events).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert!(parts.iter().all(|part| part.json.len() <= limit || part.events == 1));
            } else {
                prop_assert!(whole.json.len() <= limit || whole.events == 1);
            }
            let rest = without(whole, skip).map_or(Vec::new(), |rest| events(&rest));
            let behind = expected.get(skip as usize..).unwrap_or_default();
            prop_assert_eq!(rest, behind.to_vec());
        }
    }
}
