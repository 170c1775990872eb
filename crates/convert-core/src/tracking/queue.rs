//! The queue of events: what waits, what is on its way, and what is to happen next.
//!
//! Pure: time and chance come in as arguments, and what is to be done goes out as a [`Step`].
//!
//! An event passes through these states, in order, and leaves from any of them when it is lost:
//!
//! ```text
//! waiting ──release──► batch in memory ──send──► on its way ──2xx──► delivered
//!    │                      │      ▲                 │
//!    │                      │      └──── failed ─────┤
//!    └──spill──► spooled ◄──store                    └──4xx──► lost
//!                   └──────────────send─────────► on its way
//! ```
//!
//! Waiting events lie in memory, in order. A release takes the oldest of them as a batch, to be sent as
//! one body. Batches are sent strictly one after the other, which is what keeps the order: the first
//! one is on its way, or waits until it may be tried again. If there is a spool it takes a batch that
//! failed (`Store`), and batches of what waits behind it (`Spill`); a batch in it that comes to the head
//! is read back to be sent. So spooled batches lie behind each other in the order of the spool, and
//! nothing is spilled while the head is in memory only. The exception are the first batches of a
//! spool that has lost their files while they were in memory: these stay in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::tracking::backoff::{Backoff, MOST_ASKED};
use crate::tracking::counters::{DeliveryCounters, DropReason, QueueDepth};
use crate::tracking::event::Event;
use crate::tracking::release::ReleaseReason;

/// The bounds of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How many waiting events are released at once.
    pub(crate) batch_size: usize,
    /// After how long the first waiting event is released.
    pub(crate) age: Option<Duration>,
    /// How many events may wait in memory.
    pub(crate) events: usize,
    /// How many bytes of events may wait in memory.
    pub(crate) bytes: usize,
    /// How many bytes the events of a batch may have, and the ids of what they belong to.
    pub(crate) body: usize,
    /// Whether there is a spool.
    pub(crate) spools: bool,
}

/// The events between their recording and the service's answer.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they change one by one")]
pub(crate) struct Queue {
    limits: Limits,
    backoff: Backoff,
    waiting: VecDeque<Event>,
    waiting_bytes: usize,
    /// The number of the first waiting event; numbers run on without a gap.
    first: u64,
    batches: VecDeque<BatchMeta>,
    /// Everything before this number is to go.
    due: Option<(u64, ReleaseReason)>,
    retry: Option<Retry>,
    spool_blocked_until: Option<Duration>,
    losses_reported_at: Option<Duration>,
    losses: DeliveryCounters,
    counters: DeliveryCounters,
    is_sending: bool,
    is_enabled: bool,
    is_closing: bool,
    is_stopped: bool,
    /// Whether closing has begun and the next failure is no reason to wait.
    retries_at_once: bool,
    /// Whether the spool has taken something without making sure that it lasts.
    is_unsynced: bool,
}

/// What is to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Tell that events are lost: at most once a minute, so that the numbers add up.
    Report(DeliveryCounters),
    /// Send the first batch.
    Send,
    /// Take a batch of what waits, to be sent.
    Release(ReleaseReason),
    /// Write the first batch, which is in memory, to the spool.
    Store,
    /// Take a batch of what waits, and write it to the spool.
    Spill,
    /// Make sure that what the spool has taken lasts.
    Sync,
    /// Wait, at most until a time.
    Rest(Option<Duration>),
    /// End.
    Stop,
}

/// What came of sending the first batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The service has it.
    Delivered,
    /// It is lost for good.
    Lost(DropReason),
    /// It is to be sent again later; the service may have said how much later.
    Failed(Option<Duration>),
    /// The service takes no body of its length. It is to be sent in parts, or is lost if it has none.
    /// The service may have said how much later.
    TooLarge(Option<Duration>),
}

/// What came of an event that was to be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Whether the event waits now.
    pub(crate) is_queued: bool,
    /// Whether the worker, if it rests, must look what there is to do.
    pub(crate) matters: bool,
    /// Whether more waits than may: the spool must take something, now.
    pub(crate) is_over: bool,
}

