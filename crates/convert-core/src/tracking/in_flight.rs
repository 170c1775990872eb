//! Batches between the queue and the service: in memory, or in the spool.
//!
//! One thread at a time moves them: it claims them, does whatever there is to do, files included, and
//! gives them back. No lock is held meanwhile. From the moment it takes events out of the queue until
//! it has noted what came of them no other thread moves any, so that batches reach the spool in the order
//! in which they were taken, whether the worker or a thread that records events takes them. A claim is
//! not kept during a request.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::shared_queue::SharedQueue;
use super::spool::Spool;
use super::sync::{Condvar, Mutex, MutexGuard};
use crate::clock::Deadline;
use crate::tracking::batch::Batch;
use crate::tracking::counters::DropReason;
use crate::tracking::event::Event;
use crate::tracking::queue::{Outcome, Queue, Step};
use crate::tracking::release::ReleaseReason;
use crate::tracking::split::split;
use crate::tracking::wire::Envelope;

/// The batches that have left the queue.
pub(crate) struct InFlight {
    queue: Arc<SharedQueue>,
    envelope: Envelope,
    /// Gone when the core has been closed.
    spool: Option<Spool>,
    /// The first batches of the queue, as far as they are in memory: one, or the parts of one that
    /// was too large for the service.
    held: VecDeque<InFlightBatch>,
    /// How often in a row the first batch could not be read back.
    read_failures: u32,
}

/// A batch that is on its way or is to be sent again.
#[derive(Debug, Clone)]
pub(crate) struct InFlightBatch {
    pub(crate) batch: Arc<Batch>,
    pub(crate) reason: ReleaseReason,
    pub(crate) attempts: u32,
}

/// What went wrong with the spool.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A file could not be read, written or deleted; nothing is lost by that.
    Io { verb: &'static str, error: io::Error },
    /// The oldest batch cannot be read back, and is lost.
    Unreadable { events: u64, error: io::Error },
    /// Files have disappeared from a directory, and these events with them.
    Missing { events: u64, directory: PathBuf },
}

impl InFlight {
    pub(crate) fn new(queue: Arc<SharedQueue>, envelope: Envelope, spool: Option<Spool>) -> Self {
        let restore: Vec<u32> = spool.iter().flat_map(Spool::pending).collect();
        let damaged = spool.as_ref().map_or(0, Spool::damaged);
        queue.look(|queue| {
            for events in restore {
                queue.restore(u64::from(events));
            }
            for _ in 0..damaged {
                queue.count_spool_failure();
            }
        });
        InFlight { queue, envelope, spool, held: VecDeque::new(), read_failures: 0 }
    }

    /// Takes a batch of what waits, to be sent next.
    pub(crate) fn release(&mut self, reason: ReleaseReason) {
        let events = self.queue.look(Queue::take_first);
        if let Some(batch) = pack(&self.envelope, &events) {
            self.held.push_back(InFlightBatch { batch: Arc::new(batch), reason, attempts: 0 });
        }
    }

    /// Returns the first batch, counting an attempt to send it; `None` where it cannot be read back,
    /// which is accounted for then.
    pub(crate) fn first(
        &mut self,
        now: Duration,
        unit: f64,
        faults: &mut Vec<Fault>,
    ) -> Option<InFlightBatch> {
        if self.held.is_empty() {
            let loaded = self.spool.as_ref().map_or(Ok(None), Spool::load);
            match loaded {
                Ok(Some(batch)) => {
                    self.read_failures = 0;
                    let reason = ReleaseReason::Spool;
                    let batch = Arc::new(batch);
                    self.held.push_back(InFlightBatch { batch, reason, attempts: 0 });
                }
                Ok(None) => self.give_up_reading(io::ErrorKind::NotFound.into(), now, unit, faults),
                Err(error) => self.give_up_reading(error, now, unit, faults),
            }
        }
        let first = self.held.front_mut()?;
        first.attempts = first.attempts.saturating_add(1);
        Some(first.clone())
    }

