//! The queue as the threads that record events and the one that delivers them share it.
//!
//! One lock guards everything: the queue, and the state of the worker. A thread that waits, the worker
//! for something to do and the others for the outcome, checks its condition under that lock and gives
//! the lock up only by waiting; a thread that changes something does so under the lock and notifies. So
//! no wake-up can be lost, and there is no second flag that could disagree. The lock is held for
//! changes in memory alone.
//!
//! The worker's state:
//!
//! ```text
//! absent ──first event──► starting ──enter──► busy ◄──wake, time──► resting
//!    ▲                       │                 │
//!    └──no thread to be had──┘                 └──leave──► ended
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard, ThreadId, current_thread};
use crate::clock::{Appointment, Deadline, Timer};
use crate::tracking::counters::DeliveryCounters;
use crate::tracking::event::Event;
use crate::tracking::queue::{Queue, Step};
use crate::tracking::release::ReleaseReason;

/// The queue, the lock around it, and the condition variables.
pub(crate) struct SharedQueue {
    state: Mutex<State>,
    /// Wakes the worker.
    work: Condvar,
    /// Wakes those who wait for a batch to be done with, or for the worker to rest or end.
    progress: Condvar,
}

struct State {
    queue: Queue,
    worker: Phase,
    /// What wakes the worker when it is time. Gone as soon as the worker is awake.
    alarm: Option<Appointment>,
}

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Absent,
    /// A thread is starting it.
    Starting,
    /// It works, and will look at the queue again before it rests.
    Busy(ThreadId),
    /// It waits to be woken, or for a time to come.
    Resting(ThreadId, Option<Duration>),
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
    pub(crate) before: DeliveryCounters,
}

/// What became, while a core closed, of the events that were queued then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) spooled: u64,
    pub(crate) left: u64,
}

impl SharedQueue {
    pub(crate) fn new(queue: Queue) -> Self {
        let state = State { queue, worker: Phase::Absent, alarm: None };
        SharedQueue { state: Mutex::new(state), work: Condvar::new(), progress: Condvar::new() }
    }

