//! What every step of an evaluation has at hand.

use std::panic::{AssertUnwindSafe, catch_unwind};

use convert_config::Location;
use convert_config::rule::{Element, StepBudget};

use crate::explain::Step;
use crate::observer::{Observer, Transition};

/// The observer of an evaluation, and the steps that its rules may still take.
pub(super) struct Walk<'w, O> {
    observer: &'w mut O,
    budget: &'w StepBudget,
}

impl<'w, 'c, O: Observer<'c>> Walk<'w, O> {
    #[inline]
    pub(super) fn new(observer: &'w mut O, budget: &'w StepBudget) -> Self {
        Walk { observer, budget }
    }

    #[inline]
    pub(super) fn observer(&mut self) -> &mut O {
        self.observer
    }

    #[inline]
    pub(super) fn step_start(&mut self, step: impl FnOnce() -> Step) {
        self.observer.step_start(step);
    }

    #[inline]
    pub(super) fn step_end(&mut self, outcome: impl FnOnce() -> &'static str) {
        self.observer.step_end(outcome);
    }

    #[inline]
    pub(super) fn location_changed(&mut self, location: &'c Location, transition: Transition) {
        self.observer.location_changed(location, transition);
    }

    #[inline]
    pub(super) fn budget(&self) -> &'w StepBudget {
        self.budget
    }

    /// Takes steps, and returns whether there were as many; the first time there are not, the
    /// observer is called.
    #[inline]
    pub(super) fn spend(&mut self, steps: u64, element: Option<&'c Element>) -> bool {
        let is_covered = self.budget.spend(steps);
        if !is_covered {
            self.report_limit(element);
        }
        is_covered
    }

    /// Calls the observer, unless it was called for this budget before.
    #[cold]
    pub(super) fn report_limit(&mut self, element: Option<&'c Element>) {
        if self.budget.is_first_report() {
            self.observer.step_limit_hit(element);
        }
    }

    /// Calls code of the application about an element: the attribute provider or the clock. If it
    /// panics, the observer is called.
    pub(super) fn ask<T>(&mut self, element: &'c Element, call: impl FnOnce() -> T) -> Option<T> {
        let answer = panic_guard(call);
        if answer.is_none() {
            self.observer.provider_panicked(element);
        }
        answer
    }
}

/// Returns what `call` returns, or `None` if it panicked.
fn panic_guard<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        .map_err(|payload| {
            // The payload is the application's too, and may panic again when it is dropped.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(again);
            }
        })
        .ok()
}
