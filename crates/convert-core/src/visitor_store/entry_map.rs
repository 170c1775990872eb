//! The entries of all visitors, bounded in number and bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::visitor_store::entry::Entry;
use crate::visitor_store::settings::StoreConfig;

/// A map of entries that knows which of them can be written, and which can be removed.
///
/// An entry is taken out to be changed, and put back into its place: to be written, idle, or neither.
#[derive(Debug)]
pub(crate) struct EntryMap {
    most_visitors: usize,
    most_bytes: usize,
    // Visitor ids come from outside, so the map's hash must not be predictable.
    entries: HashMap<Arc<str>, Entry>,
    /// The entries that the writer may take, the next first.
    queued: BTreeMap<u64, Arc<str>>,
    /// The idle entries, the least recently used first.
    idle: BTreeMap<u64, Arc<str>>,
    bytes: usize,
    next: u64,
}

impl EntryMap {
    pub(crate) fn new(settings: &StoreConfig) -> Self {
        EntryMap {
            most_visitors: settings.queue_capacity,
            most_bytes: settings.queue_bytes,
            entries: HashMap::new(),
            queued: BTreeMap::new(),
            idle: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// Takes out the entry of a visitor, a new one if there is none.
    pub(crate) fn take(&mut self, key: &str) -> Entry {
        let Some(mut entry) = self.entries.remove(key) else { return Entry::new(key.into()) };
        self.bytes -= entry.bytes;
        if let Some(place) = entry.queue_place {
            self.queued.remove(&place);
        }
        if let Some(place) = entry.idle_place.take() {
            self.idle.remove(&place);
        }
        entry
    }

    /// Puts an entry where it belongs now. One that can be written keeps its place if it had one. One that
    /// is idle and knows nothing is dropped.
    pub(crate) fn put(&mut self, mut entry: Entry) {
        self.next += 1;
        if entry.is_writable() {
            let place = *entry.queue_place.get_or_insert(self.next);
            self.queued.insert(place, Arc::clone(&entry.key));
        } else {
            entry.queue_place = None;
        }
        if entry.is_idle() {
            if entry.record.is_none() {
                return;
            }
            entry.idle_place = Some(self.next);
            self.idle.insert(self.next, Arc::clone(&entry.key));
        }
        entry.bytes = entry.measure();
        self.bytes += entry.bytes;
        self.entries.insert(Arc::clone(&entry.key), entry);
    }

    /// Takes out the entry that is to be written next; it loses its place.
    pub(crate) fn take_queued(&mut self) -> Option<Entry> {
        let (_, key) = self.queued.pop_first()?;
        let mut entry = self.take(&key);
        entry.queue_place = None;
        Some(entry)
    }

    /// Returns the keys of the entries with changes that are neither in flight nor in the store.
    pub(crate) fn unsynced(&self) -> Vec<Arc<str>> {
        let unsynced = self.entries.values().filter(|entry| entry.unsynced.is_some());
        unsynced.map(|entry| Arc::clone(&entry.key)).collect()
    }

    /// Takes out an entry if there are too many: the idle one that was used longest ago, else the one that
    /// has waited longest to be written, unless it is the only one.
    pub(crate) fn take_overflow(&mut self) -> Option<Entry> {
        let is_too_large = self.bytes > self.most_bytes;
        if self.idle.len() > self.most_visitors || (is_too_large && !self.idle.is_empty()) {
            let (_, key) = self.idle.pop_first()?;
            return Some(self.take(&key));
        }
        if self.queued.len() > self.most_visitors || (is_too_large && self.queued.len() > 1) {
            return self.take_queued();
        }
        None
    }

    /// Returns what is known of a visitor.
    pub(crate) fn record(&self, key: &str) -> Option<&Arc<VisitorRecord>> {
        self.entries.get(key)?.record.as_ref()
    }

    /// Returns whether there is something for the writer.
    pub(crate) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
