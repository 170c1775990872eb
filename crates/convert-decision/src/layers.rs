//! The attributes that rules see: the call's over the context's over the record's segments.

use std::fmt;

use convert_config::rule::{Element, StepBudget, Verdict};
use convert_config::{Mark, Value, ValueRef};

use crate::attributes::{Attributes, Entry};
use crate::record::Segments;

/// What rules see of a visitor: a call's attributes over the context's, and report segments.
///
/// A layer replaces attributes by name. Report segments that the context was given are taken to be
/// in the visitor's record as well; where both have one, the record is the newer.
///
/// ```
/// use convert_config::{Mark, Value, ValueRef};
/// use convert_decision::{AttributeLayers, attributes};
///
/// let own = attributes! { "plan" => "free", "age" => 42 };
/// let call = [("plan", Value::from("pro"))];
/// let layers = AttributeLayers::new(&own).with_call(&call);
/// assert_eq!(layers.find("plan"), Some(ValueRef::Text("pro")));
/// assert_eq!(layers.find("age"), Some(ValueRef::Integer(42)));
/// ```
#[derive(Clone, Copy)]
pub struct AttributeLayers<'v> {
    call: &'v [(&'v str, Value<'v>)],
    own: &'v Attributes,
    segments: Option<&'v Segments>,
}

/// One of the attributes that rules see: of the context or the record, or of the call.
#[derive(Clone, Copy)]
pub(crate) enum Layered<'v> {
    Stored(&'v Entry),
    OfCall(&'v Value<'v>),
}

impl<'v> AttributeLayers<'v> {
    /// Starts from the context's attributes.
    #[inline]
    pub fn new(own: &'v Attributes) -> Self {
        AttributeLayers { call: &[], own, segments: None }
    }

    /// Lays a call's attributes on top.
    #[must_use]
    #[inline]
    pub fn with_call(self, call: &'v [(&'v str, Value<'v>)]) -> Self {
        AttributeLayers { call, ..self }
    }

    /// Adds the report segments of the visitor's record.
    #[must_use]
    #[inline]
    pub fn with_segments(self, segments: &'v Segments) -> Self {
        AttributeLayers { segments: Some(segments), ..self }
    }

    /// Returns the value that rules see under exactly this name.
    pub fn find(&self, name: &str) -> Option<ValueRef<'v>> {
        self.find_marked(Mark::of(name), || name).map(Layered::value)
    }

    /// Returns what an element of rules is about.
    #[inline]
    pub(crate) fn find_for(&self, element: &Element) -> Option<Layered<'v>> {
        if !element.has_key() {
            return None;
        }
        self.find_marked(element.mark(), || element.key().unwrap_or_default())
    }

    /// Returns how many steps an element takes: one, and more for a long key, or where a call has many
    /// attributes, which are looked through one by one.
    #[inline]
    pub(crate) fn steps_to_find(&self, element: &Element) -> u64 {
        1 + (self.call.len() + element.mark().length()) as u64 / 64
    }

    fn find_marked<'n>(&self, mark: Mark, name: impl Fn() -> &'n str) -> Option<Layered<'v>> {
        let called = self.call.iter().rev().find(|(known, _)| *known == name());
        if let Some((_, value)) = called {
            return Some(Layered::OfCall(value));
        }
        let recorded = self.segments.and_then(|segments| segments.find_marked(mark, &name));
        recorded.or_else(|| self.own.find(mark, name)).map(Layered::Stored)
    }
}

impl<'v> Layered<'v> {
    #[inline]
    pub(crate) fn value(self) -> ValueRef<'v> {
        match self {
            Layered::Stored(entry) => entry.value(),
            Layered::OfCall(value) => value.as_view(),
        }
    }

    /// Compares with an element's constant.
    #[inline]
    pub(crate) fn verdict(self, element: &Element, budget: &StepBudget) -> Verdict {
        match self {
            Layered::Stored(entry) => entry.verdict(element, budget),
            Layered::OfCall(value) => element.test().verdict_within(Some(value.as_view()), budget),
        }
    }
}

impl fmt::Debug for AttributeLayers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call: Vec<_> = self.call.iter().map(|(name, _)| name).collect();
        f.debug_struct("AttributeLayers")
            .field("call", &call)
            .field("own", self.own)
            .field("segments", &self.segments)
            .finish()
    }
}
