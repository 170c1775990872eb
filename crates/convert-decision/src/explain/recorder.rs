//! The observer that keeps every step.

use crate::explain::step::Step;
use crate::observer::Observer;

/// Gathers the steps of an evaluation into a tree.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    open: Vec<Step>,
    done: Vec<Step>,
}

impl Recorder {
    /// Returns the outermost steps.
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.done
    }
}

impl Observer<'_> for Recorder {
    fn open(&mut self, step: impl FnOnce() -> Step) {
        self.open.push(step());
    }

    fn close(&mut self, outcome: impl FnOnce() -> &'static str) {
        let Some(mut step) = self.open.pop() else {
            return;
        };
        step.end(outcome());
        match self.open.last_mut() {
            Some(outer) => outer.push(step),
            None => self.done.push(step),
        }
    }
}
