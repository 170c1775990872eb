//! Reading experiences and their variations.

use smol_str::SmolStr;

use crate::catalog::{Catalog, Identified};
use crate::ecma::to_number;
use crate::entity::{Audience, Location, Segment};
use crate::experience::{Experience, LocationGate};
use crate::feature::Feature;
use crate::load::buckets::{Share, lay_out};
use crate::load::features::{read_change, read_feature_change};
use crate::load::reader::{Path, Reader, label_of};
use crate::load::rules::read_rules;
use crate::value::Value;
use crate::variation::Variation;

/// What an experience refers to.
#[derive(Debug)]
pub(super) struct Referents<'c> {
    pub(super) archived: &'c [SmolStr],
    pub(super) audiences: &'c Catalog<Audience>,
    pub(super) features: &'c Catalog<Feature>,
    pub(super) locations: &'c Catalog<Location>,
    pub(super) segments: &'c Catalog<Segment>,
}

/// Reads an experience; one that nothing can refer to, or whose environment cannot be compared, is
/// reported and dropped.
pub(super) fn read_experience(
    reader: &Reader<'_, '_>,
    referents: &Referents<'_>,
) -> Option<Experience> {
    let Some(id) = reader.id("id") else {
        if reader.field("id").is_none() {
            reader.warn("id", "missing, so the experience is left out");
        }
        return None;
    };
    let environment = match reader.field("environment").filter(|value| value.as_view().is_truthy())
    {
        None => None,
        Some(Value::Text(text)) => Some(SmolStr::from(&**text)),
        Some(_) => {
            reader.warn("environment", "not text, so the experience is left out");
            return None;
        }
    };
    let ids = reader.ids("audiences");
    let audiences = resolve(&ids, referents.audiences);
    let segments = resolve(&ids, referents.segments);
    if audiences.len() + segments.len() < ids.len() {
        reader
            .note("audiences", "some ids are neither audiences nor segments, so they do not count");
    }
    let version = reader.field("version").cloned().map(Value::into_owned);
    let (variations, buckets) = read_variations(reader, &id, version.as_ref(), referents.features);
    Some(Experience {
        archived: referents.archived.contains(&id),
        key: reader.label("key"),
        name: reader.field("name").and_then(label_of),
        kind: reader.field("type").and_then(label_of),
        status: reader.field("status").and_then(label_of),
        version,
        environment,
        locations: read_location_gate(reader, referents.locations),
        audiences,
        all_audiences: matches_all(reader, "audiences"),
        segments,
        goals: reader.ids("goals").into(),
        variations,
        buckets,
        id,
    })
}

fn read_location_gate(reader: &Reader<'_, '_>, known: &Catalog<Location>) -> LocationGate {
    let ids = reader.ids("locations");
    // Ids that are broken restrict as well: the experience then runs nowhere, not everywhere.
    if !reader.list("locations").is_empty() {
        let locations = resolve(&ids, known);
        if locations.len() < ids.len() {
            reader.note("locations", "some ids are no locations, so they never match");
        }
        return LocationGate::At { locations, all: matches_all(reader, "locations") };
    }
    read_rules(reader, "site_area").map_or(LocationGate::Open, LocationGate::SiteArea)
}

/// Returns whether `settings.matching_options` asks for all of `name` to match.
fn matches_all(reader: &Reader<'_, '_>, name: &str) -> bool {
    let options = reader.field("settings").and_then(|settings| settings.member("matching_options"));
    options.and_then(|options| options.member(name)?.as_str()) == Some("all")
}

/// Returns the positions of what the ids refer to, in the project's order.
fn resolve<T: Identified>(ids: &[SmolStr], catalog: &Catalog<T>) -> Box<[u32]> {
    let mut positions: Vec<u32> = ids.iter().filter_map(|id| catalog.position_of_id(id)).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.into()
}

fn read_variations(
    experience: &Reader<'_, '_>,
    experience_id: &str,
    version: Option<&Value<'_>>,
    features: &Catalog<Feature>,
) -> (Box<[Variation]>, crate::buckets::Buckets) {
    let mut variations = Vec::new();
    let mut allocations = Vec::new();
    let items = experience.list("variations");
    let path = Path::Field(experience.path, "variations");
    for (index, value) in items.iter().enumerate() {
        let path = Path::Item(&path, index);
        let reader = Reader { value, path: &path, sink: experience.sink };
        if !matches!(value, Value::Map(_)) {
            reader.warn("", "not an object, ignored");
            continue;
        }
        variations.push(read_variation(&reader, features));
        allocations.push(reader.raw("traffic_allocation"));
    }
    let shares: Vec<Share<'_>> = variations
        .iter()
        .zip(allocations)
        .map(|(variation, allocation)| Share {
            id: variation.id(),
            running: variation.is_running(),
            allocation,
        })
        .collect();
    let buckets = lay_out(experience_id, version, &shares);
    (variations.into(), buckets)
}

fn read_variation(reader: &Reader<'_, '_>, features: &Catalog<Feature>) -> Variation {
    let id = reader.id("id");
    if id.is_none() && reader.field("id").is_none() {
        reader.note("id", "missing, so the variation takes no traffic");
    }
    let mut changes = Vec::new();
    let mut turned_on = Vec::new();
    reader.each("changes", |change| {
        changes.push(read_change(&change));
        turned_on.extend(read_feature_change(&change, features));
    });
    Variation {
        id,
        key: reader.label("key"),
        name: reader.field("name").and_then(label_of),
        running: is_running(reader),
        allocation: read_allocation(reader),
        changes: changes.into(),
        features: turned_on.into(),
    }
}

/// An absent status means running, and so does what ECMAScript takes for false.
fn is_running(reader: &Reader<'_, '_>) -> bool {
    match reader.field("status") {
        Some(status) if status.as_view().is_truthy() => status.as_str() == Some("running"),
        _ => true,
    }
}

fn read_allocation(reader: &Reader<'_, '_>) -> Option<f64> {
    let allocation = to_number(reader.raw("traffic_allocation")?.as_view());
    if allocation.is_nan() {
        reader.warn("traffic_allocation", "not a number, which spoils the traffic split");
        return None;
    }
    Some(allocation)
}
