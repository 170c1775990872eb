//! The visitor records of one process, bounded and lock-striped.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convert_decision::VisitorRecord;

use crate::log;
use crate::sync::{Mutex, MutexGuard, ProcessId};
use crate::visitor_store::data_store::{DataStore, StoreError};
use crate::visitor_store::delta::{Applied, RecordDelta};
use crate::visitor_store::lru::Lru;
use crate::visitor_store::merged::Merged;
use crate::visitor_store::record_cell::RecordCell;
use crate::visitor_store::restore::restore_missing;

/// Visitor records in this process's memory: what a core uses unless it is given another store.
///
/// Bounded in visitors and in bytes: those used longest ago are forgotten to make room. The first time,
/// and ever more rarely after that, the log says so at level `info`; [`MemoryStore::evicted`] counts them.
/// Records are kept in stripes that are locked one by one, so that threads rarely meet. Clones share what
/// they hold. No call blocks for longer than another thread takes to change one record.
///
/// In a child of `fork()` a stripe may stay locked by a thread that only the parent has. The visitors in it
/// then count as new, and are not remembered.
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
    stripes: Arc<[Mutex<Stripe>]>,
    // Visitor ids come from outside, so the hash must not be predictable.
    hash: RandomState,
    evictions: Arc<AtomicU64>,
}

/// The visitors whose keys have a part of the hashes.
struct Stripe {
    visitors: Lru<Remembered>,
    bytes: usize,
    most_bytes: usize,
}

/// The record of a visitor.
struct Remembered {
    record: Arc<VisitorRecord>,
    /// About how many bytes it takes, with its key.
    bytes: usize,
    /// From how many bytes on they are counted anew, since most changes add less than is counted.
    counted_until: usize,
}

impl MemoryStore {
    /// Makes a store with room for about `capacity` visitors, and 64 MiB at most.
    pub fn new(capacity: usize) -> Self {
        MemoryStore::with_bounds(capacity, DEFAULT_BYTES)
    }

    /// Makes a store with room for about `capacity` visitors whose ids and records take about `bytes` of
    /// memory at most.
    ///
    /// Both bounds are divided among 64 stripes, or as many as get 1 MiB each. A visitor who takes more than
    /// a stripe has is not remembered.
    ///
    /// ```
    /// use convert_core::{DataStore, MemoryStore, RecordDelta};
    ///
    /// let store = MemoryStore::with_bounds(1_000, 1_000_000);
    /// for visitor in 0..1_000 {
    ///     let id = format!("{visitor}").repeat(10_000);
    ///     store.merge(&id, &RecordDelta::new().assign("10", "20"))?;
    /// }
    /// assert!(store.evicted() > 900);
    /// # Ok::<(), convert_core::StoreError>(())
    /// ```
    pub fn with_bounds(capacity: usize, bytes: usize) -> Self {
        let stripes = STRIPES.min(capacity).min(bytes / LEAST_STRIPE_BYTES).max(1);
        let share = capacity.div_ceil(stripes);
        let most_bytes = bytes / stripes;
        let process = ProcessId::current();
        let stripe = |_| {
            let stripe = Stripe { visitors: Lru::new(share), bytes: 0, most_bytes };
            Mutex::made_in(process, stripe)
        };
        MemoryStore {
            stripes: (0..stripes).map(stripe).collect(),
            hash: RandomState::new(),
            evictions: Arc::default(),
        }
    }

    /// Returns how many visitors were forgotten to make room for others.
    pub fn evicted(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Returns what is remembered under `key`.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        let hash = self.hash.hash_one(key);
        let mut stripe = self.stripe(hash)?;
        stripe.visitors.find(hash, key).map(|found| Arc::clone(&found.record))
    }

    /// Applies a change in one step and returns the whole record, which a context's becomes in the same
    /// moment: of two threads that change a context, it has last what is remembered last. Of a visitor
    /// who has been forgotten, what the context knows is remembered again, even if a context that knew
    /// nothing has met them since.
    pub(crate) fn change(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
        cell: Option<&RecordCell>,
    ) -> (Arc<VisitorRecord>, Applied) {
        let hash = self.hash.hash_one(key);
        let mut evicted = 0;
        let mut stripe = self.stripe(hash);
        let known = cell.and_then(RecordCell::share);
        let found = stripe.as_mut().and_then(|stripe| stripe.visitors.find(hash, key));
        let (record, applied) = if let Some(found) = found {
            let before = found.bytes;
            let known = known.filter(|known| !Arc::ptr_eq(known, &found.record));
            let own = Arc::make_mut(&mut found.record);
            if let Some(known) = known {
                restore_missing(own, &known);
                found.bytes = measure(key, own);
            }
            let applied = delta.apply(own);
            found.bytes += delta.bytes();
            if found.bytes > found.counted_until {
                found.count_anew(key);
            }
            let record = Arc::clone(&found.record);
            let after = found.bytes;
            if let Some(stripe) = &mut stripe {
                stripe.bytes = stripe.bytes - before + after;
            }
            (record, applied)
        } else {
            let mut record = known.as_deref().cloned().unwrap_or_default();
            let applied = delta.apply(&mut record);
            let record = Arc::new(record);
            if let Some(stripe) = &mut stripe {
                evicted += stripe.insert(hash, key, &record);
            }
            (record, applied)
        };
        if let Some(cell) = cell {
            cell.change(|_| Arc::clone(&record));
        }
        if let Some(stripe) = &mut stripe {
            if stripe.bytes > stripe.most_bytes {
                evicted += stripe.shrink();
            }
        }
        drop(stripe);
        if evicted > 0 {
            self.count_evictions(evicted);
        }
        (record, applied)
    }

