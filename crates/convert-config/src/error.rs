//! The error of an unusable config.

use std::fmt;

use crate::escape::escape_within;

/// Says why a config cannot be used at all, and where.
///
/// Only faults of the whole config are errors; a fault of one entity is a
/// [`Diagnostic`](crate::Diagnostic) on the loaded config.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let error = ProjectConfig::from_json(r#"{"account_id": "1", "project": {}}"#).unwrap_err();
/// assert_eq!(error.path(), "project.id");
/// assert_eq!(error.to_string(), "invalid config at project.id: missing or empty");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfigError {
    path: String,
    reason: String,
}

impl InvalidConfigError {
    /// Makes an error for the JSON path `path`; an empty path stands for the whole config.
    ///
    /// Control characters in both are escaped, and what is very long is cut, since both may come from
    /// the config.
    pub fn new(path: impl AsRef<str>, reason: impl AsRef<str>) -> Self {
        let path = escape_within(path.as_ref(), LONGEST);
        let reason = escape_within(reason.as_ref(), LONGEST);
        InvalidConfigError { path, reason }
    }

    /// Returns the JSON path of the fault, `project.id` say; empty for the whole config.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong there, without the path.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for InvalidConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "invalid config: {}", self.reason),
            path => write!(f, "invalid config at {path}: {}", self.reason),
        }
    }
}

impl std::error::Error for InvalidConfigError {}

/// Longer texts are cut, in bytes.
const LONGEST: usize = 1_000;
