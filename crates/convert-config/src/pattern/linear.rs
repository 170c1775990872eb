//! Patterns on the linear-time engine of the `regex` crate.
//!
//! A pattern sees UTF-16 code units and the engine sees characters. A unit that is a character is
//! that character; the 2,048 surrogates become characters of the first supplementary plane. A
//! text without supplementary characters is matched as it is, and the rare other one is rewritten
//! into characters that stand for its units, so that the answers are exact for both.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::ast::{Node, Tree, UNBOUNDED};
use super::error::StepLimitExceeded;
use super::units::UnitSet;
use crate::rule::StepBudget;

/// A pattern compiled for the linear engine.
#[derive(Debug)]
pub(super) struct Linear {
    regex: Regex,
    /// In how many places of the pattern a match can be at once, at most.
    work: usize,
}

impl Linear {
    /// Returns whether a pattern has nothing in it, and is not so large, that it needs another engine.
    pub(super) fn takes(tree: &Tree) -> bool {
        // The engine may find such a match within a character and then miss one that it is in.
        let splits_characters = tree.has_non_boundary && tree.root.may_be_empty();
        !tree.looks_around
            && tree.references.is_empty()
            && !splits_characters
            && tree.root.compiling_work() <= COMPILING_LIMIT
    }

    /// Compiles a pattern that the engine [takes](Linear::takes); `None` if its program is too large.
    pub(super) fn compile(tree: &Tree) -> Option<Self> {
        let mut translated = String::new();
        emit(&tree.root, &mut translated);
        let regex = RegexBuilder::new(&translated)
            .size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
            .ok()?;
        let work = usize::try_from(tree.root.matching_work()).ok()?;
        Some(Self { regex, work })
    }

    /// Returns whether some texts are too long for the pattern, so that another engine has to stand
    /// by.
    pub(super) fn needs_stand_by(&self) -> bool {
        self.work > SMALL
    }

    /// Returns whether a text is short enough for the pattern.
    pub(super) fn is_for(&self, text: &str) -> bool {
        self.work <= SMALL || text.len() <= MATCHING_LIMIT / self.work
    }

    /// Tests a lower-cased text.
    ///
    /// # Errors
    ///
    /// When the budget does not cover what the engine may have to do.
    pub(super) fn is_match(
        &self,
        text: &str,
        budget: &StepBudget,
    ) -> Result<bool, StepLimitExceeded> {
        // The engine mostly reads a byte a nanosecond, and seldom tries every place of the pattern for
        // each: something in between.
        let steps = (text.len() as u64).saturating_mul(self.work as u64 / WORK_A_STEP + 1);
        if !budget.spend(steps.saturating_add(FIXED_STEPS)) {
            return Err(StepLimitExceeded::new());
        }
        if text.is_ascii() || !text.bytes().any(|byte| byte >= FIRST_BYTE_OF_FOUR) {
            return Ok(self.regex.is_match(text));
        }
        let units: String = text.encode_utf16().map(stand_in).collect();
        Ok(self.regex.is_match(&units))
    }
}

/// Writes a node in the syntax of the linear engine.
fn emit(node: &Node, out: &mut String) {
    match node {
        Node::Unit(unit) => emit_unit(*unit, out),
        Node::Class(set) => emit_class(set, out),
        Node::Start => out.push_str(r"\A"),
        Node::End => out.push_str(r"\z"),
        Node::Boundary { negated: false } => out.push_str(r"(?-u:\b)"),
        Node::Boundary { negated: true } => out.push_str(r"(?-u:\B)"),
        Node::Sequence(nodes) => nodes.iter().for_each(|node| emit_grouped(node, out)),
        Node::Choice(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "|" });
                emit(node, out);
            }
        }
        Node::Repeat(repeat) => {
            out.push_str("(?:");
            emit(&repeat.node, out);
            out.push(')');
            match (repeat.min, repeat.max) {
                (0, UNBOUNDED) => out.push('*'),
                (1, UNBOUNDED) => out.push('+'),
                (0, 1) => out.push('?'),
                (min, UNBOUNDED) => push_format(out, format_args!("{{{min},}}")),
                (min, max) => push_format(out, format_args!("{{{min},{max}}}")),
            }
            // Whether a text matches does not depend on greed, but the engine's speed may.
            out.push_str(if repeat.greedy { "" } else { "?" });
        }
        // Which part of the text a group captures is of no interest without back-references.
        Node::Group { node, .. } => emit(node, out),
        // The latter two do not get here.
        Node::Empty | Node::Look { .. } | Node::BackReference(_) => {}
    }
}

/// Writes a part of a sequence; in one, only a choice would read differently.
fn emit_grouped(node: &Node, out: &mut String) {
    match node {
        Node::Choice(_) => {
            out.push_str("(?:");
            emit(node, out);
            out.push(')');
        }
        Node::Group { node, .. } => emit_grouped(node, out),
        _ => emit(node, out),
    }
}

fn emit_unit(unit: u16, out: &mut String) {
    let character = stand_in(unit);
    if character.is_ascii_alphanumeric() {
        out.push(character);
    } else {
        push_format(out, format_args!("\\x{{{:x}}}", u32::from(character)));
    }
}

fn emit_class(set: &UnitSet, out: &mut String) {
    out.push('[');
    if set.ranges().is_empty() {
        out.push_str(r"^\x{0}-\x{10ffff}");
    }
    for &(low, high) in set.ranges() {
        for (from, to) in BLOCKS {
            let (low, high) = (low.max(from), high.min(to));
            if (low, high) == SURROGATES {
                // The other supplementary characters never occur, and without gaps the
                // engine's program is smaller.
                out.push_str(r"\x{10000}-\x{10ffff}");
            } else if low <= high {
                emit_unit(low, out);
                out.push('-');
                emit_unit(high, out);
            }
        }
    }
    out.push(']');
}

/// Returns the character that stands for a code unit.
fn stand_in(unit: u16) -> char {
    let unit = u32::from(unit);
    char::from_u32(unit)
        .or_else(|| char::from_u32(0x1_0000 + unit))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn push_format(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = out.write_fmt(arguments);
}

/// Code units before, in and after the surrogates: a range in one block stays a range when its
/// ends are replaced by their stand-ins.
const BLOCKS: [(u16, u16); 3] = [(0, 0xD7FF), SURROGATES, (0xE000, u16::MAX)];

const SURROGATES: (u16, u16) = (0xD800, 0xDFFF);

/// Where UTF-8 needs four bytes, it is for a supplementary character.
const FIRST_BYTE_OF_FOUR: u8 = 0xF0;

/// The most work that compiling for the linear engine may be; a few milliseconds.
const COMPILING_LIMIT: u64 = 20_000;

/// The largest program of the linear engine, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// How much work a small pattern can be for one character of a text.
const SMALL: usize = 200;

/// The most work that matching a larger pattern may be; about a quarter of a second, if its program is
/// of the rare kind that the engine cannot turn into an automaton as it goes.
const MATCHING_LIMIT: usize = 10_000_000;

/// How many places of a pattern count as a step for each byte of a text.
const WORK_A_STEP: u64 = 8;

/// What any search takes before it reads the text.
const FIXED_STEPS: u64 = 16;

/// How deeply the translation may nest: the engine's compiler recurses, and without optimisation
/// takes several kilobytes of the call stack a level.
const NEST_LIMIT: u32 = 64;
