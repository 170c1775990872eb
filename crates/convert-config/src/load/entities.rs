//! Reading the entities that only carry rules.

use crate::entity::{Audience, Common, Goal, Location, Segment};
use crate::load::reader::{Reader, label_of};
use crate::load::rules::read_rules;

pub(super) fn read_audience(reader: &Reader<'_, '_>) -> Option<Audience> {
    let permanent = reader.field("type").and_then(|kind| kind.as_str()) == Some("permanent");
    Some(Audience { common: read_common(reader)?, permanent })
}

pub(super) fn read_location(reader: &Reader<'_, '_>) -> Option<Location> {
    Some(Location { common: read_common(reader)? })
}

pub(super) fn read_segment(reader: &Reader<'_, '_>) -> Option<Segment> {
    Some(Segment { common: read_common(reader)? })
}

pub(super) fn read_goal(reader: &Reader<'_, '_>) -> Option<Goal> {
    Some(Goal { common: read_common(reader)?, kind: reader.field("type").and_then(label_of) })
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
        name: reader.field("name").and_then(label_of),
        rules: read_rules(reader, "rules"),
    })
}
