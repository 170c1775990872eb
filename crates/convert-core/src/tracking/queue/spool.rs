//! What the queue has to do with the spool.

use std::ops::Range;
use std::time::Duration;

use super::{Queue, Step};
use crate::tracking::counters::DropReason;
use crate::tracking::event::Event;

impl Queue {
    /// Decides what the spool must take so that there is room again, with some to spare; a thread that
    /// has pushed too much asks this until there is nothing.
    pub(crate) fn next_spill(&self, now: Duration) -> Option<Step> {
        if self.is_stopped || !self.is_crowded() || !self.can_spool(now) {
            return None;
        }
        Some(if self.next_to_store().is_some() { Step::Store } else { Step::Spill })
    }

    /// Returns which batch the spool must take before it may take others: the first that it does not
    /// have, unless it has some behind that one already, which then stays in memory.
    pub(crate) fn next_to_store(&self) -> Option<usize> {
        let first = self.batches.iter().position(|batch| !batch.is_spooled)?;
        let is_behind = self.batches.iter().skip(first).any(|batch| batch.is_spooled);
        (!is_behind).then_some(first)
    }

    /// Notes that the spool has taken the batch that a step named, and whether it lasts.
    pub(crate) fn stored(&mut self, step: Step, is_synced: bool) {
        self.spool_blocked_until = None;
        // One that lasts takes with it those before it.
        self.is_unsynced = !is_synced;
        // `take` has put the one that was spilled at the end.
        let stored = self.next_to_store().filter(|_| step == Step::Store);
        let index = stored.unwrap_or(self.batches.len().saturating_sub(1));
        if let Some(batch) = self.batches.get_mut(index).filter(|batch| !batch.is_spooled) {
            batch.is_spooled = true;
            self.counters.spooled += batch.events;
        }
    }

    /// Notes that the spool could not take a batch; `events` are those taken for it.
    pub(crate) fn not_stored(&mut self, events: Vec<Event>, now: Duration) {
        self.spool_blocked_until = Some(now + SPOOL_PAUSE);
        self.counters.spool_failures += 1;
        if !events.is_empty() {
            self.batches.pop_back();
            self.first -= events.len() as u64;
        }
        for event in events.into_iter().rev() {
            self.waiting_bytes += event.size;
            self.waiting.push_front(event);
        }
        self.make_room(now);
    }

    /// Notes that all that the spool has taken lasts, or that this cannot be had.
    pub(crate) fn synced(&mut self) {
        self.is_unsynced = false;
    }

    /// Notes that the spool has lost some of its events: `missing` are ranges of them, counted from
    /// the oldest in the spool. The first `held` batches are in memory, and stay there. Returns how
    /// many events are lost.
    pub(crate) fn lose_spooled(
        &mut self,
        missing: &[Range<u64>],
        held: usize,
        now: Duration,
    ) -> u64 {
        let mut missing = missing.iter().peekable();
        let mut at = 0;
        let mut index = 0;
        let mut lost = 0;
        self.batches.retain_mut(|batch| {
            let is_held = index < held;
            index += 1;
            if !batch.is_spooled {
                return true;
            }
            while missing.next_if(|range| range.end <= at).is_some() {}
            let is_missing = missing.peek().is_some_and(|range| range.start <= at);
            at += batch.events;
            if is_missing && is_held {
                batch.is_spooled = false;
            } else if is_missing {
                lost += batch.events;
            }
            !is_missing || is_held
        });
        if lost > 0 {
            self.lose(DropReason::SpoolDamaged, lost, now);
        }
        lost
    }

    /// Counts a failure of the spool that has no consequence for the queue.
    pub(crate) fn count_spool_failure(&mut self) {
        self.counters.spool_failures += 1;
    }

    /// Leaves the spool alone for a while, since it does not come back from what it does. Until then
    /// the oldest go where there is no room.
    pub(crate) fn block_spool(&mut self, now: Duration) {
        self.spool_blocked_until = Some(now + SPOOL_PAUSE);
        self.counters.spool_failures += 1;
        self.make_room(now);
    }

    /// Decides whether the spool must take something: what could not be delivered, what waits
    /// behind it, and whatever is left in the end.
    pub(super) fn step_for_spool(&mut self, now: Duration) -> Option<Step> {
        if !self.can_spool(now) {
            return None;
        }
        let in_trouble = self.retry.is_some() || self.is_stopped;
        let step = if self.next_to_store().is_some() {
            (in_trouble || self.is_crowded()).then_some(Step::Store)
        } else if self.waiting.is_empty() || (self.batches.is_empty() && !self.is_stopped) {
            None
        } else if self.is_stopped || self.is_crowded() {
            Some(Step::Spill)
        } else {
            (in_trouble && self.is_old(now)).then_some(Step::Spill)
        };
        step.or(self.is_unsynced.then_some(Step::Sync))
    }

    /// Returns whether the spool may be written.
    pub(super) fn can_spool(&self, now: Duration) -> bool {
        self.limits.spools && self.spool_blocked_until.is_none_or(|until| until <= now)
    }

    /// Returns whether something is to be written to the spool in the end.
    pub(crate) fn must_spill(&self) -> bool {
        let depth = self.depth();
        self.limits.spools && depth.waiting + depth.under_way > 0
    }
}

/// How long a spool that failed is left alone.
const SPOOL_PAUSE: Duration = Duration::from_secs(1);
