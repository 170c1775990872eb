//! Calling an external store: panics are caught, failures are counted, logged and reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use convert_decision::VisitorRecord;

use crate::clock::Timer;
use crate::event::{EventBus, LifecycleEvent, StoreFailedEvent, StoreOperation};
use crate::log;
use crate::sync::{assert_no_lock_held, panic_guard};
use crate::visitor_store::circuit_breaker::CircuitBreaker;
use crate::visitor_store::data_store::{DataStore, StoreError, StoreErrorKind};
use crate::visitor_store::delta::RecordDelta;
use crate::visitor_store::merged::Merged;
use crate::visitor_store::write_queue::Write;

/// An external store, behind a circuit breaker. A store that panics has failed.
pub(crate) struct GuardedStore {
    store: Arc<dyn DataStore>,
    breaker: CircuitBreaker,
    pub(crate) timer: Timer,
    bus: Arc<EventBus>,
    failures: AtomicU64,
    skipped: AtomicU64,
    failure_log: IntervalLog,
    slow_log: IntervalLog,
    thread_log: IntervalLog,
}

/// The store failed, or was not asked because it had failed too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// A failure that is counted and logged, and has yet to be emitted as an event.
#[derive(Debug)]
pub(crate) struct Failure {
    operation: StoreOperation,
    error: StoreError,
    in_a_row: u32,
}

/// The answers to several writes, and the failures among them.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) answers: Vec<Result<(), StoreError>>,
    pub(crate) failures: Vec<Failure>,
}

impl GuardedStore {
    pub(crate) fn new(store: Arc<dyn DataStore>, timer: Timer, bus: Arc<EventBus>) -> Self {
        GuardedStore {
            store,
            breaker: CircuitBreaker::default(),
            timer,
            bus,
            failures: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            failure_log: IntervalLog::default(),
            slow_log: IntervalLog::default(),
            thread_log: IntervalLog::default(),
        }
    }

    /// Reads a record, unless the circuit breaker is open. Reports the store's error.
    ///
    /// # Errors
    ///
    /// Returns [`NoAnswer`] if the store failed or was not asked.
    pub(crate) fn load(&self, key: &str) -> Result<Option<VisitorRecord>, NoAnswer> {
        self.check_admitted()?;
        let answer = self.call(StoreOperation::Load, || self.store.load(key));
        answer.inspect(|_| self.breaker.succeed()).map_err(|error| {
            self.note(StoreOperation::Load, &error);
            NoAnswer
        })
    }

    /// Merges a change, unless the circuit breaker is open.
    ///
    /// # Errors
    ///
    /// Returns the store's error, which the caller reports with [`GuardedStore::note`], or `None` if the
    /// store was not asked.
    pub(crate) fn merge(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
    ) -> Result<Merged, Option<StoreError>> {
        self.check_admitted().map_err(|NoAnswer| None)?;
        let merged = self.call(StoreOperation::Merge, || self.store.merge(key, delta))?;
        self.breaker.succeed();
        Ok(merged)
    }

