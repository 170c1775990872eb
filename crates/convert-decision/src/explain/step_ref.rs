//! The steps of an explanation, each with those inside it.

use std::fmt;
use std::iter::FusedIterator;

use convert_config::escape::Escaped;
use convert_config::{Value, ValueRef};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::explain::step::Step;

/// One [`Step`] of an [`Explanation`](crate::Explanation), and the steps inside it.
///
/// `Display` writes them as an indented tree, a line each.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Explanation};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"}, "audiences": [{"id": "9", "key": "nobody"}],
///     "experiences": [{"id": "3", "key": "hero", "audiences": ["9"]}]}"#)?;
/// let explanation = Explanation::of_experience(&Evaluation::new(&config, "visitor-1"), "hero");
/// let gate = explanation.steps().last().ok_or("no step")?;
/// assert_eq!((gate.name(), gate.outcome()), ("audiences", "not matched"));
/// let audience = gate.steps().next().ok_or("no audience")?;
/// assert_eq!(audience.subject(), Some("nobody"));
/// assert_eq!(audience.to_string(), "audience nobody: not matched (why \"no rules\")\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct StepRef<'e> {
    step: &'e Step,
    inner: &'e [Step],
}

/// Steps that were taken one after the other, inside the same step or at the top.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Explanation};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": "3", "key": "hero"}]}"#)?;
/// let explanation = Explanation::of_experience(&Evaluation::new(&config, ""), "hero");
/// let steps: Vec<_> = explanation.steps().map(|step| (step.name(), step.outcome())).collect();
/// assert_eq!(steps, [("not archived", "passed"), ("visitor id", "failed")]);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Clone)]
pub struct Steps<'e> {
    /// Each step is followed by those inside it.
    rest: &'e [Step],
}

impl<'e> StepRef<'e> {
    /// Returns what kind of step this is.
    pub fn name(self) -> &'static str {
        self.step.name()
    }

    /// Returns what the step is about: an entity's key, or the text of a comparison.
    pub fn subject(self) -> Option<&'e str> {
        self.step.subject()
    }

    /// Returns the details by name; `None` where there was nothing, in contrast to a null.
    pub fn details(self) -> impl Iterator<Item = (&'static str, Option<ValueRef<'e>>)> + use<'e> {
        self.step.details()
    }

    /// Returns how the step ended.
    pub fn outcome(self) -> &'static str {
        self.step.outcome()
    }

    /// Returns the inner steps in the order they were taken.
    pub fn steps(self) -> Steps<'e> {
        Steps::new(self.inner)
    }

    pub(super) fn alone(step: &'e Step) -> Self {
        StepRef { step, inner: &[] }
    }

    fn write(self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}{}", "", self.name(), indent = 2 * depth)?;
        if let Some(subject) = self.subject() {
            write!(f, " {}", Escaped(subject))?;
        }
        write!(f, ": {}", self.outcome())?;
        // What an element says is in the step's subject already.
        for (index, (name, value)) in self.step.what().shown().enumerate() {
            f.write_str(match index {
                0 if self.outcome().is_empty() => "(",
                0 => " (",
                _ => ", ",
            })?;
            write_detail(f, name, value)?;
        }
        if self.step.what().shown().next().is_some() {
            f.write_str(")")?;
        }
        writeln!(f)?;
        self.steps().try_for_each(|step| step.write(f, depth + 1))
    }
}

impl<'e> Steps<'e> {
    pub(super) fn new(rest: &'e [Step]) -> Self {
        Steps { rest }
    }
}

impl<'e> Iterator for Steps<'e> {
    type Item = StepRef<'e>;

    fn next(&mut self) -> Option<StepRef<'e>> {
        let (step, rest) = self.rest.split_first()?;
        let inner = usize::try_from(step.inner()).unwrap_or(usize::MAX);
        let (inner, rest) = rest.split_at_checked(inner).unwrap_or((rest, &[]));
        self.rest = rest;
        Some(StepRef { step, inner })
    }
}

impl FusedIterator for Steps<'_> {}

fn write_detail(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<ValueRef<'_>>,
) -> fmt::Result {
    match value.map(Value::from) {
        Some(value) => {
            let json = serde_json::to_string(&value).unwrap_or_default();
            write!(f, "{name} {}", Escaped(json))
        }
        None => write!(f, "{name} nothing"),
    }
}

impl fmt::Display for StepRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, f.width().unwrap_or_default())
    }
}

impl fmt::Debug for StepRef<'_> {
    /// Shows the step without its details, which hold attributes of the visitor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name())
            .field("subject", &self.subject())
            .field("outcome", &self.outcome())
            .field("steps", &self.steps())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Serialize for StepRef<'_> {
    /// Writes the details as members of the step; `absent` names those for which there was nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.name())?;
        if let Some(subject) = self.subject() {
            map.serialize_entry("subject", subject)?;
        }
        let mut absent = Vec::new();
        for (name, value) in self.details() {
            match value {
                Some(value) => map.serialize_entry(name, &Value::from(value))?,
                None => absent.push(name),
            }
        }
        if !absent.is_empty() {
            map.serialize_entry("absent", &absent)?;
        }
        map.serialize_entry("outcome", self.outcome())?;
        if !self.inner.is_empty() {
            map.serialize_entry("steps", &self.steps())?;
        }
        map.end()
    }
}

impl Serialize for Steps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.clone())
    }
}
