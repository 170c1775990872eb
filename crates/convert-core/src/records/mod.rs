//! The visitor records of one process, bounded and lock-striped.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convert_decision::VisitorRecord;

mod delta;
mod lru;

pub(crate) use self::delta::{Assignment, ReachedGoal, RecordDelta, Replaces};
pub(crate) use self::lru::Lru;

/// Records by key, in stripes that are locked one by one, so that threads rarely meet.
pub(crate) struct Records {
    stripes: Box<[Mutex<Lru<Arc<VisitorRecord>>>]>,
    // Visitor ids come from outside, so the hash must not be predictable.
    hash: RandomState,
}

impl Records {
    /// Makes room for `capacity` visitors.
    pub(crate) fn new(capacity: usize) -> Self {
        let stripes = STRIPES.min(capacity).max(1);
        let share = capacity.div_ceil(stripes);
        let stripe = |_| Mutex::new(Lru::new(share));
        Records { stripes: (0..stripes).map(stripe).collect(), hash: RandomState::new() }
    }

    /// Returns what is remembered under `key`.
    pub(crate) fn load(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        let hash = self.hash.hash_one(key);
        self.stripe(hash)?.find(hash, key).cloned()
    }

    /// Applies a change in one step and returns the whole record; of two assignments in one
    /// experience the first wins.
    pub(crate) fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Arc<VisitorRecord> {
        let hash = self.hash.hash_one(key);
        let Some(mut stripe) = self.stripe(hash) else {
            return Arc::default();
        };
        if let Some(record) = stripe.find(hash, key) {
            delta.apply(Arc::make_mut(record));
            return Arc::clone(record);
        }
        let mut record = VisitorRecord::new();
        delta.apply(&mut record);
        let record = Arc::new(record);
        stripe.insert(hash, key, Arc::clone(&record));
        record
    }

    fn stripe(&self, hash: u64) -> Option<MutexGuard<'_, Lru<Arc<VisitorRecord>>>> {
        // The low bits choose the place within a stripe, so the high ones choose the stripe.
        let index = usize::try_from(hash >> 32).ok()?.checked_rem(self.stripes.len())?;
        // A thread that panicked in here cannot have left a record half changed.
        self.stripes.get(index).map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("stripes", &self.stripes.len()).finish_non_exhaustive()
    }
}

/// How many visitors are remembered unless the application says otherwise.
pub(crate) const DEFAULT_CAPACITY: usize = 10_000;
/// Enough that a machine's cores seldom want the same stripe.
const STRIPES: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn assigning(variation_id: &str) -> RecordDelta<'_> {
        replacing(variation_id, Replaces::Nothing)
    }

    fn replacing<'d>(variation_id: &'d str, replaces: Replaces<'d>) -> RecordDelta<'d> {
        let assignment =
            Assignment { experience_id: "10", variation_id, replaces, is_made: Cell::default() };
        RecordDelta { assignments: vec![assignment], ..RecordDelta::default() }
    }

    #[test]
    fn stale_and_forced_assignments_replace_earlier_ones() {
        let records = Records::new(100);
        records.merge("v", &assigning("a"));
        let stale = replacing("b", Replaces::Stale("a"));
        assert_eq!(records.merge("v", &stale).assignment("10"), Some("b"));
        let late = replacing("c", Replaces::Stale("a"));
        assert_eq!(records.merge("v", &late).assignment("10"), Some("b"));
        let forced = replacing("c", Replaces::Anything);
        assert_eq!(records.merge("v", &forced).assignment("10"), Some("c"));
    }

    #[test]
    fn the_first_assignment_wins() {
        let records = Records::new(100);
        assert!(records.load("v").is_none());
        assert_eq!(records.merge("v", &assigning("a")).assignment("10"), Some("a"));
        assert_eq!(records.merge("v", &assigning("b")).assignment("10"), Some("a"));
        assert_eq!(records.load("v").unwrap().assignment("10"), Some("a"));
    }

    #[test]
    fn threads_racing_on_one_visitor_agree() {
        let records = Records::new(100);
        let names: Vec<String> = (0..8).map(|index| format!("variation-{index}")).collect();
        let seen: Vec<String> = std::thread::scope(|scope| {
            let racers: Vec<_> = names
                .iter()
                .map(|name| {
                    let merge = || records.merge("v", &assigning(name));
                    scope.spawn(move || merge().assignment("10").map(str::to_owned))
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap().unwrap()).collect()
        });
        assert!(seen.iter().all(|variation| *variation == seen[0]), "{seen:?}");
    }

    #[test]
    fn the_capacity_bounds_what_is_remembered() {
        let records = Records::new(1_000);
        for visitor in 0..20_000 {
            records.merge(&format!("visitor-{visitor}"), &assigning("a"));
        }
        let kept = (0..20_000).filter(|v| records.load(&format!("visitor-{v}")).is_some()).count();
        assert!((500..=1_024).contains(&kept), "{kept}");
        assert!(Records::new(0).merge("v", &assigning("a")).assignment("10").is_some());
    }
}
