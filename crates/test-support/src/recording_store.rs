//! A store of visitor records that fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convert_sdk::{DataStore, Merged, RecordDelta, StoreError, StoreErrorKind, VisitorRecord};

/// A [`DataStore`] in memory that records what it was asked, and answers as a script says.
///
/// Without a script, and once it is used up, calls succeed. While it is paused, calls block until
/// it is resumed.
///
/// # Example
///
/// ```
/// use convert_sdk::{DataStore, RecordDelta, StoreErrorKind};
/// use test_support::{RecordingStore, StoreAnswer};
///
/// let store = RecordingStore::default();
/// store.script([StoreAnswer::Failure(StoreErrorKind::Timeout)]);
/// assert!(store.load("1-2-v").is_err());
/// store.merge("1-2-v", &RecordDelta::new().reach("purchase"))?;
/// assert!(store.record("1-2-v").unwrap().has_reached("purchase"));
/// assert_eq!(store.calls().len(), 2);
/// # Ok::<(), convert_sdk::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct RecordingStore {
    state: Mutex<State>,
    changed: Condvar,
}

/// What a [`RecordingStore`] answers to one call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum StoreAnswer {
    /// What a store answers that works.
    Success,
    /// An error; nothing is done.
    Failure(StoreErrorKind),
    /// An error, although the change is made: the answer is lost on its way.
    Lost(StoreErrorKind),
    /// A panic.
    Panic,
}

/// A call that a [`RecordingStore`] has received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreCall {
    /// Reading the record under this key.
    Load(String),
    /// Changing the record under this key, on the thread with this name.
    Merge(String, String),
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<String, VisitorRecord>,
    script: VecDeque<StoreAnswer>,
    calls: Vec<StoreCall>,
    outage: Option<StoreErrorKind>,
    is_paused: bool,
}

impl RecordingStore {
    /// Replaces what is left of the script.
    pub fn script(&self, answers: impl IntoIterator<Item = StoreAnswer>) {
        self.lock().script = answers.into_iter().collect();
    }

    /// Makes every call fail from now on, or none; the script comes first.
    pub fn fail(&self, kind: impl Into<Option<StoreErrorKind>>) {
        self.lock().outage = kind.into();
    }

    /// Makes calls block, those that come as well as those recorded meanwhile.
    pub fn pause(&self) {
        self.lock().is_paused = true;
    }

    /// Lets blocked calls go on.
    pub fn resume(&self) {
        self.lock().is_paused = false;
        self.changed.notify_all();
    }

    /// Copies the calls received so far, blocked ones included.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.lock().calls.clone()
    }

    /// Copies the record under a key.
    pub fn record(&self, key: &str) -> Option<VisitorRecord> {
        self.lock().records.get(key).cloned()
    }

    /// Puts a record under a key, as another machine would.
    pub fn put(&self, key: &str, record: VisitorRecord) {
        self.lock().records.insert(key.to_owned(), record);
    }

    /// Blocks until `count` calls came, at most `timeout`; false when it elapsed.
    pub fn wait_for_calls(&self, count: usize, timeout: Duration) -> bool {
        let state = self.lock();
        let waits = |state: &mut State| state.calls.len() < count;
        let waited = self.changed.wait_timeout_while(state, timeout, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Notes a call, waits while the store is paused, and decides how it is answered.
    fn answer(&self, call: StoreCall) -> (MutexGuard<'_, State>, StoreAnswer) {
        let mut state = self.lock();
        state.calls.push(call);
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.is_paused)
            .unwrap_or_else(PoisonError::into_inner);
        let outage = state.outage.map_or(StoreAnswer::Success, StoreAnswer::Failure);
        let answer = state.script.pop_front().unwrap_or(outage);
        (state, answer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DataStore for RecordingStore {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        let (state, answer) = self.answer(StoreCall::Load(key.to_owned()));
        match answer {
            StoreAnswer::Success => Ok(state.records.get(key).cloned()),
            StoreAnswer::Failure(kind) | StoreAnswer::Lost(kind) => Err(error(kind)),
            StoreAnswer::Panic => scripted_panic(state),
        }
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let (mut state, answer) = self.answer(StoreCall::Merge(key.to_owned(), thread));
        match answer {
            StoreAnswer::Failure(kind) => return Err(error(kind)),
            StoreAnswer::Panic => scripted_panic(state),
            StoreAnswer::Success | StoreAnswer::Lost(_) => {}
        }
        let merged = delta.merge_into(state.records.get(key).cloned().unwrap_or_default());
        state.records.insert(key.to_owned(), merged.record().clone());
        match answer {
            StoreAnswer::Lost(kind) => Err(error(kind)),
            _ => Ok(merged),
        }
    }
}

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "the script says so")
}

#[expect(clippy::panic, reason = "a store that panics is what is tested")]
fn scripted_panic(state: MutexGuard<'_, State>) -> ! {
    drop(state);
    panic!("the script says so")
}
