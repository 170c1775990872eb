//! One step of an evaluation.

use std::fmt::{self, Write as _};

use convert_config::Value;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use smol_str::{SmolStr, ToSmolStr};

/// One step of an evaluation: a gate, a rule element, the choice of a variation.
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
#[derive(Clone, PartialEq)]
pub struct Step {
    name: &'static str,
    subject: Option<SmolStr>,
    details: Vec<Detail>,
    outcome: &'static str,
    steps: Vec<Step>,
}

/// One detail of a step.
#[derive(Clone, PartialEq)]
struct Detail {
    name: &'static str,
    /// `None` where there is nothing, in contrast to a null.
    value: Option<Value<'static>>,
    /// Whether the step's subject says it already, so that a tree leaves it out.
    is_said: bool,
}

impl Step {
    /// Begins a step.
    pub fn new(name: &'static str) -> Self {
        Step { name, subject: None, details: Vec::new(), outcome: "", steps: Vec::new() }
    }

    /// Adds a detail; null ones are left out.
    #[must_use]
    pub fn detail<'v>(mut self, name: &'static str, value: impl Into<Value<'v>>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.add(name, Some(value.into_owned()), false);
        }
        self
    }

    /// Adds what was seen where something might have been; nulls are kept, and so is that there was
    /// nothing at all.
    #[must_use]
    pub fn seen(mut self, name: &'static str, value: Option<Value<'_>>) -> Self {
        self.add(name, value.map(Value::into_owned), false);
        self
    }

    /// Returns what kind of step this is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what the step is about: an entity's key, or the text of a comparison.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns the details by name; `None` where there was nothing, in contrast to a null.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, Option<&Value<'static>>)> {
        self.details.iter().map(|detail| (detail.name, detail.value.as_ref()))
    }

    /// Returns how the step ended.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// Returns the inner steps in the order they were taken.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn named(mut self, subject: &str) -> Self {
        self.subject = Some(SmolStr::new(subject));
        self
    }

    /// Adds a detail that the subject says already: programs read it, trees leave it out.
    pub(super) fn said<'v>(mut self, name: &'static str, value: impl Into<Value<'v>>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.add(name, Some(value.into_owned()), true);
        }
        self
    }

    pub(super) fn named_after(mut self, subject: &impl ToSmolStr) -> Self {
        self.subject = Some(subject.to_smolstr());
        self
    }

    /// Makes room for so many details at once.
    pub(super) fn with_room(mut self, details: usize) -> Self {
        self.details.reserve_exact(details);
        self
    }

    pub(crate) fn end(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn add(&mut self, name: &'static str, value: Option<Value<'static>>, is_said: bool) {
        self.details.push(Detail { name, value, is_said });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}{}", "", self.name, indent = 2 * depth)?;
        if let Some(subject) = &self.subject {
            write!(f, " {}", OneLine(subject))?;
        }
        write!(f, ": {}", self.outcome)?;
        let mut shown = self.details.iter().filter(|detail| !detail.is_said).peekable();
        if shown.peek().is_some() {
            f.write_str(if self.outcome.is_empty() { "(" } else { " (" })?;
            for (index, detail) in shown.enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(f, "{separator}{detail}")?;
            }
            f.write_str(")")?;
        }
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| step.write(f, depth + 1))
    }
}

impl fmt::Display for Step {
    /// Writes the step and those inside it as an indented tree, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, f.width().unwrap_or_default())
    }
}

/// A text from outside, which must not begin lines of its own.
pub(super) struct OneLine<'t>(pub(super) &'t str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => {
                let value = serde_json::to_string(value).unwrap_or_default();
                write!(f, "{} {value}", self.name)
            }
            None => write!(f, "{} nothing", self.name),
        }
    }
}

impl fmt::Debug for Step {
    /// Shows the step without its details, which hold attributes of the visitor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("outcome", &self.outcome)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl Serialize for Step {
    /// Writes the details as members of the step; `absent` names those for which there was nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.name)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject.as_str())?;
        }
        let mut absent = Vec::new();
        for detail in &self.details {
            match &detail.value {
                Some(value) => map.serialize_entry(detail.name, value)?,
                None => absent.push(detail.name),
            }
        }
        if !absent.is_empty() {
            map.serialize_entry("absent", &absent)?;
        }
        map.serialize_entry("outcome", self.outcome)?;
        if !self.steps.is_empty() {
            map.serialize_entry("steps", &self.steps)?;
        }
        map.end()
    }
}
