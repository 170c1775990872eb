//! What steps are about and what they saw.

use std::sync::Arc;

use convert_bucketing::value_from_hash;
use convert_config::rule::Element;
use convert_config::{Outline, Value, ValueRef};
use smol_str::SmolStr;

/// What a step is about and what it saw, as it is recorded: while deciding, nothing is put into words
/// that can be put into words when somebody asks.
#[derive(Clone)]
pub(super) enum What {
    Named(&'static str),
    Fixed(&'static Head),
    About(&'static Head, SmolStr),
    /// The environment an experience is limited to, and whether that is the one given; otherwise none
    /// is.
    Environment {
        wanted: SmolStr,
        is_given: bool,
    },
    Rule {
        element: Element,
        saw: Option<Value<'static>>,
    },
    Exclusion {
        key: SmolStr,
        is_negated: bool,
        is_assigned: bool,
        is_unknown: bool,
    },
    Bucketing {
        hash: u32,
        outline: Arc<Outline>,
    },
    Detailed(Box<Detailed>),
}

/// What is the same in all steps of a kind.
pub(super) struct Head {
    pub(super) name: &'static str,
    pub(super) details: &'static [Shown<'static>],
}

/// A name and a value; `None` where there is nothing, in contrast to a null.
pub(super) type Shown<'s> = (&'static str, Option<ValueRef<'s>>);

/// A step with further details, which few have.
#[derive(Clone)]
pub(super) struct Detailed {
    /// Anything but another of these.
    what: What,
    details: Vec<(&'static str, Option<Value<'static>>)>,
}

impl What {
    pub(super) fn name(&self) -> &'static str {
        match self {
            What::Named(name) => name,
            What::Fixed(head) | What::About(head, _) => head.name,
            What::Environment { .. } => "environment",
            What::Rule { .. } => "rule",
            What::Exclusion { .. } => "bucketed into",
            What::Bucketing { .. } => "bucketing",
            What::Detailed(detailed) => detailed.what.name(),
        }
    }

    pub(super) fn subject(&self) -> Option<&str> {
        match self {
            What::About(_, subject) | What::Exclusion { key: subject, .. } => Some(subject),
            What::Rule { element, .. } => Some(element.text()),
            What::Detailed(detailed) => detailed.what.subject(),
            What::Named(_) | What::Fixed(_) | What::Environment { .. } | What::Bucketing { .. } => {
                None
            }
        }
    }

    /// Adds a detail.
    pub(super) fn with(self, name: &'static str, value: Option<Value<'static>>) -> Self {
        let mut detailed = match self {
            What::Detailed(detailed) => detailed,
            what => Box::new(Detailed { what, details: Vec::new() }),
        };
        detailed.details.push((name, value));
        What::Detailed(detailed)
    }

    /// Returns what an element says, by name; what it does not say is left out.
    pub(super) fn said(&self) -> impl Iterator<Item = Shown<'_>> {
        let element = match self.parts() {
            (What::Rule { element, .. }, _) => Some(element),
            _ => None,
        };
        element.into_iter().flat_map(said_by)
    }

    /// Returns everything else by name.
    pub(super) fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        let (what, added) = self.parts();
        let fixed: &[Shown<'_>] = match what {
            What::Fixed(head) | What::About(head, _) => head.details,
            _ => &[],
        };
        let added = added.iter().map(|(name, value)| (*name, value.as_ref().map(Value::as_view)));
        fixed.iter().copied().chain(what.found().into_iter().flatten()).chain(added)
    }

    /// Returns what the step found out itself.
    fn found(&self) -> [Option<Shown<'_>>; 5] {
        let text = |text| Some(ValueRef::Text(text));
        match self {
            What::Environment { wanted, is_given } => {
                let given = is_given.then_some(ValueRef::Text(wanted));
                [Some(("experience", text(wanted))), Some(("given", given)), None, None, None]
            }
            What::Rule { saw, .. } => {
                [Some(("saw", saw.as_ref().map(Value::as_view))), None, None, None, None]
            }
            What::Exclusion { is_negated, is_assigned, is_unknown, .. } => {
                let negated = Some(("negated", Some(ValueRef::Bool(*is_negated))));
                let assigned = Some(("assigned", Some(ValueRef::Bool(*is_assigned))));
                let why = is_unknown.then_some(("why", text("no such experience")));
                [negated, assigned, why, None, None]
            }
            What::Bucketing { hash, outline } => {
                let bucket = value_from_hash(*hash);
                let arm = outline.buckets().arm_at(bucket).map(|arm| {
                    outline.variation_key(arm).or(outline.variation_id(arm)).unwrap_or_default()
                });
                [
                    Some(("hash", Some(ValueRef::Integer((*hash).into())))),
                    Some(("bucket", Some(ValueRef::Integer(bucket.into())))),
                    Some(("layout", text(outline.buckets().layout().name()))),
                    Some(("ranges", Some(outline.ranges_in_words().as_view()))),
                    Some(("arm", arm.map(ValueRef::Text))),
                ]
            }
            What::Named(_) | What::Fixed(_) | What::About(..) | What::Detailed(_) => [None; 5],
        }
    }

    fn parts(&self) -> (&What, &[(&'static str, Option<Value<'static>>)]) {
        match self {
            What::Detailed(detailed) => (&detailed.what, &detailed.details),
            what => (what, &[]),
        }
    }
}

fn said_by(element: &Element) -> impl Iterator<Item = Shown<'_>> {
    let said = [
        ("rule_type", element.rule_type().map(ValueRef::Text)),
        ("attribute", element.key().map(ValueRef::Text)),
        ("operator", element.operator().map(ValueRef::Text)),
        ("negated", Some(ValueRef::Bool(element.is_negated()))),
        ("operand", Some(element.operand().as_view())),
    ];
    said.into_iter().filter(|(_, value)| !matches!(value, None | Some(ValueRef::Null)))
}
