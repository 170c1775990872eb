//! The operators of rules, with their constants normalised.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::ecma::{self, Lowered, as_rule_number, compare_utf16};
use crate::pattern::Pattern;
use crate::rule::{Options, StepBudget};
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
    /// The steps of the decision or pass are used up; see [`StepBudget`].
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
    /// Compares `value` with the constant, with a budget of its own; `None` stands for a missing
    /// attribute.
    pub fn verdict(&self, value: Option<ValueRef<'_>>) -> Verdict {
        self.verdict_within(value, &StepBudget::new())
    }

    /// Compares `value` with the constant as long as the budget lasts; `None` stands for a missing
    /// attribute.
    ///
    /// ```
    /// use convert_config::ValueRef;
    /// use convert_config::rule::{Flaw, StepBudget, Test, Verdict};
    ///
    /// let text = "a".repeat(1_000);
    /// let verdict = Test::Exists.verdict_within(Some(ValueRef::Text(&text)), &StepBudget::with_steps(9));
    /// assert_eq!(verdict, Verdict::Impossible(Flaw::StepLimit));
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub fn verdict_within(&self, value: Option<ValueRef<'_>>, budget: &StepBudget) -> Verdict {
        let Some(value) = value else {
            return self.verdict_on_absent();
        };
        if !self.affords(value, budget) {
            return Verdict::Impossible(Flaw::StepLimit);
        }
        match self {
            Test::Equals(operand) => operand.equals(value).into(),
            Test::Contains(None) => Verdict::Holds,
            Test::Contains(Some(part)) => value.with_text(|text| part.is_within(text)).into(),
            Test::StartsWith(head) => value.with_text(|text| head.starts(text)).into(),
            Test::EndsWith(tail) => value.with_text(|text| tail.ends(text)).into(),
            Test::Less { operand, or_equal } => operand.orders(value, *or_equal),
            Test::IsIn(options) => value.with_text(|text| options.meet(text)).into(),
            Test::Regex(pattern) => value.with_text(|text| searches(pattern, text, budget)),
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

    /// Takes the steps of looking at `value`, and returns whether there were as many.
    #[inline]
    fn affords(&self, value: ValueRef<'_>, budget: &StepBudget) -> bool {
        match value {
            ValueRef::Text(text) if text.len() < LONG => true,
            ValueRef::Text(_) | ValueRef::List(_) | ValueRef::Map(_) => {
                budget.spend(self.steps_for(value))
            }
            _ => true,
        }
    }

    #[cold]
    fn steps_for(&self, value: ValueRef<'_>) -> u64 {
        let parts = match (self, value) {
            // Each part between bars is looked for among the options.
            (Test::IsIn(_), ValueRef::Text(text)) => text.bytes().filter(|b| *b == b'|').count(),
            // Lists and maps are compared with the text form of the constant.
            (
                Test::Equals(operand) | Test::Less { operand, .. },
                ValueRef::List(_) | ValueRef::Map(_),
            ) => operand.lowered.as_str().len() / BYTES_A_STEP / STEPS_A_PART,
            _ => 0,
        };
        (parts * STEPS_A_PART) as u64 + size_of(value) / BYTES_A_STEP as u64
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
            Flaw::StepLimit => "step limit reached",
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

/// About how many bytes a comparison reads of a value.
fn size_of(value: ValueRef<'_>) -> u64 {
    let of = |value: &Value<'_>| ITEM + size_of(value.as_view());
    match value {
        ValueRef::Text(text) => text.len() as u64,
        ValueRef::List(items) => items.iter().map(of).sum(),
        ValueRef::Map(members) => members.iter().map(|(name, _)| ITEM + name.len() as u64).sum(),
        _ => 0,
    }
}

fn searches(pattern: &Pattern, text: &str, budget: &StepBudget) -> Verdict {
    match pattern.is_match_within(&ecma::lower(text), budget) {
        Ok(found) => found.into(),
        Err(_) => Verdict::Impossible(Flaw::StepLimit),
    }
}

/// Shorter texts are part of the one step that an element takes.
const LONG: usize = 64;
/// How many bytes of a text are read in the time of a step.
const BYTES_A_STEP: usize = 8;
/// What an item of a list takes besides its text, in bytes.
const ITEM: u64 = 32;
/// What looking for a part among options takes.
const STEPS_A_PART: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_of_a_list_counts_although_its_items_are_empty() {
        let items = |count: usize| Value::from(vec![""; count]);
        assert_eq!(size_of(items(0).as_view()), 0);
        assert_eq!(size_of(items(3).as_view()), 3 * ITEM);
        assert_eq!(size_of(Value::from(vec!["four"; 3]).as_view()), 3 * (ITEM + 4));
        let members: Value<'_> = serde_json::from_str(r#"{"": 1, "four": 2}"#).unwrap_or_default();
        assert_eq!(size_of(members.as_view()), 2 * ITEM + 4);
    }
}
