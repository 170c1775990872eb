//! The visitor records of one process, bounded and lock-striped.

use crate::sync::{Mutex, MutexGuard};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::records::complete::complete;
use crate::records::delta::{Applied, RecordDelta};
use crate::records::lru::Lru;
use crate::records::merged::Merged;
use crate::records::store::{DataStore, StoreError};
use crate::records::view::View;

/// Visitor records in this process's memory: what a core uses unless it is given another store.
///
/// Bounded: of more visitors than it has room for, those used longest ago are forgotten. Records
/// are kept in stripes that are locked one by one, so that threads rarely meet. Clones share what
/// they hold. No call blocks for longer than another thread takes to change one record.
///
/// ```
/// use convert_core::{DataStore, MemoryStore, RecordDelta};
///
/// let store = MemoryStore::new(1_000);
/// store.merge("1-2-visitor", &RecordDelta::new().assign("10", "20"))?;
/// let record = store.load("1-2-visitor")?.unwrap_or_default();
/// assert_eq!(record.assignment("10"), Some("20"));
/// # Ok::<(), convert_core::StoreError>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    stripes: Arc<[Mutex<Lru<Arc<VisitorRecord>>>]>,
    // Visitor ids come from outside, so the hash must not be predictable.
    hash: RandomState,
}

impl MemoryStore {
    /// Makes a store with room for about `capacity` visitors.
    pub fn new(capacity: usize) -> Self {
        let stripes = STRIPES.min(capacity).max(1);
        let share = capacity.div_ceil(stripes);
        let stripe = |_| Mutex::new(Lru::new(share));
        MemoryStore { stripes: (0..stripes).map(stripe).collect(), hash: RandomState::new() }
    }

    /// Returns what is remembered under `key`.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        let hash = self.hash.hash_one(key);
        self.stripe(hash)?.find(hash, key).cloned()
    }

    /// Applies a change in one step and returns the whole record, which a context's view becomes in the
    /// same moment: of two threads that change a context, it sees last what is remembered last. Of a
    /// visitor who has been forgotten, what the view knows is remembered again, be it that somebody who
    /// knew nothing has met them since.
    pub(crate) fn change(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
        view: Option<&View>,
    ) -> (Arc<VisitorRecord>, Applied) {
        let hash = self.hash.hash_one(key);
        let Some(mut stripe) = self.stripe(hash) else {
            return (Arc::default(), Applied::default());
        };
        let known = view.and_then(View::share);
        let (record, applied) = if let Some(record) = stripe.find(hash, key) {
            let known = known.filter(|known| !Arc::ptr_eq(known, record));
            let own = Arc::make_mut(record);
            if let Some(known) = known {
                complete(own, &known);
            }
            let applied = delta.apply(own);
            (Arc::clone(record), applied)
        } else {
            let mut record = known.as_deref().cloned().unwrap_or_default();
            let applied = delta.apply(&mut record);
            let record = Arc::new(record);
            stripe.insert(hash, key, Arc::clone(&record));
            (record, applied)
        };
        if let Some(view) = view {
            view.change(|_| Arc::clone(&record));
        }
        (record, applied)
    }

    fn stripe(&self, hash: u64) -> Option<MutexGuard<'_, Lru<Arc<VisitorRecord>>>> {
        // The low bits choose the place within a stripe, so the high ones choose the stripe.
        let index = usize::try_from(hash >> 32).ok()?.checked_rem(self.stripes.len())?;
        // A thread that panicked in here cannot have left a record half changed.
        self.stripes.get(index).and_then(Mutex::try_enter)
    }
}

impl Default for MemoryStore {
    /// Makes a store with room for 10,000 visitors.
    fn default() -> Self {
        MemoryStore::new(DEFAULT_CAPACITY)
    }
}

impl DataStore for MemoryStore {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        Ok(self.find(key).map(Arc::unwrap_or_clone))
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        let (record, applied) = self.change(key, delta, None);
        Ok(Merged::of(Arc::unwrap_or_clone(record), applied))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("stripes", &self.stripes.len()).finish_non_exhaustive()
    }
}

/// How many visitors are remembered unless the application says otherwise.
pub(crate) const DEFAULT_CAPACITY: usize = 10_000;
/// Enough that a machine's cores seldom want the same stripe.
const STRIPES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::records::delta::Replaces;

    fn assigning(variation_id: &str) -> RecordDelta<'_> {
        RecordDelta::new().assign("10", variation_id)
    }

    fn replacing<'d>(stale: &'d str, variation_id: &'d str) -> RecordDelta<'d> {
        let mut delta = RecordDelta::new();
        delta.push_assignment("10", variation_id, Replaces::Stale(stale.into()));
        delta
    }

    /// Merges, and returns the variation that the visitor has then.
    fn merged(store: &MemoryStore, delta: &RecordDelta<'_>) -> Option<String> {
        store.change("v", delta, None).0.assignment("10").map(str::to_owned)
    }

    #[test]
    fn stale_and_forced_assignments_replace_earlier_ones() {
        let records = MemoryStore::new(100);
        merged(&records, &assigning("a"));
        assert_eq!(merged(&records, &replacing("a", "b")).unwrap(), "b");
        assert_eq!(merged(&records, &replacing("a", "c")).unwrap(), "b");
        let forced = RecordDelta::new().force("10", "c");
        assert_eq!(merged(&records, &forced).unwrap(), "c");
    }

    #[test]
    fn the_first_assignment_wins() {
        let records = MemoryStore::new(100);
        assert!(records.load("v").unwrap().is_none());
        assert_eq!(merged(&records, &assigning("a")).unwrap(), "a");
        assert_eq!(merged(&records, &assigning("b")).unwrap(), "a");
        assert_eq!(records.find("v").unwrap().assignment("10"), Some("a"));
    }

    #[test]
    fn threads_racing_on_one_visitor_agree() {
        let records = MemoryStore::new(100);
        let names: Vec<String> = (0..8).map(|index| format!("variation-{index}")).collect();
        let seen: Vec<String> = std::thread::scope(|scope| {
            let racers: Vec<_> = names
                .iter()
                .map(|name| {
                    let records = &records;
                    scope.spawn(move || merged(records, &assigning(name)))
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap().unwrap()).collect()
        });
        assert!(seen.iter().all(|variation| *variation == seen[0]), "{seen:?}");
    }

    #[test]
    fn the_capacity_bounds_what_is_remembered() {
        let records = MemoryStore::new(1_000);
        for visitor in 0..20_000 {
            records.change(&format!("visitor-{visitor}"), &assigning("a"), None);
        }
        let kept = (0..20_000).filter(|v| records.find(&format!("visitor-{v}")).is_some()).count();
        assert!((500..=1_024).contains(&kept), "{kept}");
        assert!(merged(&MemoryStore::new(0), &assigning("a")).is_some());
    }
}
