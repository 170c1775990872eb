//! The record of a context's visitor.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use convert_decision::VisitorRecord;

/// A record that is read for every decision and changes a few times at most.
///
/// Its first few states are kept for as long as the cell is, so that reading them touches no shared
/// counter. What comes after is read through an [`ArcSwap`], whose guards cost two atomic exchanges.
#[derive(Debug, Default)]
pub(crate) struct RecordCell {
    first: Option<Arc<VisitorRecord>>,
    /// Filled in order.
    next: [OnceLock<Arc<VisitorRecord>>; KEPT],
    /// Filled once all of those are.
    later: OnceLock<ArcSwap<VisitorRecord>>,
}

/// A record as it was when it was looked at.
pub(crate) enum RecordGuard<'v> {
    Held(Option<&'v VisitorRecord>),
    Loaded(Guard<Arc<VisitorRecord>>),
    Made(Box<VisitorRecord>),
}

impl RecordCell {
    pub(crate) fn new(record: Option<Arc<VisitorRecord>>) -> Self {
        RecordCell { first: record, ..RecordCell::default() }
    }

    /// Looks at the record. Takes no lock.
    #[inline]
    pub(crate) fn load(&self) -> RecordGuard<'_> {
        match self.later.get() {
            None => RecordGuard::Held(self.held().map(|record| &**record)),
            Some(later) => RecordGuard::Loaded(later.load()),
        }
    }

    /// Returns the record itself.
    pub(crate) fn share(&self) -> Option<Arc<VisitorRecord>> {
        self.later.get().map_or_else(|| self.held().cloned(), |later| Some(later.load_full()))
    }

    /// Replaces the record by what `change` makes of it, which is asked again where another thread
    /// was faster.
    pub(crate) fn change(
        &self,
        mut change: impl FnMut(Option<&Arc<VisitorRecord>>) -> Arc<VisitorRecord>,
    ) {
        let mut current = self.first.as_ref();
        for place in &self.next {
            if place.get().is_none() && place.set(change(current)).is_ok() {
                return;
            }
            current = place.get();
        }
        let Some(current) = current else { return };
        let later = self.later.get_or_init(|| ArcSwap::new(Arc::clone(current)));
        later.rcu(|current| change(Some(current)));
    }

    /// Takes what the record has become for what it was at first, so that earlier states are let go.
    pub(crate) fn settle(&mut self) {
        *self = RecordCell::new(self.share());
    }

    #[inline]
    fn held(&self) -> Option<&Arc<VisitorRecord>> {
        // Most contexts change nothing, so that the first place settles it.
        let mut held = self.first.as_ref();
        for place in &self.next {
            match place.get() {
                Some(next) => held = Some(next),
                None => break,
            }
        }
        held
    }
}

impl RecordGuard<'_> {
    /// Returns the record, if there is one.
    #[inline]
    pub(crate) fn as_deref(&self) -> Option<&VisitorRecord> {
        match self {
            RecordGuard::Held(record) => *record,
            RecordGuard::Loaded(guard) => Some(guard),
            RecordGuard::Made(record) => Some(record),
        }
    }
}

/// How many changes a cell keeps the outcomes of.
const KEPT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(variation_id: &str) -> Arc<VisitorRecord> {
        let mut record = VisitorRecord::new();
        record.assign("1", variation_id);
        Arc::new(record)
    }

    fn put(cell: &RecordCell, record: &Arc<VisitorRecord>) {
        cell.change(|_| Arc::clone(record));
    }

    fn check(cell: &RecordCell, expected: Option<&str>) {
        let seen = cell.load();
        assert_eq!(seen.as_deref().and_then(|record| record.assignment("1")), expected);
        let shared = cell.share();
        assert_eq!(shared.as_deref().and_then(|record| record.assignment("1")), expected);
    }

    #[test]
    fn the_latest_record_is_seen() {
        check(&RecordCell::default(), None);
        for first in [None, Some(record("0"))] {
            let mut cell = RecordCell::new(first);
            let names = ["0", "1", "2", "3", "4", "5", "6"];
            for pair in names.windows(2) {
                cell.change(|current| {
                    let seen = current.map(|record| record.assignment("1").unwrap_or_default());
                    assert_eq!(seen.unwrap_or("0"), pair[0]);
                    record(pair[1])
                });
                check(&cell, Some(pair[1]));
            }
            cell.settle();
            check(&cell, Some("6"));
            put(&cell, &record("c"));
            check(&cell, Some("c"));
            cell.settle();
            cell.settle();
            check(&cell, Some("c"));
        }
    }

    #[test]
    fn what_was_seen_outlives_changes() {
        let cell = RecordCell::new(Some(record("0")));
        let mut seen = vec![cell.load()];
        for name in ["1", "2", "3", "4", "5"] {
            put(&cell, &record(name));
            seen.push(cell.load());
        }
        for (seen, name) in seen.iter().zip(["0", "1", "2", "3", "4", "5"]) {
            assert_eq!(seen.as_deref().and_then(|record| record.assignment("1")), Some(name));
        }
    }

    #[test]
    fn no_change_is_lost_to_another_thread() {
        let cell = RecordCell::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cell = &cell;
                scope.spawn(move || {
                    for index in 0..50 {
                        let id = format!("{thread}-{index}");
                        cell.change(|current| {
                            let mut record = current.map(|it| (**it).clone()).unwrap_or_default();
                            record.assign(&id, "a");
                            Arc::new(record)
                        });
                    }
                });
            }
        });
        assert_eq!(cell.share().map(|record| record.assignments().count()), Some(200));
    }
}