/// Events that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMeta {
    /// The number of its first event.
    start: u64,
    /// How many events it has.
    pub(crate) events: u64,
    /// Whether the spool has it.
    pub(crate) is_spooled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Duration,
    /// Whether the service asked to be left alone until then.
    is_asked: bool,
}

impl Queue {
    pub(crate) fn new(limits: Limits, backoff: Backoff, is_enabled: bool) -> Self {
        Queue {
            limits,
            backoff,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            first: 0,
            batches: VecDeque::new(),
            due: None,
            retry: None,
            spool_blocked_until: None,
            losses_reported_at: None,
            losses: DeliveryCounters::default(),
            counters: DeliveryCounters::default(),
            is_sending: false,
            is_enabled,
            is_closing: false,
            is_stopped: false,
            retries_at_once: false,
            is_unsynced: false,
        }
    }

    /// Takes over a batch that the spool has kept since an earlier run. Before any event.
    pub(crate) fn restore(&mut self, events: u64) {
        self.batches.push_back(BatchMeta { start: self.first, events, is_spooled: true });
        self.first += events;
        self.counters.restored += events;
    }

    /// Adds an event. If there is no room, the oldest one goes, unless there is a spool to take it.
    pub(crate) fn push(&mut self, event: Event) -> Pushed {
        let now = event.at;
        // Without a spool, room for it could not be made by dropping all the others.
        let is_too_large = event.size + event.origin.size > self.limits.body
            || (event.size > self.limits.bytes && !self.limits.spools);
        if self.is_closing || is_too_large {
            let reason = if self.is_closing { DropReason::Closed } else { DropReason::TooLarge };
            let matters = self.lose(reason, 1, now);
            return Pushed { is_queued: false, matters, is_over: false };
        }
        let was_full = self.is_full();
        let was_crowded = self.is_crowded();
        self.counters.queued += 1;
        self.waiting_bytes += event.size;
        self.waiting.push_back(event);
        let is_over = self.is_over() && self.can_spool(now);
        let is_loss_news = !is_over && self.make_room(now);
        let count = self.waiting.len();
        let matters = count == 1
            || (!was_full && self.is_full())
            || (self.limits.spools && !was_crowded && self.is_crowded())
            || is_loss_news;
        Pushed { is_queued: true, matters, is_over }
    }

