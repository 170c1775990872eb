//! The variation a visitor gets.

use convert_config::{Change, Experience, Identified as _, Variation};
use convert_decision::{Decision, Source};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// The variation of an experience that a visitor gets. Borrows from the context; copy it freely.
///
/// Entities that the config gives no key or name have an empty one here.
///
/// ```
/// use convert_core::{Core, SdkConfig};
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
/// #     {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
/// # let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let visitor = core.create_context("visitor-1");
/// let result = visitor.run_experience("hero").ok_or("no variation")?;
/// assert_eq!((result.experience_id(), result.variation_id()), ("3", "30"));
/// let kept = result.into_owned();
/// assert_eq!(kept.variation_key(), "blue");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ExperienceResult<'c> {
    decision: Decision<'c>,
}

/// An [`ExperienceResult`] that can outlive its context.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedExperienceResult {
    experience_id: String,
    experience_key: String,
    experience_name: String,
    variation_id: String,
    variation_key: String,
    variation_name: String,
    changes: Box<[Change]>,
    bucket_value: Option<u16>,
    source: Source,
}

impl<'c> ExperienceResult<'c> {
    pub(crate) fn new(decision: Decision<'c>) -> Self {
        ExperienceResult { decision }
    }

    pub(crate) fn decision(&self) -> Decision<'c> {
        self.decision
    }

    /// Returns the experience as the config has it.
    pub fn experience(&self) -> &'c Experience {
        self.decision.experience()
    }

    /// Returns the variation as the config has it.
    pub fn variation(&self) -> &'c Variation {
        self.decision.variation()
    }

    /// Returns the experience's key.
    pub fn experience_key(&self) -> &'c str {
        self.decision.experience().key().unwrap_or_default()
    }

    /// Returns the experience's id.
    pub fn experience_id(&self) -> &'c str {
        self.decision.experience().id()
    }

    /// Returns the experience's name.
    pub fn experience_name(&self) -> &'c str {
        self.decision.experience().name().unwrap_or_default()
    }

    /// Returns the variation's key.
    pub fn variation_key(&self) -> &'c str {
        self.decision.variation().key().unwrap_or_default()
    }

    /// Returns the variation's id.
    pub fn variation_id(&self) -> &'c str {
        self.decision.variation().id().unwrap_or_default()
    }

    /// Returns the variation's name.
    pub fn variation_name(&self) -> &'c str {
        self.decision.variation().name().unwrap_or_default()
    }

    /// Returns everything the variation changes.
    pub fn changes(&self) -> &'c [Change] {
        self.decision.variation().changes()
    }

    /// Returns the visitor's bucket, 0..=9999, where it was computed for this answer.
    pub fn bucket_value(&self) -> Option<u16> {
        self.decision.bucket_value()
    }

    /// Returns how the visitor came to the variation.
    pub fn source(&self) -> Source {
        self.decision.source()
    }

    /// Copies the result, so that it can be kept when the context is gone.
    pub fn into_owned(self) -> OwnedExperienceResult {
        OwnedExperienceResult {
            experience_id: self.experience_id().to_owned(),
            experience_key: self.experience_key().to_owned(),
            experience_name: self.experience_name().to_owned(),
            variation_id: self.variation_id().to_owned(),
            variation_key: self.variation_key().to_owned(),
            variation_name: self.variation_name().to_owned(),
            changes: self.changes().into(),
            bucket_value: self.bucket_value(),
            source: self.source(),
        }
    }
}

impl OwnedExperienceResult {
    /// Returns the experience's key.
    pub fn experience_key(&self) -> &str {
        &self.experience_key
    }

    /// Returns the experience's id.
    pub fn experience_id(&self) -> &str {
        &self.experience_id
    }

    /// Returns the experience's name.
    pub fn experience_name(&self) -> &str {
        &self.experience_name
    }

    /// Returns the variation's key.
    pub fn variation_key(&self) -> &str {
        &self.variation_key
    }

    /// Returns the variation's id.
    pub fn variation_id(&self) -> &str {
        &self.variation_id
    }

    /// Returns the variation's name.
    pub fn variation_name(&self) -> &str {
        &self.variation_name
    }

    /// Returns everything the variation changes.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the visitor's bucket, 0..=9999, where it was computed for this answer.
    pub fn bucket_value(&self) -> Option<u16> {
        self.bucket_value
    }

    /// Returns how the visitor came to the variation.
    pub fn source(&self) -> Source {
        self.source
    }
}

macro_rules! serialize_result {
    ($($result:ty),*) => {$(
        impl Serialize for $result {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("ExperienceResult", 9)?;
                fields.serialize_field("experience_id", self.experience_id())?;
                fields.serialize_field("experience_key", self.experience_key())?;
                fields.serialize_field("experience_name", self.experience_name())?;
                fields.serialize_field("variation_id", self.variation_id())?;
                fields.serialize_field("variation_key", self.variation_key())?;
                fields.serialize_field("variation_name", self.variation_name())?;
                fields.serialize_field("changes", self.changes())?;
                fields.serialize_field("bucket_value", &self.bucket_value())?;
                fields.serialize_field("source", &self.source())?;
                fields.end()
            }
        }
    )*};
}

serialize_result!(ExperienceResult<'_>, OwnedExperienceResult);
