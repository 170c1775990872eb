//! Changes that wait to be written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::records::delta::RecordDelta;
use crate::records::recent::Recent;
use crate::records::settings::StoreConfig;
use crate::tracking::Backoff;

/// The changes of all visitors that wait, one each: a state machine that is told the time.
///
/// A visitor's changes are written in the order in which they were made. Visitors whose write
/// failed go to the end, so that a part of the store that is lost does not hold up the rest.
#[derive(Debug)]
pub(crate) struct Pending {
    capacity: usize,
    entries: HashMap<Arc<str>, Entry>,
    /// Who comes next.
    order: BTreeMap<u64, Arc<str>>,
    /// When the first change of each entry came, also of the one being written.
    ages: BTreeSet<u64>,
    writing: Option<Writing>,
    recent: Recent,
    next: u64,
    backoff: Backoff,
    retry_at: Option<Duration>,
    is_closing: bool,
    is_stopped: bool,
    tally: WriteTally,
    /// How many were lost before the core began to close, or was closed last.
    lost_before: u64,
    /// How many losses have been told of, and when.
    reported: u64,
    reported_at: Option<Duration>,
}

#[derive(Debug)]
struct Entry {
    place: u64,
    age: u64,
    delta: RecordDelta<'static>,
}

#[derive(Debug)]
struct Writing {
    key: Arc<str>,
    age: u64,
    delta: Arc<RecordDelta<'static>>,
}

/// What the writer is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write this change.
    Write(Arc<str>, Arc<RecordDelta<'static>>),
    /// Nothing until then, or until there is something.
    Rest(Option<Duration>),
    /// Nothing ever more.
    Stop,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The change is made.
    Written,
    /// It may be made later.
    Failed,
    /// It will never be made.
    Refused,
}

/// What is known, but not in the store yet, of a visitor whose change is to be answered.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// What waited, and what is being written right now.
    pub(crate) unwritten: Option<RecordDelta<'static>>,
    /// Whether something is being written, so that what waits must go on waiting.
    pub(crate) is_writing: bool,
}

/// What has become of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WriteTally {
    /// Writes that succeeded.
    pub(crate) written: u64,
    /// Writes that failed and are tried again.
    pub(crate) retried: u64,
    /// Visitors whose change is lost.
    pub(crate) dropped: u64,
}