    /// Decides what is to happen next.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        if let Some(losses) = self.losses_to_report(now) {
            return Step::Report(losses);
        }
        if let Some(step) = self.step_for_spool(now) {
            return step;
        }
        if self.is_stopped {
            return Step::Stop;
        }
        if self.is_enabled && !self.is_sending {
            if self.batches.is_empty() {
                if let Some(reason) = self.due(now) {
                    return Step::Release(reason);
                }
            } else if self.retry.is_none_or(|retry| retry.at <= now) {
                self.is_sending = true;
                return Step::Send;
            }
        }
        Step::Rest(self.next_time(now))
    }

    /// Takes what is due as the first batch, unless there is one meanwhile.
    pub(crate) fn take_first(&mut self) -> Vec<Event> {
        if self.batches.is_empty() { self.take() } else { Vec::new() }
    }

    /// Takes the oldest waiting events of one origin, as many as fit, as the last batch.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        let mut count = 0;
        let mut size = 0;
        if let Some(first) = self.waiting.front() {
            for event in &self.waiting {
                let is_same = Arc::ptr_eq(&event.origin, &first.origin);
                if size + event.size + event.origin.size > self.limits.body
                    || !(is_same || event.origin == first.origin)
                {
                    break;
                }
                size += event.size;
                count += 1;
            }
        }
        let events: Vec<Event> = self.waiting.drain(..count).collect();
        if events.is_empty() {
            return events;
        }
        self.waiting_bytes -= size;
        let batch = BatchMeta { start: self.first, events: events.len() as u64, is_spooled: false };
        self.first += batch.events;
        self.batches.push_back(batch);
        events
    }

    /// Notes what came of sending the first batch, and returns it unless it stays. `unit` is a
    /// random number from 0 to 1.
    pub(crate) fn acknowledge(
        &mut self,
        outcome: Outcome,
        now: Duration,
        unit: f64,
    ) -> Option<BatchMeta> {
        self.is_sending = false;
        let retries_at_once = std::mem::take(&mut self.retries_at_once);
        if let Outcome::Failed(asked) = outcome {
            self.counters.retried += 1;
            // "At once", or a date that has passed, asks for nothing.
            let asked = asked.filter(|wait| !wait.is_zero());
            let wait = self.backoff.fail(asked, unit);
            let at = if retries_at_once && asked.is_none() { now } else { now + wait };
            self.retry = Some(Retry { at, is_asked: asked.is_some() });
            return None;
        }
        self.backoff.succeed();
        self.retry = None;
        let batch = self.batches.pop_front()?;
        match outcome {
            Outcome::Lost(reason) => {
                self.lose(reason, batch.events, now);
            }
            // Where it could be sent in parts this is not asked.
            Outcome::TooLarge(_) => {
                self.lose(DropReason::Refused, batch.events, now);
            }
            Outcome::Delivered | Outcome::Failed(_) => self.counters.delivered += batch.events,
        }
        Some(batch)
    }

    /// Puts parts in the place of a batch, which is not on its way any more. `counts` are their events.
    pub(crate) fn split(&mut self, index: usize, counts: &[u64]) {
        let Some(whole) = self.batches.remove(index) else { return };
        let mut start = whole.start;
        for (place, count) in (index..).zip(counts) {
            self.batches.insert(place, BatchMeta { start, events: *count, ..whole });
            start += count;
        }
    }

    /// Notes that parts of the first batch have taken its place: they are to be sent at once, or when
    /// the time has passed that the service asked for.
    pub(crate) fn send_parts(&mut self, asked: Option<Duration>, now: Duration) {
        self.is_sending = false;
        let asked = asked.filter(|wait| !wait.is_zero()).map(|wait| wait.min(MOST_ASKED));
        self.retry = asked.map(|wait| Retry { at: now + wait, is_asked: true });
        self.counters.retried += 1;
    }

    /// Notes that the first batch could not even be tried to send.
    pub(crate) fn cancel_send(&mut self) {
        self.is_sending = false;
    }

    /// Releases everything that waits, and returns the number of the next event.
    pub(crate) fn flush(&mut self, reason: ReleaseReason) -> u64 {
        let next = self.next_number();
        self.due = Some((next, reason));
        next
    }

    /// Takes no event from now on, and forgives one failure: the next attempt comes at once, unless
    /// the service asked for something else.
    pub(crate) fn close(&mut self) -> u64 {
        if !self.is_closing {
            self.is_closing = true;
            // The failure that is forgiven may have happened already, or be yet to come.
            let forgiven = self.retry.take_if(|retry| !retry.is_asked);
            self.retries_at_once = forgiven.is_none();
        }
        self.flush(ReleaseReason::Close)
    }

    /// Sends nothing from now on. What is left goes to the spool, if there is one.
    pub(crate) fn stop(&mut self) {
        self.is_closing = true;
        self.is_stopped = true;
        self.spool_blocked_until = None;
    }

    /// Switches sending on or off.
    pub(crate) fn enable(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
    }

    /// Returns how many events before a number are neither delivered nor lost.
    pub(crate) fn left_before(&self, number: u64) -> u64 {
        let before = |start: u64, events: u64| events.min(number.saturating_sub(start));
        let batches: u64 = self.batches.iter().map(|batch| before(batch.start, batch.events)).sum();
        batches + before(self.first, self.waiting.len() as u64)
    }

    /// Returns how many events are in the spool.
    pub(crate) fn spooled(&self) -> u64 {
        self.batches.iter().filter(|batch| batch.is_spooled).map(|batch| batch.events).sum()
    }

    /// Returns where the events are that are neither delivered nor lost.
    pub(crate) fn depth(&self) -> QueueDepth {
        let in_batches: u64 = self.batches.iter().map(|batch| batch.events).sum();
        let spooled = self.spooled();
        QueueDepth {
            waiting: self.waiting.len() as u64,
            bytes: self.waiting_bytes as u64,
            under_way: in_batches - spooled,
            spooled,
        }
    }

    /// Returns what has happened so far.
    pub(crate) fn counters(&self) -> &DeliveryCounters {
        &self.counters
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Returns whether the first batch is on its way.
    pub(crate) fn is_sending(&self) -> bool {
        self.is_sending
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Returns the first batch.
    pub(crate) fn head(&self) -> Option<BatchMeta> {
        self.batches.front().copied()
    }

    /// Returns the losses that are to be reported now.
    fn losses_to_report(&mut self, now: Duration) -> Option<DeliveryCounters> {
        let is_due = self.losses_due().is_some_and(|at| at <= now) || self.is_stopped;
        if !is_due || self.losses.dropped() == 0 {
            return None;
        }
        self.losses_reported_at = Some(now);
        Some(std::mem::take(&mut self.losses))
    }

    /// Returns why waiting events are to be released, if they are.
    fn due(&mut self, now: Duration) -> Option<ReleaseReason> {
        if self.waiting.is_empty() {
            return None;
        }
        if let Some((until, reason)) = self.due {
            if self.first < until {
                return Some(reason);
            }
        }
        let reason = if self.is_full() {
            ReleaseReason::Size
        } else if self.aged_at().is_some_and(|at| at <= now) {
            ReleaseReason::Timeout
        } else {
            return None;
        };
        self.flush(reason);
        Some(reason)
    }

    /// Returns whether what waits should be safe by now although it cannot be sent.
    fn is_old(&self, now: Duration) -> bool {
        let is_due = self.due.is_some_and(|(until, _)| self.first < until);
        let is_aged = match self.aged_at() {
            Some(at) => at <= now,
            None => self.is_full(),
        };
        is_due || is_aged
    }

    /// Returns when the first waiting event has waited long enough.
    fn aged_at(&self) -> Option<Duration> {
        Some(self.waiting.front()?.at.saturating_add(self.limits.age?))
    }

    /// Returns when there is something to do if nothing happens until then.
    fn next_time(&self, now: Duration) -> Option<Duration> {
        let mut times = [None; 4];
        if self.is_enabled && !self.is_sending {
            let head = self.batches.front().and(self.retry).map(|retry| retry.at);
            times[0] = if self.batches.is_empty() { self.aged_at() } else { head };
        }
        if self.limits.spools && !self.batches.is_empty() {
            times[1] = self.spool_blocked_until.filter(|until| *until > now);
            times[2] = self.aged_at().filter(|_| self.retry.is_some() && times[1].is_none());
        }
        times[3] = self.losses_due();
        times.into_iter().flatten().min()
    }

    fn losses_due(&self) -> Option<Duration> {
        let at = self.losses_reported_at.map_or(Duration::ZERO, |at| at + REPORT_PAUSE);
        (self.losses.dropped() > 0).then_some(at)
    }

    /// Drops the oldest waiting events until the others fit, and returns whether to wake the worker.
    fn make_room(&mut self, now: Duration) -> bool {
        let mut count = 0;
        while self.is_over() {
            let Some(event) = self.waiting.pop_front() else { break };
            self.waiting_bytes -= event.size;
            self.first += 1;
            count += 1;
        }
        count > 0 && self.lose(DropReason::QueueFull, count, now)
    }

    /// Counts lost events, and returns whether to wake the worker for a report.
    fn lose(&mut self, reason: DropReason, count: u64, now: Duration) -> bool {
        let is_first = self.losses.dropped() == 0;
        self.counters.count_dropped(reason, count);
        self.losses.count_dropped(reason, count);
        is_first && self.losses_due().is_some_and(|at| at <= now)
    }

    fn is_over(&self) -> bool {
        self.waiting.len() > self.limits.events || self.waiting_bytes > self.limits.bytes
    }

    /// Returns whether as many wait as are released at once; or so many that the queue would
    /// overflow before there are, although nothing keeps them from being sent.
    fn is_full(&self) -> bool {
        self.waiting.len() >= self.limits.batch_size || self.is_crowded()
    }

    fn is_crowded(&self) -> bool {
        self.waiting.len() > self.limits.events / 2 || self.waiting_bytes > self.limits.bytes / 2
    }

    fn next_number(&self) -> u64 {
        self.first + self.waiting.len() as u64
    }
}

/// How often lost events are reported at most.
const REPORT_PAUSE: Duration = Duration::from_secs(60);

mod spool;
#[cfg(test)]
mod tests;
