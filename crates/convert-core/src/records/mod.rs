//! What is remembered of visitors, and where.

use std::sync::Arc;

use convert_decision::VisitorRecord;

mod delta;
mod lru;
mod memory;
mod merged;
mod store;

pub use self::delta::RecordDelta;
pub(crate) use self::delta::{Applied, Replaces};
pub(crate) use self::lru::Lru;
pub(crate) use self::memory::DEFAULT_CAPACITY;
pub use self::memory::MemoryStore;
pub use self::merged::Merged;
pub use self::store::{DataStore, StoreError, StoreErrorKind};

/// A record once a change is made, and what the change came to.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) record: Arc<VisitorRecord>,
    pub(crate) applied: Applied,
}
