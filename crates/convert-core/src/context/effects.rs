//! What a decision leaves behind, gathered while it is made.

use std::collections::BTreeSet;

use convert_config::rule::Element;
use convert_config::{Identified as _, Location};
use convert_decision::{Decision, Observer, Source, Transition, VisitorRecord};

use crate::context::Context;
use crate::log;
use crate::stats::Counters;
use crate::visitor_store::{RecordDelta, Replaces};

/// Gathers the record changes of decisions, if they are to be remembered, and what subscribers are
/// to be told of.
pub(super) struct Effects<'d> {
    context: &'d Context,
    record: &'d VisitorRecord,
    storage: bool,
    // Most decisions leave nothing behind, so that nothing is made, or dropped, before it is needed.
    delta: Option<RecordDelta<'d>>,
    moves: Option<Box<Moves<'d>>>,
}

/// The locations that a visitor comes to and leaves.
#[derive(Default)]
struct Moves<'d> {
    told: Vec<(&'d Location, Transition)>,
    /// Locations that have been seen to, and the keys that the delta has for them.
    handled: BTreeSet<*const Location>,
    keys: BTreeSet<&'d str>,
}

impl<'d> Effects<'d> {
    #[inline]
    pub(super) fn new(context: &'d Context, record: &'d VisitorRecord, storage: bool) -> Self {
        Effects { context, record, storage, delta: None, moves: None }
    }

    /// Notes a decision's assignment, if it is new, and returns whether it was noted. The caller
    /// knows whether one in the same experience was noted before, which few configs come to.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "every decision of a pass comes here, from few places"
    )]
    pub(super) fn note(&mut self, decision: Decision<'d>, repeats: bool) -> bool {
        decision.is_new() && self.keeps() && self.keep(decision, repeats)
    }

    fn keep(&mut self, decision: Decision<'d>, repeats: bool) -> bool {
        let Some((experience_id, variation_id)) = decision.assignment() else {
            return false;
        };
        let earlier = self.record.assignment(experience_id);
        let replaces = match (decision.source(), earlier) {
            (Source::Forced, _) => Replaces::Anything,
            (_, Some(stale)) => Replaces::Stale(stale.into()),
            (_, None) => Replaces::Nothing,
        };
        let delta = self.delta.get_or_insert_default();
        if repeats {
            delta.push_assignment(experience_id, variation_id, replaces);
        } else {
            delta.append_assignment(experience_id, variation_id, replaces);
        }
        true
    }

    /// Returns whether a new assignment is to be remembered.
    #[inline]
    pub(super) fn keeps(&self) -> bool {
        self.context.keeps_traces(self.storage)
    }

    /// Returns whether nothing is left behind so far.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.delta.is_none() && self.moves.is_none()
    }

    /// Returns the changes to make, if there are any.
    #[inline]
    pub(super) fn delta(&self) -> Option<&RecordDelta<'d>> {
        self.delta.as_ref()
    }

    /// Returns the locations to tell of, each once.
    #[inline]
    pub(super) fn moves(&self) -> &[(&'d Location, Transition)] {
        self.moves.as_deref().map_or(&[], |moves| &moves.told)
    }
}

impl<'c: 'd, 'd> Observer<'c> for Effects<'d> {
    fn location_changed(&mut self, location: &'c Location, transition: Transition) {
        let (tells, keeps) = (self.context.is_watched(), self.keeps());
        if !(tells || keeps) {
            return;
        }
        let moves = self.moves.get_or_insert_default();
        if !moves.handled.insert(location) {
            // Neither the record nor the location changes within a call, nor does the outcome.
            return;
        }
        if tells {
            moves.told.push((location, transition));
        }
        if !keeps {
            return;
        }
        let delta = self.delta.get_or_insert_default();
        let key = location.key().unwrap_or(location.id());
        let is_there = matches!(transition, Transition::Activated);
        if moves.keys.insert(key) {
            delta.append_location(key, is_there);
        } else {
            delta.push_location(key, is_there);
        }
    }

    fn step_limit_hit(&mut self, element: Option<&'c Element>) {
        Reports(&self.context.shared.counters).step_limit_hit(element);
    }

    fn provider_panicked(&mut self, element: &'c Element) {
        Reports(&self.context.shared.counters).provider_panicked(element);
    }
}

/// Counts and logs what goes wrong while rules are matched, for evaluations without effects.
pub(super) struct Reports<'d>(pub(super) &'d Counters);

impl<'c> Observer<'c> for Reports<'_> {
    #[cold]
    fn step_limit_hit(&mut self, element: Option<&'c Element>) {
        if let Some(count) = self.0.step_limits_hit.record() {
            let place = element.map(|element| format!(" at rule `{element}`")).unwrap_or_default();
            log::warn!(
                target: "convert_sdk::rules",
                "a decision reached its step limit{place}, so its remaining rules count as false; \
                 {count} such decisions or passes so far"
            );
        }
    }

    #[cold]
    fn provider_panicked(&mut self, element: &'c Element) {
        if let Some(count) = self.0.provider_panics.record() {
            log::error!(
                target: "convert_sdk::rules",
                "the attribute provider or wall clock panicked at rule `{element}`, so there is no \
                 data; {count} panics so far"
            );
        }
    }
}
