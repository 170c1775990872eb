//! Matching goals.

use convert_config::Goal;
use convert_config::rule::StepBudget;

use crate::evaluation::Evaluation;
use crate::evaluation::walk::Walk;
use crate::explain::Step;
use crate::observer::Observer;
use crate::reason::Reason;

impl<'c> Evaluation<'c, '_> {
    /// Matches a goal's rules against the attributes.
    ///
    /// # Errors
    ///
    /// Returns why the goal does not match; a goal without rules matches nothing.
    pub fn match_goal<O: Observer<'c>>(
        &self,
        goal: &'c Goal,
        observer: &mut O,
    ) -> Result<(), Reason> {
        observer.step_start(|| Step::goal(goal));
        let own_budget = StepBudget::new();
        let mut walk = Walk::new(observer, self.budget.unwrap_or(&own_budget));
        let found = goal.rules().map(|rules| self.match_rules(rules, &self.attributes, &mut walk));
        observer.step_end(|| found.map_or("none", |found| found.text()));
        found.ok_or(Reason::RuleMismatch)?.or_else_reason(Reason::RuleMismatch)
    }
}
