//! What a core knows of one visitor whose record is in an external store.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use convert_decision::VisitorRecord;

use crate::visitor_store::delta::{Applied, RecordDelta};
use crate::visitor_store::restore::restore_missing;

/// The record of a visitor, and the changes of it that the store does not have yet.
///
/// A change moves from `unsynced` to `in_flight` when a call to the store begins. It leaves the entry when
/// the store has merged it, and goes back in front of `unsynced` when the call failed.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    /// The record with every change made here, whether the store has it or not, but without assignments
    /// that wait for the store to confirm them. `None` if nothing is known.
    pub(crate) record: Option<Arc<VisitorRecord>>,
    pub(crate) unsynced: Option<Change>,
    pub(crate) in_flight: Option<Change>,
    /// How many threads are reading the record from the store.
    pub(crate) readers: u32,
    /// What the store merged while they read, and may have answered without.
    pub(crate) merged_while_read: RecordDelta<'static>,
    /// Whether a call has failed since the last that succeeded. The store may have made its changes.
    pub(crate) has_unanswered: bool,
    /// Whether a change was lost, so that only this entry knows of its goals and assignments.
    pub(crate) is_lost: bool,
    /// When the record changed last, here or in the store.
    pub(crate) changed_at: Duration,
    /// The place among those that wait to be written.
    pub(crate) queue_place: Option<u64>,
    /// The place among those that do not.
    pub(crate) idle_place: Option<u64>,
    /// How many bytes the entry was counted with.
    pub(crate) bytes: usize,
}

/// Changes of a visitor that reach the store together.
#[derive(Debug)]
pub(crate) struct Change {
    /// The number of the oldest of them.
    pub(crate) number: u64,
    pub(crate) delta: RecordDelta<'static>,
    /// Set if threads wait for the store's answer. One of them makes the call.
    pub(crate) waited_for: Option<WaitedFor>,
}

/// The part of a [`Change`] that threads wait for.
#[derive(Debug, Default)]
pub(crate) struct WaitedFor {
    pub(crate) reply: Reply,
    /// What had joined the change before the first thread waited, if anything. It is written on its own
    /// if the store refuses the whole.
    pub(crate) before: Option<RecordDelta<'static>>,
    /// New assignments. Until the store has answered, another machine may have made others, so no context
    /// is shown these.
    pub(crate) claimed: RecordDelta<'static>,
}

/// The store's answer to a change, once it is known, for each thread that waits for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply(Arc<OnceLock<Option<Applied>>>);

impl Reply {
    /// Passes on what the store made of the change; `None` if it did not answer.
    pub(crate) fn set(&self, applied: Option<Applied>) {
        let _ = self.0.set(applied);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Returns what the store made of the change; `None` if it did not answer.
    pub(crate) fn applied(&self) -> Option<&Applied> {
        self.0.get()?.as_ref()
    }
}

impl Change {
    /// Makes the change in a record, except for what the store has to confirm.
    fn apply_known(&self, record: &mut VisitorRecord) {
        match &self.waited_for {
            Some(waited_for) if !waited_for.claimed.is_empty() => {
                self.delta.clone().without(&waited_for.claimed).apply(record);
            }
            _ => drop(self.delta.apply(record)),
        }
    }
}

impl Entry {
    pub(crate) fn new(key: Arc<str>) -> Self {
        Entry {
            key,
            record: None,
            unsynced: None,
            in_flight: None,
            readers: 0,
            merged_while_read: RecordDelta::new(),
            has_unanswered: false,
            is_lost: false,
            changed_at: Duration::ZERO,
            queue_place: None,
            idle_place: None,
            bytes: 0,
        }
    }

