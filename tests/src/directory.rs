//! A directory of a test's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use convert_sdk::{InvalidConfigError, TrackingConfig};

/// A directory that is made when it is needed, and goes with the value.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Names a directory that is not there yet.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("convert-delivery-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Directory(path)
    }

    /// Returns settings with a spool in it.
    ///
    /// # Errors
    ///
    /// Never: the other settings are the defaults.
    pub fn settings(&self) -> Result<TrackingConfig, InvalidConfigError> {
        TrackingConfig::builder().spool(&self.0).build()
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Directory {
    fn default() -> Self {
        Directory::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
