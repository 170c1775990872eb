//! The operators of rules, with their constants normalised.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::ecma::{self, Lowered, as_rule_number, compare_utf16};
use crate::pattern::Pattern;
use crate::rule::Options;
use crate::short_text::ShortText;
use crate::value::{Value, ValueRef};

/// A comparison whose constant has been prepared for it.
///
/// ```
/// use convert_config::ValueRef;
/// use convert_config::rule::{Test, Verdict};
///
/// assert_eq!(Test::Exists.verdict(Some(ValueRef::Text("any"))), Verdict::Holds);
/// assert_eq!(Test::Exists.verdict(None), Verdict::Fails);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Test {
    /// `equals`, `equalsNumber`, `matches`: the same text in any case, or membership.
    Equals(Operand),
    /// `contains`; `None` where the constant is blank and everything contains it.
    Contains(Option<Lowered>),
    /// `startsWith`.
    StartsWith(Lowered),
    /// `endsWith`.
    EndsWith(Lowered),
    /// `less` and `lessEqual`.
    Less {
        /// The constant to compare with.
        operand: Operand,
        /// Whether equality suffices.
        or_equal: bool,
    },
    /// `isIn`: one of these lower-cased texts.
    IsIn(Options),
    /// `regexMatches`.
    Regex(Arc<Pattern>),
    /// `exists`.
    Exists,
    /// `doesNotExist`, and `not_exists`, which says nothing about a missing attribute.
    DoesNotExist {
        /// Whether a missing attribute counts.
        absent_counts: bool,
    },
    /// The element can match nobody.
    Never(Flaw),
}

/// A constant in every form that comparisons need.
///
/// ```
/// use std::sync::Arc;
///
/// use convert_config::rule::{Operand, Test, Verdict};
/// use convert_config::{Value, ValueRef};
///
/// let test = Test::Equals(Operand::new(Arc::new(Value::from("Pro"))));
/// assert_eq!(test.verdict(Some(ValueRef::Text("PRO"))), Verdict::Holds);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    lowered: Lowered,
    number: Option<f64>,
    value: Arc<Value<'static>>,
}

/// Why an element can match nobody, or could not be compared.
///
/// ```
/// use convert_config::rule::{Flaw, Test, Verdict};
///
/// let test = Test::Never(Flaw::UnknownOperator);
/// assert_eq!(test.verdict(None), Verdict::Impossible(Flaw::UnknownOperator));
/// assert_eq!(Flaw::UnknownOperator.to_string(), "unknown operator");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The element is not an object with `matching.match_type`, `matching.negated` and `value`.
    Malformed,
    /// The operator is none of the family's.
    UnknownOperator,
    /// The regular expression is invalid or too costly.
    BadPattern,
    /// The attribute is missing.
    Missing,
    /// The two sides are of different types.
    TypeMismatch,
    /// The regular expression gave up on this text.
    StepLimit,
}

/// The outcome of a comparison, before negation.
///
/// ```
/// use convert_config::rule::{Flaw, Verdict};
///
/// assert!(Verdict::Fails.is_match(true));
/// assert!(!Verdict::Impossible(Flaw::Missing).is_match(true));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a comparison holds, fails or is impossible")]
pub enum Verdict {
    /// The comparison holds.
    Holds,
    /// The comparison does not hold.
    Fails,
    /// There was nothing to compare; the element is false, negated or not.
    Impossible(Flaw),
}

impl Test {
    /// Compares `value` with the constant; `None` stands for a missing attribute.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub fn verdict(&self, value: Option<ValueRef<'_>>) -> Verdict {
        let Some(value) = value else {
            return self.verdict_on_absent();
        };
        match self {
            Test::Equals(operand) => operand.equals(value).into(),
            Test::Contains(None) => Verdict::Holds,
            Test::Contains(Some(part)) => value.with_text(|text| part.is_within(text)).into(),
            Test::StartsWith(head) => value.with_text(|text| head.starts(text)).into(),
            Test::EndsWith(tail) => value.with_text(|text| tail.ends(text)).into(),
            Test::Less { operand, or_equal } => operand.orders(value, *or_equal),
            Test::IsIn(options) => value.with_text(|text| options.meet(text)).into(),
            Test::Regex(pattern) => value.with_text(|text| searches(pattern, text)),
            Test::Exists => exists(value).into(),
            Test::DoesNotExist { .. } => (!exists(value)).into(),
            Test::Never(flaw) => Verdict::Impossible(*flaw),
        }
    }

    /// Compares a text with the constant without reading it; `None` where it has to be read.
    ///
    /// ```
    /// use convert_config::ShortText;
    /// use convert_config::rule::{Options, Test, Verdict};
    ///
    /// let countries: Options = ["us", "de"].into_iter().map(Box::from).collect();
    /// let verdict = ShortText::of("de").and_then(|de| Test::IsIn(countries).verdict_on_short(de));
    /// assert_eq!(verdict, Some(Verdict::Holds));
    /// assert_eq!(ShortText::of("de").and_then(|de| Test::Contains(None).verdict_on_short(de)), None);
    /// ```
    #[inline]
    pub fn verdict_on_short(&self, text: ShortText) -> Option<Verdict> {
        match self {
            Test::Equals(operand) => Some(operand.lowered.equals_short(text).into()),
            Test::IsIn(options) => Some(options.contain_short(text).into()),
            _ => None,
        }
    }

    fn verdict_on_absent(&self) -> Verdict {
        match self {
            Test::Exists => Verdict::Fails,
            Test::DoesNotExist { absent_counts: true } => Verdict::Holds,
            Test::Never(flaw) => Verdict::Impossible(*flaw),
            _ => Verdict::Impossible(Flaw::Missing),
        }
    }
}

