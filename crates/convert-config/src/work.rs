//! Counts work, so that tests can show it to be linear without measuring time.
//!
//! Without the feature `count-work` nothing is counted, and nothing is left of the calls.

#[cfg(feature = "count-work")]
use std::cell::Cell;

#[cfg(feature = "count-work")]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts `steps` of work: things visited, compared, moved or written.
#[inline]
pub fn count(steps: usize) {
    #[cfg(feature = "count-work")]
    STEPS.with(|counted| counted.set(counted.get().wrapping_add(steps as u64)));
    #[cfg(not(feature = "count-work"))]
    let _ = steps;
}

/// Returns how many steps the calling thread has counted so far.
#[cfg(feature = "count-work")]
pub fn counted() -> u64 {
    STEPS.with(Cell::get)
}
