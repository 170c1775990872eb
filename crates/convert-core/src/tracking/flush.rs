//! The error of a flush that could not deliver everything.

use std::fmt;

/// A flush could not deliver everything that was queued before it.
///
/// ```
/// use std::time::Duration;
/// use convert_core::{Core, SdkConfig};
///
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}}"#;
/// let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// assert_eq!(core.flush(Duration::from_secs(1)), Ok(()));
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushError {
    pub(crate) left: u64,
    pub(crate) spooled: u64,
    pub(crate) records: u64,
}

impl FlushError {
    /// Returns how many events queued before the flush are neither delivered nor dropped.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Returns how many events are safe in the spool. Not all of them need be older than the flush.
    pub fn spooled(&self) -> u64 {
        self.spooled
    }

    /// Returns for how many visitors changes made before the flush are not in the external store.
    pub fn records(&self) -> u64 {
        self.records
    }
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events are not delivered yet; {} are in the spool", self.left, self.spooled)?;
        match self.records {
            0 => Ok(()),
            records => write!(f, "; changes of {records} visitor records are not written yet"),
        }
    }
}

impl std::error::Error for FlushError {}
