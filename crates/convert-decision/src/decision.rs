//! What an evaluation answers.

use std::fmt;

use convert_config::{Experience, Feature, FeatureChange, Identified as _, Variation};
use serde::ser::{Serialize, Serializer};

/// The variation of an experience that a visitor gets.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'c> {
    pub(crate) experience: &'c Experience,
    pub(crate) variation: &'c Variation,
    pub(crate) source: Source,
    pub(crate) bucket_value: Option<u16>,
    pub(crate) is_new: bool,
}

/// A feature that is enabled for a visitor, and the decision that enables it.
#[derive(Debug, Clone, Copy)]
pub struct FeatureDecision<'c> {
    pub(crate) feature: &'c Feature,
    pub(crate) change: &'c FeatureChange,
    pub(crate) decision: Decision<'c>,
}

/// How a visitor came to a variation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The call asked for it.
    Forced,
    /// The visitor's record had it.
    Sticky,
    /// The visitor's hash chose it.
    Bucketed,
    /// The visitor previews it.
    Preview,
}

impl<'c> Decision<'c> {
    /// Returns the experience.
    pub fn experience(&self) -> &'c Experience {
        self.experience
    }

    /// Returns the variation.
    pub fn variation(&self) -> &'c Variation {
        self.variation
    }

    /// Returns how the visitor came to the variation.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns the visitor's bucket, 0..=9999, where it was computed.
    pub fn bucket_value(&self) -> Option<u16> {
        self.bucket_value
    }

    /// Returns whether the assignment is new: to be stored, and to be reported as one exposure.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns the decision as it stands once another writer has assigned the visitor first. Keeps
    /// the decision if the variation is the same, or if the experience has none with that id.
    #[must_use]
    pub fn yield_to(self, variation_id: &str) -> Self {
        if self.variation.id() == Some(variation_id) {
            return self;
        }
        match self.experience.variation_by_id(variation_id) {
            Some(variation) => Decision {
                variation,
                source: Source::Sticky,
                bucket_value: None,
                is_new: false,
                ..self
            },
            None => self,
        }
    }

    /// Returns the experience id and variation id to store, if the assignment is new.
    pub fn assignment(&self) -> Option<(&'c str, &'c str)> {
        let variation_id = self.variation.id().filter(|_| self.is_new)?;
        Some((self.experience.id(), variation_id))
    }
}

impl<'c> FeatureDecision<'c> {
    /// Returns the feature.
    pub fn feature(&self) -> &'c Feature {
        self.feature
    }

    /// Returns what turns the feature on, with its variables.
    pub fn change(&self) -> &'c FeatureChange {
        self.change
    }

    /// Returns the decision that enables the feature.
    pub fn decision(&self) -> Decision<'c> {
        self.decision
    }
}

impl Source {
    /// Returns the stable name: `forced`, `sticky`, `bucketed` or `preview`.
    pub fn name(self) -> &'static str {
        match self {
            Source::Forced => "forced",
            Source::Sticky => "sticky",
            Source::Bucketed => "bucketed",
            Source::Preview => "preview",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
