//! Compiled rules: what audiences, locations, segments and goals ask of a visitor.

use std::fmt;
use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

mod budget;
mod operator;
mod options;
mod remark;

pub use self::budget::StepBudget;
pub use self::operator::{Flaw, Operand, Test, Verdict};
pub use self::options::Options;
pub(crate) use self::remark::remark_on;

use crate::escape::Escaped;
use crate::mark::Mark;
use crate::value::{Value, ValueRef};

/// A rule tree: one branch must hold; in it every block; in each block at least one element.
///
/// A level that is missing or empty in the config holds for nobody.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///         {"key": "plan", "value": "Pro", "matching": {"match_type": "equals", "negated": false}}]}]}]}}]}"#,
/// )?;
/// let rules = config.audiences()[0].rules();
/// assert!(rules.is_some_and(|rules| rules.elements().len() == 1 && rules.exclusion().is_none()));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RuleTree {
    // The levels lie flat, so that walking them reads memory in order.
    elements: Box<[Element]>,
    /// Where in `elements` each block ends.
    blocks: Box<[u32]>,
    /// Where in `blocks` each branch ends.
    branches: Box<[u32]>,
    pub(crate) exclusion: Option<Box<Exclusion>>,
}

/// One alternative of a [`RuleTree`] (`AND` in the config): all its blocks must hold.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///         {"key": "plan", "value": "Pro", "matching": {"match_type": "equals", "negated": false}}]}]}]}}]}"#,
/// )?;
/// let mut branches = config.audiences()[0].rules().into_iter().flat_map(|rules| rules.branches());
/// assert!(branches.all(|branch| branch.blocks().count() == 1 && !branch.is_empty()));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Branch<'r> {
    elements: &'r [Element],
    from: u32,
    ends: &'r [u32],
}

/// One requirement of a [`Branch`] (`OR_WHEN` in the config): any element suffices.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///         {"key": "plan", "value": "Pro", "matching": {"match_type": "equals", "negated": false}}]}]}]}}]}"#,
/// )?;
/// let branches = config.audiences()[0].rules().into_iter().flat_map(|rules| rules.branches());
/// let mut blocks = branches.flat_map(|branch| branch.blocks());
/// assert!(blocks.all(|block| block.elements().len() == 1));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Block<'r> {
    elements: &'r [Element],
}

/// One comparison of an attribute with a constant.
///
/// ```
/// use convert_config::{ProjectConfig, ValueRef};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///         {"key": "plan", "value": "Pro", "matching": {"match_type": "equals", "negated": false}}]}]}]}}]}"#,
/// )?;
/// for element in config.audiences()[0].rules().into_iter().flat_map(|rules| rules.elements()) {
///     assert_eq!(element.to_string(), "plan equals \"Pro\"");
///     assert!(element.matches(Some(ValueRef::Text("PRO"))) && !element.matches(None));
/// }
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Element {
    condition: Arc<Condition>,
}

/// What an element says; equal ones of a project are one, so that much of it stays in the caches.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) mark: Mark,
    pub(crate) test: Test,
    pub(crate) has_key: bool,
    pub(crate) negated: bool,
    pub(crate) key: Option<SmolStr>,
    pub(crate) rule_type: Option<SmolStr>,
    pub(crate) operator: Option<SmolStr>,
    pub(crate) operand: Arc<Value<'static>>,
    pub(crate) remark: Option<&'static str>,
    pub(crate) text: OnceLock<Box<str>>,
}

/// The mutual-exclusion rule of an audience: whether the visitor is bucketed elsewhere.
///
/// ```
/// use convert_config::ProjectConfig;
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [{"id": 3, "key": "hero"}],
///         "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///             {"rule_type": "bucketed_into_experience_key", "value": "hero",
///                 "matching": {"match_type": "equals", "negated": true}}]}]}]}}]}"#,
/// )?;
/// let exclusion = config.audiences()[0].rules().and_then(|rules| rules.exclusion());
/// assert_eq!(exclusion.and_then(|exclusion| exclusion.target()), Some("3"));
/// assert!(exclusion.is_some_and(|exclusion| exclusion.is_negated()));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub(crate) experience_key: SmolStr,
    pub(crate) target: Option<SmolStr>,
    pub(crate) negated: bool,
}

impl RuleTree {
    /// Makes a tree of its elements, and of where in them each block and in those each branch ends.
    pub(crate) fn new(
        elements: Vec<Element>,
        blocks: Vec<u32>,
        branches: Vec<u32>,
        exclusion: Option<Box<Exclusion>>,
    ) -> Self {
        RuleTree {
            elements: elements.into(),
            blocks: blocks.into(),
            branches: branches.into(),
            exclusion,
        }
    }

    /// Returns whether some branch has an element that can match in each of its blocks.
    pub(crate) fn can_match(&self) -> bool {
        let holds = |block: Block<'_>| block.elements().iter().any(Element::can_match);
        let can_hold = |branch: Branch<'_>| !branch.is_empty() && branch.blocks().all(holds);
        self.exclusion.is_some() || self.branches().any(can_hold)
    }

