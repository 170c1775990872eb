//! What the event about a store carries.

use std::fmt;

use crate::visitor_store::StoreError;

/// Tells that the external store of visitor records failed, or that changes are lost.
///
/// Comes for every failed call, on the thread that made it; of losses it comes at most once a
/// minute.
///
/// ```
/// use convert_core::{LifecycleEvent, SdkConfig};
///
/// let config = SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?.on_event(|event| {
///     if let LifecycleEvent::StoreFailed(failed) = event {
///         println!("{} failed: {}, {} lost", failed.operation(), failed.error(), failed.lost());
///     }
/// });
/// # drop(config);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StoreFailedEvent {
    pub(crate) operation: StoreOperation,
    pub(crate) error: StoreError,
    pub(crate) in_a_row: u32,
    pub(crate) lost: u64,
}

/// What a store was asked for; see [`StoreFailedEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOperation {
    /// Reading a record.
    Load,
    /// Changing a record.
    Merge,
}

impl StoreFailedEvent {
    /// Returns what the store was asked for.
    pub fn operation(&self) -> StoreOperation {
        self.operation
    }

    /// Returns why it failed.
    pub fn error(&self) -> &StoreError {
        &self.error
    }

    /// Returns how many times in a row the store was unavailable or late, this time included; 0 if
    /// it is one record alone that failed.
    pub fn consecutive_failures(&self) -> u32 {
        self.in_a_row
    }

    /// Returns for how many visitors changes are lost for good since that was told last.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl StoreOperation {
    /// Returns the stable name: `load` or `merge`.
    pub fn name(self) -> &'static str {
        match self {
            StoreOperation::Load => "load",
            StoreOperation::Merge => "merge",
        }
    }
}

impl fmt::Display for StoreOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
