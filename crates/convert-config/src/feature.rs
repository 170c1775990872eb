//! Features and their typed variables.

use smol_str::SmolStr;

use crate::catalog::Identified;

/// A feature that variations can turn on.
#[derive(Debug, Clone)]
pub struct Feature {
    pub(crate) id: SmolStr,
    pub(crate) key: Option<SmolStr>,
    pub(crate) name: Option<SmolStr>,
    pub(crate) variables: Box<[(SmolStr, Option<VariableKind>)]>,
    pub(crate) carriers: Vec<u32>,
}

/// The declared type of a feature variable.
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
    /// Returns the name shown to people.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the declared variables with their types; `None` is a type this SDK does not know.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<VariableKind>)> {
        self.variables.iter().map(|(key, kind)| (key.as_str(), *kind))
    }

    /// Returns the declared type of a variable.
    pub(crate) fn kind_of(&self, variable: &str) -> Option<VariableKind> {
        self.variables.iter().find(|(key, _)| key == variable).and_then(|(_, kind)| *kind)
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
