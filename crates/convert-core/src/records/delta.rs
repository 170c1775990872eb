//! A change to a visitor record.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use convert_decision::{Segments, VisitorRecord};

use crate::records::merged::Merged;

/// What the SDK changes in a visitor's record, to be applied in one step.
///
/// It says what to add, never what the record should be, so that writers who know different
/// versions of a record do not undo each other: of two assignments in one experience the first
/// wins unless the second is forced, a goal is new once, segments and locations are as the last
/// writer left them, member by member, and custom segments are only ever added. Applying a delta
/// twice changes nothing more, but where it came together from changes of an assignment that went to
/// and fro between variations that no longer existed; members that the SDK does not know stay.
///
/// ```
/// use convert_core::RecordDelta;
/// use convert_decision::VisitorRecord;
///
/// let delta = RecordDelta::new().assign("10", "20").reach("purchase");
/// let merged = delta.merge_into(VisitorRecord::new());
/// assert_eq!(merged.record().assignment("10"), Some("20"));
/// assert_eq!(merged.new_goals().collect::<Vec<_>>(), ["purchase"]);
/// let late = RecordDelta::new().assign("10", "21").reach("purchase");
/// let again = late.merge_into(merged.into_record());
/// assert_eq!(again.record().assignment("10"), Some("20"));
/// assert_eq!(again.new_goals().count(), 0);
/// ```
#[derive(Clone, Default, PartialEq)]
#[must_use = "a delta does nothing until it is merged"]
pub struct RecordDelta<'d> {
    // In the order in which they are made.
    assignments: Vec<Assignment<'d>>,
    // Each key once, and whether the visitor is there.
    locations: Vec<(Cow<'d, str>, bool)>,
    // Without custom segments.
    segments: Segments,
    custom_segments: Vec<Cow<'d, str>>,
    goals: Vec<ReachedGoal<'d>>,
}

/// The goal of a [`RecordDelta`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReachedGoal<'d> {
    /// The key under which it is marked.
    key: Cow<'d, str>,
    /// The id under which other SDKs may have marked it.
    id: Cow<'d, str>,
}

/// One assignment of a [`RecordDelta`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment<'d> {
    experience_id: Cow<'d, str>,
    variation_id: Cow<'d, str>,
    replaces: Replaces<'d>,
}

/// Which earlier assignment a new one may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replaces<'d> {
    /// None: whoever assigns first wins.
    Nothing,
    /// This one, whose variation no longer exists.
    Stale(Cow<'d, str>),
    /// Any, since the application forces the variation.
    Anything,
}

/// What applying a delta came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Keys of goals that were not marked before.
    pub(crate) new_goals: Vec<String>,
    /// Ids of experiences whose assignment was not made, since the visitor has one, be it the same.
    pub(crate) kept: Vec<String>,
}

impl<'d> RecordDelta<'d> {
    /// Makes a delta that changes nothing.
    pub fn new() -> Self {
        RecordDelta::default()
    }

    /// Assigns the visitor to a variation of an experience, unless there is an assignment already.
    pub fn assign(mut self, experience_id: &'d str, variation_id: &'d str) -> Self {
        self.push_assignment(experience_id, variation_id, Replaces::Nothing);
        self
    }

    /// Assigns the visitor to a variation of an experience, whatever assignment there is.
    pub fn force(mut self, experience_id: &'d str, variation_id: &'d str) -> Self {
        self.push_assignment(experience_id, variation_id, Replaces::Anything);
        self
    }

    /// Brings the visitor to a location.
    pub fn enter(mut self, location_key: &'d str) -> Self {
        self.push_location(location_key, true);
        self
    }

    /// Takes the visitor away from a location.
    pub fn leave(mut self, location_key: &'d str) -> Self {
        self.push_location(location_key, false);
        self
    }