    #[cold]
    fn count_evictions(&self, evicted: u64) {
        let before = self.evictions.fetch_add(evicted, Ordering::Relaxed);
        let count = before.wrapping_add(evicted);
        // Once each time the count has doubled.
        if before.checked_ilog2() != count.checked_ilog2() {
            log::info!(
                target: "convert_sdk::records",
                "the memory for visitor records is full; forgot {count} visitors so far, those used \
                 longest ago; `SdkConfig::record_capacity` and `record_bytes` set the bounds"
            );
        }
    }

    /// Locks the stripe of a hash; in a child of `fork()` this may fail.
    fn stripe(&self, hash: u64) -> Option<MutexGuard<'_, Stripe>> {
        // The low bits choose the place within a stripe, so the high ones choose the stripe.
        let index = usize::try_from(hash >> 32).ok()?.checked_rem(self.stripes.len())?;
        self.stripes.get(index)?.try_enter()
    }
}

impl Stripe {
    /// Adds a visitor, and returns how many had to go.
    fn insert(&mut self, hash: u64, key: &str, record: &Arc<VisitorRecord>) -> u64 {
        let mut remembered = Remembered { record: Arc::clone(record), bytes: 0, counted_until: 0 };
        remembered.count_anew(key);
        self.bytes += remembered.bytes;
        let evicted = self.visitors.insert(hash, key, remembered);
        evicted.map_or(0, |(_, evicted)| {
            self.bytes -= evicted.bytes;
            1
        })
    }

    /// Forgets visitors until there is room, and returns how many.
    #[cold]
    fn shrink(&mut self) -> u64 {
        let mut count = 0;
        while self.bytes > self.most_bytes {
            let Some((_, evicted)) = self.visitors.pop_oldest() else { break };
            self.bytes -= evicted.bytes;
            count += 1;
        }
        count
    }
}

impl Remembered {
    fn count_anew(&mut self, key: &str) {
        self.bytes = measure(key, &self.record);
        self.counted_until = self.bytes.saturating_mul(2);
    }
}

/// Returns about how many bytes a visitor takes.
fn measure(key: &str, record: &VisitorRecord) -> usize {
    OVERHEAD + key.len() + record.approximate_bytes()
}

impl Default for MemoryStore {
    /// Makes a store with room for 10,000 visitors and 64 MiB.
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
/// How many bytes are remembered unless the application says otherwise.
pub(crate) const DEFAULT_BYTES: usize = 64 << 20;
/// Enough that a machine's cores seldom want the same stripe.
const STRIPES: usize = 64;
/// Enough that long ids fit.
const LEAST_STRIPE_BYTES: usize = 1 << 20;
/// What a visitor takes beside the texts: the slot, and the place in the table.
const OVERHEAD: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::visitor_store::delta::Replaces;

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
        assert_eq!(records.evicted(), 20_000 - kept as u64);
    }

    /// Returns how many bytes the keys and records take.
    fn bytes(store: &MemoryStore) -> usize {
        store.stripes.iter().map(|stripe| stripe.lock().bytes).sum()
    }

    #[test]
    fn bytes_are_bounded_however_long_ids_are() {
        let store = MemoryStore::with_bounds(10_000, 8 << 20);
        for visitor in 0..1_000 {
            let key = format!("{visitor:07}").repeat(15_000);
            store.change(&key, &assigning("a"), None);
        }
        assert!(bytes(&store) <= 8 << 20);
        let last = format!("{:07}", 999).repeat(15_000);
        assert!(store.find(&last).is_some());
        assert!(store.evicted() > 900);
        // A visitor for whom there is no room at all is answered all the same.
        let huge = "v".repeat(1 << 20);
        assert_eq!(store.change(&huge, &assigning("a"), None).0.assignment("10"), Some("a"));
        assert!(store.find(&huge).is_none());
        assert!(bytes(&store) <= 8 << 20);
    }

    #[test]
    fn bytes_are_counted_anew_before_a_visitor_seems_larger_than_they_are() {
        let store = MemoryStore::with_bounds(10, 64 << 10);
        for turn in 0..100_000 {
            let delta = RecordDelta::new();
            let delta = if turn % 2 == 0 { delta.enter("home") } else { delta.leave("home") };
            store.change("v", &delta, None);
        }
        assert_eq!(store.evicted(), 0);
        assert!(bytes(&store) < 2_000);
        store.change("v", &RecordDelta::new().reach(&"g".repeat(100_000)), None);
        assert_eq!((store.evicted(), bytes(&store)), (1, 0));
    }

    #[test]
    fn a_stripe_that_a_parents_thread_holds_makes_its_visitors_new() {
        let mut store = MemoryStore::new(100);
        let in_parent = |_: usize| {
            let stripe = Stripe { visitors: Lru::new(10), bytes: 0, most_bytes: 1 << 20 };
            Mutex::made_in(ProcessId::other(), stripe)
        };
        store.stripes = (0..1).map(in_parent).collect();
        merged(&store, &assigning("a"));
        assert!(store.find("v").is_some());
        let held = store.stripes[0].lock();
        assert!(store.find("v").is_none());
        let cell = RecordCell::default();
        store.change("v", &assigning("b"), Some(&cell));
        assert_eq!(
            cell.share().and_then(|it| it.assignment("10").map(str::to_owned)),
            Some("b".into())
        );
        drop(held);
        assert_eq!(store.find("v").unwrap().assignment("10"), Some("a"));
    }
}
