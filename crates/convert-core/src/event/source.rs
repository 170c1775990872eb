//! Where a config came from.

use std::fmt;

/// Where the config that a core decides from came from.
///
/// ```
/// use convert_core::{ConfigSource, Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// assert_eq!(core.health().source(), ConfigSource::Direct);
/// assert_eq!(ConfigSource::Direct.to_string(), "direct");
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigSource {
    /// The service sent it, or confirmed that it is still the current one.
    Network,
    /// The cache file had it, since the service gave no good one.
    Cache,
    /// The application gave it to start from until the service answers.
    Bootstrap,
    /// The application gave it, and there is no other source.
    Direct,
}

impl ConfigSource {
    /// Returns the stable name: `network`, `cache`, `bootstrap` or `direct`.
    pub fn name(self) -> &'static str {
        match self {
            ConfigSource::Network => "network",
            ConfigSource::Cache => "cache",
            ConfigSource::Bootstrap => "bootstrap",
            ConfigSource::Direct => "direct",
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
