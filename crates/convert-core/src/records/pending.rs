//! Changes that wait to be written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use convert_decision::VisitorRecord;

use crate::records::delta::RecordDelta;
use crate::records::recent::Recent;
use crate::records::settings::StoreConfig;
use crate::tracking::Backoff;

/// The changes of all visitors that wait, one each: a state machine that is told the time.
///
/// A visitor's changes are written in the order in which they were made: while one is on its way,
/// what comes after it waits. Visitors whose write failed go to the end, so that a part of the store
/// that is lost does not hold up the rest.
#[derive(Debug)]
pub(crate) struct Pending {
    capacity: usize,
    entries: HashMap<Arc<str>, Entry>,
    /// Who comes next.
    order: BTreeMap<u64, Arc<str>>,
    /// When the first change of each entry came, also of those on their way.
    ages: BTreeSet<u64>,
    /// The visitors of whom a change is on its way to the store.
    under_way: HashMap<Arc<str>, UnderWay>,
    /// Whether the writer is at work.
    is_writing: bool,
    recent: Recent,
    /// The visitors whose record is being read, each time with what that may not find there.
    loading: HashMap<Arc<str>, Vec<Loading>>,
    next: u64,
    backoff: Backoff,
    retry_at: Option<Duration>,
    is_closing: bool,
    /// How many times in a row nothing was written while the core closes.
    fruitless: u32,
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

/// The changes of a visitor that are on their way.
#[derive(Debug, Default)]
struct UnderWay {
    /// How many calls have not been answered.
    calls: usize,
    /// Whether one of them may bring more than marks, which others may overtake.
    has_first: bool,
    /// What was waiting when that one began, and is with it now.
    taken: Option<Entry>,
    /// What calls that failed meanwhile have found to be new, whatever the store tells the others.
    claimed: Option<RecordDelta<'static>>,
    /// What is in the store, or may be, though nobody here knows that it was new. It may be there by a
    /// call that is still under way and will fail, so that it is not known until all have come back.
    told: Option<RecordDelta<'static>>,
}

/// A record that is being read.
#[derive(Debug)]
struct Loading {
    number: u64,
    /// The changes that were not in the store when it began, and all that came since, in order.
    changes: RecordDelta<'static>,
}

/// What the writer is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write these changes, of as many visitors.
    Write(Vec<Change>),
    /// Nothing until then, or until there is something.
    Rest(Option<Duration>),
    /// Nothing ever more.
    Stop,
}

/// A change of one visitor.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) key: Arc<str>,
    pub(crate) delta: RecordDelta<'static>,
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
    /// What waited, and what is on its way right now.
    pub(crate) unwritten: Option<RecordDelta<'static>>,
    /// Whether something else is on its way, so that what waits must go on waiting.
    pub(crate) is_behind: bool,
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

impl Ahead {
    /// Splits a change that needs an answer: what to ask the store now, together with what waited,
    /// and what must wait until an older change is written.
    pub(crate) fn split(
        &self,
        delta: RecordDelta<'static>,
    ) -> (RecordDelta<'static>, RecordDelta<'static>) {
        let waited = self.unwritten.clone().unwrap_or_default();
        if self.is_behind {
            let (asked, later) = delta.split();
            // Assignments that have been shown go before those that would take their place.
            return (waited.assignments_beside(&asked).then(asked), later);
        }
        (waited.then(delta), RecordDelta::new())
    }

    /// Makes in the store's answer what comes after it and is sure to stand: assignments that are
    /// forced, by what waits or is on its way and by `later`, what is left of the change.
    pub(crate) fn look_ahead(&self, later: &RecordDelta<'_>, record: &mut VisitorRecord) {
        for delta in self.unwritten.iter().chain([later]) {
            delta.forced().apply(record);
        }
    }
}

