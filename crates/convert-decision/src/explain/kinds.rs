//! The steps that evaluations take.

use std::sync::Arc;

use convert_config::rule::{Element, Exclusion, Flaw, RuleTree};
use convert_config::{
    Audience, Experience, Goal, Identified, Location, LocationGate, ProjectConfig, Segment, Text,
    Value, ValueRef, Variation,
};
use smol_str::SmolStr;

use crate::evaluation::gates::runs_anywhere;
use crate::explain::step::Step;
use crate::explain::what::{Head, What};
use crate::record::VisitorRecord;

impl Step {
    /// The environment gate, with the experience's side and the caller's.
    pub(crate) fn environment(experience: &Experience, given: Option<&str>) -> Self {
        if runs_anywhere(experience) {
            return Step::new("environment");
        }
        match experience.environment() {
            Some(wanted) if given.is_none_or(|given| given == wanted) => {
                Step::of(What::Environment { wanted: wanted.into(), is_given: given.is_some() })
            }
            wanted => Step::new("environment")
                .seen("experience", wanted.map(Value::from))
                .seen("given", given.map(Value::from))
                .detail("why", wanted.is_none().then_some("the experience's limit is not text")),
        }
    }

    /// The location gate.
    pub(crate) fn locations(experience: &Experience, is_ignored: bool) -> Self {
        let step = |head| Step::of(What::Fixed(head));
        match experience.location_gate() {
            _ if is_ignored => step(&IGNORED_LOCATIONS),
            LocationGate::Open => Step::new("locations"),
            LocationGate::At { all, .. } => {
                let step = step(if *all { &ALL_LOCATIONS } else { &ANY_LOCATION });
                step.unresolved(experience.unresolved_location_ids())
            }
            LocationGate::SiteArea(_) => step(&SITE_AREA),
        }
    }

    /// The audience gate.
    pub(crate) fn audiences(experience: &Experience) -> Self {
        let all = experience.needs_all_audiences();
        Step::of(What::Fixed(if all { &ALL_AUDIENCES } else { &ANY_AUDIENCE }))
            .unresolved(experience.unresolved_audience_ids())
    }

    /// The segment gate: the segments that will do, and those the visitor is in.
    pub(crate) fn segments(
        config: &ProjectConfig,
        experience: &Experience,
        record: &VisitorRecord,
    ) -> Self {
        let step = Step::new("segments");
        let mut wanted = config.segments_of(experience).map(Identified::id).peekable();
        if wanted.peek().is_none() {
            return step;
        }
        let held = record.segments().custom();
        step.with("wanted", texts(wanted)).with("held", texts(held))
    }

    /// An audience whose rules are matched.
    pub(crate) fn audience(audience: &Audience) -> Self {
        Step::ruled(&AUDIENCE, audience, audience.rules())
    }

    /// An audience that lets the visitor stay whatever its rules say.
    pub(crate) fn skipped_audience(audience: &Audience) -> Self {
        Step::about(&SKIPPED_AUDIENCE, audience)
    }

    /// A location whose rules are matched.
    pub(crate) fn location(location: &Location) -> Self {
        Step::ruled(&LOCATION, location, location.rules())
    }

    /// A segment whose rules are matched.
    pub(crate) fn segment(segment: &Segment) -> Self {
        Step::ruled(&SEGMENT, segment, segment.rules())
    }

    /// A goal whose rules are matched.
    pub(crate) fn goal(goal: &Goal) -> Self {
        Step::ruled(&GOAL, goal, goal.rules())
    }

    /// An experience that can turn on the feature in question.
    pub(crate) fn carrier(experience: &Experience) -> Self {
        Step::about(&CARRIER, experience)
    }

    /// A comparison, with the attribute as it was seen, and why it was impossible if it was.
    #[inline]
    pub(crate) fn comparison(
        element: &Element,
        value: Option<ValueRef<'_>>,
        flaw: Option<Flaw>,
    ) -> Self {
        let saw = value.map(|value| abridged(value, &mut { MOST_ITEMS }));
        let step = Step::of(What::Rule { element: element.clone(), saw });
        let step = match element.remark() {
            Some(remark) => step.detail("note", remark),
            None => step,
        };
        match flaw {
            Some(flaw) => step.detail("why", flaw.text()),
            None => step,
        }
    }

    /// A question of mutual exclusion.
    pub(crate) fn exclusion(exclusion: &Exclusion, is_assigned: bool) -> Self {
        Step::of(What::Exclusion {
            key: exclusion.experience_key().into(),
            is_negated: exclusion.is_negated(),
            is_assigned,
            is_unknown: exclusion.target().is_none(),
        })
    }

    /// The choice of the variation that the call asks for, whatever the record has.
    pub(crate) fn forced(forced: &Variation, stored: Option<&Variation>) -> Self {
        Step::about_variation(&FORCED, forced).detail("stored", stored.map(name_of))
    }

    /// A forced variation that the experience does not have.
    pub(crate) fn unknown_force(id: &str) -> Self {
        Step::of(What::About(&UNKNOWN_FORCE, SmolStr::new(id)))
    }

