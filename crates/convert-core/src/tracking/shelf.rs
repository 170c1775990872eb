//! Where parcels lie between the queue and the service: in memory, or in the spool.
//!
//! Whatever moves a parcel holds the lock around the shelf from the moment it takes events out of
//! the queue until it has noted what came of them. So parcels reach the spool in the order in which
//! they were taken, whether the worker or a thread that records events takes them. The lock is not
//! held during a request; the queue's own lock is never held while a file is touched.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::hatch::Hatch;
use super::spool::Spool;
use crate::tracking::batch::Batch;
use crate::tracking::event::Event;
use crate::tracking::queue::{Outcome, Queue, Step};
use crate::tracking::release::ReleaseReason;
use crate::tracking::tally::DropReason;
use crate::tracking::wire::Envelope;

/// The parcels that have left the queue.
pub(crate) struct Shelf {
    hatch: Arc<Hatch>,
    envelope: Envelope,
    /// Gone when the core has been closed.
    spool: Option<Spool>,
    /// The first parcel, if it is in memory.
    held: Option<Held>,
}

/// A batch that is on its way or is to be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) batch: Arc<Batch>,
    pub(crate) reason: ReleaseReason,
    pub(crate) attempts: u32,
}

/// What the spool did not do, and why.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) verb: &'static str,
    pub(crate) error: io::Error,
}

impl Shelf {
    pub(crate) fn new(hatch: Arc<Hatch>, envelope: Envelope, spool: Option<Spool>) -> Self {
        let mut restore = Vec::new();
        restore.extend(spool.iter().flat_map(Spool::pending));
        hatch.look(|queue| restore.into_iter().for_each(|events| queue.restore(u64::from(events))));
        Shelf { hatch, envelope, spool, held: None }
    }

    /// Takes a parcel of what waits, to be sent next.
    pub(crate) fn release(&mut self, reason: ReleaseReason) {
        let events = self.hatch.look(Queue::take_first);
        if let Some(batch) = pack(&self.envelope, &events) {
            self.held = Some(Held { batch: Arc::new(batch), reason, attempts: 0 });
        }
    }

    /// Returns the first parcel, counting an attempt to send it; or, where it cannot be read back,
    /// what is to be noted instead.
    pub(crate) fn first(&mut self) -> Result<Held, (Outcome, Option<Fault>)> {
        let held = match self.held.take() {
            Some(held) => held,
            None => self.load()?,
        };
        let held = Held { attempts: held.attempts.saturating_add(1), ..held };
        self.held = Some(held.clone());
        Ok(held)
    }

    /// Notes what came of sending the first parcel. What was delivered leaves the spool before
    /// anybody can learn that it was.
    pub(crate) fn settle(&mut self, outcome: Outcome, now: Duration, unit: f64) -> Option<Fault> {
        let is_over = !matches!(outcome, Outcome::Failed(_));
        let is_spooled =
            self.hatch.look(|queue| queue.head().is_some_and(|parcel| parcel.is_spooled));
        let mut removed = Ok(());
        if is_over {
            self.held = None;
            if let Some(spool) = self.spool.as_mut().filter(|_| is_spooled) {
                removed = spool.remove();
            }
        }
        self.hatch.change(|queue| queue.settle(outcome, now, unit));
        removed.err().map(|error| Fault { verb: "changed", error })
    }

    /// Writes to the spool what a step asks for: the first parcel, which is in memory, or a parcel
    /// of what waits.
    ///
    /// Does not wait for the disk unless the batch is to last when this returns.
    pub(crate) fn put_away(&mut self, step: Step, lasts: bool, now: Duration) -> Option<Fault> {
        let Some(spool) = &mut self.spool else {
            // The worker has died, and took the spool with it.
            self.hatch.change(|queue| queue.not_stored(Vec::new(), now));
            return None;
        };
        let is_head_safe =
            self.hatch.look(|queue| queue.head().is_none_or(|parcel| parcel.is_spooled));
        let (batch, events) = match step {
            Step::Store if !is_head_safe => {
                (self.held.as_ref().map(|held| Arc::clone(&held.batch)), Vec::new())
            }
            Step::Spill if is_head_safe => {
                let events = self.hatch.look(Queue::take);
                (pack(&self.envelope, &events).map(Arc::new), events)
            }
            // Somebody else was faster.
            _ => return None,
        };
        let batch = batch?;
        match spool.append(&batch, lasts) {
            Ok(()) => {
                self.hatch.change(|queue| queue.stored(lasts));
                None
            }
            Err(error) => {
                self.hatch.change(|queue| queue.not_stored(events, now));
                Some(Fault { verb: "written", error })
            }
        }
    }

    /// Makes what was put away last.
    pub(crate) fn sync(&mut self) -> Option<Fault> {
        let synced = self.spool.as_mut().map_or(Ok(()), Spool::sync);
        self.hatch.look(Queue::synced);
        synced.err().map(|error| Fault { verb: "synced", error })
    }

    /// Lets another core use the spool's directory.
    pub(crate) fn shut(&mut self) {
        self.spool = None;
    }

    /// Reads the first parcel from the spool.
    fn load(&self) -> Result<Held, (Outcome, Option<Fault>)> {
        let loaded = self.spool.as_ref().map_or(Ok(None), Spool::load);
        let (outcome, fault) = match loaded {
            Ok(Some(batch)) => {
                let (batch, reason) = (Arc::new(batch), ReleaseReason::Spool);
                return Ok(Held { batch, reason, attempts: 0 });
            }
            Ok(None) => (Outcome::Lost(DropReason::SpoolDamaged), None),
            Err(error) => {
                let is_gone =
                    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound);
                let lost = Outcome::Lost(DropReason::SpoolDamaged);
                let outcome = if is_gone { lost } else { Outcome::Failed(None) };
                (outcome, Some(Fault { verb: "read", error }))
            }
        };
        Err((outcome, fault))
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
