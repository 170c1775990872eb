//! How much work a pattern is for the linear engine, estimated before it is done.

use super::ast::{Node, UNBOUNDED};

impl Node {
    /// Estimates the work of compiling the construct: its code units and classes, with counted
    /// repetitions written out. A class beyond ASCII is a program of its own.
    pub(super) fn compiling_work(&self) -> u64 {
        self.measure(&COMPILING)
    }

    /// Estimates in how many places of the pattern a match can be at once, at most: the work that
    /// one character of a text can be.
    pub(super) fn matching_work(&self) -> u64 {
        self.measure(&MATCHING)
    }

    fn measure(&self, weights: &Weights) -> u64 {
        match self {
            Self::Choice(nodes) if weights.literals_share && nodes.iter().all(Self::is_literal) => {
                nodes.iter().map(|node| node.measure(weights)).max().unwrap_or(1)
            }
            Self::Sequence(nodes) | Self::Choice(nodes) => {
                nodes.iter().map(|node| node.measure(weights)).fold(1, u64::saturating_add)
            }
            Self::Repeat(repeat) => {
                let copies = if repeat.max == UNBOUNDED { repeat.min.max(1) } else { repeat.max };
                repeat.node.measure(weights).saturating_mul(u64::from(copies)).saturating_add(1)
            }
            Self::Group { node, .. } | Self::Look { node, .. } => node.measure(weights),
            Self::Class(set) if set.ranges().last().is_some_and(|&(_, high)| high > 0x7F) => {
                weights.wide_class
            }
            Self::Class(_) => weights.ascii_class,
            _ => 1,
        }
    }

    fn is_literal(&self) -> bool {
        match self {
            Self::Unit(_) | Self::Empty => true,
            Self::Sequence(nodes) => nodes.iter().all(|node| matches!(node, Self::Unit(_))),
            _ => false,
        }
    }
}

struct Weights {
    ascii_class: u64,
    wide_class: u64,
    /// Whether a choice between literals counts once: the engine makes one tree of them.
    literals_share: bool,
}

const COMPILING: Weights = Weights { ascii_class: 4, wide_class: 80, literals_share: false };

const MATCHING: Weights = Weights { ascii_class: 1, wide_class: 2, literals_share: true };
