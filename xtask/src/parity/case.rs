//! One case: a config, its visitors, and who judges them.

use serde_json::{Value, json};

/// The published SDK whose answer counts for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// Judges everything but what is newer than its published version.
    JavaScript,
    /// Judges the anchored layout and mutual exclusion.
    Python,
}

/// A config with visitors to decide for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// Whose answer counts.
    pub(crate) judge: Judge,
    /// The environment the SDK runs in, none when it is not set.
    pub(crate) environment: Option<String>,
    /// The serving config.
    pub(crate) config: Value,
    /// The visitors, each a request of `convertctl evaluate`.
    pub(crate) visitors: Vec<Value>,
}

impl Case {
    /// The case as a referee reads it.
    pub(crate) fn to_request(&self) -> Value {
        json!({"config": self.config, "environment": self.environment, "visitors": self.visitors})
    }

    /// The same case with only the visitor at `index`.
    pub(crate) fn with_visitor(&self, index: usize) -> Self {
        Self { visitors: self.visitors.get(index).cloned().into_iter().collect(), ..self.clone() }
    }
}