impl Operand {
    /// Prepares a constant.
    pub fn new(value: impl Into<Arc<Value<'static>>>) -> Self {
        let value = value.into();
        let lowered = value.as_view().with_text(Lowered::new);
        Operand { lowered, number: as_rule_number(value.as_view()), value }
    }

    /// Membership for lists and maps with members, text equality in any case for the rest.
    fn equals(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::List(items) => {
                items.iter().any(|item| item.as_view().strictly_equals(self.value.as_view()))
            }
            ValueRef::Map(members) if !members.is_empty() => {
                let wanted = self.value.as_view().to_text();
                members.iter().any(|(name, _)| **name == *wanted)
            }
            other => other.with_text(|text| self.lowered.equals(text)),
        }
    }

    /// Whether `value` comes before the constant, in the order of the type both share.
    #[inline]
    fn orders(&self, value: ValueRef<'_>, or_equal: bool) -> Verdict {
        match (value, self.number) {
            (ValueRef::Integer(left), Some(right)) => {
                #[expect(clippy::cast_precision_loss, reason = "rules compare numbers as doubles")]
                let left = left as f64;
                (left < right || (or_equal && left <= right)).into()
            }
            _ => self.orders_any(value, or_equal),
        }
    }

    fn orders_any(&self, value: ValueRef<'_>, or_equal: bool) -> Verdict {
        let constant = self.value.as_view();
        let order = match (as_rule_number(value), self.number) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            (None, None) => match (value, constant) {
                (ValueRef::Text(left), ValueRef::Text(right)) => Some(compare_utf16(left, right)),
                (ValueRef::Bool(left), ValueRef::Bool(right)) => Some(left.cmp(&right)),
                (left, right) if is_object(left) && is_object(right) => order_objects(left, right),
                // What is left of numbers here is NaN and infinities.
                (left, right) => match (left.as_number(), right.as_number()) {
                    (Some(left), Some(right)) => left.partial_cmp(&right),
                    _ => return Verdict::Impossible(Flaw::TypeMismatch),
                },
            },
            (Some(left), None) => match constant.as_number() {
                Some(right) => left.partial_cmp(&right),
                None => return Verdict::Impossible(Flaw::TypeMismatch),
            },
            (None, Some(right)) => match value.as_number() {
                Some(left) => left.partial_cmp(&right),
                None => return Verdict::Impossible(Flaw::TypeMismatch),
            },
        };
        match order {
            Some(Ordering::Less) => Verdict::Holds,
            Some(Ordering::Equal) => or_equal.into(),
            Some(Ordering::Greater) | None => Verdict::Fails,
        }
    }
}

impl Verdict {
    /// Returns whether an element with this verdict matches, given whether it is negated.
    #[inline]
    pub fn is_match(self, negated: bool) -> bool {
        match self {
            Verdict::Holds => !negated,
            Verdict::Fails => negated,
            Verdict::Impossible(_) => false,
        }
    }
}

impl From<bool> for Verdict {
    #[inline]
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

impl Flaw {
    /// Returns what is wrong, as [`Display`](fmt::Display) writes it.
    ///
    /// ```
    /// use convert_config::rule::Flaw;
    ///
    /// assert_eq!(Flaw::TypeMismatch.text(), "types differ");
    /// ```
    pub fn text(self) -> &'static str {
        match self {
            Flaw::Malformed => "malformed element",
            Flaw::UnknownOperator => "unknown operator",
            Flaw::BadPattern => "unusable pattern",
            Flaw::Missing => "no such attribute",
            Flaw::TypeMismatch => "types differ",
            Flaw::StepLimit => "pattern gave up",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Whether ECMAScript's `typeof` says `object`.
fn is_object(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Null | ValueRef::List(_) | ValueRef::Map(_))
}

/// ECMAScript's order of two objects: by text, or by number once one side is null.
fn order_objects(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<Ordering> {
    if matches!(left, ValueRef::Null) || matches!(right, ValueRef::Null) {
        return ecma::to_number(left).partial_cmp(&ecma::to_number(right));
    }
    Some(compare_utf16(&left.to_text(), &right.to_text()))
}

fn exists(value: ValueRef<'_>) -> bool {
    !matches!(value, ValueRef::Null | ValueRef::Text(""))
}

fn searches(pattern: &Pattern, text: &str) -> Verdict {
    match pattern.is_match(&ecma::lower(text)) {
        Ok(found) => found.into(),
        Err(_) => Verdict::Impossible(Flaw::StepLimit),
    }
}
