//! A change to a visitor record.

use std::cell::Cell;

use convert_decision::{Segments, VisitorRecord};

/// What a call changes in a visitor record; applied in one step.
#[derive(Debug, Default)]
pub(crate) struct RecordDelta<'d> {
    /// Assignments to make.
    pub(crate) assignments: Vec<Assignment<'d>>,
    /// Keys of locations the visitor has come to.
    pub(crate) entered: Vec<&'d str>,
    /// Keys of locations the visitor has left.
    pub(crate) left: Vec<&'d str>,
    /// Report segments to set.
    pub(crate) segments: Option<Segments>,
    /// The goal the visitor has reached.
    pub(crate) goal: Option<ReachedGoal<'d>>,
}

/// The goal of a [`RecordDelta`].
#[derive(Debug)]
pub(crate) struct ReachedGoal<'d> {
    /// The key under which it is marked.
    pub(crate) key: &'d str,
    /// The id under which other SDKs may have marked it.
    pub(crate) id: &'d str,
    /// Whether it was not marked before; applying the delta says so.
    pub(crate) is_new: Cell<bool>,
}

/// One assignment of a [`RecordDelta`].
#[derive(Debug)]
pub(crate) struct Assignment<'d> {
    pub(crate) experience_id: &'d str,
    pub(crate) variation_id: &'d str,
    pub(crate) replaces: Replaces<'d>,
    /// Whether it was made, and changed something; applying the delta says so.
    pub(crate) is_made: Cell<bool>,
}

/// Which earlier assignment a new one may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaces<'d> {
    /// None: whoever assigns first wins.
    Nothing,
    /// This one, whose variation no longer exists.
    Stale(&'d str),
    /// Any, since the application forces the variation.
    Anything,
}

impl RecordDelta<'_> {
    /// Returns whether there is nothing to change.
    pub(crate) fn is_empty(&self) -> bool {
        self.assignments.is_empty()
            && self.entered.is_empty()
            && self.left.is_empty()
            && self.segments.is_none()
            && self.goal.is_none()
    }

    /// Makes the change.
    pub(crate) fn apply(&self, record: &mut VisitorRecord) {
        for assignment in &self.assignments {
            let earlier = record.assignment(assignment.experience_id);
            let is_made =
                assignment.replaces.allows(earlier) && earlier != Some(assignment.variation_id);
            assignment.is_made.set(is_made);
            if is_made {
                record.assign(assignment.experience_id, assignment.variation_id);
            }
        }
        for location in &self.entered {
            record.enter(location);
        }
        for location in &self.left {
            record.leave(location);
        }
        if let Some(segments) = &self.segments {
            record.merge_segments(segments.clone());
        }
        if let Some(goal) = &self.goal {
            goal.is_new.set(!record.has_reached(goal.id) && record.reach(goal.key));
        }
    }
}

impl Replaces<'_> {
    fn allows(self, earlier: Option<&str>) -> bool {
        match (self, earlier) {
            (Replaces::Anything, _) | (_, None) => true,
            (Replaces::Stale(stale), Some(earlier)) => stale == earlier,
            (Replaces::Nothing, Some(_)) => false,
        }
    }
}
