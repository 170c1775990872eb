//! The features a visitor gets.

use std::fmt;

use convert_config::{Feature, Identified as _, Value, ValueError};
use convert_decision::FeatureDecision;
use serde::de::Deserialize;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::context::experience::{ExperienceResult, OwnedExperienceResult};

/// A feature that is on for a visitor. Borrows from the context; copy it freely.
///
/// ```
/// use convert_core::{Core, SdkConfig};
/// # let config = r#"{"account_id": "1", "project": {"id": "2"},
/// #     "features": [{"id": "7", "key": "banner", "variables": [{"key": "size", "type": "integer"}]}],
/// #     "experiences": [{"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue",
/// #         "changes": [{"type": "fullStackFeature",
/// #             "data": {"feature_id": 7, "variables_data": {"size": "12"}}}]}]}]}"#;
/// # let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let visitor = core.create_context("visitor-1");
/// let banner = visitor.run_feature("banner").ok_or("not enabled")?;
/// assert_eq!(banner.variable::<u32>("size")?, 12);
/// assert!(banner.variable::<u32>("colour").is_err_and(|error| error.is_missing()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FeatureResult<'c> {
    enabled: FeatureDecision<'c>,
}

/// A [`FeatureResult`] that can outlive its context.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedFeatureResult {
    feature_id: String,
    feature_key: String,
    feature_name: String,
    experience: OwnedExperienceResult,
    variables: Value<'static>,
}

/// Says why a feature variable could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableError {
    name: Option<String>,
    source: Option<ValueError>,
}

impl<'c> FeatureResult<'c> {
    pub(crate) fn new(enabled: FeatureDecision<'c>) -> Self {
        FeatureResult { enabled }
    }

    /// Returns the feature as the config has it.
    pub fn feature(&self) -> &'c Feature {
        self.enabled.feature()
    }

    /// Returns the feature's key.
    pub fn feature_key(&self) -> &'c str {
        self.enabled.feature().key().unwrap_or_default()
    }

    /// Returns the feature's id.
    pub fn feature_id(&self) -> &'c str {
        self.enabled.feature().id()
    }

    /// Returns the feature's name.
    pub fn feature_name(&self) -> &'c str {
        self.enabled.feature().name().unwrap_or_default()
    }

    /// Returns the id of the experience that turns the feature on.
    pub fn experience_id(&self) -> &'c str {
        self.experience().experience_id()
    }

    /// Returns the key of the experience that turns the feature on.
    pub fn experience_key(&self) -> &'c str {
        self.experience().experience_key()
    }

    /// Returns the id of the variation that turns the feature on.
    pub fn variation_id(&self) -> &'c str {
        self.experience().variation_id()
    }

    /// Returns the key of the variation that turns the feature on.
    pub fn variation_key(&self) -> &'c str {
        self.experience().variation_key()
    }

    /// Returns what the visitor gets of the experience that turns the feature on.
    pub fn experience(&self) -> ExperienceResult<'c> {
        ExperienceResult::new(self.enabled.decision())
    }

    /// Returns the variables as a map, each cast to its declared type.
    pub fn raw_variables(&self) -> &'c Value<'static> {
        self.enabled.change().variables()
    }

    /// Reads one variable.
    ///
    /// # Errors
    ///
    /// Fails if the variation does not set the variable, or if its value is no `T`.
    pub fn variable<T: Deserialize<'c>>(&self, name: &str) -> Result<T, VariableError> {
        read_variable(self.raw_variables(), name)
    }

    /// Reads all variables into one struct or map.
    ///
    /// # Errors
    ///
    /// Fails if the variables do not have the shape of `T`.
    pub fn variables<T: Deserialize<'c>>(&self) -> Result<T, VariableError> {
        read_variables(self.raw_variables())
    }

    /// Copies the result, so that it can be kept when the context is gone.
    pub fn into_owned(self) -> OwnedFeatureResult {
        OwnedFeatureResult {
            feature_id: self.feature_id().to_owned(),
            feature_key: self.feature_key().to_owned(),
            feature_name: self.feature_name().to_owned(),
            experience: self.experience().into_owned(),
            variables: self.raw_variables().clone(),
        }
    }
}

