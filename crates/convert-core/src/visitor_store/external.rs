//! Visitor records in a store that other processes may use as well.

use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::clock::{Deadline, Timer};
use crate::event::{EventBus, StoreOperation};
use crate::stats::Stats;
use crate::visitor_store::Written;
use crate::visitor_store::data_store::{DataStore, StoreError};
use crate::visitor_store::delta::RecordDelta;
use crate::visitor_store::entry::Reply;
use crate::visitor_store::guarded_store::GuardedStore;
use crate::visitor_store::record_cell::RecordCell;
use crate::visitor_store::settings::{StoreConfig, WriteMode};
use crate::visitor_store::shared_queue::{SharedWriteQueue, Submitted};
use crate::visitor_store::writer::Writer;

/// The records of an external store, as one core uses it: read by contexts, changed in the background or,
/// where a caller needs the answer, at once.
pub(crate) struct ExternalRecords {
    store: Arc<GuardedStore>,
    queue: Arc<SharedWriteQueue>,
    writer: Writer,
    settings: StoreConfig,
}

/// What became of the changes that a closing core had yet to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RecordsEnding {
    /// Visitors whose changes are lost.
    pub(crate) lost: u64,
    /// Visitors whose change the store was still merging when the time was up.
    pub(crate) unconfirmed: u64,
    /// Whether the writer's thread runs no more.
    pub(crate) has_ended: bool,
}

impl ExternalRecords {
    pub(crate) fn new(
        store: Arc<dyn DataStore>,
        settings: StoreConfig,
        timer: Timer,
        bus: Arc<EventBus>,
    ) -> Self {
        let store = Arc::new(GuardedStore::new(store, timer, bus));
        let queue = Arc::new(SharedWriteQueue::new(&settings));
        let writer = Writer::new(Arc::clone(&store), Arc::clone(&queue));
        ExternalRecords { store, queue, writer, settings }
    }

    /// Reads a record, with the changes that this process has yet to write. If the store does not answer,
    /// the record is what this process knows.
    pub(crate) fn load(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        self.queue.begin_load(key);
        let loaded = self.store.load(key);
        self.queue.end_load(key, loaded, self.store.timer.now())
    }

    /// Makes a change in a context's record, and in the store now or later.
    pub(crate) fn write(&self, key: &str, delta: &RecordDelta<'_>, cell: &RecordCell) -> Written {
        let waits = (delta.has_goals() && self.settings.conversions == WriteMode::Wait)
            || (delta.has_assignments() && self.settings.assignments == WriteMode::Wait);
        let Submitted { written, reply } =
            self.queue.write(key, delta, cell, waits, self.store.timer.now());
        let written = match reply {
            None => written,
            Some(reply) => self.wait_for_store(key, delta, cell, written, &reply),
        };
        self.writer.wake_if_needed();
        written
    }

    /// Waits for the store's answer to a change that is made here. The answer can only take away from what
    /// is new in it: another machine may have been first. Without one, what is known here counts.
    fn wait_for_store(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
        cell: &RecordCell,
        mut written: Written,
        reply: &Reply,
    ) -> Written {
        let mut failure = None;
        if let Some(change) = self.queue.wait_for_turn(key, reply) {
            match self.store.merge(key, &change) {
                Ok(merged) => {
                    let (record, applied) = merged.into_parts(&change);
                    self.queue.merged(key, record, applied, self.store.timer.now());
                }
                Err(error) => {
                    let is_retryable = error.as_ref().is_none_or(StoreError::is_retryable);
                    self.queue.failed(key, is_retryable);
                    failure = error;
                }
            }
        }
        written.record = self.queue.adopt(key, cell);
        if let Some(applied) = reply.applied() {
            written.applied.confirm(applied);
        }
        // What another has made of the experience meanwhile is the other's to report.
        written.applied.kept.extend(delta.differing(&written.record));
        if let Some(error) = failure {
            // A handler may wait for the change to be written, so the writer is woken before.
            self.writer.wake_if_needed();
            self.store.note(StoreOperation::Merge, &error);
        }
        written
    }

    /// Begins a flush: ends the writer's pause, and returns a number for [`ExternalRecords::wait_for`].
    pub(crate) fn begin_flush(&self) -> u64 {
        let number = self.queue.retry();
        self.writer.wake_if_needed();
        number
    }

    /// Waits until every change made before a flush began is written or lost, and returns how many are
    /// left.
    pub(crate) fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        self.writer.wait_for(number, deadline)
    }

    /// Begins to close: everything is tried again, without pauses.
    pub(crate) fn begin_shutdown(&self) {
        self.queue.begin_shutdown();
        self.writer.wake_if_needed();
    }

    /// Waits until everything is written, or the store has failed three times in a row, or `stop_at`; then
    /// starts no more writes, and waits for the one in flight until `deadline`.
    ///
    /// Called on the writer's thread, by a handler, it waits for nothing.
    pub(crate) fn close(&self, stop_at: Deadline, deadline: Deadline) -> RecordsEnding {
        let number = self.queue.begin_shutdown();
        self.wait_for(number, stop_at);
        self.queue.stop();
        let has_ended = self.writer.end(deadline);
        self.writer.report_losses(true);
        let (lost, unconfirmed) = self.queue.ending();
        RecordsEnding { lost, unconfirmed, has_ended }
    }

    /// Adds what is counted here to the counters.
    pub(crate) fn count(&self, stats: &mut Stats) {
        let (counts, waiting) = self.queue.counts();
        let (failures, skipped) = self.store.failures();
        stats.store_failures = failures;
        stats.store_skipped = skipped;
        stats.store_writes = counts.written;
        stats.store_retries = counts.retried;
        stats.store_dropped = counts.lost;
        stats.store_waiting = waiting as u64;
        stats.records_evicted = counts.evicted;
    }
}
