//! Reading fields tolerantly, with the JSON path at hand for whatever is wrong.

use std::fmt;

use smol_str::SmolStr;

use crate::diagnostic::Severity;
use crate::load::sink::Sink;
use crate::value::{Value, ValueRef};

/// A JSON path, spelled out only when something is wrong at its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value at its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'p, 'v> {
    pub(super) value: &'v Value<'v>,
    pub(super) path: &'p Path<'p>,
    pub(super) sink: &'p Sink,
}

impl<'v> Reader<'_, 'v> {
    /// Returns a member as it is: `None` when absent, `Some(Null)` when null.
    pub(super) fn raw(&self, name: &str) -> Option<&'v Value<'v>> {
        self.value.member(name)
    }

    /// Returns a member, null counting as absent.
    pub(super) fn field(&self, name: &str) -> Option<&'v Value<'v>> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// Records that the member `name` (or, with an empty name, this value) is wrong.
    pub(super) fn warn(&self, name: &str, reason: impl fmt::Display) {
        self.report(Severity::Warning, name, reason);
    }

    /// Records something harmless about the member `name`.
    pub(super) fn note(&self, name: &str, reason: impl fmt::Display) {
        self.report(Severity::Note, name, reason);
    }

    fn report(&self, severity: Severity, name: &str, reason: impl fmt::Display) {
        match name {
            "" => self.sink.push(severity, self.path, reason),
            name => self.sink.push(severity, Path::Field(self.path, name), reason),
        }
    }

    /// Reads an id or key: text, or a number as decimal text. Empty text is none.
    pub(super) fn id(&self, name: &str) -> Option<SmolStr> {
        let id = self.label(name)?;
        if id.is_empty() {
            self.warn(name, "empty");
            return None;
        }
        Some(id)
    }

    /// Reads the member `id` where the number 0 is none, as it is for ECMAScript.
    pub(super) fn true_id(&self) -> Option<SmolStr> {
        if self.field("id").and_then(|id| id.as_view().as_number()) == Some(0.0) {
            self.warn("id", "the number 0 is no id");
            return None;
        }
        self.id("id")
    }

    /// Reads a text that may be empty; numbers become decimal text.
    pub(super) fn label(&self, name: &str) -> Option<SmolStr> {
        let value = self.field(name)?;
        let label = label_of(value);
        if label.is_none() {
            self.warn(name, "neither text nor a number");
        }
        label
    }

    /// Reads the name shown to people.
    pub(super) fn name(&self) -> Option<SmolStr> {
        self.field("name").and_then(label_of)
    }

    /// Reads the member `type`.
    pub(super) fn kind(&self) -> Option<SmolStr> {
        self.field("type").and_then(label_of)
    }

    /// Reads a list; anything else that is present is reported and taken for an empty one.
    pub(super) fn list(&self, name: &str) -> &'v [Value<'v>] {
        match self.field(name) {
            None => &[],
            Some(Value::List(items)) => items,
            Some(_) => {
                self.warn(name, "not a list, ignored");
                &[]
            }
        }
    }

    /// Returns how many items a list has; anything else has none.
    pub(super) fn len_of(&self, name: &str) -> usize {
        match self.field(name) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        }
    }

    /// Reads a list of ids.
    pub(super) fn ids(&self, name: &str) -> Vec<SmolStr> {
        let items = self.list(name);
        let ids: Vec<SmolStr> = items.iter().filter_map(label_of).collect();
        if ids.len() < items.len() {
            self.warn(name, "holds items that are no ids, ignored");
        }
        ids
    }

    /// Calls `read` for every object of a list, with its place; other items are reported.
    pub(super) fn each(&self, name: &str, mut read: impl FnMut(Reader<'_, 'v>, usize)) {
        let path = Path::Field(self.path, name);
        for (index, value) in self.list(name).iter().enumerate() {
            let path = Path::Item(&path, index);
            let item = Reader { value, path: &path, sink: self.sink };
            if matches!(value, Value::Map(_)) {
                read(item, index);
            } else {
                item.warn("", "not an object, ignored");
            }
        }
    }
}

/// The text of an id, key or name.
pub(super) fn label_of(value: &Value<'_>) -> Option<SmolStr> {
    match value.as_view() {
        ValueRef::Text(text) => Some(SmolStr::from(text)),
        number @ (ValueRef::Integer(_) | ValueRef::Float(_)) => {
            Some(number.with_text(|text| SmolStr::from(text)))
        }
        _ => None,
    }
}
