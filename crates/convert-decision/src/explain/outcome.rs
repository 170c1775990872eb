//! What an explained evaluation came to.

use std::fmt;
use std::sync::Arc;

use convert_config::Outline;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::decision::{Decision, Source};

/// The variation that the explained evaluation came to.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Explanation, Source};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"},
///     "experiences": [{"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#)?;
/// let explanation = Explanation::of_experience(&Evaluation::new(&config, "visitor-1"), "hero");
/// let outcome = explanation.outcome().ok_or("no outcome")?;
/// assert_eq!((outcome.experience_id(), outcome.experience_key()), ("3", Some("hero")));
/// assert_eq!((outcome.variation_id(), outcome.variation_key()), (Some("30"), Some("blue")));
/// assert_eq!(outcome.source(), Source::Bucketed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ExplainedOutcome {
    outline: Arc<Outline>,
    /// The variation's position in the experience.
    arm: usize,
    source: Source,
    bucket_value: Option<u16>,
}

impl ExplainedOutcome {
    /// Returns the experience's id.
    pub fn experience_id(&self) -> &str {
        self.outline.id()
    }

    /// Returns the experience's key.
    pub fn experience_key(&self) -> Option<&str> {
        self.outline.key()
    }

    /// Returns the variation's id.
    pub fn variation_id(&self) -> Option<&str> {
        self.outline.variation_id(self.arm)
    }

    /// Returns the variation's key.
    pub fn variation_key(&self) -> Option<&str> {
        self.outline.variation_key(self.arm)
    }

    /// Returns how the visitor came to the variation.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns the visitor's bucket, 0..=9999, where it was computed.
    pub fn bucket_value(&self) -> Option<u16> {
        self.bucket_value
    }

    fn names(&self) -> [Option<&str>; 4] {
        let id = Some(self.experience_id());
        [id, self.experience_key(), self.variation_id(), self.variation_key()]
    }
}

impl From<Decision<'_>> for ExplainedOutcome {
    fn from(decision: Decision<'_>) -> Self {
        let (experience, variation) = (decision.experience(), decision.variation());
        let mut arms = experience.variations().iter();
        ExplainedOutcome {
            outline: Arc::clone(experience.outline()),
            // A decision's variation is one of its experience's.
            arm: arms.position(|arm| std::ptr::eq(arm, variation)).unwrap_or(usize::MAX),
            source: decision.source(),
            bucket_value: decision.bucket_value(),
        }
    }
}

impl PartialEq for ExplainedOutcome {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
            && self.source == other.source
            && self.bucket_value == other.bucket_value
    }
}

impl Eq for ExplainedOutcome {}

impl fmt::Debug for ExplainedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainedOutcome")
            .field("experience_id", &self.outline.id())
            .field("experience_key", &self.outline.key())
            .field("variation_id", &self.outline.variation_id(self.arm))
            .field("variation_key", &self.outline.variation_key(self.arm))
            .field("source", &self.source)
            .field("bucket_value", &self.bucket_value)
            .finish()
    }
}

impl Serialize for ExplainedOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ExplainedOutcome", 6)?;
        fields.serialize_field("experience_id", self.experience_id())?;
        fields.serialize_field("experience_key", &self.experience_key())?;
        fields.serialize_field("variation_id", &self.variation_id())?;
        fields.serialize_field("variation_key", &self.variation_key())?;
        fields.serialize_field("source", &self.source)?;
        fields.serialize_field("bucket_value", &self.bucket_value)?;
        fields.end()
    }
}
