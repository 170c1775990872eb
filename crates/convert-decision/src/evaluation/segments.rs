//! Selecting custom segments.

use std::borrow::Cow;
use std::collections::HashSet;

use convert_config::Identified as _;
use convert_config::rule::StepBudget;

use crate::evaluation::Evaluation;
use crate::evaluation::rules::Match;
use crate::evaluation::walk::Walk;
use crate::explain::Step;
use crate::observer::Observer;
use crate::reason::Reason;

impl<'c> Evaluation<'c, '_> {
    /// Returns the ids of the segments to add to the visitor, of those with the given keys.
    ///
    /// The segments are tried in config order. The first whose rules match latches: it and all
    /// after it are added, those the visitor is in already aside.
    ///
    /// # Errors
    ///
    /// Returns the attribute provider's reason if it leaves a segment's rules open.
    pub fn select_segments<O: Observer<'c>>(
        &self,
        keys: &[&str],
        observer: &mut O,
    ) -> Result<Vec<&'c str>, Reason> {
        let keys: HashSet<&str> = keys.iter().copied().collect();
        let held: HashSet<Cow<'_, str>> = self.record.segments().custom().collect();
        let own_budget = StepBudget::new();
        let mut walk = Walk::new(observer, self.budget.unwrap_or(&own_budget));
        let mut added = Vec::new();
        let mut latched = false;
        for segment in self.config.segments() {
            if !segment.key().is_some_and(|key| keys.contains(&key)) {
                continue;
            }
            if !latched {
                walk.step_start(|| Step::segment(segment));
                let found = segment.rules().map_or(Match::No, |rules| {
                    self.match_rules(rules, &self.attributes, &mut walk)
                });
                walk.step_end(|| found.text());
                latched = match found {
                    Match::Yes => true,
                    Match::No => false,
                    Match::Open(reason) => return Err(reason),
                };
            }
            if latched && !held.contains(segment.id()) {
                added.push(segment.id());
            }
        }
        Ok(added)
    }
}
