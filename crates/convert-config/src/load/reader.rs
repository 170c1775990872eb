//! Reading fields tolerantly, with the JSON path at hand for whatever is wrong.

use std::cell::RefCell;
use std::fmt;

use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, Severity};
use crate::value::{Value, ValueRef};

/// Where diagnostics of one load are gathered; bounded, since a config is not to be trusted.
#[derive(Debug, Default)]
pub(super) struct Sink {
    diagnostics: RefCell<Vec<Diagnostic>>,
}

impl Sink {
    pub(super) fn push(&self, severity: Severity, path: String, reason: String) {
        let mut diagnostics = self.diagnostics.borrow_mut();
        if diagnostics.len() < MAX_DIAGNOSTICS {
            diagnostics.push(Diagnostic { path, reason, severity });
        } else if diagnostics.len() == MAX_DIAGNOSTICS {
            let reason = format!("more than {MAX_DIAGNOSTICS} diagnostics; the rest are left out");
            diagnostics.push(Diagnostic { path, reason, severity: Severity::Warning });
        }
    }

    pub(super) fn into_diagnostics(self) -> Box<[Diagnostic]> {
        self.diagnostics.into_inner().into()
    }
}

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
    pub(super) fn warn(&self, name: &str, reason: impl Into<String>) {
        self.report(Severity::Warning, name, reason);
    }

    /// Records something harmless about the member `name`.
    pub(super) fn note(&self, name: &str, reason: impl Into<String>) {
        self.report(Severity::Note, name, reason);
    }

    fn report(&self, severity: Severity, name: &str, reason: impl Into<String>) {
        let path = match name {
            "" => self.path.to_string(),
            name => Path::Field(self.path, name).to_string(),
        };
        self.sink.push(severity, path, reason.into());
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

    /// Reads a text that may be empty; numbers become decimal text.
    pub(super) fn label(&self, name: &str) -> Option<SmolStr> {
        let value = self.field(name)?;
        let label = label_of(value);
        if label.is_none() {
            self.warn(name, "neither text nor a number");
        }
        label
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

    /// Reads a list of ids.
    pub(super) fn ids(&self, name: &str) -> Vec<SmolStr> {
        let items = self.list(name);
        let ids: Vec<SmolStr> = items.iter().filter_map(label_of).collect();
        if ids.len() < items.len() {
            self.warn(name, "holds items that are no ids, ignored");
        }
        ids
    }

    /// Calls `read` for every object of a list, with its path; other items are reported.
    pub(super) fn each(&self, name: &str, mut read: impl FnMut(Reader<'_, 'v>)) {
        let path = Path::Field(self.path, name);
        for (index, value) in self.list(name).iter().enumerate() {
            let path = Path::Item(&path, index);
            let item = Reader { value, path: &path, sink: self.sink };
            if matches!(value, Value::Map(_)) {
                read(item);
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

/// More faults than this help nobody.
const MAX_DIAGNOSTICS: usize = 1_000;
