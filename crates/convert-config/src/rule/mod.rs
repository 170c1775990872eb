//! Compiled rules: what audiences, locations, segments and goals ask of a visitor.

use std::fmt;

use smol_str::SmolStr;

mod operator;

pub use self::operator::{Flaw, Operand, Test, Verdict};

use crate::value::{Value, ValueRef};

/// A rule tree: one branch must hold; in it every block; in each block at least one element.
///
/// A level that is missing or empty in the config holds for nobody.
#[derive(Debug, Clone)]
pub struct RuleTree {
    pub(crate) branches: Box<[Branch]>,
    pub(crate) exclusion: Option<Exclusion>,
}

/// One alternative of a [`RuleTree`] (`AND` in the config): all its blocks must hold.
#[derive(Debug, Clone)]
pub struct Branch {
    pub(crate) blocks: Box<[Block]>,
}

/// One requirement of a [`Branch`] (`OR_WHEN` in the config): any element suffices.
#[derive(Debug, Clone)]
pub struct Block {
    pub(crate) elements: Box<[Element]>,
}

/// One comparison of an attribute with a constant.
#[derive(Debug, Clone)]
pub struct Element {
    pub(crate) rule_type: Option<SmolStr>,
    pub(crate) key: Option<SmolStr>,
    pub(crate) operator: Option<SmolStr>,
    pub(crate) operand: Value<'static>,
    pub(crate) test: Test,
    pub(crate) negated: bool,
}

/// The mutual-exclusion rule of an audience: whether the visitor is bucketed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub(crate) experience_key: SmolStr,
    pub(crate) target: Option<SmolStr>,
    pub(crate) negated: bool,
}

impl RuleTree {
    /// Returns the alternatives in config order.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Returns the mutual-exclusion rule, which decides the whole audience where there is one.
    pub fn exclusion(&self) -> Option<&Exclusion> {
        self.exclusion.as_ref()
    }

    /// Returns every element of the tree in config order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.branches.iter().flat_map(|branch| &branch.blocks).flat_map(|block| &block.elements)
    }
}

impl Branch {
    /// Returns the requirements in config order; without any, the branch holds for nobody.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

impl Block {
    /// Returns the elements in config order; without any, the block holds for nobody.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }
}

impl Element {
    /// Returns the kind of rule (`generic_text_key_value`, `country`, …).
    pub fn rule_type(&self) -> Option<&str> {
        self.rule_type.as_deref()
    }

    /// Returns the name of the attribute to look at; elements without one are for a provider.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns the operator's name as the config has it.
    pub fn operator(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// Returns the constant as the config has it.
    pub fn operand(&self) -> &Value<'static> {
        &self.operand
    }

    /// Returns the compiled comparison.
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// Returns whether the outcome is turned round.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Compares `value` (`None`: the visitor has no such attribute) and applies the negation.
    ///
    /// An element that cannot be compared is false, and negation does not turn that round.
    pub fn matches(&self, value: Option<ValueRef<'_>>) -> bool {
        self.test.verdict(value).is_match(self.negated)
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
    pub fn is_negated(&self) -> bool {
        self.negated
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.key().or(self.rule_type()).unwrap_or("?");
        let not = if self.negated { "not " } else { "" };
        let operator = self.operator().unwrap_or("?");
        write!(f, "{subject} {not}{operator}")?;
        match &self.operand {
            Value::Null => Ok(()),
            operand => write!(f, " {}", serde_json::to_string(operand).unwrap_or_default()),
        }
    }
}

/// The rule type that marks a mutual-exclusion rule.
pub(crate) const EXCLUSION_RULE_TYPE: &str = "bucketed_into_experience_key";
