//! One step of an evaluation.

use std::fmt;

use convert_bucketing::BucketRange;
use convert_config::rule::Element;
use convert_config::{Experience, Identified, Value, ValueRef, Variation};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// One step of an evaluation: a gate, a rule element, the choice of a variation.
///
/// ```
/// use convert_decision::Step;
///
/// let step = Step::new("environment").detail("given", "staging");
/// assert_eq!(step.name(), "environment");
/// assert_eq!(step.to_string(), "environment: (given \"staging\")\n");
/// ```
#[derive(Clone, PartialEq)]
pub struct Step {
    name: &'static str,
    subject: Option<String>,
    details: Vec<(&'static str, Value<'static>)>,
    outcome: &'static str,
    steps: Vec<Step>,
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
            self.details.push((name, value.into_owned()));
        }
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

    /// Returns the details by name.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, &Value<'static>)> {
        self.details.iter().map(|(name, value)| (*name, value))
    }

    /// Returns how the step ended.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// Returns the inner steps in the order they were taken.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds texts, unless there are none.
    pub(crate) fn list<T: AsRef<str>>(
        self,
        name: &'static str,
        texts: impl Iterator<Item = T>,
    ) -> Self {
        let texts: Vec<String> = texts.map(|text| text.as_ref().to_owned()).collect();
        if texts.is_empty() { self } else { self.detail(name, texts) }
    }

    pub(crate) fn named(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    pub(crate) fn about(self, entity: &impl Identified) -> Self {
        self.named(entity.key().unwrap_or(entity.id()))
    }

    pub(crate) fn about_variation(self, variation: &Variation) -> Self {
        self.named(variation.key().or(variation.id()).unwrap_or_default())
    }

    /// A comparison, with the attribute as it was seen.
    pub(crate) fn comparison(element: &Element, value: Option<ValueRef<'_>>) -> Self {
        let step = Step::new("rule").named(&element.to_string());
        match value {
            Some(value) => step.kept("saw", Value::from(value).into_owned()),
            None => step.detail("absent", true),
        }
    }

    /// The choice by hash: the bucket, the ranges it was looked up in, and the arm found.
    pub(crate) fn bucketing(
        experience: &Experience,
        visitor_id: &str,
        chosen: Option<&Variation>,
    ) -> Self {
        let buckets = experience.buckets();
        let name = |arm: &Variation| arm.key().or(arm.id()).unwrap_or_default().to_owned();
        let range = |(range, arm): (BucketRange, usize)| {
            let arm = experience.variations().get(arm).map(name).unwrap_or_default();
            format!("{arm} [{}, {})", range.start(), range.end())
        };
        let ranges: Vec<String> = buckets.ranges().map(range).collect();
        Step::new("bucketing")
            .detail("hash", buckets.hasher().hash(visitor_id))
            .detail("bucket", buckets.bucket_value(visitor_id))
            .detail("layout", buckets.layout().to_string())
            .detail("ranges", ranges)
            .detail("falls on", chosen.map(name))
    }

    pub(crate) fn kept(mut self, name: &'static str, value: Value<'static>) -> Self {
        self.details.push((name, value));
        self
    }

    pub(crate) fn end(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}{}", "", self.name, indent = 2 * depth)?;
        if let Some(subject) = &self.subject {
            write!(f, " {subject}")?;
        }
        write!(f, ": {}", self.outcome)?;
        if !self.details.is_empty() {
            f.write_str(if self.outcome.is_empty() { "(" } else { " (" })?;
            for (index, (name, value)) in self.details.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(
                    f,
                    "{separator}{name} {}",
                    serde_json::to_string(value).unwrap_or_default()
                )?;
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
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.name)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject)?;
        }
        for (name, value) in &self.details {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("outcome", self.outcome)?;
        if !self.steps.is_empty() {
            map.serialize_entry("steps", &self.steps)?;
        }
        map.end()
    }
}