    /// The choice of the variation that the record has, which the call may ask for as well.
    pub(crate) fn stored(stored: &Variation, is_forced: bool) -> Self {
        Step::about_variation(if is_forced { &STORED_AND_FORCED } else { &STORED }, stored)
    }

    /// The choice of the variation that the visitor previews.
    pub(crate) fn preview(previewed: &Variation) -> Self {
        Step::about_variation(&PREVIEW, previewed)
    }

    /// The choice by hash: the bucket, the ranges it was looked up in, and the arm found.
    #[inline]
    pub(crate) fn bucketing(experience: &Experience, hash: u32) -> Self {
        Step::of(What::Bucketing { hash, outline: Arc::clone(experience.outline()) })
    }

    /// Adds the variation that the record has, which the experience has no more.
    pub(crate) fn gone(self, stored: Option<&str>) -> Self {
        match stored {
            Some(stored) => self.detail("gone", stored),
            None => self,
        }
    }

    /// Something whose rules are matched; without any, nobody matches.
    fn ruled(head: &'static Head, entity: &impl Identified, rules: Option<&RuleTree>) -> Self {
        let step = Step::about(head, entity);
        if rules.is_some() { step } else { step.detail("why", "no rules") }
    }

    fn about(head: &'static Head, entity: &impl Identified) -> Self {
        let name = entity.key().unwrap_or(entity.id());
        Step::of(What::About(head, SmolStr::new(name)))
    }

    fn about_variation(head: &'static Head, variation: &Variation) -> Self {
        Step::of(What::About(head, SmolStr::new(name_of(variation))))
    }

    fn unresolved<'i>(self, ids: impl Iterator<Item = &'i str>) -> Self {
        let mut ids = ids.peekable();
        if ids.peek().is_none() { self } else { self.with("unresolved", texts(ids)) }
    }
}

/// Copies a value, cutting long texts and lists: an explanation shows a value once for each element.
fn abridged(value: ValueRef<'_>, items_left: &mut usize) -> Value<'static> {
    match value {
        ValueRef::Text(text) if text.len() > LONGEST_TEXT => {
            let mut end = LONGEST_TEXT;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            Value::from(format!("{}…", text.get(..end).unwrap_or_default()))
        }
        ValueRef::List(items) => {
            let mut kept = Vec::new();
            for item in items {
                let Some(left) = items_left.checked_sub(1) else { break };
                *items_left = left;
                kept.push(abridged(item.as_view(), items_left));
            }
            Value::from(kept)
        }
        ValueRef::Map(members) => {
            let mut kept = Vec::new();
            for (name, item) in members {
                let Some(left) = items_left.checked_sub(1) else { break };
                *items_left = left;
                let name = abridged(ValueRef::Text(name), items_left);
                kept.push((
                    name.as_view().to_text().into_owned(),
                    abridged(item.as_view(), items_left),
                ));
            }
            Value::Map(kept.into_iter().collect())
        }
        scalar => Value::from(scalar).into_owned(),
    }
}

fn name_of(variation: &Variation) -> &str {
    variation.key().or(variation.id()).unwrap_or_default()
}

fn texts(texts: impl Iterator<Item: AsRef<str>>) -> Value<'static> {
    Value::List(texts.map(|text| Text::copied(text.as_ref())).collect())
}

const fn named(name: &'static str) -> Head {
    Head { name, details: &[] }
}

/// Longer texts are cut in explanations, in bytes.
const LONGEST_TEXT: usize = 1_024;
/// How many items of lists and maps in a value an explanation shows.
const MOST_ITEMS: usize = 64;
static IGNORED_LOCATIONS: Head =
    Head { name: "locations", details: &[("why", Some(ValueRef::Text("ignore_location")))] };
static ALL_LOCATIONS: Head = Head { name: "locations", details: ALL };
static ANY_LOCATION: Head = Head { name: "locations", details: ANY };
static SITE_AREA: Head =
    Head { name: "locations", details: &[("by", Some(ValueRef::Text("site_area")))] };
static LOCATION: Head = named("location");
static ALL_AUDIENCES: Head = Head { name: "audiences", details: ALL };
static ANY_AUDIENCE: Head = Head { name: "audiences", details: ANY };
static AUDIENCE: Head = named("audience");
static SKIPPED_AUDIENCE: Head = Head {
    name: "audience",
    details: &[(
        "why",
        Some(ValueRef::Text("permanent, and the visitor is in the experience already")),
    )],
};
static SEGMENT: Head = named("segment");
static GOAL: Head = named("goal rules");
static CARRIER: Head = named("experience");
static FORCED: Head = named("forced variation");
static UNKNOWN_FORCE: Head =
    Head { name: "forced variation", details: &[("effect", Some(ValueRef::Text("ignored")))] };
static STORED: Head = named("stored variation");
static STORED_AND_FORCED: Head =
    Head { name: "stored variation", details: &[("forced", Some(ValueRef::Bool(true)))] };
static PREVIEW: Head = named("preview");
const ALL: &[(&str, Option<ValueRef<'static>>)] = &[("match", Some(ValueRef::Text("all")))];
const ANY: &[(&str, Option<ValueRef<'static>>)] = &[("match", Some(ValueRef::Text("any")))];
