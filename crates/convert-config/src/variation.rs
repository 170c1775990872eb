//! The arms of an experience and what they change.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use smol_str::SmolStr;

use crate::id_mark::IdMark;
use crate::value::Value;

/// One arm of an experience.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": 3, "variations": [
///         {"id": 31, "key": "big", "traffic_allocation": 25, "status": "stopped"}]}]}"#,
/// )?;
/// let arm = &config.experiences()[0].variations()[0];
/// assert_eq!((arm.id(), arm.key(), arm.traffic_allocation()), (Some("31"), Some("big"), Some(25.0)));
/// assert!(!arm.is_running() && arm.changes().is_empty());
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Variation {
    pub(crate) id: Option<SmolStr>,
    pub(crate) id_mark: IdMark,
    pub(crate) key: Option<SmolStr>,
    pub(crate) name: Option<SmolStr>,
    pub(crate) running: bool,
    pub(crate) allocation: Option<f64>,
    // Shared by experiences that repeat an id.
    pub(crate) changes: Arc<[Change]>,
    pub(crate) features: Arc<[FeatureChange]>,
}

/// One change of a variation, as the config has it.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": 3, "variations": [{"id": 31,
///         "changes": [{"id": 5, "type": "customCode", "data": {"js": "go()"}}]}]}]}"#,
/// )?;
/// let change = &config.experiences()[0].variations()[0].changes()[0];
/// assert_eq!((change.id(), change.kind()), (Some("5"), Some("customCode")));
/// assert_eq!(change.data().member("js").and_then(|js| js.as_str()), Some("go()"));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub(crate) id: Option<SmolStr>,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) data: Value<'static>,
}

/// A feature that a variation turns on, with its variables cast to their declared types.
///
/// ```
/// use convert_config::{ProjectConfig, Value};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "features": [
///         {"id": 7, "key": "banner", "variables": [{"key": "size", "type": "integer"}]}],
///         "experiences": [{"id": 3, "variations": [{"id": 31, "key": "big", "changes": [{"id": 5,
///             "type": "fullStackFeature", "data": {"feature_id": 7, "variables_data": {"size": "12"}}}]}]}]}"#,
/// )?;
/// let change = &config.experiences()[0].variations()[0].feature_changes()[0];
/// assert_eq!(change.variables().member("size"), Some(&Value::Integer(12)));
/// assert!(config.turns_on(change, &config.features()[0]));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FeatureChange {
    pub(crate) feature: u32,
    pub(crate) variables: Value<'static>,
}

impl Variation {
    /// Returns the mark of the id, to tell the variation by; that of "" where there is no id.
    #[inline]
    pub fn id_mark(&self) -> IdMark {
        self.id_mark
    }

    /// Returns the id; an arm without one is never chosen.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns the name shown to people.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns whether the arm takes new visitors, its traffic aside.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Returns the share of traffic in percent; `None` where the config has no number.
    pub fn traffic_allocation(&self) -> Option<f64> {
        self.allocation
    }

    /// Returns every change, those of other types than features included.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the declared features the arm turns on, in the order of its changes.
    pub fn feature_changes(&self) -> &[FeatureChange] {
        &self.features
    }
}

impl Change {
    /// Returns the change's id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the change's type, `fullStackFeature` say.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Returns the payload, uncast.
    pub fn data(&self) -> &Value<'static> {
        &self.data
    }
}

impl Serialize for Change {
    /// Writes the change as the config has it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Change", 3)?;
        fields.serialize_field("id", &self.id())?;
        fields.serialize_field("type", &self.kind())?;
        fields.serialize_field("data", &self.data)?;
        fields.end()
    }
}

impl FeatureChange {
    /// Returns the variables as a map, each cast to its declared type.
    pub fn variables(&self) -> &Value<'static> {
        &self.variables
    }
}

/// The type of a change that turns a feature on.
pub(crate) const FEATURE_CHANGE: &str = "fullStackFeature";
