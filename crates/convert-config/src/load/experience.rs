//! Reading experiences and their variations.

use std::sync::Arc;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::buckets::Layout;
use crate::catalog::Identified;
use crate::ecma::to_number;
use crate::experience::{About, Environment, Experience, LocationGate};
use crate::id_mark::IdMark;
use crate::load::buckets::{Share, lay_out, layout_of};
use crate::load::features::{TurnedOn, read_change};
use crate::load::reader::{Reader, label_of};
use crate::load::rules::read_rules;
use crate::mark::Mark;
use crate::value::Value;
use crate::variation::{Change, FEATURE_CHANGE, Variation};

/// An experience whose references are not resolved yet: what it refers to may come later in the
/// document.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) experience: Experience,
    pub(super) audience_ids: Vec<SmolStr>,
    pub(super) location_ids: Vec<SmolStr>,
    pub(super) turned_on: Vec<TurnedOn>,
}

impl Draft {
    pub(super) fn id_mark(&self) -> IdMark {
        self.experience.id_mark
    }
}

impl Identified for Draft {
    fn id(&self) -> &str {
        self.experience.id()
    }

    fn key(&self) -> Option<&str> {
        self.experience.key()
    }
}

/// Reads an experience; one that nothing can refer to is reported and dropped.
pub(super) fn read_experience(reader: &Reader<'_, '_>) -> Option<Draft> {
    // The JavaScript SDK decides no experience whose id it takes for false.
    let Some(id) = reader.true_id() else {
        if reader.field("id").is_none() {
            reader.warn("id", "missing, so the experience is left out");
        }
        return None;
    };
    let version = reader.field("version").map(Value::copied);
    let layout = layout_of(version.as_ref());
    let arms = read_arms(reader, layout);
    let buckets = lay_out(&id, layout, &arms.shares());
    let (locations, location_ids) = read_location_gate(reader);
    let (environment, environment_name) = read_environment(reader);
    let about = About {
        name: reader.name(),
        kind: reader.kind(),
        status: reader.field("status").and_then(label_of),
        version,
        environment: environment_name,
        goals: reader.ids("goals").into(),
        ..About::default()
    };
    let experience = Experience {
        id_mark: IdMark::of(&id),
        rank: 0,
        archived: false,
        shadowed: false,
        all_audiences: matches_all(reader, "audiences"),
        environment,
        audiences: SmallVec::new(),
        segments: Box::default(),
        variations: arms.variations.into(),
        buckets,
        locations,
        key: reader.label("key"),
        id,
        about: Box::new(about),
    };
    let audience_ids = reader.ids("audiences");
    Some(Draft { experience, audience_ids, location_ids, turned_on: arms.turned_on })
}

/// What ECMAScript takes for false limits nothing; anything else but text equals no environment.
fn read_environment(reader: &Reader<'_, '_>) -> (Environment, Option<SmolStr>) {
    match reader.field("environment").filter(|value| value.as_view().is_truthy()) {
        None => (Environment::Any, None),
        Some(Value::Text(text)) => (Environment::Only(Mark::of(text)), Some(SmolStr::new(text))),
        Some(_) => {
            reader.warn("environment", "not text, so it is never the environment asked for");
            (Environment::Never, None)
        }
    }
}

fn read_location_gate(reader: &Reader<'_, '_>) -> (LocationGate, Vec<SmolStr>) {
    let ids = reader.ids("locations");
    // Ids that are broken restrict as well: the experience then runs nowhere, not everywhere.
    if reader.len_of("locations") > 0 {
        let all = matches_all(reader, "locations");
        return (LocationGate::At { locations: Box::default(), all }, ids);
    }
    let gate = match read_rules(reader, "site_area") {
        Some(rules) => LocationGate::SiteArea(Box::new(rules)),
        None => LocationGate::Open,
    };
    (gate, Vec::new())
}

/// Returns whether `settings.matching_options` asks for all of `name` to match.
fn matches_all(reader: &Reader<'_, '_>, name: &str) -> bool {
    let options = reader.field("settings").and_then(|settings| settings.member("matching_options"));
    options.and_then(|options| options.member(name)?.as_str()) == Some("all")
}

/// The variations of an experience, and what laying them out and linking them needs.
#[derive(Debug)]
struct Arms<'v> {
    variations: Vec<Variation>,
    allocations: Vec<Option<&'v Value<'v>>>,
    turned_on: Vec<TurnedOn>,
}

impl<'v> Arms<'v> {
    fn shares(&self) -> Vec<Share<'_>> {
        let arms = self.variations.iter().zip(&self.allocations);
        arms.map(|(variation, allocation)| Share {
            id: variation.id(),
            running: variation.is_running(),
            allocation: *allocation,
        })
        .collect()
    }

    fn read_changes(&mut self, reader: &Reader<'_, 'v>, arm_place: usize) -> Arc<[Change]> {
        let mut changes = Vec::with_capacity(reader.len_of("changes"));
        let arm = self.variations.len();
        reader.each("changes", |change, change_place| {
            if change.field("type").and_then(Value::as_str) == Some(FEATURE_CHANGE) {
                self.turned_on.push(TurnedOn {
                    arm,
                    arm_place,
                    change: changes.len(),
                    change_place,
                });
            }
            changes.push(read_change(&change));
        });
        changes.into()
    }
}

fn read_arms<'v>(experience: &Reader<'_, 'v>, layout: Layout) -> Arms<'v> {
    let count = experience.len_of("variations");
    let mut arms = Arms {
        variations: Vec::with_capacity(count),
        allocations: Vec::with_capacity(count),
        turned_on: Vec::with_capacity(count),
    };
    experience.each("variations", |reader, place| {
        let changes = arms.read_changes(&reader, place);
        arms.variations.push(read_variation(&reader, layout, changes));
        arms.allocations.push(reader.raw("traffic_allocation"));
    });
    arms
}

fn read_variation(reader: &Reader<'_, '_>, layout: Layout, changes: Arc<[Change]>) -> Variation {
    // The JavaScript SDK skips an arm whose id it takes for false.
    let id = reader.true_id();
    if reader.field("id").is_none() {
        reader.note("id", "missing, so the variation takes no traffic");
    }
    Variation {
        id_mark: IdMark::of(id.as_deref().unwrap_or_default()),
        id,
        key: reader.label("key"),
        name: reader.name(),
        running: is_running(reader),
        allocation: read_allocation(reader, layout),
        changes,
        features: Arc::default(),
    }
}

/// An absent status means running, and so does what ECMAScript takes for false.
fn is_running(reader: &Reader<'_, '_>) -> bool {
    match reader.field("status") {
        Some(status) if status.as_view().is_truthy() => status.as_str() == Some("running"),
        _ => true,
    }
}

fn read_allocation(reader: &Reader<'_, '_>, layout: Layout) -> Option<f64> {
    let allocation = to_number(reader.raw("traffic_allocation")?.as_view());
    if allocation.is_nan() {
        let reason = match layout {
            Layout::Anchored => "not a number, so it counts as 100",
            Layout::Packed => "not a number, so neither this nor any later arm is ever chosen",
        };
        reader.warn("traffic_allocation", reason);
        return None;
    }
    Some(allocation)
}
