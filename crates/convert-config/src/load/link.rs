//! Resolving what the entities of a project refer to.

use smol_str::SmolStr;

use crate::catalog::{Catalog, Identified};
use crate::diagnostic::Severity;
use crate::entity::{Audience, Location, Segment};
use crate::experience::{Experience, LocationGate};
use crate::feature::Feature;
use crate::id_mark::IdMark;
use crate::load::buckets::lay_out;
use crate::load::experience::Draft;
use crate::load::features::resolve_change;
use crate::load::reader::{Path, Reader};
use crate::load::root::Entities;
use crate::load::sink::Sink;
use crate::value::Value;
use crate::variation::FeatureChange;
use crate::work::count;

/// What experiences refer to.
#[derive(Debug)]
pub(super) struct Referents<'c> {
    pub(super) archived: Vec<SmolStr>,
    pub(super) audiences: &'c Catalog<Audience>,
    pub(super) features: &'c Catalog<Feature>,
    pub(super) locations: &'c Catalog<Location>,
    pub(super) segments: &'c Catalog<Segment>,
}

/// Resolves the references of every experience. `list` is the path of the experiences.
pub(super) fn link_experiences(
    drafts: Entities<Draft>,
    mut referents: Referents<'_>,
    list: &Path<'_>,
    sink: &Sink,
) -> Catalog<Experience> {
    referents.archived.sort_unstable();
    sink.absorb(drafts.sink);
    let firsts: Vec<bool> = drafts
        .catalog
        .iter()
        .zip(0..)
        .map(|(draft, index)| {
            draft.key().is_none_or(|key| drafts.catalog.position_of_key(key) == Some(index))
        })
        .collect();
    let mut marks: Vec<IdMark> = drafts.catalog.iter().map(Draft::id_mark).collect();
    marks.sort_unstable();
    marks.dedup();
    let repeated: Vec<(u32, u32)> = (0..)
        .zip(drafts.catalog.iter())
        .filter_map(|(index, draft)| Some((index, drafts.catalog.position_of_id(draft.id())?)))
        .filter(|(index, first)| index != first)
        .collect();
    let places = drafts.places;
    let mut position = 0;
    let mut experiences = drafts.catalog.map(|draft| {
        let place = places.get(position).copied().unwrap_or_default();
        let is_first = firsts.get(position).copied().unwrap_or_default();
        position += 1;
        let mut experience = link(draft, &referents, &Path::Item(list, place), sink);
        experience.shadowed = !is_first;
        let rank = marks.partition_point(|mark| *mark < experience.id_mark);
        experience.rank = u32::try_from(rank).unwrap_or_default();
        experience
    });
    share_arms(&mut experiences, &repeated, |index| {
        let place = places.get(index as usize).copied().unwrap_or_default();
        let reason = "repeats an id too often, so it has no variations";
        sink.push(Severity::Warning, Path::Item(list, place), reason);
    });
    experiences
}

/// Gives experiences the arms of an earlier one with the same id: a record knows one assignment for
/// each id, so arms of their own would make it change with every call.
///
/// All copies together have at most as many arms as the experiences have themselves. What would exceed
/// that has none and is `refused`.
fn share_arms(
    experiences: &mut Catalog<Experience>,
    repeated: &[(u32, u32)],
    refused: impl Fn(u32),
) {
    let size = |experience: &Experience| -> usize {
        count(experience.variations.len());
        experience.variations.iter().map(|arm| 1 + arm.features.len()).sum()
    };
    // Worked out once each, since many may repeat a large one.
    let sizes: Vec<usize> = experiences.iter().map(size).collect();
    let mut room: usize = sizes.iter().sum();
    for (index, first) in repeated {
        let Some(original) = experiences.at(*first) else { continue };
        let rest = room.checked_sub(sizes.get(*first as usize).copied().unwrap_or_default());
        let (variations, buckets) = match rest {
            Some(_) => (original.variations.clone(), original.buckets.clone()),
            None => (Box::default(), lay_out(&original.id, original.buckets.layout(), &[])),
        };
        match rest {
            Some(rest) => {
                count(room - rest);
                room = rest;
            }
            None => refused(*index),
        }
        if let Some(experience) = experiences.at_mut(*index) {
            experience.variations = variations;
            experience.buckets = buckets;
        }
    }
}

