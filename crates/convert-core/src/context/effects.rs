//! What a decision leaves behind, gathered while it is made.

use convert_config::rule::Element;
use convert_config::{Identified as _, Location};
use convert_decision::{Decision, Observer, Source, Transition, VisitorRecord};

use crate::records::{Assignment, RecordDelta, Replaces};

/// Gathers the record changes of decisions, if they are to be remembered.
#[derive(Debug)]
pub(super) struct Effects<'d> {
    delta: RecordDelta<'d>,
    record: Option<&'d VisitorRecord>,
    keeps: bool,
}

impl<'d> Effects<'d> {
    pub(super) fn new(record: Option<&'d VisitorRecord>, keeps: bool) -> Self {
        Effects { delta: RecordDelta::default(), record, keeps }
    }

    /// Notes a decision's assignment, if it is new, and returns whether it was noted.
    pub(super) fn note(&mut self, decision: Decision<'d>) -> bool {
        let Some((experience_id, variation_id)) = decision.assignment().filter(|_| self.keeps)
        else {
            return false;
        };
        let earlier = self.record.and_then(|record| record.assignment(experience_id));
        let replaces = match (decision.source(), earlier) {
            (Source::Forced, _) => Replaces::Anything,
            (_, Some(stale)) => Replaces::Stale(stale),
            (_, None) => Replaces::Nothing,
        };
        self.delta.assignments.push(Assignment { experience_id, variation_id, replaces });
        true
    }

    /// Returns the changes to make.
    pub(super) fn delta(&self) -> &RecordDelta<'d> {
        &self.delta
    }
}

impl<'c: 'd, 'd> Observer<'c> for Effects<'d> {
    fn moved(&mut self, location: &'c Location, transition: Transition) {
        if !self.keeps {
            return;
        }
        let key = location.key().unwrap_or(location.id());
        match transition {
            Transition::Activated => self.delta.entered.push(key),
            Transition::Deactivated => self.delta.left.push(key),
        }
    }

    #[cold]
    fn gave_up(&mut self, element: &'c Element) {
        log::warn!(
            target: "convert_sdk::rules",
            "the pattern of rule `{element}` took too many steps and counted as no match"
        );
    }
}
