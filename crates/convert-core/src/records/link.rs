//! Calling an external store: guarded, counted, told of.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convert_decision::VisitorRecord;

use crate::clock::Timer;
use crate::event::{EventBus, LifecycleEvent, StoreFailedEvent, StoreOperation};
use crate::records::delta::RecordDelta;
use crate::records::fuse::Fuse;
use crate::records::merged::Merged;
use crate::records::pending::Change;
use crate::records::store::{DataStore, StoreError, StoreErrorKind};

/// The way to an external store. A store that panics has failed.
pub(crate) struct Link {
    store: Arc<dyn DataStore>,
    fuse: Fuse,
    pub(crate) timer: Timer,
    bus: Arc<EventBus>,
    failures: AtomicU64,
    skipped: AtomicU64,
    log: Mutex<Log>,
}

/// A failure that is counted, and yet to be told of.
#[derive(Debug)]
pub(crate) struct Failure {
    operation: StoreOperation,
    error: StoreError,
    in_a_row: u32,
}

/// What came of writing changes: an answer to each, and the failures to tell of.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) answers: Vec<Result<(), StoreError>>,
    pub(crate) failures: Vec<Failure>,
}

/// What has been said of failures.
#[derive(Default)]
struct Log {
    last: Option<Duration>,
    unsaid: u64,
}

impl Link {
    pub(crate) fn new(store: Arc<dyn DataStore>, timer: Timer, bus: Arc<EventBus>) -> Self {
        Link {
            store,
            fuse: Fuse::default(),
            timer,
            bus,
            failures: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            log: Mutex::default(),
        }
    }

    /// Reads a record, unless the store is being left alone; `None` where it cannot be told.
    pub(crate) fn load(&self, key: &str) -> Option<VisitorRecord> {
        if !self.admits() {
            return None;
        }
        self.guard(StoreOperation::Load, || self.store.load(key)).ok().flatten()
    }

    /// Merges a change, unless the store is being left alone.
    ///
    /// # Errors
    ///
    /// Returns the store's error, if it was asked. The caller notes it.
    pub(crate) fn merge(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
    ) -> Result<Merged, Option<StoreError>> {
        if !self.admits() {
            return Err(None);
        }
        let merged = call(|| self.store.merge(key, delta))?;
        self.fuse.succeed();
        Ok(merged)
    }

    /// Merges changes, whatever state the store seems to be in. The caller tells of the failures.
    pub(crate) fn write(&self, changes: &[Change]) -> Answers {
        if changes.len() == 1 {
            return self.write_each(changes);
        }
        let asked: Vec<(&str, &RecordDelta<'_>)> =
            changes.iter().map(|change| (&*change.key, &change.delta)).collect();
        let answers = catch_unwind(AssertUnwindSafe(|| self.store.merge_all(&asked)));
        match answers {
            Ok(answers) if answers.len() == changes.len() => {
                let failures = self.judge(&answers);
                Answers { answers, failures }
            }
            answers => {
                // One change that makes the store panic must not hold up the others.
                answers.map_or_else(std::mem::forget, drop);
                self.write_each(changes)
            }
        }
    }

    fn write_each(&self, changes: &[Change]) -> Answers {
        let mut all = Answers::default();
        for change in changes {
            let is_alone = changes.len() == 1;
            all.answers.push(if is_alone || self.fuse.admits(self.timer.now()) {
                let merge = || self.store.merge(&change.key, &change.delta).map(drop);
                let answer = call(merge);
                all.failures.extend(self.judge(std::slice::from_ref(&answer)));
                answer
            } else {
                Err(StoreError::new(StoreErrorKind::Unavailable, "it failed again and again"))
            });
        }
        all
    }

    /// Notes what came of one exchange about several records; an outage counts once.
    fn judge(&self, answers: &[Result<(), StoreError>]) -> Vec<Failure> {
        if answers.iter().any(Result::is_ok) {
            self.fuse.succeed();
        }
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        let outage = errors().find(|error| error.is_outage());
        let each = errors().filter(|error| !error.is_outage()).chain(outage);
        each.map(|error| self.count(StoreOperation::Merge, error)).collect()
    }

    /// Tells that changes are lost.
    pub(crate) fn tell_lost(&self, count: u64) {
        let kind = StoreErrorKind::Unavailable;
        let error = StoreError::new(kind, "refused, too many waiting, or the core being closed");
        log::error!(
            target: "convert_sdk::records",
            "changes of {count} visitor records are lost: {error}"
        );
        self.tell(StoreOperation::Merge, error, 0, count);
    }

    /// Returns how many calls failed, and how many were not made.
    pub(crate) fn failures(&self) -> (u64, u64) {
        (self.failures.load(Ordering::Relaxed), self.skipped.load(Ordering::Relaxed))
    }

    fn admits(&self) -> bool {
        let admits = self.fuse.admits(self.timer.now());
        if !admits {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
        admits
    }

    fn guard<T>(
        &self,
        operation: StoreOperation,
        asked: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = call(asked);
        match &answer {
            Ok(_) => self.fuse.succeed(),
            Err(error) => self.note(operation, error),
        }
        answer
    }

    /// Counts a failure, and tells of it.
    pub(crate) fn note(&self, operation: StoreOperation, error: &StoreError) {
        self.tell_of([self.count(operation, error)]);
    }

    /// Tells of failures that are counted.
    pub(crate) fn tell_of(&self, failures: impl IntoIterator<Item = Failure>) {
        for Failure { operation, error, in_a_row } in failures {
            self.tell(operation, error, in_a_row, 0);
        }
    }

    fn count(&self, operation: StoreOperation, error: &StoreError) -> Failure {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let now = self.timer.now();
        let in_a_row = if error.is_outage() {
            self.fuse.fail(now)
        } else {
            // A store that finds one record wanting is in order.
            self.fuse.succeed();
            0
        };
        let unsaid = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.unsaid += 1;
            let is_due = log.last.is_none_or(|last| now >= last.saturating_add(SILENCE));
            is_due.then(|| {
                log.last = Some(now);
                std::mem::take(&mut log.unsaid)
            })
        };
        if let Some(count) = unsaid {
            log::warn!(
                target: "convert_sdk::records",
                "the store failed to {operation}: {error} ({count} failures since last said)"
            );
        }
        Failure { operation, error: error.clone(), in_a_row }
    }

    fn tell(&self, operation: StoreOperation, error: StoreError, in_a_row: u32, lost: u64) {
        if self.bus.is_watched() {
            let event = StoreFailedEvent { operation, error, in_a_row, lost };
            self.bus.emit(&LifecycleEvent::StoreFailed(event));
        }
    }
}

/// Calls a store, whose panic is a failure.
fn call<T>(asked: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(asked)).unwrap_or_else(|payload| {
        // Dropping the payload is the application's code too, and may panic again.
        std::mem::forget(payload);
        Err(StoreError::new(StoreErrorKind::Unavailable, "the store panicked"))
    })
}

/// How long the log says nothing more of failures.
const SILENCE: Duration = Duration::from_secs(60);