    /// Sets report segments, replacing those of the same names. Custom segments among them, where
    /// they are a list, are added to those the visitor is in.
    pub fn segments(mut self, segments: impl Into<Segments>) -> Self {
        let mut segments = segments.into();
        let custom = segments.take_custom().into_iter().map(Cow::Owned).collect();
        unite(&mut self.custom_segments, custom);
        self.segments.merge(segments);
        self
    }

    /// Adds the visitor to custom segments.
    pub fn add_custom_segments(mut self, segment_ids: impl IntoIterator<Item = &'d str>) -> Self {
        let ids = segment_ids.into_iter().map(Cow::Borrowed).collect();
        unite(&mut self.custom_segments, ids);
        self
    }

    /// Marks a goal as reached.
    pub fn reach(self, goal_key: &'d str) -> Self {
        self.reach_known_as(goal_key, goal_key)
    }

    /// Marks a goal as reached that another SDK may have marked under its id.
    pub fn reach_known_as(mut self, goal_key: &'d str, goal_id: &'d str) -> Self {
        let goal = ReachedGoal { key: Cow::Borrowed(goal_key), id: Cow::Borrowed(goal_id) };
        self.push_goal(goal);
        self
    }

    /// Returns whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.assignments.is_empty()
            && self.locations.is_empty()
            && self.segments.is_empty()
            && self.custom_segments.is_empty()
            && self.goals.is_empty()
    }

    /// Makes the change to a record, and says what came of it. What a store's
    /// [`merge`](crate::DataStore::merge) does, in one step, with the record it holds.
    pub fn merge_into(&self, mut record: VisitorRecord) -> Merged {
        let applied = self.apply(&mut record);
        Merged::of(record, applied)
    }

    /// Adds a later change to this one: applying the sum is applying one after the other.
    pub fn then(mut self, later: RecordDelta<'d>) -> Self {
        later.assignments.into_iter().for_each(|one| self.add_assignment(one));
        for (key, is_there) in later.locations {
            self.add_location(key, is_there);
        }
        self.segments.merge(later.segments);
        unite(&mut self.custom_segments, later.custom_segments);
        later.goals.into_iter().for_each(|goal| self.push_goal(goal));
        self
    }

    /// Copies what is borrowed, so that the delta can outlive it.
    pub fn into_owned(self) -> RecordDelta<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let assignment = |one: Assignment<'d>| Assignment {
            experience_id: owned(one.experience_id),
            variation_id: owned(one.variation_id),
            replaces: match one.replaces {
                Replaces::Nothing => Replaces::Nothing,
                Replaces::Stale(stale) => Replaces::Stale(owned(stale)),
                Replaces::Anything => Replaces::Anything,
            },
        };
        let goal = |one: ReachedGoal<'d>| ReachedGoal { key: owned(one.key), id: owned(one.id) };
        let location = |(key, is_there)| (owned(key), is_there);
        RecordDelta {
            assignments: self.assignments.into_iter().map(assignment).collect(),
            locations: self.locations.into_iter().map(location).collect(),
            segments: self.segments,
            custom_segments: self.custom_segments.into_iter().map(owned).collect(),
            goals: self.goals.into_iter().map(goal).collect(),
        }
    }

    /// Makes the change.
    pub(crate) fn apply(&self, record: &mut VisitorRecord) -> Applied {
        let mut applied = Applied::default();
        let mut made: BTreeMap<&str, &str> = BTreeMap::new();
        for assignment in &self.assignments {
            let (experience_id, variation_id) =
                (&*assignment.experience_id, &*assignment.variation_id);
            let in_record = || record.assignment(experience_id);
            let earlier = made.get(experience_id).copied().or_else(in_record);
            if assignment.replaces.allows(earlier) && earlier != Some(variation_id) {
                made.insert(experience_id, variation_id);
                // Of several in an experience, the last is the one that somebody may have to report.
                if matches!(assignment.replaces, Replaces::Stale(_)) {
                    applied.kept.retain(|id| *id != experience_id);
                }
            } else {
                applied.kept.push(experience_id.to_owned());
            }
        }
        record.assign_all(made);
        if !self.locations.is_empty() {
            record.move_all(self.locations.iter().map(|(key, is_there)| (&**key, *is_there)));
        }
        if !self.segments.is_empty() {
            record.merge_segments(self.segments.clone());
        }
        if !self.custom_segments.is_empty() {
            record.add_custom_segments(self.custom_segments.iter().map(|id| &**id));
        }
        for goal in &self.goals {
            if !record.has_reached(&goal.id) && record.reach(&goal.key) {
                applied.new_goals.push(goal.key.clone().into_owned());
            }
        }
        applied
    }

    /// Returns whether there are assignments to make.
    pub(crate) fn has_assignments(&self) -> bool {
        !self.assignments.is_empty()
    }

    /// Returns whether there are goals to mark.
    pub(crate) fn has_goals(&self) -> bool {
        !self.goals.is_empty()
    }

    /// Returns the assignments and goals alone, without assignments that are forced: what stays as it
    /// is once it is there.
    pub(crate) fn marks(&self) -> Self {
        let lasts = |one: &&Assignment<'d>| one.replaces != Replaces::Anything;
        RecordDelta {
            assignments: self.assignments.iter().filter(lasts).cloned().collect(),
            goals: self.goals.clone(),
            ..RecordDelta::default()
        }
    }

    /// Returns the marks of this delta as they are in a record into which it was merged.
    pub(crate) fn marks_in(&self, record: &VisitorRecord) -> RecordDelta<'static> {
        self.marks().into_owned().standing_in(record)
    }

    /// Turns the assignments, but for forced ones, into those that a record has in their experiences.
    pub(crate) fn standing_in(mut self, record: &VisitorRecord) -> Self {
        for one in &mut self.assignments {
            let is_forced = one.replaces == Replaces::Anything;
            match record.assignment(&one.experience_id).filter(|_| !is_forced) {
                Some(standing) if *standing != *one.variation_id => {
                    one.variation_id = Cow::Owned(standing.to_owned());
                }
                _ => {}
            }
        }
        self
    }

    /// Returns the assignments and goals that were not there before, as `applied` says.
    pub(crate) fn new_in(&self, applied: &Applied) -> RecordDelta<'static> {
        let mut new = self.marks().into_owned();
        new.assignments.retain(|one| !applied.kept.iter().any(|id| *id == one.experience_id));
        new.goals.retain(|goal| applied.new_goals.iter().any(|key| *key == goal.key));
        new
    }

    /// Returns what is new beside a change that has been made elsewhere. An assignment of it that is not the
    /// one in the record counts for nothing: it was lost, or came too late.
    pub(crate) fn new_beside(&self, made: &RecordDelta<'_>, record: &VisitorRecord) -> Applied {
        let mut known = made.merge_into(VisitorRecord::new()).into_record();
        let mut applied = self.apply(&mut known);
        applied.kept.retain(|id| known.assignment(id) == record.assignment(id));
        applied
    }

    /// Leaves out the marks that another delta does not have.
    pub(crate) fn with_marks_of(mut self, new: &RecordDelta<'d>) -> Self {
        let stays = |one: &Assignment<'_>| {
            one.replaces == Replaces::Anything || new.assignments.contains(one)
        };
        self.assignments.retain(stays);
        RecordDelta { goals: new.goals.clone(), ..self }
    }

    /// Returns the assignments, but for forced ones, in the experiences that another delta assigns in.
    pub(crate) fn assignments_beside(&self, other: &RecordDelta<'_>) -> Self {
        let mut marks = self.marks();
        marks.goals.clear();
        let is_beside = |one: &Assignment<'_>| {
            other.assignments.iter().any(|other| other.experience_id == one.experience_id)
        };
        marks.assignments.retain(is_beside);
        marks
    }

    /// Returns the forced assignments alone.
    pub(crate) fn forced(&self) -> Self {
        let forced = self.assignments.iter().filter(|one| one.replaces == Replaces::Anything);
        RecordDelta { assignments: forced.cloned().collect(), ..RecordDelta::default() }
    }

    /// Splits into what may be made before an older change is, and has an answer: assignments and
    /// goals; and what must come after it.
    pub(crate) fn split(mut self) -> (Self, Self) {
        let assignments = std::mem::take(&mut self.assignments).into_iter();
        let (forced, assignments) = assignments.partition(|one| one.replaces == Replaces::Anything);
        self.assignments = forced;
        let goals = std::mem::take(&mut self.goals);
        (RecordDelta { assignments, goals, ..RecordDelta::default() }, self)
    }

    /// Gives a record the assignments that another one has in the experiences of this delta, but for those
    /// that have changed since it was as `before`, unless it is to what is too late by what `waits`.
    pub(crate) fn take_assignments(
        &self,
        from: &VisitorRecord,
        into: &mut VisitorRecord,
        before: Option<&VisitorRecord>,
        waits: &RecordDelta<'_>,
    ) {
        for Assignment { experience_id, .. } in &self.assignments {
            let earlier = before.and_then(|before| before.assignment(experience_id));
            let found = from.assignment(experience_id);
            let current = into.assignment(experience_id);
            let is_too_late = |one: &Assignment<'_>| {
                one.replaces == Replaces::Nothing
                    && one.experience_id == *experience_id
                    && current == Some(&*one.variation_id)
            };
            let yields = current == earlier || waits.assignments.iter().any(is_too_late);
            if let Some(variation_id) = found.filter(|_| yields) {
                into.assign(experience_id, variation_id);
            }
        }
    }

    /// Returns what a record has of the assignments and goals of this delta.
    pub(crate) fn part_of(&self, record: &VisitorRecord) -> VisitorRecord {
        let mut part = VisitorRecord::new();
        let ids = self.assignments.iter().map(|one| &*one.experience_id);
        part.assign_all(ids.filter_map(|id| Some((id, record.assignment(id)?))));
        for goal in &self.goals {
            for name in [&*goal.key, &*goal.id] {
                if record.has_reached(name) {
                    part.reach(name);
                }
            }
        }
        part
    }

    /// Returns the experiences in which a record has another variation than this delta assigns.
    pub(crate) fn differing(&self, record: &VisitorRecord) -> Vec<String> {
        let differs = |one: &&Assignment<'_>| {
            record.assignment(&one.experience_id) != Some(&*one.variation_id)
        };
        let differing = self.assignments.iter().filter(differs);
        differing.map(|one| one.experience_id.clone().into_owned()).collect()
    }

    pub(crate) fn push_assignment(
        &mut self,
        experience_id: &'d str,
        variation_id: &'d str,
        replaces: Replaces<'d>,
    ) {
        let (experience_id, variation_id) = (experience_id.into(), variation_id.into());
        self.add_assignment(Assignment { experience_id, variation_id, replaces });
    }

    /// Adds an assignment in an experience that the delta has none in. Takes constant time.
    pub(crate) fn append_assignment(
        &mut self,
        experience_id: &'d str,
        variation_id: &'d str,
        replaces: Replaces<'d>,
    ) {
        let (experience_id, variation_id) = (experience_id.into(), variation_id.into());
        self.assignments.push(Assignment { experience_id, variation_id, replaces });
    }

    pub(crate) fn push_location(&mut self, location_key: &'d str, is_there: bool) {
        self.add_location(Cow::Borrowed(location_key), is_there);
    }

    /// Adds a location that the delta does not have. Takes constant time.
    pub(crate) fn append_location(&mut self, location_key: &'d str, is_there: bool) {
        self.locations.push((Cow::Borrowed(location_key), is_there));
    }

    fn add_assignment(&mut self, later: Assignment<'d>) {
        let is_of_it = |one: &Assignment<'_>| one.experience_id == later.experience_id;
        match later.replaces {
            Replaces::Anything => self.assignments.retain(|one| !is_of_it(one)),
            // What comes before leaves an assignment behind, its own or an earlier one.
            Replaces::Nothing if self.assignments.iter().any(is_of_it) => return,
            Replaces::Stale(_)
                if self.assignments.iter().rfind(|one| is_of_it(one)) == Some(&later) =>
            {
                return;
            }
            Replaces::Nothing | Replaces::Stale(_) => {}
        }
        self.assignments.push(later);
    }

    fn add_location(&mut self, key: Cow<'d, str>, is_there: bool) {
        match self.locations.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = is_there,
            None => self.locations.push((key, is_there)),
        }
    }

    fn push_goal(&mut self, goal: ReachedGoal<'d>) {
        if !self.goals.contains(&goal) {
            self.goals.push(goal);
        }
    }
}

