//! Doing short work again and again, so that looking at the clock weighs nothing.

/// Does the operation [`REPEATS`] times.
pub(super) fn repeat(mut operation: impl FnMut()) {
    for _ in 0..REPEATS {
        operation();
    }
}

/// How often a short operation is done in a row.
pub(super) const REPEATS: usize = 20;