    /// Notes what came of sending the first batch. What was delivered leaves the spool before
    /// any thread can learn that it was.
    pub(crate) fn acknowledge(
        &mut self,
        outcome: Outcome,
        now: Duration,
        unit: f64,
        faults: &mut Vec<Fault>,
    ) {
        if let Outcome::TooLarge(asked) = outcome {
            if self.split_first() {
                self.queue.change(|queue| queue.send_parts(asked, now));
                return;
            }
        }
        if let Outcome::Failed(_) = outcome {
            // An outage is when files are needed, and when losing them must not go unnoticed.
            self.queue.change(|queue| queue.acknowledge(outcome, now, unit));
            self.check_files(now, faults);
            return;
        }
        self.held.pop_front();
        self.remove_first(faults);
        self.queue.change(|queue| queue.acknowledge(outcome, now, unit));
    }

    /// Writes to the spool what a step asks for: a batch that is in memory, or one of what waits.
    ///
    /// Does not wait for the disk unless the batch is to last when this returns.
    pub(crate) fn spill(
        &mut self,
        step: Step,
        lasts: bool,
        now: Duration,
        faults: &mut Vec<Fault>,
    ) {
        if self.spool.as_ref().is_some_and(|spool| !spool.is_in_place()) {
            self.check_files(now, faults);
        }
        let Some(spool) = &mut self.spool else {
            // The worker has died, and took the spool with it.
            self.queue.change(|queue| queue.not_stored(Vec::new(), now));
            return;
        };
        let to_store = self.queue.look(|queue| queue.next_to_store());
        let (batch, events) = match (step, to_store) {
            (Step::Store, Some(index)) => {
                (self.held.get(index).map(|held| Arc::clone(&held.batch)), Vec::new())
            }
            (Step::Spill, None) => {
                let events = self.queue.look(Queue::take);
                (pack(&self.envelope, &events).map(Arc::new), events)
            }
            // Another thread was faster.
            _ => return,
        };
        let Some(batch) = batch else { return };
        match spool.append(&batch, lasts) {
            Ok(()) => {
                self.queue.change(|queue| queue.stored(step, lasts));
            }
            Err(error) => {
                self.queue.change(|queue| queue.not_stored(events, now));
                faults.push(Fault::Io { verb: "written", error });
            }
        }
    }

    /// Makes what was put away last.
    pub(crate) fn sync(&mut self, faults: &mut Vec<Fault>) {
        let synced = self.spool.as_mut().map_or(Ok(()), Spool::sync);
        self.queue.look(Queue::synced);
        self.note(synced, "synced", faults);
    }

    /// Makes sure that the files of the spool are there, or accounts for what is lost.
    pub(crate) fn check_files(&mut self, now: Duration, faults: &mut Vec<Fault>) {
        let Some(spool) = &mut self.spool else { return };
        let missing = spool.missing();
        if missing.is_empty() {
            return;
        }
        let directory = spool.directory().to_owned();
        let held = self.held.len();
        let (events, _) = self.queue.change(|queue| queue.lose_spooled(&missing, held, now));
        faults.push(Fault::Missing { events, directory });
    }

    /// Lets another core use the spool's directory.
    pub(crate) fn shut(&mut self) {
        self.spool = None;
    }

