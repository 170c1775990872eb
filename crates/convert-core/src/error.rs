//! The error of the SDK's entry points.

use convert_config::InvalidConfigError;

/// Why the SDK could not be set up. Decisions never fail: what has no answer is `None`.
///
/// ```
/// use convert_core::{Error, SdkConfig};
///
/// let Err(Error::InvalidConfig(error)) = SdkConfig::from_json("{}") else { unreachable!() };
/// assert_eq!(error.path(), "account_id");
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The config, or a setting, is unusable.
    #[error(transparent)]
    InvalidConfig(#[from] InvalidConfigError),
}
