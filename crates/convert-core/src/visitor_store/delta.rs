//! A change to a visitor record.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use convert_decision::{Segments, VisitorRecord};

use crate::visitor_store::merged::Merged;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
        if later.assignments.len() + later.locations.len() + later.goals.len() > FEW {
            join_assignments(&mut self.assignments, later.assignments);
            join_locations(&mut self.locations, later.locations);
            join_goals(&mut self.goals, later.goals);
        } else {
            later.assignments.into_iter().for_each(|one| self.add_assignment(one));
            later
                .locations
                .into_iter()
                .for_each(|(key, is_there)| self.add_location(key, is_there));
            later.goals.into_iter().for_each(|goal| self.push_goal(goal));
        }
        self.segments.merge(later.segments);
        unite(&mut self.custom_segments, later.custom_segments);
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
            let experience_id = &*assignment.experience_id;
            let variation_id = &*assignment.variation_id;
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
        applied.new_goals = self.reach_in(record);
        applied
    }

    /// Marks the goals, and returns the keys of those that were not marked.
    fn reach_in(&self, record: &mut VisitorRecord) -> Vec<String> {
        let mut new = Vec::new();
        if self.goals.len() <= FEW {
            for goal in &self.goals {
                if !record.has_reached(&goal.id) && record.reach(&goal.key) {
                    new.push(goal.key.clone().into_owned());
                }
            }
            return new;
        }
        let mut known: HashSet<&str> = record.goals().collect();
        for goal in &self.goals {
            if !known.contains(&*goal.id) && known.insert(&goal.key) {
                new.push(goal.key.clone().into_owned());
            }
        }
        drop(known);
        record.reach_all(new.iter().map(String::as_str));
        new
    }

    /// Returns whether there are assignments to make.
    pub(crate) fn has_assignments(&self) -> bool {
        !self.assignments.is_empty()
    }

    /// Returns whether there are goals to mark.
    pub(crate) fn has_goals(&self) -> bool {
        !self.goals.is_empty()
    }

    /// Returns whether a variation of an experience is forced.
    pub(crate) fn forces(&self, experience_id: &str) -> bool {
        let is_forced = |one: &Assignment<'_>| {
            one.replaces == Replaces::Anything && one.experience_id == experience_id
        };
        self.assignments.iter().any(is_forced)
    }

    /// Splits into the assignments that are not forced, and the rest.
    pub(crate) fn split_assignments(mut self) -> (Self, Self) {
        let assignments = std::mem::take(&mut self.assignments).into_iter();
        let (forced, unforced) = assignments.partition(|one| one.replaces == Replaces::Anything);
        self.assignments = forced;
        (RecordDelta { assignments: unforced, ..RecordDelta::default() }, self)
    }

    /// Leaves out the assignments that a record has.
    pub(crate) fn not_in(mut self, record: &VisitorRecord) -> Self {
        let is_held = |one: &Assignment<'_>| {
            record.assignment(&one.experience_id) == Some(&*one.variation_id)
        };
        self.assignments.retain(|one| !is_held(one));
        self
    }

    /// Leaves out the assignments of another delta.
    pub(crate) fn without(mut self, other: &RecordDelta<'d>) -> Self {
        self.assignments.retain(|one| !other.assignments.contains(one));
        self
    }

    /// Turns the assignments, but for forced ones, into those that a record has in their experiences.
    pub(crate) fn rebased_on(mut self, record: &VisitorRecord) -> Self {
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

    /// Returns the experiences in which a record has another variation than this delta assigns last.
    pub(crate) fn differing(&self, record: &VisitorRecord) -> Vec<String> {
        let assigned: BTreeMap<&str, &str> =
            self.assignments.iter().map(|one| (&*one.experience_id, &*one.variation_id)).collect();
        let differs = |(id, variation): &(&str, &str)| record.assignment(id) != Some(variation);
        assigned.into_iter().filter(differs).map(|(id, _)| id.to_owned()).collect()
    }

    /// Returns about how many bytes of memory the delta takes.
    pub(crate) fn bytes(&self) -> usize {
        let assignment = |one: &Assignment<'_>| one.experience_id.len() + one.variation_id.len();
        let assignments: usize = self.assignments.iter().map(assignment).sum();
        let locations: usize = self.locations.iter().map(|(key, _)| key.len()).sum();
        let custom: usize = self.custom_segments.iter().map(|id| id.len()).sum();
        let goals: usize = self.goals.iter().map(|goal| goal.key.len() + goal.id.len()).sum();
        assignments
            + locations
            + custom
            + goals
            + self.segments.approximate_bytes()
            + size_of_val(&*self.assignments)
            + size_of_val(&*self.locations)
            + size_of_val(&*self.custom_segments)
            + size_of_val(&*self.goals)
    }

    pub(crate) fn push_assignment(
        &mut self,
        experience_id: &'d str,
        variation_id: &'d str,
        replaces: Replaces<'d>,
    ) {
        self.add_assignment(Assignment::new(experience_id, variation_id, replaces));
    }

    /// Adds an assignment in an experience that the delta has none in. Takes constant time.
    pub(crate) fn append_assignment(
        &mut self,
        experience_id: &'d str,
        variation_id: &'d str,
        replaces: Replaces<'d>,
    ) {
        self.assignments.push(Assignment::new(experience_id, variation_id, replaces));
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

impl<'d> Assignment<'d> {
    fn new(experience_id: &'d str, variation_id: &'d str, replaces: Replaces<'d>) -> Self {
        let experience_id = Cow::Borrowed(experience_id);
        let variation_id = Cow::Borrowed(variation_id);
        Assignment { experience_id, variation_id, replaces }
    }
}

impl Applied {
    /// Keeps as new what is new by another account as well.
    pub(crate) fn confirm(&mut self, other: &Applied) {
        self.new_goals.retain(|goal| other.new_goals.contains(goal));
        self.kept.extend_from_slice(&other.kept);
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

/// As [`RecordDelta::add_assignment`] for each of `later`, in linear time.
fn join_assignments<'d>(all: &mut Vec<Assignment<'d>>, later: Vec<Assignment<'d>>) {
    let first_later = all.len();
    all.extend(later);
    let mut keeps = vec![true; all.len()];
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, one) in all.iter().enumerate() {
        let earlier = places.entry(&one.experience_id).or_default();
        let last = earlier.last().and_then(|last| all.get(*last));
        let is_made = match one.replaces {
            _ if place < first_later => true,
            Replaces::Nothing => last.is_none(),
            Replaces::Stale(_) => last != Some(one),
            Replaces::Anything => {
                for place in earlier.drain(..) {
                    keeps.get_mut(place).into_iter().for_each(|keeps| *keeps = false);
                }
                true
            }
        };
        if is_made {
            earlier.push(place);
        } else if let Some(keeps) = keeps.get_mut(place) {
            *keeps = false;
        }
    }
    let mut keeps = keeps.into_iter();
    all.retain(|_| keeps.next().unwrap_or(true));
}

/// As [`RecordDelta::add_location`] for each of `later`, in linear time.
fn join_locations<'d>(all: &mut Vec<(Cow<'d, str>, bool)>, later: Vec<(Cow<'d, str>, bool)>) {
    let mut moved: HashMap<Cow<'d, str>, bool> = later.iter().cloned().collect();
    for (key, is_there) in all.iter_mut() {
        if let Some(later) = moved.remove(key) {
            *is_there = later;
        }
    }
    all.extend(later.into_iter().filter_map(|(key, _)| moved.remove_entry(&key)));
}

/// As [`RecordDelta::push_goal`] for each of `later`, in linear time.
fn join_goals<'d>(all: &mut Vec<ReachedGoal<'d>>, later: Vec<ReachedGoal<'d>>) {
    let mut known: HashSet<ReachedGoal<'d>> = all.iter().cloned().collect();
    all.extend(later.into_iter().filter(|goal| known.insert(goal.clone())));
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

/// How many members are compared one by one; more are looked up.
const FEW: usize = 8;

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

    /// A delta with members enough to be joined by look-up, whose names meet those of others.
    fn many(turn: usize) -> RecordDelta<'static> {
        const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
        let name = |number: usize| NAMES[number % NAMES.len()];
        let mut delta = RecordDelta::new();
        for number in 0..12 {
            let replaces = match (number + turn) % 4 {
                0 => Replaces::Anything,
                1 => Replaces::Stale(name(number * turn).into()),
                _ => Replaces::Nothing,
            };
            let variation_id = name(number / 2 + turn);
            delta.push_assignment(name(number * (turn + 1)), variation_id, replaces);
            delta.push_location(name(number + turn), number % 3 == 0);
            delta = delta.reach_known_as(name(number * 3 + turn), name(number + 1));
        }
        delta
    }

    #[test]
    fn joining_many_members_is_joining_them_one_by_one() {
        for turn in 0..60 {
            let joined = many(turn).then(many(turn + 7));
            let mut expected = many(turn);
            let later = many(turn + 7);
            later.assignments.into_iter().for_each(|one| expected.add_assignment(one));
            later.locations.into_iter().for_each(|one| expected.add_location(one.0, one.1));
            later.goals.into_iter().for_each(|goal| expected.push_goal(goal));
            assert_eq!(joined, expected, "turn {turn}");
            let mut record = VisitorRecord::new();
            record.reach("c");
            let mut one_by_one = record.clone();
            let each = expected
                .goals
                .iter()
                .filter(|goal| !one_by_one.has_reached(&goal.id) && one_by_one.reach(&goal.key));
            let each: Vec<String> = each.map(|goal| goal.key.clone().into_owned()).collect();
            assert_eq!(joined.apply(&mut record).new_goals, each);
        }
    }

    #[test]
    fn large_deltas_are_joined_and_applied_in_linear_time() {
        // Comparing each member with all others would take a minute.
        let names: Vec<String> = (0..50_000).map(|id| id.to_string()).collect();
        let all = |variation: &'static str| {
            let mut delta = RecordDelta::new();
            for name in &names {
                delta.append_assignment(name, variation, Replaces::Nothing);
                delta.append_location(name, true);
                delta.goals.push(ReachedGoal { key: name.into(), id: name.into() });
            }
            delta
        };
        let applied = all("a").then(all("b")).apply(&mut VisitorRecord::new());
        assert_eq!(applied.new_goals.len(), names.len());
        assert!(applied.kept.is_empty());
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