    /// Decides what becomes of a first batch that cannot be read back.
    fn give_up_reading(
        &mut self,
        error: io::Error,
        now: Duration,
        unit: f64,
        faults: &mut Vec<Fault>,
    ) {
        let kept = self.queue.look(|queue| queue.spooled());
        self.queue.look(Queue::cancel_send);
        self.check_files(now, faults);
        if self.queue.look(|queue| queue.spooled()) < kept {
            return;
        }
        self.read_failures += 1;
        let is_damaged = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
        );
        if !is_damaged && self.read_failures < MOST_READS {
            self.queue.change(|queue| queue.acknowledge(Outcome::Failed(None), now, unit));
            self.note(Err(error), "read", faults);
            return;
        }
        self.read_failures = 0;
        let events = self.queue.look(|queue| queue.head().map_or(0, |head| head.events));
        self.remove_first(faults);
        let lost = Outcome::Lost(DropReason::SpoolDamaged);
        self.queue.change(|queue| queue.acknowledge(lost, now, unit));
        faults.push(Fault::Unreadable { events, error });
    }

    /// Removes from the spool what the first batch of the queue is.
    fn remove_first(&mut self, faults: &mut Vec<Fault>) {
        let head = self.queue.look(|queue| queue.head());
        let Some(head) = head.filter(|head| head.is_spooled) else { return };
        let events = u32::try_from(head.events).unwrap_or(u32::MAX);
        let removed = self.spool.as_mut().map_or(Ok(()), |spool| spool.remove(events));
        self.note(removed, "changed", faults);
    }

    /// Takes apart the batches that are as long as the first or longer, and returns whether the first
    /// has become shorter.
    fn split_first(&mut self) -> bool {
        let Some(first) = self.held.front() else { return false };
        let before = first.batch.json.len();
        let mut index = 0;
        while let Some(whole) = self.held.get(index).cloned() {
            index += 1;
            let limit = before / 2;
            if whole.batch.json.len() <= limit {
                continue;
            }
            let Some(parts) = split(&whole.batch, limit) else { continue };
            let counts: Vec<u64> = parts.iter().map(|part| u64::from(part.events)).collect();
            self.queue.look(|queue| queue.split(index - 1, &counts));
            self.held.remove(index - 1);
            for (place, part) in (index - 1..).zip(parts) {
                let part = InFlightBatch { batch: Arc::new(part), attempts: 0, ..whole.clone() };
                self.held.insert(place, part);
            }
            index += counts.len() - 1;
        }
        self.held.front().is_some_and(|first| first.batch.json.len() < before)
    }

    fn note(&self, outcome: io::Result<()>, verb: &'static str, faults: &mut Vec<Fault>) {
        if let Err(error) = outcome {
            self.queue.look(Queue::count_spool_failure);
            faults.push(Fault::Io { verb, error });
        }
    }
}

/// Lends the batches in flight to one thread at a time.
pub(crate) struct InFlightSlot {
    slot: Mutex<Slot>,
    returned: Condvar,
}

struct Slot {
    in_flight: Option<InFlight>,
    /// Whether a thread has waited for them in vain, and they have not come back since.
    is_stalled: bool,
}

/// Gives the batches back when it is dropped, in whatever way the work with them ends.
struct Loan<'s> {
    slot: &'s InFlightSlot,
    in_flight: Option<InFlight>,
}

impl InFlightSlot {
    pub(crate) fn new(in_flight: InFlight) -> Self {
        let slot = Slot { in_flight: Some(in_flight), is_stalled: false };
        InFlightSlot { slot: Mutex::new(slot), returned: Condvar::new() }
    }

    /// Works with the batches, with no lock held. Waits while another thread uses files, never for
    /// the network; returns `None` if the deadline passes meanwhile.
    pub(crate) fn with<T>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&mut InFlight) -> T,
    ) -> Option<T> {
        self.lend(self.slot.lock(), deadline, work)
    }

    /// Does the same for a thread that must not be held up long: if one has waited in vain it does
    /// not wait at all, until files can be used again.
    pub(crate) fn with_or_stall<T>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&mut InFlight) -> T,
    ) -> Option<T> {
        let slot = self.slot.lock();
        if slot.is_stalled && slot.in_flight.is_none() {
            return None;
        }
        let done = self.lend(slot, deadline, work);
        if done.is_none() {
            let mut slot = self.slot.lock();
            slot.is_stalled = slot.in_flight.is_none();
        }
        done
    }

    fn lend<'s, T>(
        &'s self,
        mut slot: MutexGuard<'s, Slot>,
        deadline: Deadline,
        work: impl FnOnce(&mut InFlight) -> T,
    ) -> Option<T> {
        loop {
            let left = deadline.remaining();
            if slot.in_flight.is_some() || left.is_zero() {
                break;
            }
            slot = self.returned.wait_timeout(slot, left);
        }
        let mut loan = Loan { slot: self, in_flight: slot.in_flight.take() };
        drop(slot);
        loan.in_flight.as_mut().map(work)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(in_flight) = self.in_flight.take() {
            let mut slot = self.slot.slot.lock();
            slot.in_flight = Some(in_flight);
            slot.is_stalled = false;
            drop(slot);
            self.slot.returned.notify_one();
        }
    }
}

fn pack(envelope: &Envelope, events: &[Event]) -> Option<Batch> {
    let origin = &events.first()?.origin;
    let body = envelope.body(origin, events);
    let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
    Some(Batch {
        project_id: origin.project_id.clone(),
        events: count(events.len()),
        visitors: count(body.visitors),
        json: body.json,
    })
}

/// How often a batch is read that is there but cannot be read, before it is given up.
const MOST_READS: u32 = 8;
