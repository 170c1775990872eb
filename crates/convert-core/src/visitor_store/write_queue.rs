//! The visitors whose records a core has changed, and which changes the external store does not have yet.
//!
//! A state machine without clock, randomness, lock or thread: it is given all of them. An entry is in one
//! of these states:
//!
//! ```text
//!            write                      step (writer)
//!   idle ─────────────► queued ───────────────────────────► in flight ──► idle      merged, nothing newer
//!     ▲                 ▲   │ write that waits                │  ▲  │ ├──► queued    merged, newer changes
//!     │ evicted, lost   │   ▼                                 │  │  │ └──► queued    failed: back in front
//!     └──────────── queued  claimed ──────────────────────────┘  │  └────► idle      refused: lost
//!                               ▲      turn (waiting thread)     │
//!                               └────────────────────────────────┘  write that waits, meanwhile
//! ```
//!
//! *Idle*: the store has every change, or the change was lost. The entry is kept to know what was counted.
//! *Queued*: the background writer may take the change. *Claimed*: threads wait for the store's answer, so
//! one of them makes the call and the writer leaves the visitor alone. *In flight*: a call is under way.
//! There is one call for a visitor at a time, so changes reach the store in the order in which they were
//! made. Every change is made in `Entry::record` at once, under one lock: what is new in it is decided
//! there, so that of all threads one reports it, and the store's answer can only take that away. Only new
//! assignments that wait for the store are kept out of the record until it has confirmed them or failed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use convert_decision::VisitorRecord;

use crate::tracking::Backoff;
use crate::visitor_store::delta::{Applied, RecordDelta};
use crate::visitor_store::entry::{Change, Entry, Reply, WaitedFor};
use crate::visitor_store::entry_map::EntryMap;
use crate::visitor_store::guarded_store::NoAnswer;
use crate::visitor_store::losses::Losses;
use crate::visitor_store::settings::StoreConfig;

/// The state machine; see the head of this file.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    entries: EntryMap,
    /// The numbers of all changes that are unsynced or in flight.
    numbers: BTreeSet<u64>,
    next: u64,
    is_writing: bool,
    backoff: Backoff,
    retry_at: Option<Duration>,
    phase: Phase,
    /// How many times in a row the writer has written nothing.
    failed_rounds: u32,
    counts: WriteCounts,
    losses: Losses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// No pauses, and no endless retries.
    Closing,
    /// Nothing is written any more.
    Stopped,
}

/// What the writer is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write these changes.
    Write(Vec<Write>),
    /// Wait until then, or until woken.
    Rest(Option<Duration>),
    /// End.
    Stop,
}

/// A change of one visitor on its way to the store.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: Arc<str>,
    pub(crate) delta: RecordDelta<'static>,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Merged,
    /// It may succeed later.
    Failed,
    /// It never will.
    Refused,
}

/// What a thread that waits for the store's answer is to do.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Send this, for all that wait.
    Send(RecordDelta<'static>),
    /// Wait for the call that is under way.
    Wait,
    /// Nothing: the answer is there, or will never be.
    Done,
}

/// A change that was made in the record.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) record: Arc<VisitorRecord>,
    pub(crate) applied: Applied,
    /// Where the store's answer will be, if the change waits for it.
    pub(crate) reply: Option<Reply>,
}

/// What has become of changes so far, and the bounds that were hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WriteCounts {
    /// Writes by the writer that succeeded.
    pub(crate) written: u64,
    /// Writes by the writer that failed and are tried again.
    pub(crate) retried: u64,
    /// Visitors whose change is lost.
    pub(crate) lost: u64,
    /// Idle entries that were removed to make room.
    pub(crate) evicted: u64,
}

