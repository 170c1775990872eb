//! A clock that a test moves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// A clock that stands still until it is moved: for tests of what happens in the background.
///
/// Clones share one time. Needs the feature `test-util`.
///
/// ```
/// use std::time::Duration;
/// use convert_core::ManualClock;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(clock.now(), Duration::from_secs(300));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    next_id: u64,
    pending: Vec<Pending>,
}

struct Pending {
    id: u64,
    at: Duration,
    ring: Box<dyn Fn() + Send>,
}

/// An alarm of a [`ManualClock`]; forgotten by the clock when it is dropped.
#[derive(Debug)]
pub(crate) struct ManualAlarm {
    clock: ManualClock,
    id: u64,
}

impl ManualClock {
    /// Makes a clock that shows zero.
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// Returns the time the clock shows.
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// Moves the clock forward, past whatever was to happen in the meantime.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now = state.now.saturating_add(by);
        ring_due(state);
    }

    /// Blocks until a worker waits for its time to come, and returns that time. A worker that
    /// waits has done everything that was to be done before.
    pub fn next_alarm(&self) -> Duration {
        let mut state = self.lock();
        loop {
            if let Some(at) = state.pending.iter().map(|pending| pending.at).min() {
                return at;
            }
            state = self.shared.changed.wait(state);
        }
    }

    /// Blocks until a worker waits, and moves the clock to the time it waits for.
    pub fn advance_to_next_alarm(&self) {
        let at = self.next_alarm();
        let mut state = self.lock();
        state.now = state.now.max(at);
        ring_due(state);
    }

    /// Calls `ring` at a time, with no lock held; `None` if that has come already.
    pub(crate) fn alarm(
        &self,
        at: Duration,
        ring: impl Fn() + Send + 'static,
    ) -> Option<ManualAlarm> {
        let mut state = self.lock();
        if at <= state.now {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.pending.push(Pending { id, at, ring: Box::new(ring) });
        self.shared.changed.notify_all();
        Some(ManualAlarm { clock: self.clone(), id })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }
}

impl Drop for ManualAlarm {
    fn drop(&mut self) {
        self.clock.lock().pending.retain(|pending| pending.id != self.id);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("id", &self.id)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Rings every alarm whose time has come.
fn ring_due(mut state: MutexGuard<'_, State>) {
    let now = state.now;
    let pending = std::mem::take(&mut state.pending);
    let (due, pending): (Vec<_>, Vec<_>) = pending.into_iter().partition(|one| one.at <= now);
    state.pending = pending;
    drop(state);
    for one in due {
        (one.ring)();
    }
}
