//! A text as the backtracking machine reads it.

use std::ops::Range;

use super::ecma::{canonicalize, is_word};

/// A text as code units. ASCII text is read in place.
pub(super) trait Units {
    fn length(&self) -> usize;
    fn at(&self, position: usize) -> Option<u16>;
}

impl Units for &[u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn at(&self, position: usize) -> Option<u16> {
        self.get(position).copied().map(u16::from)
    }
}

impl Units for &[u16] {
    fn length(&self) -> usize {
        self.len()
    }

    fn at(&self, position: usize) -> Option<u16> {
        self.get(position).copied()
    }
}

/// Returns whether a word begins or ends at `position`.
pub(super) fn at_boundary(text: &impl Units, position: usize) -> bool {
    let is_word = |unit: Option<u16>| unit.is_some_and(is_word);
    let before = position.checked_sub(1).and_then(|before| text.at(before));
    is_word(before) != is_word(text.at(position))
}

/// Returns whether the part `captured` of a text occurs again at `from`, ignoring case.
pub(super) fn occurs_again(text: &impl Units, captured: Range<usize>, from: usize) -> bool {
    captured.enumerate().all(|(index, position)| match (text.at(position), text.at(from + index)) {
        (Some(left), Some(right)) => left == right || canonicalize(left) == canonicalize(right),
        _ => false,
    })
}
