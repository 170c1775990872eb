//! One step of an evaluation.

use std::fmt;

use convert_config::{Value, ValueRef};
use serde::ser::{Serialize, Serializer};

use crate::explain::step_ref::StepRef;
use crate::explain::what::What;

/// One step of an evaluation: a gate, a rule element, the choice of a variation.
///
/// A step stands alone. Those of an [`Explanation`](crate::Explanation) have others inside them, and
/// are seen as [`StepRef`]s.
///
/// ```
/// use convert_decision::Step;
///
/// let step = Step::new("environment").detail("given", "staging");
/// assert_eq!(step.name(), "environment");
/// assert_eq!(step.to_string(), "environment: (given \"staging\")\n");
/// ```
///
/// In a tree as in JSON, nothing at all differs from every value, from null and from texts such as
/// `nothing`:
///
/// ```
/// use convert_decision::Step;
///
/// let step = Step::new("rule").seen("saw", None);
/// assert_eq!(step.to_string(), "rule: (saw nothing)\n");
/// let json = serde_json::to_string(&step)?;
/// assert_eq!(json, r#"{"step":"rule","absent":["saw"],"outcome":""}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Step {
    what: What,
    outcome: &'static str,
    /// How many of the steps that follow in a recording are inside this one.
    inner: u32,
}

impl Step {
    /// Begins a step.
    pub fn new(name: &'static str) -> Self {
        Step::of(What::Named(name))
    }

    /// Adds a detail; null ones are left out.
    #[must_use]
    pub fn detail<'v>(self, name: &'static str, value: impl Into<Value<'v>>) -> Self {
        let value = value.into();
        if value.is_null() { self } else { self.seen(name, Some(value)) }
    }

    /// Adds what was seen where something might have been; nulls are kept, and so is that there was
    /// nothing at all.
    #[must_use]
    pub fn seen(self, name: &'static str, value: Option<Value<'_>>) -> Self {
        Step { what: self.what.with(name, value.map(Value::into_owned)), ..self }
    }

    /// Returns what kind of step this is.
    pub fn name(&self) -> &'static str {
        self.what.name()
    }

    /// Returns what the step is about: an entity's key, or the text of a comparison.
    pub fn subject(&self) -> Option<&str> {
        self.what.subject()
    }

    /// Returns the details by name; `None` where there was nothing, in contrast to a null.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, Option<ValueRef<'_>>)> {
        self.what.said().chain(self.what.shown())
    }

    /// Returns how the step ended.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    #[inline]
    pub(super) fn of(what: What) -> Self {
        Step { what, outcome: "", inner: 0 }
    }

    /// Adds a detail that borrows nothing.
    pub(super) fn with(self, name: &'static str, value: Value<'static>) -> Self {
        Step { what: self.what.with(name, Some(value)), ..self }
    }

    #[inline]
    pub(super) fn what(&self) -> &What {
        &self.what
    }

    #[inline]
    pub(super) fn inner(&self) -> u32 {
        self.inner
    }

    /// Notes a number, which is that of the steps inside once the step has ended.
    #[inline]
    pub(super) fn set_inner(&mut self, inner: u32) {
        self.inner = inner;
    }

    #[inline]
    pub(super) fn end(&mut self, outcome: &'static str, inner: u32) {
        self.outcome = outcome;
        self.inner = inner;
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.subject() == other.subject()
            && self.details().eq(other.details())
            && self.outcome == other.outcome
            && self.inner == other.inner
    }
}

impl fmt::Display for Step {
    /// Writes the step as a line of a tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StepRef::alone(self).fmt(f)
    }
}

impl fmt::Debug for Step {
    /// Shows the step without its details, which hold attributes of the visitor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&StepRef::alone(self), f)
    }
}

impl Serialize for Step {
    /// Writes the details as members of the step; `absent` names those for which there was nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StepRef::alone(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use convert_config::ProjectConfig;

    use super::*;

    #[test]
    fn a_recorded_step_takes_further_details() {
        let config = ProjectConfig::from_json(
            r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": "7", "rules": {
                "OR": [{"AND": [{"OR_WHEN": [{"key": "plan", "value": "pro",
                    "matching": {"match_type": "equals", "negated": false}}]}]}]}}]}"#,
        )
        .unwrap();
        let element = &config.audiences()[0].rules().unwrap().elements()[0];
        let step = Step::comparison(element, None, None);
        assert_eq!(step, step.clone());
        let more = step.clone().detail("note", 1).seen("other", None);
        assert_eq!(
            more.to_string(),
            "rule plan equals \"pro\": (saw nothing, note 1, other nothing)\n"
        );
        let names: Vec<_> = more.details().map(|(name, _)| name).collect();
        assert_eq!(names, ["attribute", "operator", "negated", "operand", "saw", "note", "other"]);
        assert_ne!(more, step);
    }

    /// What the recorder reserves for most explanations is then as much as allocators hand out fast.
    #[test]
    fn a_step_fills_one_line_of_memory() {
        assert!(size_of::<Step>() <= 64, "{}", size_of::<Step>());
    }
}
