//! The hand-over of changes from the application's threads to the writer.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use convert_decision::VisitorRecord;

use super::sync::{Condvar, Mutex, MutexGuard};
use crate::clock::Deadline;
use crate::records::Written;
use crate::records::delta::{Applied, RecordDelta};
use crate::records::pending::{Ahead, Change, Outcome, Pending, Step, WriteTally};
use crate::records::settings::StoreConfig;

/// The changes that wait, behind a lock that is never held while anything else is waited for.
pub(crate) struct Backlog {
    pending: Mutex<Pending>,
    /// Rings when a write is done with, or nothing more will be.
    changed: Condvar,
}

/// What there is to know when the store has made a change.
pub(crate) struct Answered {
    /// What the context sees.
    pub(crate) record: Arc<VisitorRecord>,
    /// What others have found to be new, since the store did not answer them.
    pub(crate) claimed: Option<RecordDelta<'static>>,
    /// What has been found to be new lately, or is lost.
    pub(crate) remembered: Option<RecordDelta<'static>>,
    /// Whether the writer should be told.
    pub(crate) wakes: bool,
}

impl Backlog {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        Backlog { pending: Mutex::new(Pending::new(settings)), changed: Condvar::new() }
    }

    /// Adds a change to be written later, once `change` has made it in a context's view, on top of what
    /// is known besides. Returns what came of that, and whether the writer should be told. All in one
    /// moment: as soon as others know of the change they take it for made, and what of it is new is this
    /// caller's to report; and of two threads that change a view, it sees last what is written last.
    pub(crate) fn push(
        &self,
        key: &str,
        delta: RecordDelta<'static>,
        now: Duration,
        change: impl FnOnce(&RecordDelta<'static>) -> Written,
    ) -> (Written, bool) {
        let mut pending = self.pending();
        let written = change(&pending.known(key, now).unwrap_or_default());
        // The store is to keep what is shown, although it may have lost it, or never have been given it.
        let delta = delta.standing_in(&written.record);
        pending.remember(key, &delta, now);
        let lost = pending.tally().dropped;
        let wakes = pending.push(key, delta);
        if pending.tally().dropped > lost {
            // Somebody may wait for what is lost.
            self.changed.notify_all();
        }
        (written, wakes)
    }

    /// Takes over a change that the store did not answer, to be written later unless it `is_refused`,
    /// once `change` has made it in a context's view, as [`Backlog::push`] does, and made there again
    /// what waits, since that is written after it. All in one moment: of callers that meet a failing
    /// store together, one finds that its change was not known.
    pub(crate) fn give_back(
        &self,
        key: &str,
        delta: &RecordDelta<'static>,
        is_refused: bool,
        ahead: &Ahead,
        now: Duration,
        change: impl FnOnce(&RecordDelta<'static>, &RecordDelta<'static>) -> Written,
    ) -> (Written, bool) {
        let mut pending = self.pending();
        let known = pending.known(key, now).unwrap_or_default();
        let written = change(&known, &pending.waiting(key).unwrap_or_default());
        let new = delta.new_in(&written.applied);
        pending.remember(key, &new, now);
        pending.follow(key, &new);
        // Marks that are not new here wait for nothing: goals, taken for counted, would go uncounted,
        // and assignments would be put before those that others have made and shown.
        let asked = ahead.split(delta.clone().with_marks_of(&new)).0;
        let wakes = pending.give_back(key, asked, new, is_refused, ahead, now);
        drop(pending);
        self.changed.notify_all();
        (written, wakes)
    }

    /// Notes that the store has made a change of which `marks` are now in the record, those that it
    /// `applied` and those that were there; and has `see` take it into a context's view, in the same
    /// moment, with what the store has yet to be told.
    pub(crate) fn answer(
        &self,
        key: &str,
        marks: RecordDelta<'static>,
        applied: &Applied,
        ahead: &Ahead,
        now: Duration,
        see: impl FnOnce(&RecordDelta<'static>) -> Arc<VisitorRecord>,
    ) -> Answered {
        let mut pending = self.pending();
        let (claimed, remembered) = (pending.claimed(key), pending.remembered(key, now));
        pending.remember(key, &marks.new_in(applied), now);
        pending.follow(key, &marks);
        let wakes = pending.answer(key, marks, ahead, now);
        let record = see(&pending.unwritten(key).unwrap_or_default());
        drop(pending);
        self.changed.notify_all();
        Answered { record, claimed, remembered, wakes }
    }

    /// As [`Pending::take`], for a change.
    pub(crate) fn take(&self, key: &str, delta: &RecordDelta<'static>) -> Ahead {
        let mut pending = self.pending();
        // What of its assignments and goals is made is known when it is answered.
        pending.follow(key, &delta.clone().split().1);
        pending.take(key)
    }

    /// As [`Pending::begin_load`].
    pub(crate) fn begin_load(&self, key: &str) -> u64 {
        self.pending().begin_load(key)
    }

    /// As [`Pending::end_load`].
    pub(crate) fn end_load(&self, key: &str, number: u64) -> RecordDelta<'static> {
        self.pending().end_load(key, number)
    }

    /// As [`Pending::step`].
    pub(crate) fn step(&self, now: Duration) -> Step {
        self.pending().step(now)
    }

    /// As [`Pending::settle`].
    pub(crate) fn settle(&self, settled: &[(Change, Outcome)], now: Duration, unit: f64) {
        self.pending().settle(settled, now, unit);
        self.changed.notify_all();
    }

    /// As [`Pending::close`], and returns a number for [`Backlog::wait_for`].
    pub(crate) fn close(&self) -> u64 {
        let mut pending = self.pending();
        pending.close();
        pending.number()
    }

    /// As [`Pending::stop`].
    pub(crate) fn stop(&self) -> u64 {
        let lost = self.pending().stop();
        self.changed.notify_all();
        lost
    }

    /// Has what failed tried again at once, and returns a number for [`Backlog::wait_for`], higher than
    /// that of every change so far.
    pub(crate) fn retry(&self) -> u64 {
        let mut pending = self.pending();
        pending.retry();
        pending.number()
    }

    /// Waits until every change before a number is written or lost, or none will be, and returns
    /// for how many visitors there are some left.
    pub(crate) fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        let mut pending = self.pending();
        while pending.has_before(number) && !pending.is_stopped() {
            let patience = deadline.remaining();
            if patience.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(pending, patience);
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        pending.count_before(number)
    }

    /// As [`Pending::losses_to_report`].
    pub(crate) fn losses_to_report(&self, now: Duration, is_last: bool) -> Option<u64> {
        self.pending().losses_to_report(now, is_last)
    }

    /// Returns what has become of changes, and for how many visitors some wait.
    pub(crate) fn tally(&self) -> (WriteTally, usize) {
        let pending = self.pending();
        (pending.tally(), pending.depth())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing in there panics half way.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