impl OwnedFeatureResult {
    /// Returns the feature's key.
    pub fn feature_key(&self) -> &str {
        &self.feature_key
    }

    /// Returns the feature's id.
    pub fn feature_id(&self) -> &str {
        &self.feature_id
    }

    /// Returns the feature's name.
    pub fn feature_name(&self) -> &str {
        &self.feature_name
    }

    /// Returns the id of the experience that turns the feature on.
    pub fn experience_id(&self) -> &str {
        self.experience.experience_id()
    }

    /// Returns the key of the experience that turns the feature on.
    pub fn experience_key(&self) -> &str {
        self.experience.experience_key()
    }

    /// Returns the id of the variation that turns the feature on.
    pub fn variation_id(&self) -> &str {
        self.experience.variation_id()
    }

    /// Returns the key of the variation that turns the feature on.
    pub fn variation_key(&self) -> &str {
        self.experience.variation_key()
    }

    /// Returns what the visitor gets of the experience that turns the feature on.
    pub fn experience(&self) -> &OwnedExperienceResult {
        &self.experience
    }

    /// Returns the variables as a map, each cast to its declared type.
    pub fn raw_variables(&self) -> &Value<'static> {
        &self.variables
    }

    /// Reads one variable.
    ///
    /// # Errors
    ///
    /// Fails if the variation does not set the variable, or if its value is no `T`.
    pub fn variable<'v, T: Deserialize<'v>>(&'v self, name: &str) -> Result<T, VariableError> {
        read_variable(&self.variables, name)
    }

    /// Reads all variables into one struct or map.
    ///
    /// # Errors
    ///
    /// Fails if the variables do not have the shape of `T`.
    pub fn variables<'v, T: Deserialize<'v>>(&'v self) -> Result<T, VariableError> {
        read_variables(&self.variables)
    }
}

impl VariableError {
    /// Returns the name of the variable, if one was asked for.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns whether there is no such variable, in contrast to one of another type.
    pub fn is_missing(&self) -> bool {
        self.source.is_none()
    }
}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.source) {
            (Some(name), None) => write!(f, "no feature variable `{name}`"),
            (Some(name), Some(_)) => write!(f, "feature variable `{name}` has another type"),
            (None, _) => f.write_str("the feature variables have another shape"),
        }
    }
}

impl std::error::Error for VariableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

fn read_variable<'v, T: Deserialize<'v>>(
    variables: &'v Value<'static>,
    name: &str,
) -> Result<T, VariableError> {
    let error = |source| VariableError { name: Some(name.to_owned()), source };
    let value = variables.member(name).ok_or_else(|| error(None))?;
    value.read().map_err(|source| error(Some(source)))
}

fn read_variables<'v, T: Deserialize<'v>>(
    variables: &'v Value<'static>,
) -> Result<T, VariableError> {
    variables.read().map_err(|source| VariableError { name: None, source: Some(source) })
}

macro_rules! serialize_result {
    ($($result:ty),*) => {$(
        impl Serialize for $result {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("FeatureResult", 8)?;
                fields.serialize_field("feature_id", self.feature_id())?;
                fields.serialize_field("feature_key", self.feature_key())?;
                fields.serialize_field("feature_name", self.feature_name())?;
                fields.serialize_field("experience_id", self.experience_id())?;
                fields.serialize_field("experience_key", self.experience_key())?;
                fields.serialize_field("variation_id", self.variation_id())?;
                fields.serialize_field("variation_key", self.variation_key())?;
                fields.serialize_field("variables", self.raw_variables())?;
                fields.end()
            }
        }
    )*};
}

serialize_result!(FeatureResult<'_>, OwnedFeatureResult);
