//! The work that matching rules may take.

use std::cell::Cell;

/// How many steps the rules of one decision, or of one pass over several experiences, may take.
///
/// A step is a few nanoseconds of work: an element, eight bytes of a long text, an instruction of a
/// pattern. Once the steps are used up, every further element is false, so neither a config nor a
/// visitor can make a decision take long. Steps are counted, not timed: the same decision takes the
/// same number everywhere.
///
/// ```
/// use convert_config::rule::StepBudget;
///
/// let budget = StepBudget::with_steps(10);
/// assert!(budget.spend(8) && !budget.is_exhausted());
/// assert!(!budget.spend(3) && budget.is_exhausted());
/// assert!(!budget.spend(1), "an exhausted budget stays so");
/// ```
#[derive(Debug)]
pub struct StepBudget {
    left: Cell<u64>,
    is_reported: Cell<bool>,
}

impl StepBudget {
    /// Ten million steps, some 50 ms: far more than any decision of a real project takes.
    pub const STEPS: u64 = 10_000_000;

    /// Makes a budget of [`StepBudget::STEPS`] steps.
    #[inline]
    pub const fn new() -> Self {
        StepBudget::with_steps(StepBudget::STEPS)
    }

    /// Makes a budget of `steps` steps.
    #[inline]
    pub const fn with_steps(steps: u64) -> Self {
        StepBudget { left: Cell::new(steps), is_reported: Cell::new(false) }
    }

    /// Takes steps, and returns whether there were as many; otherwise none are left.
    #[inline]
    pub fn spend(&self, steps: u64) -> bool {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Returns how many steps are left.
    #[inline]
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// Returns whether no step is left.
    #[inline]
    pub fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Returns whether this is the first call, so that an exhausted budget is reported once.
    pub fn is_first_report(&self) -> bool {
        !self.is_reported.replace(true)
    }
}

impl Default for StepBudget {
    fn default() -> Self {
        StepBudget::new()
    }
}
