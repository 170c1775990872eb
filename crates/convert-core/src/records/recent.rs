//! What this process has marked lately.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::records::delta::RecordDelta;

/// The assignments and goals of the last minute or two, which a context that was made before them
/// has not read: without them each such context would take them for new, and report them again.
///
/// What is older is left to the store, so that a record removed from it is soon as good as new.
/// Two generations stand in for an order of age.
///
/// What no store has been given, since the change was lost, is kept for as long as there is room: the
/// goals among it have been counted.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashMap<Arc<str>, RecordDelta<'static>>,
    old: HashMap<Arc<str>, RecordDelta<'static>>,
    /// When the younger generation began.
    since: Duration,
    lost: HashMap<Arc<str>, RecordDelta<'static>>,
    /// The visitors of `lost`, those first of whom something was lost first.
    lost_first: VecDeque<Arc<str>>,
    most_lost: usize,
}

impl Recent {
    /// Makes an empty one that keeps what was lost of so many visitors.
    pub(crate) fn new(most_lost: usize) -> Self {
        Recent { most_lost, ..Recent::default() }
    }

    /// Notes the assignments and goals of a change that is lost.
    pub(crate) fn lose(&mut self, key: &str, delta: &RecordDelta<'static>) {
        let marks = delta.marks();
        if marks.is_empty() {
            return;
        }
        if let Some(known) = self.lost.get_mut(key) {
            *known = std::mem::take(known).then(marks);
            return;
        }
        let key: Arc<str> = key.into();
        self.lost_first.push_back(Arc::clone(&key));
        self.lost.insert(key, marks);
        if self.lost.len() > self.most_lost {
            if let Some(first) = self.lost_first.pop_front() {
                self.lost.remove(&first);
            }
        }
    }

    /// Notes the assignments and goals of a change.
    pub(crate) fn note(&mut self, key: &str, delta: &RecordDelta<'static>, now: Duration) {
        let marks = delta.marks();
        if marks.is_empty() {
            return;
        }
        self.age(now);
        match self.young.get_mut(key) {
            Some(known) => *known = std::mem::take(known).then(marks),
            None => drop(self.young.insert(key.into(), marks)),
        }
    }

    /// Returns what was noted of a visitor.
    pub(crate) fn find(&mut self, key: &str, now: Duration) -> Option<RecordDelta<'static>> {
        self.age(now);
        let known = [self.lost.get(key), self.old.get(key), self.young.get(key)];
        known.into_iter().flatten().cloned().reduce(RecordDelta::then)
    }

    fn age(&mut self, now: Duration) {
        let age = now.saturating_sub(self.since);
        if age < GENERATION && self.young.len() < MOST_VISITORS {
            return;
        }
        let young = std::mem::take(&mut self.young);
        self.old = if age < 2 * GENERATION { young } else { HashMap::new() };
        self.since = now;
    }
}

/// How long a generation lasts.
const GENERATION: Duration = Duration::from_secs(60);
/// How many visitors a generation has.
const MOST_VISITORS: usize = 5_000;

#[cfg(test)]
mod tests {
    use convert_decision::VisitorRecord;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn goals(recent: &mut Recent, now: u64) -> Vec<&'static str> {
        let record = recent.find("v", at(now)).unwrap_or_default();
        let record = record.merge_into(VisitorRecord::new()).into_record();
        ["a", "b"].into_iter().filter(|goal| record.has_reached(goal)).collect()
    }

    #[test]
    fn marks_are_known_for_a_minute_or_two() {
        let mut recent = Recent::default();
        recent.note("v", &RecordDelta::new().reach("a"), at(10));
        recent.note("v", &RecordDelta::new().reach("b"), at(65));
        assert_eq!(goals(&mut recent, 69), ["a", "b"]);
        assert_eq!(goals(&mut recent, 130), ["b"]);
        assert!(goals(&mut recent, 260).is_empty());
    }

    #[test]
    fn what_others_may_change_is_not_kept() {
        let mut recent = Recent::default();
        let delta = RecordDelta::new().force("1", "10").enter("home").add_custom_segments(["5"]);
        recent.note("v", &delta, at(0));
        assert!(recent.find("v", at(0)).is_none());
        recent.note("v", &delta.assign("2", "20"), at(0));
        assert_eq!(recent.find("v", at(0)), Some(RecordDelta::new().assign("2", "20")));
    }

    #[test]
    fn what_is_lost_is_known_for_as_long_as_there_is_room() {
        let mut recent = Recent::new(2);
        recent.lose("v", &RecordDelta::new().reach("a"));
        recent.lose("w", &RecordDelta::new().enter("home").reach("a"));
        recent.lose("v", &RecordDelta::new().reach("b"));
        assert_eq!(goals(&mut recent, 1_000_000), ["a", "b"]);
        recent.lose("x", &RecordDelta::new().enter("home"));
        assert_eq!(goals(&mut recent, 1_000_000), ["a", "b"]);
        recent.lose("y", &RecordDelta::new().reach("a"));
        assert!(goals(&mut recent, 1_000_000).is_empty());
        assert_eq!(recent.find("w", at(0)), Some(RecordDelta::new().reach("a")));
    }

    #[test]
    fn the_number_of_visitors_is_bounded() {
        let mut recent = Recent::default();
        for visitor in 0..20_000 {
            recent.note(&visitor.to_string(), &RecordDelta::new().reach("a"), at(0));
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * MOST_VISITORS);
        assert!(recent.find("19999", at(0)).is_some() && recent.find("0", at(0)).is_none());
    }
}
