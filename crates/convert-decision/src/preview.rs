//! Previewing one variation.

use std::fmt;

use convert_config::escape::Escaped;
use convert_config::{Experience, ProjectConfig, Variation};

/// Which variation of which experience a visitor previews, usually taken from a link.
///
/// ```
/// use convert_decision::Preview;
///
/// let preview = Preview::parse("100334665.1003142551")?;
/// assert_eq!(preview.experience_id(), "100334665");
/// assert_eq!(preview.variation_id(), "1003142551");
/// assert!(Preview::parse("100334665").is_err());
/// # Ok::<(), convert_decision::PreviewError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    experience_id: String,
    variation_id: String,
}

/// Says why a preview cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviewError {
    /// The link value is not two runs of digits with a dot between them.
    Malformed,
    /// There is no experience with that id.
    ExperienceNotFound,
    /// The experience has no variation with that id.
    VariationNotFound,
    /// The config lacks the experience, and it could not be fetched.
    FetchFailed {
        /// The root cause, redacted.
        reason: String,
    },
}

/// A preview whose experience and variation have been found.
#[derive(Debug, Clone, Copy)]
pub struct ForcedArm<'c> {
    pub(crate) config: &'c ProjectConfig,
    pub(crate) experience: &'c Experience,
    pub(crate) variation: &'c Variation,
}

impl Preview {
    /// Names the variation to preview.
    pub fn new(experience_id: impl Into<String>, variation_id: impl Into<String>) -> Self {
        Preview { experience_id: experience_id.into(), variation_id: variation_id.into() }
    }

    /// Reads a link value such as `123.456`.
    ///
    /// # Errors
    ///
    /// Fails with [`PreviewError::Malformed`] unless the value is digits, one dot, digits.
    pub fn parse(value: &str) -> Result<Self, PreviewError> {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match value.split_once('.') {
            Some((experience, variation)) if is_digits(experience) && is_digits(variation) => {
                Ok(Preview::new(experience, variation))
            }
            _ => Err(PreviewError::Malformed),
        }
    }

    /// Returns the id of the experience.
    pub fn experience_id(&self) -> &str {
        &self.experience_id
    }

    /// Returns the id of the variation.
    pub fn variation_id(&self) -> &str {
        &self.variation_id
    }

    /// Finds the experience and the variation in a config.
    ///
    /// # Errors
    ///
    /// Fails if the config lacks one of them.
    pub fn resolve<'c>(&self, config: &'c ProjectConfig) -> Result<ForcedArm<'c>, PreviewError> {
        let experience = config
            .experiences()
            .by_id(&self.experience_id)
            .ok_or(PreviewError::ExperienceNotFound)?;
        let variation = experience
            .variation_by_id(&self.variation_id)
            .ok_or(PreviewError::VariationNotFound)?;
        Ok(ForcedArm { config, experience, variation })
    }
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PreviewError::Malformed => "not a preview value: expected digits, a dot and digits",
            PreviewError::ExperienceNotFound => "no experience has the previewed id",
            PreviewError::VariationNotFound => "the previewed experience has no such variation",
            PreviewError::FetchFailed { reason } => {
                let reason = Escaped(reason);
                return write!(f, "the previewed experience could not be fetched: {reason}");
            }
        })
    }
}

impl std::error::Error for PreviewError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_runs_of_digits_are_a_preview_value() {
        for value in ["", ".", "1.", ".2", "1.2.3", "a.1", "1.b", " 1.2", "1.2 ", "-1.2", "１.2"] {
            assert_eq!(Preview::parse(value), Err(PreviewError::Malformed), "{value}");
        }
    }
}