    /// Adds events in one go, so that nothing comes between them.
    ///
    /// Queues nothing in a child of `fork()` whose parent was using the queue at that moment.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) -> Receipt {
        let Some(mut state) = self.state.try_enter() else { return Receipt::default() };
        let mut receipt = Receipt::default();
        let mut matters = false;
        for event in events {
            let pushed = state.queue.push(event);
            receipt.count += usize::from(pushed.is_queued);
            receipt.is_over |= pushed.is_over;
            matters |= pushed.matters;
        }
        receipt.starts = matters && self.wake_or_start(&mut state);
        receipt
    }

    /// Releases everything that waits, and returns the number to wait for, and whether the caller
    /// is to start the worker.
    pub(crate) fn flush(&self) -> (u64, bool) {
        let mut state = self.lock();
        let end = state.queue.flush(ReleaseReason::Explicit);
        let starts = self.wake_or_start(&mut state);
        (end, starts)
    }

    /// Takes nothing more from now on, and releases what waits. Does not start a worker: where there
    /// is none, there is nothing to send.
    pub(crate) fn close(&self) -> Closing {
        let mut state = self.lock();
        let before = *state.queue.counters();
        let end = state.queue.close();
        self.wake(&mut state);
        Closing { end, before }
    }

    /// Lets nothing more be sent. The worker puts away what is left, and ends.
    ///
    /// Returns whether the caller is to do that, since there is no worker.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.lock();
        state.queue.stop();
        let has_no_worker = state.worker == Phase::Absent;
        if has_no_worker {
            state.worker = Phase::Starting;
        }
        self.wake(&mut state);
        drop(state);
        self.progress.notify_all();
        has_no_worker
    }

    /// Reads the queue, or changes it where no thread waits for the change.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Queue) -> T) -> T {
        look(&mut self.lock().queue)
    }

    /// Changes the queue and notifies all threads. Returns what the change returns, and whether the
    /// caller is to start the worker.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> (T, bool) {
        let mut state = self.lock();
        let changed = change(&mut state.queue);
        let starts = self.wake_or_start(&mut state);
        drop(state);
        self.progress.notify_all();
        (changed, starts)
    }

    /// Waits until everything before a number is done with, or waiting is in vain: the deadline has
    /// passed, nothing is sent any more, the worker has nothing to do before the deadline, or the
    /// caller is the worker.
    pub(crate) fn wait_for(&self, end: u64, deadline: Deadline, timer: &Timer) -> Remainder {
        let mut state = self.lock();
        loop {
            let remainder = state.remainder(end);
            let left = deadline.remaining();
            if remainder.left == 0 || left.is_zero() || state.is_in_vain(left, timer) {
                return remainder;
            }
            state = self.progress.wait_timeout(state, left);
        }
    }

    /// Returns what is left of the events before a number.
    pub(crate) fn remainder(&self, end: u64) -> Remainder {
        self.lock().remainder(end)
    }

    /// Returns what became of the events that were queued when closing began. They add up: nothing
    /// is queued any more then.
    pub(crate) fn ending(&self, closing: &Closing) -> Ending {
        let state = self.lock();
        let now = state.queue.counters();
        let spooled = state.queue.spooled();
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
            let left = deadline.remaining();
            if left.is_zero() || !state.has_other_worker() {
                return false;
            }
            state = self.progress.wait_timeout(state, left);
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
        self.progress.notify_all();
    }

    /// Waits until the worker is woken or its time has come.
    fn rest<'s>(
        self: &'s Arc<Self>,
        mut state: MutexGuard<'s, State>,
        timer: &Timer,
        at: Option<Duration>,
    ) -> MutexGuard<'s, State> {
        let queue = Arc::downgrade(self);
        let ring = move || {
            if let Some(queue) = queue.upgrade() {
                queue.wake(&mut queue.lock());
            }
        };
        let Some(alarm) = timer.appointment(at, ring) else { return state };
        let timeout = alarm.patience();
        state.alarm = Some(alarm);
        state.worker = Phase::Resting(current_thread(), at);
        // Others may learn from that that there is nothing to wait for.
        self.progress.notify_all();
        state = match timeout {
            None => self.work.wait(state),
            Some(timeout) => self.work.wait_timeout(state, timeout),
        };
        // A wait may end without a reason. What there is to do is looked up anew in any case.
        state.alarm = None;
        state.worker = Phase::Busy(current_thread());
        state
    }

    /// Makes the worker, if there is one, look at the queue.
    fn wake(&self, state: &mut State) {
        if let Phase::Resting(id, _) = state.worker {
            state.worker = Phase::Busy(id);
            state.alarm = None;
            self.work.notify_one();
        }
    }

    /// Makes the worker look at the queue, and returns whether the caller is to start it for that.
    fn wake_or_start(&self, state: &mut State) -> bool {
        let queue = &state.queue;
        if state.worker == Phase::Absent && queue.is_enabled() && queue.left_before(u64::MAX) > 0 {
            state.worker = Phase::Starting;
            return true;
        }
        self.wake(state);
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn remainder(&self, end: u64) -> Remainder {
        Remainder { left: self.queue.left_before(end), spooled: self.queue.spooled() }
    }

    /// Returns whether waiting so long changes nothing, unless another thread does something.
    fn is_in_vain(&self, timeout: Duration, timer: &Timer) -> bool {
        if !self.queue.is_enabled() || self.queue.is_stopped() || !self.has_other_worker() {
            return true;
        }
        match self.worker {
            // A worker that rests has done all that can be done so far.
            Phase::Resting(_, at) => at.is_none_or(|at| at > timer.now().saturating_add(timeout)),
            _ => false,
        }
    }

    /// Returns whether there is a worker, on another thread than the caller's.
    fn has_other_worker(&self) -> bool {
        match self.worker {
            Phase::Absent | Phase::Ended => false,
            Phase::Starting => true,
            Phase::Busy(id) | Phase::Resting(id, _) => id != current_thread(),
        }
    }
}
