//! The write queue as threads share it.

use std::sync::Arc;
use std::time::Duration;

use convert_decision::VisitorRecord;

use super::sync::{Condvar, Mutex};
use crate::clock::Deadline;
use crate::visitor_store::Written;
use crate::visitor_store::delta::{Applied, RecordDelta};
use crate::visitor_store::entry::Reply;
use crate::visitor_store::guarded_store::NoAnswer;
use crate::visitor_store::record_cell::RecordCell;
use crate::visitor_store::settings::StoreConfig;
use crate::visitor_store::write_queue::{Outcome, Step, Turn, Write, WriteCounts, WriteQueue};

/// The write queue behind its lock, which is never held while the store is called.
///
/// A context's record changes under the same lock. Of two threads that change a context, it has last what
/// is sent last, and no other thread knows of a change before the one that reports it.
pub(crate) struct SharedWriteQueue {
    queue: Mutex<WriteQueue>,
    /// Notified when a call has ended, or none will be made any more.
    changed: Condvar,
}

/// A change that is made here, and where to find the store's answer if it waits for that.
pub(crate) struct Submitted {
    pub(crate) written: Written,
    pub(crate) reply: Option<Reply>,
}

impl SharedWriteQueue {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        let queue = Mutex::new(WriteQueue::new(settings));
        SharedWriteQueue { queue, changed: Condvar::new() }
    }

    /// As [`WriteQueue::write`]. The context's record is then the visitor's.
    pub(crate) fn write(
        &self,
        key: &str,
        delta: &RecordDelta<'_>,
        cell: &RecordCell,
        waits: bool,
        now: Duration,
    ) -> Submitted {
        let mut queue = self.queue.lock();
        let lost = queue.counts().lost;
        let accepted = queue.write(key, delta, cell.share().as_ref(), waits, now);
        let record = accepted.record;
        cell.change(|_| Arc::clone(&record));
        if queue.counts().lost > lost {
            // A thread may wait for what is lost.
            self.changed.notify_all();
        }
        let written = Written { record, applied: accepted.applied };
        Submitted { written, reply: accepted.reply }
    }

    /// Waits until the calling thread is to make the call it waits for, and returns what to send; `None`
    /// once the reply is there, or will never be.
    pub(crate) fn wait_for_turn(&self, key: &str, reply: &Reply) -> Option<RecordDelta<'static>> {
        let mut queue = self.queue.lock();
        loop {
            match queue.turn(key, reply) {
                Turn::Send(delta) => return Some(delta),
                Turn::Done => return None,
                Turn::Wait => queue = self.changed.wait(queue),
            }
        }
    }

    /// As [`WriteQueue::merged`].
    pub(crate) fn merged(&self, key: &str, record: VisitorRecord, applied: Applied, now: Duration) {
        self.queue.lock().merged(key, record, applied, now);
        self.changed.notify_all();
    }

    /// As [`WriteQueue::failed`].
    pub(crate) fn failed(&self, key: &str, is_retryable: bool) {
        self.queue.lock().failed(key, is_retryable);
        self.changed.notify_all();
    }

    /// Gives a context the record as it is known now, and returns it.
    pub(crate) fn adopt(&self, key: &str, cell: &RecordCell) -> Arc<VisitorRecord> {
        let queue = self.queue.lock();
        if let Some(record) = queue.record(key) {
            cell.change(|_| Arc::clone(&record));
        }
        cell.share().unwrap_or_default()
    }

    /// As [`WriteQueue::begin_load`].
    pub(crate) fn begin_load(&self, key: &str) {
        self.queue.lock().begin_load(key);
    }

    /// As [`WriteQueue::end_load`].
    pub(crate) fn end_load(
        &self,
        key: &str,
        loaded: Result<Option<VisitorRecord>, NoAnswer>,
        now: Duration,
    ) -> Option<Arc<VisitorRecord>> {
        self.queue.lock().end_load(key, loaded, now)
    }

    /// As [`WriteQueue::step`].
    pub(crate) fn step(&self, now: Duration) -> Step {
        self.queue.lock().step(now)
    }

    /// As [`WriteQueue::settle`].
    pub(crate) fn settle(&self, settled: &[(Write, Outcome)], now: Duration, unit: f64) {
        self.queue.lock().settle(settled, now, unit);
        self.changed.notify_all();
    }

    /// As [`WriteQueue::begin_shutdown`], and returns a number for [`SharedWriteQueue::wait_for`].
    pub(crate) fn begin_shutdown(&self) -> u64 {
        let mut queue = self.queue.lock();
        queue.begin_shutdown();
        queue.retry()
    }

    /// As [`WriteQueue::stop`].
    pub(crate) fn stop(&self) {
        self.queue.lock().stop();
        self.changed.notify_all();
    }

    /// As [`WriteQueue::retry`].
    pub(crate) fn retry(&self) -> u64 {
        self.queue.lock().retry()
    }

    /// Waits until the store has every change before a number, or never will, and returns how many changes
    /// it does not have.
    pub(crate) fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        let mut queue = self.queue.lock();
        while !queue.is_settled_before(number) {
            let remaining = deadline.remaining();
            if remaining.is_zero() {
                break;
            }
            queue = self.changed.wait_timeout(queue, remaining);
        }
        queue.count_before(number)
    }

    /// Returns how many changes were lost since the core began to close, or since this was asked last, and
    /// how many are still in flight.
    pub(crate) fn ending(&self) -> (u64, u64) {
        let mut queue = self.queue.lock();
        (queue.losses().take_while_closing(), queue.waiting() as u64)
    }

    /// As [`Losses::take_due`](crate::visitor_store::losses::Losses::take_due).
    pub(crate) fn losses_to_report(&self, now: Duration, is_last: bool) -> Option<u64> {
        self.queue.lock().losses().take_due(now, is_last)
    }

    /// Returns what has become of changes, and how many the store does not have.
    pub(crate) fn counts(&self) -> (WriteCounts, usize) {
        let queue = self.queue.lock();
        (queue.counts(), queue.waiting())
    }

    /// As [`WriteQueue::needs_writer`].
    pub(crate) fn needs_writer(&self) -> bool {
        self.queue.lock().needs_writer()
    }
}
