//! The observer that keeps every step.

use crate::explain::step::Step;
use crate::observer::Observer;

/// Gathers the steps of an evaluation, each followed by those inside it.
#[derive(Debug)]
pub(super) struct Recorder {
    steps: Vec<Step>,
    /// The position of the innermost step that has not ended. Until they end, steps note the position
    /// of the one around them.
    open: u32,
}

impl Recorder {
    /// Returns the steps.
    #[inline]
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl Default for Recorder {
    #[inline]
    fn default() -> Self {
        Recorder { steps: Vec::with_capacity(STEPS), open: NONE }
    }
}

impl Observer<'_> for Recorder {
    #[inline]
    fn step_start(&mut self, step: impl FnOnce() -> Step) {
        let mut step = step();
        step.set_inner(self.open);
        self.open = position(self.steps.len());
        self.steps.push(step);
    }

    #[inline]
    fn step_end(&mut self, outcome: impl FnOnce() -> &'static str) {
        let inner = position(self.steps.len()).saturating_sub(self.open).saturating_sub(1);
        let Some(step) = self.steps.get_mut(self.open as usize) else {
            return;
        };
        self.open = step.inner();
        step.end(outcome(), inner);
    }
}

/// Narrows a position. Memory does not hold as many steps as there are.
#[inline]
fn position(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

/// The position that stands for no step.
const NONE: u32 = u32::MAX;
/// How many steps most explanations have at most. As much memory is handed out faster than more.
const STEPS: usize = 16;
