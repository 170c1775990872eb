//! The hatch between the threads that record events and the one that delivers them.
//!
//! One lock guards all there is: the queue, and how the worker is doing. Whoever waits, the worker
//! for something to do and the others for what comes of it, looks at what it waits for under that
//! lock and gives the lock up only by waiting; whoever changes something does so under the lock and
//! rings. So no bell can be missed, and there is no second flag that could disagree.

use std::sync::{Arc, PoisonError};

use super::sync::{Condvar, Mutex, MutexGuard, ThreadId, current_thread};
use crate::clock::{Appointment, Deadline, Timer};
use crate::tracking::event::Event;
use crate::tracking::queue::{Queue, Step};
use crate::tracking::release::ReleaseReason;
use crate::tracking::tally::Tally;

/// The queue, the lock around it, and the bells.
pub(crate) struct Hatch {
    state: Mutex<State>,
    /// Wakes the worker.
    work: Condvar,
    /// Wakes those who wait for a parcel to be done with, or for the worker to end.
    news: Condvar,
}

struct State {
    queue: Queue,
    worker: Phase,
    /// What wakes the worker when it is time. Gone as soon as the worker is awake.
    alarm: Option<Appointment>,
}

/// How the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Absent,
    /// Somebody is starting it.
    Starting,
    /// It works, and will look at the queue again before it rests.
    Busy(ThreadId),
    /// It waits to be woken.
    Resting(ThreadId),
    /// It has ended, for good.
    Ended,
}

/// What came of events that were to be queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// How many of them are queued.
    pub(crate) count: usize,
    /// Whether the caller is to start the worker.
    pub(crate) starts: bool,
    /// Whether more waits than may, and the caller is to take something to the spool.
    pub(crate) is_over: bool,
}

/// What is left of the events up to some number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remainder {
    /// How many are neither delivered nor lost.
    pub(crate) left: u64,
    /// How many events are in the spool.
    pub(crate) spooled: u64,
}

/// Where closing began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    /// The number after that of the last event.
    pub(crate) end: u64,
    /// What had happened before.
    pub(crate) before: Tally,
}

/// What became, while a core closed, of the events that were queued then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) spooled: u64,
    pub(crate) left: u64,
}

impl Hatch {
    pub(crate) fn new(queue: Queue) -> Self {
        let state = State { queue, worker: Phase::Absent, alarm: None };
        Hatch { state: Mutex::new(state), work: Condvar::new(), news: Condvar::new() }
    }