    /// Merges changes, even if the circuit breaker is open. The caller emits the failures.
    pub(crate) fn write(&self, writes: &[Write]) -> Answers {
        if writes.len() == 1 {
            return self.write_each(writes);
        }
        let changes: Vec<(&str, &RecordDelta<'_>)> =
            writes.iter().map(|write| (&*write.key, &write.delta)).collect();
        let answers = self.call(StoreOperation::Merge, || Ok(self.store.merge_all(&changes)));
        match answers {
            Ok(answers) if answers.len() == writes.len() => {
                let failures = self.judge(&answers);
                Answers { answers, failures }
            }
            // One change that makes the store panic must not hold up the others.
            _ => self.write_each(writes),
        }
    }

    fn write_each(&self, writes: &[Write]) -> Answers {
        let mut all = Answers::default();
        for write in writes {
            let is_alone = writes.len() == 1;
            all.answers.push(if is_alone || self.breaker.admits(self.timer.now()) {
                let merge = || self.store.merge(&write.key, &write.delta).map(drop);
                let answer = self.call(StoreOperation::Merge, merge);
                all.failures.extend(self.judge(std::slice::from_ref(&answer)));
                answer
            } else {
                Err(StoreError::new(StoreErrorKind::Unavailable, "it failed again and again"))
            });
        }
        all
    }

    /// Notes what came of one exchange about several records. An outage counts once.
    fn judge(&self, answers: &[Result<(), StoreError>]) -> Vec<Failure> {
        if answers.iter().any(Result::is_ok) {
            self.breaker.succeed();
        }
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        let outage = errors().find(|error| error.is_outage());
        let each = errors().filter(|error| !error.is_outage()).chain(outage);
        each.map(|error| self.count(StoreOperation::Merge, error)).collect()
    }

    /// Makes a call; a panic is a failure.
    fn call<T>(
        &self,
        operation: StoreOperation,
        ask: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        assert_no_lock_held("a call of the data store");
        let began = self.timer.now();
        let answer = panic_guard(ask).unwrap_or_else(|_| {
            let message = "it panicked, as reported by the panic hook";
            Err(StoreError::new(StoreErrorKind::Unavailable, message))
        });
        let now = self.timer.now();
        let took = now.saturating_sub(began);
        if took >= SLOW {
            if let Some(count) = self.slow_log.record(now) {
                log::warn!(
                    target: "convert_sdk::records",
                    "the store took {} ms for one {operation} ({count} slow calls since last logged)",
                    took.as_millis(),
                );
            }
        }
        answer
    }

    /// Counts a call that is not made.
    ///
    /// # Errors
    ///
    /// Returns [`NoAnswer`] if the circuit breaker is open.
    fn check_admitted(&self) -> Result<(), NoAnswer> {
        if self.breaker.admits(self.timer.now()) {
            return Ok(());
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        Err(NoAnswer)
    }

    /// Counts a failure, logs it and emits the event.
    pub(crate) fn note(&self, operation: StoreOperation, error: &StoreError) {
        self.emit_all([self.count(operation, error)]);
    }

    /// Emits the events of failures that are counted.
    pub(crate) fn emit_all(&self, failures: impl IntoIterator<Item = Failure>) {
        for Failure { operation, error, in_a_row } in failures {
            self.emit(operation, error, in_a_row, 0);
        }
    }

    fn count(&self, operation: StoreOperation, error: &StoreError) -> Failure {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let now = self.timer.now();
        let in_a_row = if error.is_outage() {
            self.breaker.fail(now)
        } else {
            // A store that cannot serve one record is in order.
            self.breaker.succeed();
            0
        };
        if let Some(count) = self.failure_log.record(now) {
            log::warn!(
                target: "convert_sdk::records",
                "failed to {operation} a visitor record ({count} failures since last logged): {error}"
            );
        }
        Failure { operation, error: error.clone(), in_a_row }
    }

    fn emit(&self, operation: StoreOperation, error: StoreError, in_a_row: u32, lost: u64) {
        if self.bus.is_watched() {
            let event = StoreFailedEvent { operation, error, in_a_row, lost };
            self.bus.emit(&LifecycleEvent::StoreFailed(event));
        }
    }

    /// Logs that changes are lost, and emits the event.
    pub(crate) fn report_lost(&self, count: u64) {
        let message = "refused, too many waiting, or the core being closed";
        let error = StoreError::new(StoreErrorKind::Unavailable, message);
        log::error!(
            target: "convert_sdk::records",
            "changes of {count} visitor records are lost: {error}"
        );
        self.emit(StoreOperation::Merge, error, 0, count);
    }

    /// Logs that the writer's thread could not be started.
    pub(crate) fn report_no_thread(&self, error: &std::io::Error) {
        if self.thread_log.record(self.timer.now()).is_some() {
            log::error!(
                target: "convert_sdk::records",
                "failed to spawn the thread that writes visitor records; the next change tries again: \
                 {error}"
            );
        }
    }

    /// Returns how many calls failed, and how many were not made.
    pub(crate) fn failures(&self) -> (u64, u64) {
        (self.failures.load(Ordering::Relaxed), self.skipped.load(Ordering::Relaxed))
    }
}

/// Counts occurrences and selects those to log: the first, and one a minute.
#[derive(Debug, Default)]
struct IntervalLog {
    unlogged: AtomicU64,
    /// When the next may be logged, in nanoseconds.
    next_at: AtomicU64,
}

impl IntervalLog {
    /// Counts an occurrence. Returns how many there were since the last that was logged, if this one is to
    /// be logged.
    fn record(&self, now: Duration) -> Option<u64> {
        self.unlogged.fetch_add(1, Ordering::Relaxed);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let due = self.next_at.load(Ordering::Relaxed);
        if nanos(now) < due {
            return None;
        }
        let next = nanos(now.saturating_add(LOG_INTERVAL));
        self.next_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(self.unlogged.swap(0, Ordering::Relaxed))
    }
}

/// How often the same is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// How long a call may take before it is logged.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_and_then_one_a_minute() {
        let log = IntervalLog::default();
        let at = Duration::from_secs;
        let logged: Vec<Option<u64>> =
            [0, 1, 59, 60, 61, 200].map(|seconds| log.record(at(seconds))).to_vec();
        assert_eq!(logged, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
