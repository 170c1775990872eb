//! What a decision leaves behind, gathered while it is made.

use std::collections::BTreeSet;

use convert_config::rule::Element;
use convert_config::{Identified as _, Location};
use convert_decision::{Decision, Observer, Source, Transition, VisitorRecord};

use crate::handle::Shared;
use crate::records::{RecordDelta, Replaces};

/// Gathers the record changes of decisions, if they are to be remembered, and what subscribers are
/// to be told of.
pub(super) struct Effects<'d> {
    shared: &'d Shared,
    record: Option<&'d VisitorRecord>,
    keeps: bool,
    tells: bool,
    delta: RecordDelta<'d>,
    moves: Vec<(&'d Location, Transition)>,
    /// Locations that have been seen to, and the keys that the delta has for them.
    handled: BTreeSet<*const Location>,
    keys: BTreeSet<&'d str>,
}

impl<'d> Effects<'d> {
    pub(super) fn new(
        shared: &'d Shared,
        record: Option<&'d VisitorRecord>,
        keeps: bool,
        tells: bool,
    ) -> Self {
        let (delta, moves) = (RecordDelta::default(), Vec::new());
        let (handled, keys) = (BTreeSet::new(), BTreeSet::new());
        Effects { shared, record, keeps, tells, delta, moves, handled, keys }
    }

    /// Notes a decision's assignment, if it is new, and returns whether it was noted. The caller
    /// knows whether one in the same experience was noted before, which few configs come to.
    pub(super) fn note(&mut self, decision: Decision<'d>, repeats: bool) -> bool {
        let Some((experience_id, variation_id)) = decision.assignment().filter(|_| self.keeps)
        else {
            return false;
        };
        let earlier = self.record.and_then(|record| record.assignment(experience_id));
        let replaces = match (decision.source(), earlier) {
            (Source::Forced, _) => Replaces::Anything,
            (_, Some(stale)) => Replaces::Stale(stale.into()),
            (_, None) => Replaces::Nothing,
        };
        if repeats {
            self.delta.push_assignment(experience_id, variation_id, replaces);
        } else {
            self.delta.append_assignment(experience_id, variation_id, replaces);
        }
        true
    }

    /// Returns the changes to make.
    pub(super) fn delta(&self) -> &RecordDelta<'d> {
        &self.delta
    }

    /// Returns the locations to tell of, each once.
    pub(super) fn moves(&self) -> &[(&'d Location, Transition)] {
        &self.moves
    }
}

impl<'c: 'd, 'd> Observer<'c> for Effects<'d> {
    fn moved(&mut self, location: &'c Location, transition: Transition) {
        if !(self.tells || self.keeps) || !self.handled.insert(location) {
            // Neither the record nor the location changes within a call, nor does the outcome.
            return;
        }
        if self.tells {
            self.moves.push((location, transition));
        }
        if !self.keeps {
            return;
        }
        let key = location.key().unwrap_or(location.id());
        let is_there = matches!(transition, Transition::Activated);
        if self.keys.insert(key) {
            self.delta.append_location(key, is_there);
        } else {
            self.delta.push_location(key, is_there);
        }
    }

    #[cold]
    fn gave_up(&mut self, element: &'c Element) {
        let count = self.shared.counters.patterns_given_up.count();
        if count.is_power_of_two() {
            log::warn!(
                target: "convert_sdk::rules",
                "the pattern of rule `{element}` took too many steps and counted as no match; \
                 patterns have given up {count} times so far"
            );
        }
    }
}
