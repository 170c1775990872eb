//! One step of an evaluation.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use convert_config::rule::Element;
use convert_config::{Value, ValueRef};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use smol_str::SmolStr;

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
    subject: Option<About>,
    details: Vec<Detail>,
    outcome: &'static str,
    steps: Vec<Step>,
}

/// What a step is about.
#[derive(Clone)]
enum About {
    Text(SmolStr),
    /// An element of rules. What it says is put into words when somebody asks.
    Element(Element),
}

/// One detail of a step.
#[derive(Clone)]
struct Detail {
    name: &'static str,
    /// `None` where there is nothing, in contrast to a null.
    value: Option<Shown>,
}

/// The value of a detail.
#[derive(Clone)]
enum Shown {
    Own(Value<'static>),
    /// What the config says whoever is decided for.
    Shared(Arc<Value<'static>>),
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
            self.add(name, Some(Shown::Own(value.into_owned())));
        }
        self
    }

    /// Adds what was seen where something might have been; nulls are kept, and so is that there was
    /// nothing at all.
    #[must_use]
    pub fn seen(mut self, name: &'static str, value: Option<Value<'_>>) -> Self {
        self.add(name, value.map(|value| Shown::Own(value.into_owned())));
        self
    }

    /// Returns what kind of step this is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what the step is about: an entity's key, or the text of a comparison.
    pub fn subject(&self) -> Option<&str> {
        match self.subject.as_ref()? {
            About::Text(text) => Some(text),
            About::Element(element) => Some(element.text()),
        }
    }

    /// Returns the details by name; `None` where there was nothing, in contrast to a null.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, Option<ValueRef<'_>>)> {
        let element = match &self.subject {
            Some(About::Element(element)) => Some(element),
            Some(About::Text(_)) | None => None,
        };
        let said = element.into_iter().flat_map(said_by);
        let said = said.map(|(name, value)| (name, Some(value)));
        said.chain(self.details.iter().map(|detail| (detail.name, detail.view())))
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
        self.subject = Some(About::Text(SmolStr::new(subject)));
        self
    }

    /// Names the step after an element of rules, what it says included.
    pub(super) fn named_after(mut self, element: &Element) -> Self {
        self.subject = Some(About::Element(element.clone()));
        self
    }

    /// Adds a detail that the config has for all visitors.
    pub(super) fn shared(mut self, name: &'static str, value: Arc<Value<'static>>) -> Self {
        self.add(name, Some(Shown::Shared(value)));
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

    fn add(&mut self, name: &'static str, value: Option<Shown>) {
        self.details.push(Detail { name, value });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}{}", "", self.name, indent = 2 * depth)?;
        if let Some(subject) = self.subject() {
            write!(f, " {}", OneLine(subject))?;
        }
        write!(f, ": {}", self.outcome)?;
        // What an element says is in the step's subject already.
        if !self.details.is_empty() {
            f.write_str(if self.outcome.is_empty() { "(" } else { " (" })?;
            for (index, detail) in self.details.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(f, "{separator}{detail}")?;
            }
            f.write_str(")")?;
        }
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| step.write(f, depth + 1))
    }
}

impl Detail {
    fn view(&self) -> Option<ValueRef<'_>> {
        match self.value.as_ref()? {
            Shown::Own(value) => Some(value.as_view()),
            Shown::Shared(value) => Some(value.as_view()),
        }
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.view() == other.view()
    }
}

impl PartialEq for About {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (About::Text(one), About::Text(other)) => one == other,
            (About::Element(one), About::Element(other)) => said_by(one).eq(said_by(other)),
            _ => false,
        }
    }
}

/// What an element says, by name; what it does not say is left out.
fn said_by(element: &Element) -> impl Iterator<Item = (&'static str, ValueRef<'_>)> {
    let said = [
        ("rule_type", element.rule_type().map(ValueRef::Text)),
        ("attribute", element.key().map(ValueRef::Text)),
        ("operator", element.operator().map(ValueRef::Text)),
        ("negated", Some(ValueRef::Bool(element.is_negated()))),
        ("operand", Some(element.operand().as_view())),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
    said.filter(|(_, value)| !matches!(value, ValueRef::Null))
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
        match self.view().map(Value::from) {
            Some(value) => {
                let value = serde_json::to_string(&value).unwrap_or_default();
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
            .field("subject", &self.subject())
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
        map.serialize_entry("outcome", self.outcome)?;
        if !self.steps.is_empty() {
            map.serialize_entry("steps", &self.steps)?;
        }
        map.end()
    }
}
