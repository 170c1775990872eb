//! Features and their typed variables.

use smol_str::SmolStr;

use crate::catalog::Identified;

/// A feature that variations can turn on.
///
/// ```
/// use convert_config::{ProjectConfig, VariableKind};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "features": [
///         {"id": 7, "key": "banner", "variables": [{"key": "size", "type": "integer"}]}]}"#,
/// )?;
/// let variables: Vec<_> = config.features()[0].variables().collect();
/// assert_eq!(variables, [("size", Some(VariableKind::Integer))]);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Feature {
    pub(crate) id: SmolStr,
    pub(crate) key: Option<SmolStr>,
    pub(crate) name: Option<SmolStr>,
    variables: Box<[(SmolStr, Option<VariableKind>)]>,
    /// Positions in `variables`, sorted by key; of a repeated key the first comes first.
    by_key: Box<[u32]>,
    pub(crate) carriers: Vec<u32>,
}

/// The declared type of a feature variable.
///
/// ```
/// use convert_config::{ProjectConfig, VariableKind};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "features": [
///         {"id": 7, "variables": [{"key": "a", "type": "json"}, {"key": "b", "type": "date"}]}]}"#,
/// )?;
/// let kinds: Vec<_> = config.features()[0].variables().map(|(_, kind)| kind).collect();
/// assert_eq!(kinds, [Some(VariableKind::Json), None]);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VariableKind {
    /// `boolean`.
    Boolean,
    /// `integer`.
    Integer,
    /// `float`.
    Float,
    /// `string`.
    String,
    /// `json`.
    Json,
}

impl Feature {
    pub(crate) fn new(
        id: SmolStr,
        key: Option<SmolStr>,
        name: Option<SmolStr>,
        variables: Box<[(SmolStr, Option<VariableKind>)]>,
    ) -> Self {
        let mut by_key: Vec<(&str, u32)> =
            variables.iter().map(|(key, _)| key.as_str()).zip(0..).collect();
        by_key.sort_unstable();
        let by_key = by_key.into_iter().map(|(_, index)| index).collect();
        Feature { id, key, name, variables, by_key, carriers: Vec::new() }
    }

    /// Returns the name shown to people.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the declared variables with their types; `None` is a type this SDK does not know.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<VariableKind>)> {
        self.variables.iter().map(|(key, kind)| (key.as_str(), *kind))
    }

    /// Returns the declared type of a variable; where its key repeats, the first one.
    pub(crate) fn kind_of(&self, variable: &str) -> Option<VariableKind> {
        let at = self.by_key.partition_point(|index| {
            self.variable_at(*index).is_some_and(|(key, _)| key.as_str() < variable)
        });
        let (key, kind) = self.by_key.get(at).and_then(|index| self.variable_at(*index))?;
        if key == variable { *kind } else { None }
    }

    fn variable_at(&self, index: u32) -> Option<&(SmolStr, Option<VariableKind>)> {
        self.variables.get(usize::try_from(index).ok()?)
    }
}

impl Identified for Feature {
    fn id(&self) -> &str {
        &self.id
    }

    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl VariableKind {
    /// Returns the kind a config names so.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "boolean" => Some(VariableKind::Boolean),
            "integer" => Some(VariableKind::Integer),
            "float" => Some(VariableKind::Float),
            "string" => Some(VariableKind::String),
            "json" => Some(VariableKind::Json),
            _ => None,
        }
    }
}