    /// Adds events in one go, so that nothing comes between them.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) -> Receipt {
        let mut state = self.lock();
        let (mut receipt, mut matters) = (Receipt::default(), false);
        for event in events {
            let pushed = state.queue.push(event);
            receipt.count += usize::from(pushed.is_queued);
            receipt.is_over |= pushed.is_over;
            matters |= pushed.matters;
        }
        receipt.starts = matters && self.rouse_or_start(&mut state);
        receipt
    }

    /// Releases everything that waits, and returns the number to wait for, and whether the caller
    /// is to start the worker.
    pub(crate) fn flush(&self) -> (u64, bool) {
        let mut state = self.lock();
        let end = state.queue.flush(ReleaseReason::Explicit);
        let starts = self.rouse_or_start(&mut state);
        (end, starts)
    }

    /// Takes nothing more from now on, and releases what waits. Does not start a worker: where there
    /// is none, there is nothing to send.
    pub(crate) fn close(&self) -> Closing {
        let mut state = self.lock();
        let before = *state.queue.tally();
        let end = state.queue.close();
        self.rouse(&mut state);
        Closing { end, before }
    }

    /// Lets nothing more be sent. The worker puts away what is left, and ends.
    ///
    /// Returns whether the caller is to do that, since there is no worker.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.lock();
        state.queue.stop();
        let is_deserted = state.worker == Phase::Absent;
        if is_deserted {
            state.worker = Phase::Starting;
        }
        self.rouse(&mut state);
        drop(state);
        self.news.notify_all();
        is_deserted
    }

    /// Reads or changes the queue where nobody waits for it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Queue) -> T) -> T {
        look(&mut self.lock().queue)
    }

    /// Changes the queue and tells everybody. Returns what the change returns, and whether the
    /// caller is to start the worker.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> (T, bool) {
        let mut state = self.lock();
        let changed = change(&mut state.queue);
        let starts = self.rouse_or_start(&mut state);
        drop(state);
        self.news.notify_all();
        (changed, starts)
    }

    /// Waits until everything before a number is done with, or there is no hope for it: the time
    /// is up, nothing is sent any more, or the worker is the one who asks.
    pub(crate) fn wait_for(&self, end: u64, deadline: Deadline) -> Remainder {
        let mut state = self.lock();
        loop {
            let queue = &state.queue;
            let remainder = Remainder { left: queue.left_before(end), spooled: queue.spooled() };
            let is_hopeless =
                !queue.is_enabled() || queue.is_stopped() || !state.has_other_worker();
            let patience = deadline.remaining();
            if remainder.left == 0 || is_hopeless || patience.is_zero() {
                return remainder;
            }
            let waited = self.news.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns what became of the events that were queued when closing began. They add up: nothing
    /// is queued any more then.
    pub(crate) fn ending(&self, closing: &Closing) -> Ending {
        let state = self.lock();
        let (now, spooled) = (state.queue.tally(), state.queue.spooled());
        Ending {
            delivered: now.delivered - closing.before.delivered,
            dropped: now.dropped_queued() - closing.before.dropped_queued(),
            spooled,
            left: state.queue.left_before(u64::MAX).saturating_sub(spooled),
        }
    }

    /// Waits for the worker to end, and returns whether there is none any more. The worker does not
    /// wait for itself.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        let mut state = self.lock();
        loop {
            if matches!(state.worker, Phase::Absent | Phase::Ended) {
                return true;
            }
            let patience = deadline.remaining();
            if patience.is_zero() || !state.has_other_worker() {
                return false;
            }
            let waited = self.news.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes that the calling thread is the worker now.
    pub(crate) fn enter(&self) {
        self.lock().worker = Phase::Busy(current_thread());
    }

    /// Waits until there is something to do, and returns what. For the worker.
    pub(crate) fn next(self: &Arc<Self>, timer: &Timer) -> Step {
        let mut state = self.lock();
        loop {
            let step = state.queue.step(timer.now());
            state = match step {
                Step::Rest(at) => self.rest(state, timer, at),
                step => return step,
            };
        }
    }

    /// Notes that the worker has ended, or, where it could not even be started, that there is none.
    pub(crate) fn leave(&self, was_started: bool) {
        self.lock().worker = if was_started { Phase::Ended } else { Phase::Absent };
        self.news.notify_all();
    }

    /// Waits until the worker is roused or its time has come.
    fn rest<'s>(
        self: &'s Arc<Self>,
        mut state: MutexGuard<'s, State>,
        timer: &Timer,
        at: Option<std::time::Duration>,
    ) -> MutexGuard<'s, State> {
        let hatch = Arc::downgrade(self);
        let ring = move || {
            if let Some(hatch) = hatch.upgrade() {
                hatch.rouse(&mut hatch.lock());
            }
        };
        let Some(alarm) = timer.appointment(at, ring) else { return state };
        let patience = alarm.patience();
        state.alarm = Some(alarm);
        state.worker = Phase::Resting(current_thread());
        state = match patience {
            None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.work.wait_timeout(state, patience);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        // A wait may end without a reason. What there is to do is looked up anew in any case.
        state.alarm = None;
        state.worker = Phase::Busy(current_thread());
        state
    }

    /// Sees to it that the worker, if there is one, looks at the queue.
    fn rouse(&self, state: &mut State) {
        if let Phase::Resting(id) = state.worker {
            state.worker = Phase::Busy(id);
            state.alarm = None;
            self.work.notify_one();
        }
    }

    /// Sees to it that somebody looks at the queue, and returns whether the caller is to start the
    /// worker for that.
    fn rouse_or_start(&self, state: &mut State) -> bool {
        let queue = &state.queue;
        if state.worker == Phase::Absent && queue.is_enabled() && queue.left_before(u64::MAX) > 0 {
            state.worker = Phase::Starting;
            return true;
        }
        self.rouse(state);
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in the queue panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether there is a worker, on another thread than the caller's.
    fn has_other_worker(&self) -> bool {
        match self.worker {
            Phase::Absent | Phase::Ended => false,
            Phase::Starting => true,
            Phase::Busy(id) | Phase::Resting(id) => id != current_thread(),
        }
    }
}
