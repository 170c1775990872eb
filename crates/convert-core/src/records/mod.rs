//! What is remembered of visitors, and where.

use std::sync::Arc;

use convert_decision::VisitorRecord;

mod backlog;
mod complete;
mod delta;
mod fuse;
mod link;
mod lru;
mod memory;
mod merged;
#[cfg(test)]
mod model;
mod pending;
mod recent;
mod settings;
mod shared;
mod store;
mod view;
mod writer;

use self::delta::Applied;
pub use self::delta::RecordDelta;
pub(crate) use self::delta::Replaces;
pub(crate) use self::memory::DEFAULT_CAPACITY;
pub use self::memory::MemoryStore;
pub use self::merged::Merged;
pub use self::settings::{StoreConfig, WriteMode};
pub(crate) use self::shared::{SharedRecords, change_view};
pub use self::store::{DataStore, StoreError, StoreErrorKind};
pub(crate) use self::view::{Seen, View};

/// The records of a core. The default is no trait object, so that it costs nothing.
pub(crate) enum Records {
    /// In this process alone.
    Memory(MemoryStore),
    /// In a store that the application gave.
    Shared(SharedRecords),
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
            Records::Shared(store) => store.load(key),
        }
    }

    /// Makes a change in the store and in a context's view.
    pub(crate) fn write(&self, key: &str, delta: &RecordDelta<'_>, view: &View) -> Written {
        match self {
            Records::Memory(store) => {
                let (record, applied) = store.change(key, delta, Some(view));
                Written { record, applied }
            }
            Records::Shared(store) => store.write(key, delta, view),
        }
    }

    /// Returns the external store, if there is one.
    pub(crate) fn shared(&self) -> Option<&SharedRecords> {
        match self {
            Records::Memory(_) => None,
            Records::Shared(store) => Some(store),
        }
    }
}

/// The primitives that the backlog stands on; the model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
}