impl Pending {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        Pending {
            capacity: settings.queue_capacity,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            ages: BTreeSet::new(),
            under_way: HashMap::new(),
            is_writing: false,
            recent: Recent::new(settings.queue_capacity),
            loading: HashMap::new(),
            next: 0,
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            retry_at: None,
            is_closing: false,
            fruitless: 0,
            is_stopped: false,
            tally: WriteTally::default(),
            lost_before: 0,
            reported: 0,
            reported_at: None,
        }
    }

    /// Adds a change, and returns whether the writer should be told.
    pub(crate) fn push(&mut self, key: &str, delta: RecordDelta<'static>) -> bool {
        self.follow(key, &delta);
        if self.is_stopped {
            self.lose(key, &delta);
            return false;
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.delta = std::mem::take(&mut entry.delta).then(delta);
            return false;
        }
        let age = self.number();
        self.insert(key.into(), age, delta);
        self.is_resting()
    }

    /// Takes out what waits for a visitor, to be sent along with a change that is to be answered,
    /// unless something older is on its way that it must not overtake; and tells all that is known of
    /// the visitor but not in the store. Until [`Pending::answer`] or [`Pending::give_back`] nothing
    /// else of the visitor is written.
    pub(crate) fn take(&mut self, key: &str) -> Ahead {
        let unwritten = self.unwritten(key);
        if let Some(under_way) = self.under_way.get_mut(key).filter(|one| one.has_first) {
            under_way.calls += 1;
            return Ahead { unwritten, is_behind: true };
        }
        let taken = self.entries.remove(key);
        if let Some(entry) = &taken {
            self.order.remove(&entry.place);
        }
        let under_way = self.under_way.entry(key.into()).or_default();
        under_way.calls += 1;
        (under_way.has_first, under_way.taken) = (true, taken);
        Ahead { unwritten, is_behind: false }
    }

    /// Notes that the store has what was to be answered, of which some was there `before`, and returns
    /// whether the writer should be told.
    pub(crate) fn answer(
        &mut self,
        key: &str,
        before: RecordDelta<'static>,
        ahead: &Ahead,
        now: Duration,
    ) -> bool {
        self.tell(key, before);
        if let Some(taken) = self.arrive(key, !ahead.is_behind, now) {
            self.ages.remove(&taken.age);
        }
        self.entries.contains_key(key) && self.is_resting()
    }

    /// Puts a change back that the store has not answered, before what has come since, and returns
    /// whether the writer should be told. What is `claimed` is new to this call and so to no other
    /// that is under way. A change that `is_refused` is lost, but for what waited before it.
    pub(crate) fn give_back(
        &mut self,
        key: &str,
        delta: RecordDelta<'static>,
        claimed: RecordDelta<'static>,
        is_refused: bool,
        ahead: &Ahead,
        now: Duration,
    ) -> bool {
        self.tell(key, delta.marks());
        let taken = self.arrive(key, !ahead.is_behind, now);
        if let Some(under_way) = self.under_way.get_mut(key) {
            let earlier = under_way.claimed.take().unwrap_or_default();
            under_way.claimed = Some(earlier.then(claimed));
        }
        if self.is_stopped || is_refused {
            self.lose(key, &delta);
        }
        match taken {
            Some(taken) if self.is_stopped => drop(self.ages.remove(&taken.age)),
            Some(taken) if is_refused => self.put_back(key.into(), taken.age, taken.delta),
            Some(taken) => self.put_back(key.into(), taken.age, delta),
            None if self.is_stopped || is_refused => {}
            None => {
                let age = self.number();
                self.put_back(key.into(), age, delta);
            }
        }
        // Of what is lost the writer tells.
        let is_due = is_refused && !self.is_stopped || self.entries.contains_key(key);
        is_due && self.is_resting()
    }

    /// Returns what calls that failed have found to be new while others were under way.
    pub(crate) fn claimed(&self, key: &str) -> Option<RecordDelta<'static>> {
        self.under_way.get(key)?.claimed.clone()
    }

    /// Returns what is known of a visitor but not, for all the SDK knows, in the store.
    pub(crate) fn unwritten(&self, key: &str) -> Option<RecordDelta<'static>> {
        let under_way = self.under_way.get(key).and_then(|under_way| under_way.taken.as_ref());
        let taken = under_way.map(|taken| taken.delta.clone());
        [taken, self.waiting(key)].into_iter().flatten().reduce(RecordDelta::then)
    }

    /// Returns what waits of a visitor until everything that is on its way has arrived.
    pub(crate) fn waiting(&self, key: &str) -> Option<RecordDelta<'static>> {
        self.entries.get(key).map(|entry| entry.delta.clone())
    }

    /// Returns what this process has marked lately.
    pub(crate) fn remembered(&mut self, key: &str, now: Duration) -> Option<RecordDelta<'static>> {
        self.recent.find(key, now)
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
            return self.rest(Some(at));
        }
        self.retry_at = None;
        let is_free = |(_, key): &(&u64, &Arc<str>)| !self.under_way.contains_key(&***key);
        let ready = self.order.iter().filter(is_free).take(MOST_AT_ONCE);
        let ready: Vec<(u64, Arc<str>)> =
            ready.map(|(place, key)| (*place, Arc::clone(key))).collect();
        let mut changes = Vec::with_capacity(ready.len());
        for (place, key) in ready {
            self.order.remove(&place);
            let Some(taken) = self.entries.remove(&key) else { continue };
            changes.push(Change { key: Arc::clone(&key), delta: taken.delta.clone() });
            let taken = Some(taken);
            let under_way = UnderWay { calls: 1, has_first: true, taken, ..UnderWay::default() };
            self.under_way.insert(key, under_way);
        }
        self.is_writing = !changes.is_empty();
        if self.is_writing { Step::Write(changes) } else { self.rest(None) }
    }

    /// Rests until something is to be done, be it only to tell of losses.
    fn rest(&self, until: Option<Duration>) -> Step {
        let is_untold = self.tally.dropped > self.reported;
        let due = self.reported_at.filter(|_| is_untold).map(|at| at.saturating_add(SILENCE));
        Step::Rest(until.into_iter().chain(due).min())
    }

    /// Notes what came of the changes of a step; `unit` is a random number from 0 to 1.
    pub(crate) fn settle(&mut self, settled: &[(Change, Outcome)], now: Duration, unit: f64) {
        self.is_writing = false;
        let came = |outcome| settled.iter().any(|(_, one)| *one == outcome);
        if came(Outcome::Written) {
            self.backoff.succeed();
        }
        if self.is_closing {
            self.fruitless = if came(Outcome::Written) { 0 } else { self.fruitless + 1 };
        } else if came(Outcome::Failed) {
            self.retry_at = Some(now.saturating_add(self.backoff.fail(None, unit)));
        }
        // Backwards, so that the one that kept the store from trying the rest comes after them.
        for (change, outcome) in settled.iter().rev() {
            let Some(taken) = self.arrive(&change.key, true, now) else { continue };
            match outcome {
                Outcome::Written => self.tally.written += 1,
                Outcome::Refused => self.lose(&change.key, &change.delta),
                // A store may give up a whole exchange for one of its changes, so that failing once
                // does not mean that this one was tried.
                Outcome::Failed if self.is_stopped || self.fruitless >= MOST_FRUITLESS => {
                    self.lose(&change.key, &change.delta);
                }
                Outcome::Failed => {
                    self.tally.retried += 1;
                    self.put_back(Arc::clone(&change.key), taken.age, taken.delta);
                    continue;
                }
            }
            self.ages.remove(&taken.age);
        }
    }

    /// Has everything tried again, without pauses, until nothing is written three times in a row.
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
        let taken = self.under_way.values().filter_map(|under_way| under_way.taken.as_ref());
        self.ages = taken.map(|taken| taken.age).collect();
        let lost = self.tally.dropped - self.lost_before;
        self.lost_before = self.tally.dropped;
        lost
    }

    /// Returns a number that is higher than that of every change so far.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Ends the pause after a failure: somebody waits for what is to be tried again.
    pub(crate) fn retry(&mut self) {
        self.retry_at = None;
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

    /// Returns whether the writer waits to be told.
    fn is_resting(&self) -> bool {
        !self.is_writing && self.retry_at.is_none()
    }

    /// Notes what was there before, to be known once all calls have come back.
    fn tell(&mut self, key: &str, marks: RecordDelta<'static>) {
        if let Some(under_way) = self.under_way.get_mut(key) {
            let earlier = under_way.told.take().unwrap_or_default();
            under_way.told = Some(earlier.then(marks));
        }
    }

    /// Notes that a call has come back, and returns what it had taken along, if it is the one that
    /// had.
    fn arrive(&mut self, key: &str, is_first: bool, now: Duration) -> Option<Entry> {
        let under_way = self.under_way.get_mut(key)?;
        let taken = if is_first { under_way.taken.take() } else { None };
        under_way.has_first &= !is_first;
        under_way.calls -= 1;
        if under_way.calls == 0 {
            let told = under_way.told.take();
            self.under_way.remove(key);
            if let Some(told) = told {
                self.recent.note(key, &told, now);
            }
        }
        taken
    }

    /// Counts a change that will never be made. Its marks stay known here, where they have counted.
    fn lose(&mut self, key: &str, delta: &RecordDelta<'static>) {
        self.tally.dropped += 1;
        self.recent.lose(key, delta);
    }

    /// Notes that a visitor's record is being read, and returns a number to end that with.
    pub(crate) fn begin_load(&mut self, key: &str) -> u64 {
        let (number, changes) = (self.number(), self.unwritten(key).unwrap_or_default());
        self.loading.entry(key.into()).or_default().push(Loading { number, changes });
        number
    }

    /// Returns what the record that has been read may lack, in order. What was written meanwhile may be
    /// in it or not, which comes to the same where all of it is made again.
    pub(crate) fn end_load(&mut self, key: &str, number: u64) -> RecordDelta<'static> {
        let Some(readers) = self.loading.get_mut(key) else { return RecordDelta::new() };
        let place = readers.iter().position(|one| one.number == number);
        let ended = place.map(|place| readers.swap_remove(place).changes);
        if readers.is_empty() {
            self.loading.remove(key);
        }
        ended.unwrap_or_default()
    }

    /// Notes a change for those who read the visitor's record right now.
    pub(crate) fn follow(&mut self, key: &str, delta: &RecordDelta<'static>) {
        for loading in self.loading.get_mut(key).into_iter().flatten() {
            loading.changes = std::mem::take(&mut loading.changes).then(delta.clone());
        }
    }

    /// Puts a change before what has come since.
    fn put_back(&mut self, key: Arc<str>, age: u64, delta: RecordDelta<'static>) {
        let Some(entry) = self.entries.get_mut(&key) else {
            self.insert(key, age, delta);
            return;
        };
        let since = std::mem::take(&mut entry.delta);
        entry.delta = delta.then(since);
        // Both wait from now on for as long as the older of them has.
        self.ages.remove(&entry.age.max(age));
        entry.age = entry.age.min(age);
        self.ages.insert(entry.age);
    }

    fn insert(&mut self, key: Arc<str>, age: u64, delta: RecordDelta<'static>) {
        if self.entries.len() >= self.capacity {
            if let Some((_, oldest)) = self.order.pop_first() {
                if let Some(entry) = self.entries.remove(&oldest) {
                    self.ages.remove(&entry.age);
                    self.lose(&oldest, &entry.delta);
                }
            }
        }
        let place = self.number();
        self.order.insert(place, Arc::clone(&key));
        self.ages.insert(age);
        self.entries.insert(key, Entry { place, age, delta });
    }
}

/// Of how many visitors changes are written at once: enough that the way to a store does not limit how
/// many are written a second, few enough that nobody waits long for the whole.
const MOST_AT_ONCE: usize = 64;
/// How often in a row a store may fail while the core closes.
const MOST_FRUITLESS: u32 = 3;
/// How long nothing more is said of losses.
const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
