//! The syntax tree of a pattern, with classes and case already reduced to sets of code units.

use super::units::UnitSet;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Tree {
    /// The whole pattern.
    pub(super) root: Node,
    /// The group that each back-reference names, by the number in [`Node::BackReference`].
    pub(super) references: Vec<u32>,
    /// How many capturing groups there are; they are numbered from 1.
    pub(super) groups: u32,
    /// Whether the pattern looks around.
    pub(super) looks_around: bool,
    /// Whether the pattern has a `\B`.
    pub(super) has_non_boundary: bool,
}

/// One construct of a pattern. Its depth is bounded by the parser, so that recursion over it is
/// safe.
#[derive(Debug)]
pub(super) enum Node {
    /// Matches nothing at all, successfully.
    Empty,
    /// One code unit, the same in every case it can have in a lower-cased text.
    Unit(u16),
    /// One code unit out of a set.
    Class(UnitSet),
    /// `^`.
    Start,
    /// `$`.
    End,
    /// `\b`, or `\B` when negated.
    Boundary { negated: bool },
    /// One after the other.
    Sequence(Vec<Node>),
    /// The first that leads to a match.
    Choice(Vec<Node>),
    /// A quantified construct.
    Repeat(Box<Repeat>),
    /// A capturing group.
    Group { index: u32, node: Box<Node> },
    /// A look-ahead or look-behind.
    Look { behind: bool, negated: bool, node: Box<Node> },
    /// What a group captured, by its place in [`Tree::references`].
    BackReference(usize),
}

/// A construct matched `min` to `max` times.
#[derive(Debug)]
pub(super) struct Repeat {
    /// What is repeated.
    pub(super) node: Node,
    /// The least number of iterations.
    pub(super) min: u32,
    /// The greatest number of iterations, [`UNBOUNDED`] when there is none.
    pub(super) max: u32,
    /// Whether more iterations are tried before fewer.
    pub(super) greedy: bool,
    /// The first group inside, and the first group after it: those an iteration forgets.
    pub(super) groups: (u32, u32),
}

/// The [`Repeat::max`] of `*`, `+` and `{n,}`, and of every number too large to be reached by
/// a text.
pub(super) const UNBOUNDED: u32 = 0x7FFF_FFFF;

impl Node {
    /// Returns whether every match of this construct begins at the start of the text.
    pub(super) fn is_anchored(&self) -> bool {
        match self {
            Self::Start => true,
            Self::Sequence(nodes) => nodes
                .iter()
                .find(|node| !matches!(node, Self::Look { .. } | Self::Boundary { .. }))
                .is_some_and(Self::is_anchored),
            Self::Choice(nodes) => nodes.iter().all(Self::is_anchored),
            Self::Group { node, .. } => node.is_anchored(),
            Self::Repeat(repeat) => repeat.min > 0 && repeat.node.is_anchored(),
            _ => false,
        }
    }

    /// Returns whether the construct may match the empty text.
    pub(super) fn may_be_empty(&self) -> bool {
        match self {
            Self::Unit(_) | Self::Class(_) => false,
            Self::Sequence(nodes) => nodes.iter().all(Self::may_be_empty),
            Self::Choice(nodes) => nodes.iter().any(Self::may_be_empty),
            Self::Group { node, .. } => node.may_be_empty(),
            Self::Repeat(repeat) => repeat.min == 0 || repeat.node.may_be_empty(),
            _ => true,
        }
    }
}
