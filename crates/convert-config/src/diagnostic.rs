//! What loading noticed without giving up.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// One fault or oddity that loading stepped over.
///
/// Control characters from the config are escaped in its path and its reason.
///
/// ```
/// use convert_config::{ProjectConfig, Severity};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"key": "no-id"}]}"#,
/// )?;
/// let diagnostic = &config.diagnostics()[0];
/// assert_eq!(diagnostic.path(), "experiences[0].id");
/// assert_eq!(diagnostic.severity(), Severity::Warning);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) path: String,
    pub(crate) reason: String,
    pub(crate) severity: Severity,
}

/// How much a [`Diagnostic`] matters.
///
/// ```
/// use convert_config::Severity;
///
/// assert!(Severity::Note < Severity::Warning);
/// assert_eq!(Severity::Warning.to_string(), "warning");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing; decisions are what the author of the config expects.
    Note,
    /// Something in the config does not take effect.
    Warning,
}

impl Diagnostic {
    /// Returns the JSON path of what was noticed, `experiences[3].variations[0]` say.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what was noticed, without the path.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns how much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.severity, self.path, self.reason)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
        })
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Diagnostic", 3)?;
        fields.serialize_field("severity", &format_args!("{}", self.severity))?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("reason", &self.reason)?;
        fields.end()
    }
}
