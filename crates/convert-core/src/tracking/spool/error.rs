//! The error of a spool that cannot be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says why a directory cannot be used to keep undelivered events in.
///
/// ```
/// use convert_core::{Core, Error, SdkConfig, TrackingConfig};
///
/// # #[cfg(feature = "spool")] {
/// let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
/// let tracking = TrackingConfig::builder().spool(file).build()?;
/// let config = SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?;
/// let config = config.tracking_config(tracking);
/// let Err(Error::Spool(error)) = Core::initialize(config) else { unreachable!() };
/// assert!(!error.is_in_use());
/// # }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolError {
    directory: PathBuf,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another core, in this process or another one, uses the directory.
    InUse,
    /// The directory holds events that belong to another SDK key.
    OtherKey,
    /// The file system refused.
    Io(io::ErrorKind, String),
}

impl SpoolError {
    #[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "only a spool on disk can fail"))]
    pub(crate) fn new(directory: &Path, cause: Cause) -> Self {
        SpoolError { directory: directory.to_owned(), cause }
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whether another core, in this process or another one, uses the directory.
    pub fn is_in_use(&self) -> bool {
        self.cause == Cause::InUse
    }

    /// Returns whether the directory holds events that belong to another SDK key.
    pub fn is_other_key(&self) -> bool {
        self.cause == Cause::OtherKey
    }

    /// Returns what the file system refused, if that is it.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self.cause {
            Cause::Io(kind, _) => Some(kind),
            _ => None,
        }
    }
}

impl Cause {
    /// Names the file that the file system refused, without the directory.
    #[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "only a spool on disk can fail"))]
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        let name = Path::new(path.file_name().unwrap_or_default()).display();
        Cause::Io(error.kind(), format!("{name}: {error}"))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::InUse => f.write_str("another core uses it"),
            Cause::OtherKey => f.write_str("it holds events of another SDK key"),
            Cause::Io(_, message) => f.write_str(message),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Cause::Io(error.kind(), error.to_string())
    }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the spool directory {} cannot be used: {}", self.directory.display(), self.cause)
    }
}

impl std::error::Error for SpoolError {}
