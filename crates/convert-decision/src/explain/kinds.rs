//! The steps that evaluations take.

use convert_config::rule::{Element, Exclusion, Flaw, RuleTree, Verdict};
use convert_config::{
    Experience, Identified, LocationGate, ProjectConfig, Value, ValueRef, Variation,
};

use crate::evaluation::gates::runs_anywhere;
use crate::explain::step::Step;
use crate::provider::is_condition;
use crate::record::VisitorRecord;

impl Step {
    /// The environment gate, with the experience's side and the caller's.
    pub(crate) fn environment(experience: &Experience, given: Option<&str>) -> Self {
        let step = Step::new("environment");
        if runs_anywhere(experience) {
            return step;
        }
        let wanted = experience.environment();
        step.with_room(2)
            .seen("experience", wanted.map(Value::from))
            .seen("given", given.map(Value::from))
            .detail("why", wanted.is_none().then_some("the experience's limit is not text"))
    }

    /// The location gate.
    pub(crate) fn locations(experience: &Experience, is_ignored: bool) -> Self {
        let step = Step::new("locations");
        match experience.location_gate() {
            _ if is_ignored => step.detail("why", "ignore_location"),
            LocationGate::Open => step,
            LocationGate::At { all, .. } => step
                .detail("match", any_or_all(*all))
                .unresolved(experience.unresolved_location_ids()),
            LocationGate::SiteArea(_) => step.detail("by", "site_area"),
        }
    }

    /// The audience gate.
    pub(crate) fn audiences(experience: &Experience) -> Self {
        Step::new("audiences")
            .detail("match", any_or_all(experience.needs_all_audiences()))
            .unresolved(experience.unresolved_audience_ids())
    }

    /// The segment gate: the segments that will do, and those the visitor is in.
    pub(crate) fn segments(
        config: &ProjectConfig,
        experience: &Experience,
        record: &VisitorRecord,
    ) -> Self {
        let step = Step::new("segments");
        let wanted: Vec<&str> = config.segments_of(experience).map(Identified::id).collect();
        if wanted.is_empty() {
            return step;
        }
        let held: Vec<String> = record.segments().custom().map(String::from).collect();
        step.detail("wanted", wanted).detail("held", held)
    }

    /// Something whose rules are matched; without any, nobody matches.
    pub(crate) fn ruled(
        name: &'static str,
        entity: &impl Identified,
        rules: Option<&RuleTree>,
    ) -> Self {
        let why = rules.is_none().then_some("no rules");
        Step::new(name).about(entity).detail("why", why)
    }

    /// A comparison, with the attribute as it was seen.
    pub(crate) fn comparison(element: &Element, value: Option<ValueRef<'_>>) -> Self {
        // That there is no such attribute is seen already, and what a provider says of a condition is
        // the outcome itself.
        let flaw = match element.test().verdict(value) {
            Verdict::Impossible(flaw) if flaw != Flaw::Missing && !is_condition(element) => {
                Some(flaw.to_string())
            }
            _ => None,
        };
        Step::new("rule")
            .with_room(1)
            .named_after(element)
            .seen("saw", value.map(Value::from))
            .detail("why", flaw)
    }

    /// A question of mutual exclusion.
    pub(crate) fn exclusion(exclusion: &Exclusion, is_assigned: bool) -> Self {
        let is_unknown = exclusion.target().is_none();
        Step::new("bucketed into")
            .named(exclusion.experience_key())
            .detail("negated", exclusion.is_negated())
            .detail("assigned", is_assigned)
            .detail("why", is_unknown.then_some("no such experience"))
    }

    /// The choice of the variation that the call asks for, whatever the record has.
    pub(crate) fn forced(forced: &Variation, stored: Option<&Variation>) -> Self {
        let stored = stored.map(|stored| name_of(stored).to_owned());
        Step::new("forced variation").about_variation(forced).detail("stored", stored)
    }

    /// A forced variation that the experience does not have.
    pub(crate) fn unknown_force(id: &str) -> Self {
        Step::new("forced variation").named(id).detail("effect", "ignored")
    }

    /// The choice of the variation that the record has, which the call may ask for as well.
    pub(crate) fn stored(stored: &Variation, is_forced: bool) -> Self {
        let step = Step::new("stored variation").about_variation(stored);
        step.detail("forced", is_forced.then_some(true))
    }

    /// The choice by hash: the bucket, the ranges it was looked up in, and the arm found.
    pub(crate) fn bucketing(
        experience: &Experience,
        visitor_id: &str,
        chosen: Option<&Variation>,
    ) -> Self {
        let buckets = experience.buckets();
        Step::new("bucketing")
            .with_room(5)
            .detail("hash", buckets.hasher().hash(visitor_id))
            .detail("bucket", buckets.bucket_value(visitor_id))
            .detail("layout", buckets.layout().name())
            .shared("ranges", experience.ranges_in_words())
            .seen("arm", chosen.map(|arm| Value::from(name_of(arm))))
    }

    /// Adds the variation that the record has, which the experience has no more.
    pub(crate) fn gone(self, stored: Option<&str>) -> Self {
        self.detail("gone", stored.map(str::to_owned))
    }

    pub(crate) fn about(self, entity: &impl Identified) -> Self {
        self.named(entity.key().unwrap_or(entity.id()))
    }

    pub(crate) fn about_variation(self, variation: &Variation) -> Self {
        self.named(name_of(variation))
    }

    fn unresolved<'i>(self, ids: impl Iterator<Item = &'i str>) -> Self {
        let ids: Vec<&str> = ids.collect();
        if ids.is_empty() { self } else { self.detail("unresolved", ids) }
    }
}

fn any_or_all(all: bool) -> &'static str {
    if all { "all" } else { "any" }
}

fn name_of(variation: &Variation) -> &str {
    variation.key().or(variation.id()).unwrap_or_default()
}