impl WriteQueue {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        WriteQueue {
            entries: EntryMap::new(settings),
            numbers: BTreeSet::new(),
            next: 0,
            is_writing: false,
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            retry_at: None,
            phase: Phase::Open,
            failed_rounds: 0,
            counts: WriteCounts::default(),
            losses: Losses::default(),
        }
    }

    /// Makes a change in a visitor's record, which is to be written later or, if it `waits`, in the next
    /// call for this visitor; [`WriteQueue::turn`] says when.
    pub(crate) fn write(
        &mut self,
        key: &str,
        delta: &RecordDelta<'_>,
        seen: Option<&Arc<VisitorRecord>>,
        waits: bool,
        now: Duration,
    ) -> Accepted {
        let mut entry = self.entries.take(key);
        let waits = waits && self.phase != Phase::Stopped;
        let (applied, sent, claimed) = entry.apply(delta, seen, waits, now);
        let record = entry.record.clone().unwrap_or_default();
        let mut reply = None;
        if self.phase == Phase::Stopped {
            self.lose(&mut entry);
        } else {
            self.join(&mut entry, sent, waits.then_some(claimed));
            let waited_for = entry.unsynced.as_ref().and_then(|change| change.waited_for.as_ref());
            reply = waited_for.filter(|_| waits).map(|waited_for| waited_for.reply.clone());
        }
        self.entries.put(entry);
        self.enforce_bounds();
        Accepted { record, applied, reply }
    }

    /// Adds a change to those that the store does not have, with what it has to confirm if a thread waits.
    fn join(
        &mut self,
        entry: &mut Entry,
        delta: RecordDelta<'static>,
        claimed: Option<RecordDelta<'static>>,
    ) {
        let earlier = entry.unsynced.take();
        let number = match &earlier {
            Some(earlier) => earlier.number,
            None => self.number_change(),
        };
        let (before, mut waited_for) = match earlier {
            Some(earlier) => (Some(earlier.delta), earlier.waited_for),
            None => (None, None),
        };
        if let Some(claimed) = claimed {
            let new = || WaitedFor { before: before.clone(), ..WaitedFor::default() };
            let waited_for = waited_for.get_or_insert_with(new);
            waited_for.claimed = std::mem::take(&mut waited_for.claimed).then(claimed);
        }
        let delta = before.unwrap_or_default().then(delta);
        entry.unsynced = Some(Change { number, delta, waited_for });
    }

    /// Returns what a thread is to do whose change waits. After [`Turn::Send`] it reports the outcome with
    /// [`WriteQueue::merged`] or [`WriteQueue::failed`].
    pub(crate) fn turn(&mut self, key: &str, reply: &Reply) -> Turn {
        if reply.is_set() {
            return Turn::Done;
        }
        let mut entry = self.entries.take(key);
        let turn = if entry.in_flight.is_some() {
            Turn::Wait
        } else {
            entry.in_flight = entry.unsynced.take();
            entry.in_flight.as_ref().map_or(Turn::Done, |change| Turn::Send(change.delta.clone()))
        };
        self.entries.put(entry);
        turn
    }

    /// Notes that the store has merged what was in flight, and what the record is there now.
    pub(crate) fn merged(
        &mut self,
        key: &str,
        record: VisitorRecord,
        mut applied: Applied,
        now: Duration,
    ) {
        let mut entry = self.entries.take(key);
        if let Some(change) = entry.in_flight.as_ref().filter(|_| entry.has_unanswered) {
            // The store may have a forced variation from a call that was not answered, before another was
            // forced here that it was never sent. Then it is new all the same.
            applied.kept.retain(|id| !change.delta.forces(id));
        }
        self.land(&mut entry, Some((applied, &record)), now);
        entry.refresh(record, &RecordDelta::new(), now);
        self.entries.put(entry);
        self.enforce_bounds();
    }

    /// Notes that a call made by a thread that waited has failed.
    pub(crate) fn failed(&mut self, key: &str, is_retryable: bool) {
        let mut entry = self.entries.take(key);
        if is_retryable {
            self.put_back(&mut entry);
        } else {
            self.refuse(&mut entry);
        }
        self.entries.put(entry);
        self.enforce_bounds();
    }

    /// Returns what is known of a visitor.
    pub(crate) fn record(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        self.entries.record(key).cloned()
    }

    /// Notes that a thread reads a record from the store.
    pub(crate) fn begin_load(&mut self, key: &str) {
        let mut entry = self.entries.take(key);
        entry.readers += 1;
        self.entries.put(entry);
    }

    /// Returns the record for a thread that has read it: with the changes that the store may not have had.
    /// If the store did not answer, the record is what is known here.
    pub(crate) fn end_load(
        &mut self,
        key: &str,
        loaded: Result<Option<VisitorRecord>, NoAnswer>,
        now: Duration,
    ) -> Option<Arc<VisitorRecord>> {
        let mut entry = self.entries.take(key);
        entry.readers = entry.readers.saturating_sub(1);
        let merged = std::mem::take(&mut entry.merged_while_read);
        let is_behind = !merged.is_empty() || entry.in_flight.is_some() || entry.unsynced.is_some();
        let record = match loaded {
            Err(NoAnswer) => entry.record.clone().filter(|_| entry.is_known(now)),
            Ok(None) if !is_behind => {
                if !entry.is_known(now) {
                    entry.record = None;
                }
                None
            }
            Ok(loaded) => Some(entry.refresh(loaded.unwrap_or_default(), &merged, now)),
        };
        if entry.readers > 0 {
            entry.merged_while_read = merged;
        }
        self.entries.put(entry);
        record
    }

    /// Decides what the writer does at the time `now`.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        if self.phase == Phase::Stopped {
            return Step::Stop;
        }
        if let Some(at) = self.retry_at.filter(|at| *at > now && self.phase == Phase::Open) {
            return self.rest(Some(at));
        }
        self.retry_at = None;
        let mut writes = Vec::new();
        while writes.len() < MOST_AT_ONCE {
            let Some(mut entry) = self.entries.take_queued() else { break };
            entry.in_flight = entry.unsynced.take();
            if let Some(change) = &entry.in_flight {
                let key = Arc::clone(&entry.key);
                writes.push(Write { key, delta: change.delta.clone() });
            }
            self.entries.put(entry);
        }
        self.is_writing = !writes.is_empty();
        if self.is_writing { Step::Write(writes) } else { self.rest(None) }
    }

    /// Rests until there is something to do, which may be to report losses.
    fn rest(&mut self, until: Option<Duration>) -> Step {
        let report_at = self.losses.schedule();
        Step::Rest(until.into_iter().chain(report_at).min())
    }

    /// Notes what came of the writes of a step; `unit` is a random number from 0 to 1.
    pub(crate) fn settle(&mut self, settled: &[(Write, Outcome)], now: Duration, unit: f64) {
        self.is_writing = false;
        let has = |outcome| settled.iter().any(|(_, one)| *one == outcome);
        if has(Outcome::Merged) {
            self.backoff.succeed();
            self.failed_rounds = 0;
        } else {
            self.failed_rounds = self.failed_rounds.saturating_add(1);
        }
        if has(Outcome::Failed) && self.phase == Phase::Open {
            self.retry_at = Some(now.saturating_add(self.backoff.fail(None, unit)));
        }
        let is_hopeless = self.phase == Phase::Closing && self.failed_rounds >= MOST_FAILED_ROUNDS;
        // Backwards, so that the one that kept the store from trying the rest comes after them.
        for (write, outcome) in settled.iter().rev() {
            let mut entry = self.entries.take(&write.key);
            match outcome {
                Outcome::Merged => {
                    self.counts.written += 1;
                    self.land(&mut entry, None, now);
                }
                Outcome::Failed => {
                    self.counts.retried += u64::from(!is_hopeless && self.phase != Phase::Stopped);
                    self.put_back(&mut entry);
                }
                Outcome::Refused => self.refuse(&mut entry),
            }
            self.entries.put(entry);
        }
        if is_hopeless {
            self.lose_all();
        }
        self.enforce_bounds();
    }

    /// The store has what was in flight; the `answer` is known if threads wait for it.
    fn land(
        &mut self,
        entry: &mut Entry,
        answer: Option<(Applied, &VisitorRecord)>,
        now: Duration,
    ) {
        let Some(change) = entry.in_flight.take() else { return };
        entry.changed_at = now;
        entry.has_unanswered = false;
        self.numbers.remove(&change.number);
        let mut delta = change.delta;
        if let Some((applied, record)) = answer {
            delta = delta.rebased_on(record);
            if let Some(waited_for) = change.waited_for {
                waited_for.reply.set(Some(applied));
            }
        }
        if entry.readers > 0 {
            let merged = std::mem::take(&mut entry.merged_while_read);
            entry.merged_while_read = merged.then(delta);
        }
    }

    /// Puts what was in flight back in front of what has come since. Threads that wait are released: an
    /// outage keeps none of them for a second call.
    fn put_back(&mut self, entry: &mut Entry) {
        entry.release();
        let Some(failed) = entry.in_flight.take() else { return };
        entry.has_unanswered = true;
        let mut delta = failed.delta;
        if let Some(since) = entry.unsynced.take() {
            self.numbers.remove(&since.number);
            delta = delta.then(since.delta);
        }
        entry.unsynced = Some(Change { number: failed.number, delta, waited_for: None });
        if self.phase == Phase::Stopped {
            self.lose(entry);
        }
    }

    /// Drops what was in flight, but for what had come before the first thread waited.
    fn refuse(&mut self, entry: &mut Entry) {
        let waited_for = entry.in_flight.as_mut().and_then(|change| change.waited_for.as_mut());
        let before = waited_for.and_then(|waited_for| waited_for.before.take());
        entry.release();
        let Some(refused) = &mut entry.in_flight else { return };
        self.losses.record();
        entry.is_lost = true;
        match before {
            Some(before) => {
                refused.delta = before;
                self.put_back(entry);
            }
            None => {
                self.numbers.remove(&refused.number);
                entry.in_flight = None;
            }
        }
    }

    /// Drops a change that will never be made. The record keeps it, since its goals may have been counted.
    fn lose(&mut self, entry: &mut Entry) {
        self.losses.record();
        entry.is_lost = true;
        if let Some(mut change) = entry.unsynced.take() {
            self.numbers.remove(&change.number);
            if let Some(waited_for) = change.waited_for.take() {
                waited_for.claimed.apply(Arc::make_mut(entry.record.get_or_insert_default()));
                waited_for.reply.set(None);
            }
        }
    }

    fn lose_all(&mut self) {
        for key in self.entries.unsynced() {
            let mut entry = self.entries.take(&key);
            self.lose(&mut entry);
            self.entries.put(entry);
        }
    }

    /// Tries everything again, without pauses, until nothing was written three times in a row. Rounds that
    /// failed before count, but each change is tried at least once.
    pub(crate) fn begin_shutdown(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.retry_at = None;
            self.failed_rounds = self.failed_rounds.min(MOST_FAILED_ROUNDS - 1);
            self.losses.begin_closing();
        }
    }

    /// Drops what is not in flight, and takes nothing more.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Stopped;
        self.lose_all();
    }

    /// The losses so far.
    pub(crate) fn losses(&mut self) -> &mut Losses {
        &mut self.losses
    }

    /// Ends the pause after a failure, and returns a number above that of every change so far.
    pub(crate) fn retry(&mut self) -> u64 {
        self.retry_at = None;
        self.number()
    }

    /// Returns how many changes older than a number the store does not have.
    pub(crate) fn count_before(&self, number: u64) -> u64 {
        self.numbers.range(..number).count() as u64
    }

    /// Returns whether the store has every change older than a number, or never will.
    pub(crate) fn is_settled_before(&self, number: u64) -> bool {
        let is_older = |oldest: &u64| *oldest < number;
        self.phase == Phase::Stopped || !self.numbers.first().is_some_and(is_older)
    }

    pub(crate) fn counts(&self) -> WriteCounts {
        WriteCounts { lost: self.losses.count(), ..self.counts }
    }

    /// Returns how many changes the store does not have yet.
    pub(crate) fn waiting(&self) -> usize {
        self.numbers.len()
    }

    /// Returns whether the writer rests, so that it must be woken, while there is something to do.
    pub(crate) fn needs_writer(&self) -> bool {
        let is_resting = !self.is_writing && self.retry_at.is_none();
        let has_work = self.entries.has_queued() || self.losses.needs_report();
        is_resting && self.phase != Phase::Stopped && has_work
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn number_change(&mut self) -> u64 {
        let number = self.number();
        self.numbers.insert(number);
        number
    }

    /// Removes the least recently used idle entries, then loses the changes that have waited longest.
    fn enforce_bounds(&mut self) {
        while let Some(mut entry) = self.entries.take_overflow() {
            if entry.is_idle() {
                self.counts.evicted += 1;
            } else {
                self.lose(&mut entry);
                self.entries.put(entry);
            }
        }
    }
}

/// How many visitors are written at once: enough to use the connection to the store well, few enough that
/// a single exchange stays short.
const MOST_AT_ONCE: usize = 64;
/// How often in a row nothing may be written before a core that closes gives up.
const MOST_FAILED_ROUNDS: u32 = 3;

#[cfg(test)]
mod tests;