impl Pending {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        Pending {
            capacity: settings.queue_capacity,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            ages: BTreeSet::new(),
            writing: None,
            recent: Recent::default(),
            next: 0,
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            retry_at: None,
            is_closing: false,
            is_stopped: false,
            tally: WriteTally::default(),
            lost_before: 0,
            reported: 0,
            reported_at: None,
        }
    }

    /// Adds a change, and returns whether the writer should be told.
    pub(crate) fn push(&mut self, key: &str, delta: RecordDelta<'static>) -> bool {
        if self.is_stopped {
            self.tally.dropped += 1;
            return false;
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.delta = std::mem::take(&mut entry.delta).then(delta);
            return false;
        }
        let age = self.number();
        self.insert(key.into(), age, delta);
        self.writing.is_none() && self.retry_at.is_none()
    }

    /// Puts a change back that was taken out to be answered, before what has come since.
    pub(crate) fn give_back(&mut self, key: &str, delta: RecordDelta<'static>) -> bool {
        if let Some(entry) = self.entries.get_mut(key) {
            let since = std::mem::take(&mut entry.delta);
            entry.delta = delta.then(since);
            return false;
        }
        self.push(key, delta)
    }

    /// Takes out what waits for a visitor, unless something older is being written; and tells all
    /// that is known of the visitor but not in the store.
    pub(crate) fn take(&mut self, key: &str) -> Ahead {
        let is_writing = self.writing.as_ref().is_some_and(|writing| *writing.key == *key);
        let unwritten = self.unwritten(key);
        if !is_writing {
            if let Some(entry) = self.entries.remove(key) {
                self.order.remove(&entry.place);
                self.ages.remove(&entry.age);
            }
        }
        Ahead { unwritten, is_writing }
    }

    /// Returns what is known of a visitor but not, for all the SDK knows, in the store.
    pub(crate) fn unwritten(&self, key: &str) -> Option<RecordDelta<'static>> {
        let writing = self.writing.as_ref().filter(|writing| *writing.key == *key);
        let first = writing.map(|writing| (*writing.delta).clone());
        let second = self.entries.get(key).map(|entry| entry.delta.clone());
        match (first, second) {
            (Some(first), Some(second)) => Some(first.then(second)),
            (first, second) => first.or(second),
        }
    }

    /// Returns what is known of a visitor that a context may not have read.
    pub(crate) fn known(&mut self, key: &str, now: Duration) -> Option<RecordDelta<'static>> {
        match (self.recent.find(key, now), self.unwritten(key)) {
            (Some(recent), Some(unwritten)) => Some(recent.then(unwritten)),
            (recent, unwritten) => recent.or(unwritten),
        }
    }

    /// Notes what a change marks, for other contexts of the visitor.
    pub(crate) fn remember(&mut self, key: &str, delta: &RecordDelta<'static>, now: Duration) {
        self.recent.note(key, delta, now);
    }

    /// Decides what the writer does at the time `now`.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        if self.is_stopped {
            return Step::Stop;
        }
        if let Some(at) = self.retry_at.filter(|at| *at > now && !self.is_closing) {
            return Step::Rest(Some(at));
        }
        self.retry_at = None;
        while let Some((_, key)) = self.order.pop_first() {
            if let Some(entry) = self.entries.remove(&key) {
                let delta = Arc::new(entry.delta);
                let writing =
                    Writing { key: Arc::clone(&key), age: entry.age, delta: Arc::clone(&delta) };
                self.writing = Some(writing);
                return Step::Write(key, delta);
            }
        }
        Step::Rest(None)
    }

    /// Notes what came of the write; `unit` is a random number from 0 to 1.
    pub(crate) fn settle(&mut self, outcome: Outcome, now: Duration, unit: f64) {
        let Some(Writing { key, age, delta }) = self.writing.take() else { return };
        self.ages.remove(&age);
        match outcome {
            Outcome::Written => {
                self.tally.written += 1;
                self.backoff.succeed();
            }
            Outcome::Refused => self.tally.dropped += 1,
            // While the core closes everything is tried once.
            Outcome::Failed if self.is_closing => self.tally.dropped += 1,
            Outcome::Failed => {
                self.tally.retried += 1;
                self.retry_at = Some(now.saturating_add(self.backoff.fail(None, unit)));
                let delta = Arc::unwrap_or_clone(delta);
                match self.entries.get_mut(&key) {
                    Some(entry) => {
                        let since = std::mem::take(&mut entry.delta);
                        entry.delta = delta.then(since);
                        self.ages.remove(&entry.age);
                        entry.age = age;
                        self.ages.insert(age);
                    }
                    None => self.insert(key, age, delta),
                }
            }
        }
    }

    /// Has everything tried once more, without pauses.
    pub(crate) fn close(&mut self) {
        if !self.is_closing {
            self.is_closing = true;
            self.lost_before = self.tally.dropped;
        }
    }

    /// Gives up what waits, takes nothing more, and returns for how many visitors changes are lost
    /// since the core began to close.
    pub(crate) fn stop(&mut self) -> u64 {
        self.is_stopped = true;
        self.tally.dropped += self.entries.len() as u64;
        self.entries.clear();
        self.order.clear();
        let writing = self.writing.as_ref().map(|writing| writing.age);
        self.ages.retain(|age| Some(*age) == writing);
        let lost = self.tally.dropped - self.lost_before;
        self.lost_before = self.tally.dropped;
        lost
    }

    /// Returns a number that is higher than that of every change so far.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Returns whether changes older than a number are not written yet.
    pub(crate) fn has_before(&self, number: u64) -> bool {
        self.ages.first().is_some_and(|oldest| *oldest < number)
    }

    /// Returns for how many visitors changes older than a number are not written yet.
    pub(crate) fn count_before(&self, number: u64) -> u64 {
        self.ages.range(..number).count() as u64
    }

    /// Returns whether nothing will be written any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Returns how many losses to tell of, if there are some and it is time; once a minute at most,
    /// unless it is the last time.
    pub(crate) fn losses_to_report(&mut self, now: Duration, is_last: bool) -> Option<u64> {
        let losses = self.tally.dropped - self.reported;
        let is_due = self.reported_at.is_none_or(|at| now >= at.saturating_add(SILENCE));
        if losses == 0 || !(is_due || is_last) {
            return None;
        }
        (self.reported, self.reported_at) = (self.tally.dropped, Some(now));
        Some(losses)
    }

    /// Returns what has become of changes so far.
    pub(crate) fn tally(&self) -> WriteTally {
        self.tally
    }

    /// Returns for how many visitors changes are not written yet.
    pub(crate) fn depth(&self) -> usize {
        self.ages.len()
    }

    fn insert(&mut self, key: Arc<str>, age: u64, delta: RecordDelta<'static>) {
        if self.entries.len() >= self.capacity {
            if let Some((_, oldest)) = self.order.pop_first() {
                if let Some(entry) = self.entries.remove(&oldest) {
                    self.ages.remove(&entry.age);
                    self.tally.dropped += 1;
                }
            }
        }
        let place = self.number();
        self.order.insert(place, Arc::clone(&key));
        self.ages.insert(age);
        self.entries.insert(key, Entry { place, age, delta });
    }
}

/// How long nothing more is said of losses.
const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