/// Lists, for every feature, the experiences that can turn it on where all are decided.
pub(super) fn link_carriers(features: &mut Catalog<Feature>, experiences: &[Experience]) {
    for (position, experience) in (0u32..).zip(experiences) {
        let changes = experience.variations.iter().flat_map(crate::Variation::feature_changes);
        for change in changes.filter(|_| !experience.shadowed) {
            count(1);
            let Some(feature) = features.at_mut(change.feature) else { continue };
            if feature.carriers.last() != Some(&position) {
                feature.carriers.push(position);
            }
        }
    }
}

/// Looks up the experiences that the mutual-exclusion rules of audiences name.
pub(super) fn link_exclusions(
    audiences: &mut Entities<Audience>,
    experiences: &Catalog<Experience>,
    list: &Path<'_>,
    sink: &Sink,
) {
    for (index, place) in (0..).zip(&audiences.places) {
        let audience = audiences.catalog.at_mut(index);
        let rules = audience.and_then(|audience| audience.common.rules.as_mut());
        let Some(exclusion) = rules.and_then(|rules| rules.exclusion.as_mut()) else { continue };
        let experience = experiences.by_key(&exclusion.experience_key);
        exclusion.target = experience.map(|experience| experience.id.clone());
        if exclusion.target.is_none() {
            let key = &exclusion.experience_key;
            let reason = format!("excludes by `{key}`, which is no experience: nobody is in it");
            let audience = Path::Item(list, *place);
            sink.push(Severity::Warning, Path::Field(&audience, "rules"), reason);
        }
    }
}

fn link(draft: Draft, referents: &Referents<'_>, path: &Path<'_>, sink: &Sink) -> Experience {
    let changes = resolve_changes(&draft, referents.features, path, sink);
    let Draft { mut experience, audience_ids, location_ids, .. } = draft;
    let reader = Reader { value: &Value::Null, path, sink };
    experience.archived = referents.archived.binary_search(&experience.id).is_ok();
    experience.audiences = resolve(&audience_ids, referents.audiences);
    experience.segments = resolve(&audience_ids, referents.segments);
    let unresolved = |ids: Vec<SmolStr>, is_known: &dyn Fn(&str) -> bool| -> Box<[SmolStr]> {
        ids.into_iter().filter(|id| !is_known(id)).collect()
    };
    experience.about.unresolved_audiences =
        unresolved(audience_ids, &|id| referents.has_audience(id));
    if !experience.about.unresolved_audiences.is_empty() {
        reader
            .note("audiences", "some ids are neither audiences nor segments, so they do not count");
    }
    if let LocationGate::At { locations, .. } = &mut experience.locations {
        *locations = resolve(&location_ids, referents.locations);
        experience.about.unresolved_locations =
            unresolved(location_ids, &|id| referents.locations.position_of_id(id).is_some());
        if !experience.about.unresolved_locations.is_empty() {
            reader.note("locations", "some ids are no locations, so they never match");
        }
    }
    let mut changes = changes.into_iter();
    for (arm, variation) in experience.variations.iter_mut().enumerate() {
        let count = changes.as_slice().iter().take_while(|(of, _)| *of == arm).count();
        variation.features = changes.by_ref().take(count).map(|(_, change)| change).collect();
    }
    experience
}

impl Referents<'_> {
    fn has_audience(&self, id: &str) -> bool {
        self.audiences.position_of_id(id).is_some() || self.segments.position_of_id(id).is_some()
    }
}

/// Returns the positions of what the ids refer to, in the project's order.
fn resolve<T: Identified, P: From<Vec<u32>>>(ids: &[SmolStr], catalog: &Catalog<T>) -> P {
    count(ids.len());
    let mut positions: Vec<u32> = ids.iter().filter_map(|id| catalog.position_of_id(id)).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.into()
}

/// Resolves the changes that turn features on, each with the position of its arm.
fn resolve_changes(
    draft: &Draft,
    features: &Catalog<Feature>,
    path: &Path<'_>,
    sink: &Sink,
) -> Vec<(usize, FeatureChange)> {
    let arms = Path::Field(path, "variations");
    let resolve = |one: &crate::load::features::TurnedOn| {
        let variation = draft.experience.variations.get(one.arm)?;
        let value = &variation.changes.get(one.change)?.data;
        let arm = Path::Item(&arms, one.arm_place);
        let changes = Path::Field(&arm, "changes");
        let change = Path::Item(&changes, one.change_place);
        if value.is_null() {
            sink.push(
                Severity::Warning,
                Path::Field(&change, "data"),
                "missing, so the change turns nothing on",
            );
            return None;
        }
        let data = Reader { value, path: &Path::Field(&change, "data"), sink };
        Some((one.arm, resolve_change(&data, features)?))
    };
    draft.turned_on.iter().filter_map(resolve).collect()
}
