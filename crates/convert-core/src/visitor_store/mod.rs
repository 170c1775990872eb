//! What is remembered of visitors, and where.

use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::stats::Stats;

mod circuit_breaker;
mod data_store;
mod delta;
mod entry;
mod entry_map;
mod external;
mod guarded_store;
#[cfg(test)]
mod loom;
mod losses;
mod lru;
mod memory;
mod merged;
mod record_cell;
#[cfg(test)]
mod reference;
mod restore;
mod settings;
mod shared_queue;
mod write_queue;
mod writer;

pub use self::data_store::{DataStore, StoreError, StoreErrorKind};
use self::delta::Applied;
pub use self::delta::RecordDelta;
pub(crate) use self::delta::Replaces;
pub(crate) use self::external::{ExternalRecords, RecordsEnding};
pub use self::memory::MemoryStore;
pub(crate) use self::memory::{DEFAULT_BYTES, DEFAULT_CAPACITY};
pub use self::merged::Merged;
pub(crate) use self::record_cell::{RecordCell, RecordGuard};
pub use self::settings::{StoreConfig, WriteMode};

/// The records of a core. The default is no trait object, so that it costs nothing.
pub(crate) enum Records {
    /// In this process alone.
    Memory(MemoryStore),
    /// In a store that the application gave.
    External(ExternalRecords),
}

/// A record once a change is made, and what the change came to.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) record: Arc<VisitorRecord>,
    pub(crate) applied: Applied,
}

impl Records {
    /// Reads a record; blocks where the store is an external one.
    pub(crate) fn load(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        match self {
            Records::Memory(store) => store.find(key),
            Records::External(store) => store.load(key),
        }
    }

    /// Makes a change in the store and in a context's record.
    pub(crate) fn write(&self, key: &str, delta: &RecordDelta<'_>, cell: &RecordCell) -> Written {
        match self {
            Records::Memory(store) => {
                let (record, applied) = store.change(key, delta, Some(cell));
                Written { record, applied }
            }
            Records::External(store) => store.write(key, delta, cell),
        }
    }

    /// Adds what is counted here to the counters.
    pub(crate) fn count(&self, stats: &mut Stats) {
        match self {
            Records::Memory(store) => stats.records_evicted = store.evicted(),
            Records::External(store) => store.count(stats),
        }
    }

    /// Returns the external store, if there is one.
    pub(crate) fn external(&self) -> Option<&ExternalRecords> {
        match self {
            Records::Memory(_) => None,
            Records::External(store) => Some(store),
        }
    }
}

/// Makes a change in a context's record alone.
pub(crate) fn apply_to_cell(cell: &RecordCell, delta: &RecordDelta<'_>) -> Written {
    let mut written = Written::default();
    cell.change(|current| {
        let mut record = current.map(|record| (**record).clone()).unwrap_or_default();
        let applied = delta.apply(&mut record);
        let record = Arc::new(record);
        written = Written { record: Arc::clone(&record), applied };
        record
    });
    written
}

/// The primitives that the shared queue stands on; `loom` puts the model checker's in their place.
mod sync {
    pub(super) use crate::sync::{Condvar, Mutex};
}