    /// Returns the alternatives in config order.
    #[inline]
    pub fn branches(&self) -> impl Iterator<Item = Branch<'_>> {
        let (mut from_block, mut from) = (0, 0);
        self.branches.iter().map(move |to_block| {
            let ends = slice(&self.blocks, from_block, *to_block);
            let branch = Branch { elements: &self.elements, from, ends };
            (from_block, from) = (*to_block, ends.last().copied().unwrap_or(from));
            branch
        })
    }

    /// Returns the mutual-exclusion rule, which decides the whole audience where there is one.
    #[inline]
    pub fn exclusion(&self) -> Option<&Exclusion> {
        self.exclusion.as_deref()
    }

    /// Returns every element of the tree in config order.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }
}

impl<'r> Branch<'r> {
    /// Returns the requirements in config order; without any, the branch holds for nobody.
    #[inline]
    pub fn blocks(&self) -> impl Iterator<Item = Block<'r>> + use<'r> {
        let (elements, mut from) = (self.elements, self.from);
        self.ends.iter().map(move |to| {
            let elements = slice(elements, from, *to);
            from = *to;
            Block { elements }
        })
    }

    /// Returns whether there is no requirement.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<'r> Block<'r> {
    /// Returns the elements in config order; without any, the block holds for nobody.
    #[inline]
    pub fn elements(&self) -> &'r [Element] {
        self.elements
    }
}

impl Element {
    pub(crate) fn new(condition: Arc<Condition>) -> Self {
        Element { condition }
    }

    /// Returns the kind of rule (`generic_text_key_value`, `country`, …).
    pub fn rule_type(&self) -> Option<&str> {
        self.condition.rule_type.as_deref()
    }

    /// Returns the name of the attribute to look at; elements without one are for a provider.
    #[inline]
    pub fn key(&self) -> Option<&str> {
        self.condition.key.as_deref()
    }

    /// Returns whether the element names an attribute to look at.
    #[inline]
    pub fn has_key(&self) -> bool {
        self.condition.has_key
    }

    /// Returns the mark of the key, to look the attribute up with; that of "" where there is none.
    #[inline]
    pub fn mark(&self) -> Mark {
        self.condition.mark
    }

    /// Returns the operator's name as the config has it.
    pub fn operator(&self) -> Option<&str> {
        self.condition.operator.as_deref()
    }

    /// Returns the constant as the config has it.
    pub fn operand(&self) -> &Value<'static> {
        &self.condition.operand
    }

    /// Returns what the element says, as [`Display`](fmt::Display) writes it. It is put into words
    /// when it is first asked for.
    pub fn text(&self) -> &str {
        self.condition.text.get_or_init(|| self.to_string().into())
    }

    /// Returns why the element compares in a way that its author may not expect, if it does: as
    /// JavaScript does, for instance a version as text. Explanations show it.
    ///
    /// ```
    /// use convert_config::ProjectConfig;
    ///
    /// let config = ProjectConfig::from_json(
    ///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
    ///         {"key": "country", "value": "US|CA", "matching": {"match_type": "isIn", "negated": false}}]}]}]}}]}"#,
    /// )?;
    /// let rules = config.audiences()[0].rules();
    /// let remark = rules.and_then(|rules| rules.elements()[0].remark());
    /// assert!(remark.is_some_and(|remark| remark.starts_with("values in capitals match only lower-case")));
    /// # Ok::<(), convert_config::InvalidConfigError>(())
    /// ```
    pub fn remark(&self) -> Option<&'static str> {
        self.condition.remark
    }

    /// Returns whether the element can match for some attribute.
    pub(crate) fn can_match(&self) -> bool {
        self.condition.can_match()
    }

    /// Returns the compiled comparison.
    #[inline]
    pub fn test(&self) -> &Test {
        &self.condition.test
    }

    /// Returns whether the outcome is turned round.
    #[inline]
    pub fn is_negated(&self) -> bool {
        self.condition.negated
    }

    /// Compares `value` (`None`: the visitor has no such attribute) and applies the negation.
    ///
    /// An element that cannot be compared is false, and negation does not turn that round.
    pub fn matches(&self, value: Option<ValueRef<'_>>) -> bool {
        self.test().verdict(value).is_match(self.is_negated())
    }
}

impl Exclusion {
    /// Returns the key of the experience the rule asks about.
    pub fn experience_key(&self) -> &str {
        &self.experience_key
    }

    /// Returns the id of that experience, if the config has it.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Returns whether the rule asks for visitors who are *not* bucketed there.
    #[inline]
    pub fn is_negated(&self) -> bool {
        self.negated
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.key().or(self.rule_type()).unwrap_or("?");
        Escaped(subject).fmt(f)?;
        f.write_str(if self.is_negated() { " not " } else { " " })?;
        Escaped(self.operator().unwrap_or("?")).fmt(f)?;
        match self.operand().as_view() {
            ValueRef::Null => Ok(()),
            ValueRef::Text(text) if text.bytes().all(is_plain_in_json) => {
                write!(f, " \"{}\"", Escaped(text))
            }
            _ => {
                let json = serde_json::to_string(self.operand()).unwrap_or_default();
                write!(f, " {}", Escaped(json))
            }
        }
    }
}

/// Whether JSON has the byte in a text as it is.
fn is_plain_in_json(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

#[inline]
fn slice<T>(items: &[T], from: u32, to: u32) -> &[T] {
    items.get(from as usize..to as usize).unwrap_or_default()
}

/// The rule type that marks a mutual-exclusion rule.
pub(crate) const EXCLUSION_RULE_TYPE: &str = "bucketed_into_experience_key";
