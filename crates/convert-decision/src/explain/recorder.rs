//! The observer that keeps every step.

use crate::explain::step::Step;
use crate::observer::Observer;

/// Gathers the steps of an evaluation into a tree.
#[derive(Debug)]
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

impl Default for Recorder {
    fn default() -> Self {
        Recorder { open: Vec::with_capacity(DEPTH), done: Vec::with_capacity(GATES) }
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

/// How deep most explanations nest.
const DEPTH: usize = 6;
/// How many steps most explanations have at the top.
const GATES: usize = 9;
