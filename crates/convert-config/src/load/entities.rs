//! Reading the entities that only carry rules.

use crate::entity::{Audience, Common, Goal, Location, Segment};
use crate::load::reader::Reader;
use crate::load::rules::read_rules;
use crate::value::Value;

pub(super) fn read_audience(reader: &Reader<'_, '_>) -> Option<Audience> {
    let kind = reader.kind();
    let permanent = kind.as_deref() == Some("permanent");
    let common = read_common(reader)?;
    note_without_rules(reader, &common);
    Some(Audience { common, kind, permanent })
}

pub(super) fn read_location(reader: &Reader<'_, '_>) -> Option<Location> {
    let trigger = reader.field("trigger").map(Value::copied).unwrap_or_default();
    let common = read_common(reader)?;
    note_without_rules(reader, &common);
    Some(Location { common, trigger })
}

pub(super) fn read_segment(reader: &Reader<'_, '_>) -> Option<Segment> {
    Some(Segment { common: read_common(reader)? })
}

pub(super) fn read_goal(reader: &Reader<'_, '_>) -> Option<Goal> {
    let settings = reader.field("settings").map(Value::copied).unwrap_or_default();
    Some(Goal { common: read_common(reader)?, kind: reader.kind(), settings })
}

/// Reports an audience or location that nobody can meet.
fn note_without_rules(reader: &Reader<'_, '_>, common: &Common) {
    if common.rules.is_none() {
        reader.note("rules", "missing, so nobody matches");
    }
}

/// Reads what the four kinds share; an entity that nothing can refer to is reported and dropped.
fn read_common(reader: &Reader<'_, '_>) -> Option<Common> {
    let Some(id) = reader.id("id") else {
        if reader.field("id").is_none() {
            reader.warn("id", "missing");
        }
        return None;
    };
    Some(Common {
        id,
        key: reader.label("key"),
        name: reader.name(),
        rules: read_rules(reader, "rules"),
    })
}