impl Applied {
    /// Keeps what is new by this account and by another one.
    pub(crate) fn join(&mut self, other: Applied) {
        self.new_goals.retain(|goal| other.new_goals.contains(goal));
        self.kept.extend(other.kept);
    }
}

impl Replaces<'_> {
    fn allows(&self, earlier: Option<&str>) -> bool {
        match (self, earlier) {
            (Replaces::Anything, _) | (_, None) => true,
            (Replaces::Stale(stale), Some(earlier)) => stale == earlier,
            (Replaces::Nothing, Some(_)) => false,
        }
    }
}

/// Adds what is missing; in linear time, since ids may come from outside.
fn unite<'d>(ids: &mut Vec<Cow<'d, str>>, more: Vec<Cow<'d, str>>) {
    if ids.is_empty() {
        *ids = more;
        return;
    }
    let mut seen: HashSet<Cow<'d, str>> = ids.iter().cloned().collect();
    ids.extend(more.into_iter().filter(|id| seen.insert(id.clone())));
}

impl fmt::Debug for RecordDelta<'_> {
    /// Shows ids and keys; of segments the names only, since values may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordDelta")
            .field("assignments", &self.assignments)
            .field("locations", &self.locations)
            .field("segments", &self.segments)
            .field("custom_segments", &self.custom_segments)
            .field("goals", &self.goals)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_assignments_add_up_however_often_they_are_replaced() {
        let replace = |stale: &'static str, variation: &'static str| {
            let mut delta = RecordDelta::new();
            delta.push_assignment("x", variation, Replaces::Stale(stale.into()));
            delta
        };
        for changes in [
            vec![replace("a", "b"), replace("a", "b")],
            vec![replace("a", "b"), replace("b", "a"), replace("a", "b")],
            vec![replace("a", "b"), replace("b", "c"), replace("c", "a"), replace("a", "b")],
        ] {
            let start = || RecordDelta::new().assign("x", "a").merge_into(VisitorRecord::new());
            let each = changes.iter().fold(start().into_record(), |record, change| {
                change.merge_into(record).into_record()
            });
            let sum = changes.into_iter().fold(RecordDelta::new(), RecordDelta::then);
            assert_eq!(sum.merge_into(start().into_record()).into_record(), each);
            assert_eq!(each.assignment("x"), Some("b"));
        }
    }

    #[test]
    fn of_assignments_that_replace_each_other_the_last_says_whether_one_was_made() {
        let mut delta = RecordDelta::new().assign("x", "a");
        delta.push_assignment("x", "b", Replaces::Stale("a".into()));
        for (held, is_kept) in [("a", false), ("b", true), ("c", true)] {
            let mut record = VisitorRecord::new();
            record.assign("x", held);
            assert_eq!(!delta.apply(&mut record).kept.is_empty(), is_kept, "{held}");
        }
    }
}