    /// Makes a change in the record, on top of what the calling context has seen. Returns what was new in
    /// it, the change as it is to be sent, and the part of it that the store has to confirm, which is not
    /// made in the record. An assignment that is not new, because the visitor has one in the experience, is
    /// sent as the one that they have.
    pub(crate) fn apply(
        &mut self,
        delta: &RecordDelta<'_>,
        seen: Option<&Arc<VisitorRecord>>,
        waits: bool,
        now: Duration,
    ) -> (Applied, RecordDelta<'static>, RecordDelta<'static>) {
        let mut shared = self.known_with(seen, now);
        let record = Arc::make_mut(&mut shared);
        let delta = delta.clone().into_owned();
        let (unconfirmed, delta) =
            if waits { delta.split_assignments() } else { (RecordDelta::new(), delta) };
        let mut applied = delta.apply(record);
        let mut sent = delta.rebased_on(record);
        let mut claimed = RecordDelta::new();
        if !unconfirmed.is_empty() {
            let mut expected = record.clone();
            for change in self.in_flight.iter().chain(&self.unsynced) {
                change.delta.apply(&mut expected);
            }
            let kept = unconfirmed.apply(&mut expected).kept;
            let unconfirmed = unconfirmed.rebased_on(&expected);
            claimed = unconfirmed.clone().not_in(record);
            sent = sent.then(unconfirmed);
            applied.kept.extend(kept);
        }
        self.record = Some(shared);
        self.changed_at = now;
        (applied, sent, claimed)
    }

    /// Takes out the record, with what a context knows besides.
    fn known_with(
        &mut self,
        seen: Option<&Arc<VisitorRecord>>,
        now: Duration,
    ) -> Arc<VisitorRecord> {
        if !self.is_known(now) {
            self.record = None;
        }
        match (self.record.take(), seen) {
            (Some(mut known), Some(seen)) if !Arc::ptr_eq(&known, seen) => {
                restore_missing(Arc::make_mut(&mut known), seen);
                known
            }
            (Some(known), _) => known,
            (None, Some(seen)) => Arc::clone(seen),
            (None, None) => Arc::default(),
        }
    }

    /// Has all threads that wait go on without an answer. What they were waiting to have confirmed is what
    /// they show then, so that it is made in the record.
    pub(crate) fn release(&mut self) {
        for change in [&mut self.in_flight, &mut self.unsynced].into_iter().flatten() {
            if let Some(waited_for) = change.waited_for.take() {
                waited_for.claimed.apply(Arc::make_mut(self.record.get_or_insert_default()));
                waited_for.reply.set(None);
            }
        }
    }

    /// Returns whether the record may be relied on. Once the store has every change, others may change the
    /// record there, or remove it.
    pub(crate) fn is_known(&self, now: Duration) -> bool {
        let is_fresh = now < self.changed_at.saturating_add(KNOWN_FOR);
        let is_unsynced = self.unsynced.is_some() || self.in_flight.is_some();
        self.record.is_some() && (is_fresh || is_unsynced || self.is_lost)
    }

    /// Takes over a record that the store has, in which `changes` are still to be made. Returns the record
    /// with them.
    pub(crate) fn refresh(
        &mut self,
        mut record: VisitorRecord,
        merged: &RecordDelta<'_>,
        now: Duration,
    ) -> Arc<VisitorRecord> {
        merged.apply(&mut record);
        for change in self.in_flight.iter().chain(&self.unsynced) {
            change.apply_known(&mut record);
        }
        let loaded = Arc::new(record);
        if self.is_known(now) {
            let known = self.record.take().unwrap_or_default();
            let mut restored = Arc::clone(&loaded);
            restore_missing(Arc::make_mut(&mut restored), &known);
            self.record = Some(restored);
        } else {
            self.record = None;
        }
        loaded
    }

    /// Returns whether the background writer may take the change.
    pub(crate) fn is_writable(&self) -> bool {
        let is_free = |change: &Change| change.waited_for.is_none();
        self.in_flight.is_none() && self.unsynced.as_ref().is_some_and(is_free)
    }

    /// Returns whether nothing but memory is lost if the entry is removed.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsynced.is_none() && self.in_flight.is_none() && self.readers == 0
    }

    /// Returns about how many bytes of memory the entry takes.
    pub(crate) fn measure(&self) -> usize {
        let change = |change: &Option<Change>| change.as_ref().map_or(0, |it| it.delta.bytes());
        let record = self.record.as_ref().map_or(0, |record| record.approximate_bytes());
        let changes = change(&self.unsynced) + change(&self.in_flight);
        OVERHEAD + self.key.len() + record + changes + self.merged_while_read.bytes()
    }
}

/// How long a record is relied on after its last change.
const KNOWN_FOR: Duration = Duration::from_secs(120);
/// What an entry takes beside its texts: itself, and its places in three maps.
const OVERHEAD: usize = 512;
