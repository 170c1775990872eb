//! Running experiences and features for a visitor.

use std::collections::HashSet;

use convert_config::rule::StepBudget;
use convert_config::{Experience, Identified as _};
use convert_decision::{Decision, Evaluation, FeatureDecision, Pending, Source, VisitorRecord};

use crate::context::effects::Effects;
use crate::context::{Context, ExperienceResult, FeatureResult, RunOptions};
use crate::visitor_store::{RecordDelta, RecordGuard, Written};

impl Context {
    /// Decides which variation of an experience the visitor gets, and remembers it.
    ///
    /// The experience is found by key, or by id where no experience has the key; a previewed one goes
    /// before the config's own. `None` means that the visitor is not part of it;
    /// [`Context::explain_experience`] says why.
    pub fn run_experience(&self, key: &str) -> Option<ExperienceResult<'_>> {
        self.run_experience_with(key, &RunOptions::new())
    }

    /// Decides which variation of an experience the visitor gets, with these options.
    pub fn run_experience_with(
        &self,
        key: &str,
        options: &RunOptions<'_>,
    ) -> Option<ExperienceResult<'_>> {
        if self.preview.is_none() {
            if let RecordGuard::Held(record) = self.record.load() {
                let record = record.unwrap_or_default();
                return self.run_one(self.evaluation_from(record, options), record, key, options);
            }
        }
        self.run_experience_seen(key, options)
    }

    /// Decides while the visitor previews, or has done much since the context was made.
    #[inline(never)]
    fn run_experience_seen(
        &self,
        key: &str,
        options: &RunOptions<'_>,
    ) -> Option<ExperienceResult<'_>> {
        let seen = self.seen();
        let record = seen.as_deref();
        let evaluation = self.evaluation(record, options);
        self.run_one(evaluation, record.unwrap_or_default(), key, options)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every single decision passes here, from two places")]
    fn run_one<'c: 'd, 'd>(
        &'c self,
        evaluation: Evaluation<'c, 'd>,
        record: &'d VisitorRecord,
        key: &str,
        options: &RunOptions<'_>,
    ) -> Option<ExperienceResult<'c>> {
        let mut effects = Effects::new(self, record, options.storage);
        self.shared.counters.count_decisions(1);
        let decision = evaluation.decide_by_key(key, &mut effects).ok();
        let leaves_mark = |one: Decision<'_>| {
            let is_reported = options.tracking && self.shared.delivery.is_on();
            one.is_new() && (is_reported || effects.keeps())
        };
        if decision.is_some_and(leaves_mark) || !effects.is_empty() {
            return self.conclude(decision, effects, options.tracking);
        }
        // There is nothing in it, so that there is nothing to drop.
        std::mem::forget(effects);
        let result = decision.map(ExperienceResult::new);
        result.inspect(|result| self.tell_experience(*result))
    }

    /// Remembers a decision, reports it, and returns it as it stands then.
    #[inline(never)]
    fn conclude<'c: 'd, 'd>(
        &'c self,
        decision: Option<Decision<'c>>,
        mut effects: Effects<'d>,
        tracks: bool,
    ) -> Option<ExperienceResult<'c>> {
        if let Some(decision) = decision {
            effects.note(decision, false);
        }
        let settled = self.settle(effects.delta());
        if let Some(decision) = decision.filter(|_| tracks) {
            self.expose(&[decision], settled.written.as_ref());
        }
        self.tell_moves(effects.moves());
        let result = decision.map(|decision| ExperienceResult::new(settled.of(decision)));
        result.inspect(|result| self.tell_experience(*result))
    }

    /// Decides every experience, in config order, and returns what the visitor gets.
    pub fn run_experiences(&self) -> Vec<ExperienceResult<'_>> {
        self.run_experiences_with(&RunOptions::new())
    }

    /// Decides every experience, in config order, with these options.
    ///
    /// Mutual exclusion sees the assignments made earlier in the pass, if they are stored.
    pub fn run_experiences_with(&self, options: &RunOptions<'_>) -> Vec<ExperienceResult<'_>> {
        let record = self.seen();
        let mut pass = Pass::new(self, record.as_deref(), options);
        for experience in pass.evaluation.experiences() {
            pass.decide(experience);
        }
        let results: Vec<_> =
            pass.into_decisions().into_iter().map(ExperienceResult::new).collect();
        for result in &results {
            self.tell_experience(*result);
        }
        results
    }

    /// Returns a feature if it is on for the visitor: as the first experience, in config order,
    /// that turns it on.
    ///
    /// Only experiences that can turn it on are decided, up to the first that does; each decision
    /// is remembered as one of [`Context::run_experience`] is. The feature is found by key, or by
    /// id where no feature has the key. `None` means that it is off;
    /// [`Context::explain_feature`] says why.
    pub fn run_feature(&self, key: &str) -> Option<FeatureResult<'_>> {
        self.run_feature_with(key, &RunOptions::new())
    }

    /// Returns a feature if it is on for the visitor, with these options.
    pub fn run_feature_with(
        &self,
        key: &str,
        options: &RunOptions<'_>,
    ) -> Option<FeatureResult<'_>> {
        let feature = self.config.features().by_key_or_id(key)?;
        let record = self.seen();
        let mut pass = Pass::new(self, record.as_deref(), options);
        let evaluation = pass.evaluation;
        for carrier in evaluation.carriers_of(feature) {
            let decision = pass.decide(carrier);
            if decision.is_some_and(|one| evaluation.feature_in(feature, one).is_some()) {
                break;
            }
        }
        let decided = pass.into_decisions();
        // A racing writer may have moved the visitor to an arm without the feature.
        let mut enabled = decided.into_iter().filter_map(|one| evaluation.feature_in(feature, one));
        enabled.next().map(FeatureResult::new).inspect(|result| self.tell_feature(*result))
    }

    /// Returns every feature that is on for the visitor, in the order the config lists features.
    pub fn run_features(&self) -> Vec<FeatureResult<'_>> {
        self.run_features_with(&RunOptions::new())
    }

    /// Returns every feature that is on for the visitor, with these options.
    ///
    /// Mutual exclusion sees the assignments made earlier in the pass, if they are stored.
    pub fn run_features_with(&self, options: &RunOptions<'_>) -> Vec<FeatureResult<'_>> {
        let record = self.seen();
        let mut pass = Pass::new(self, record.as_deref(), options);
        let evaluation = pass.evaluation;
        for experience in evaluation.experiences() {
            let mut arms = experience.variations().iter();
            if arms.any(|arm| !arm.feature_changes().is_empty()) {
                pass.decide(experience);
            }
        }
        let mut enabled: Vec<FeatureDecision<'_>> =
            pass.into_decisions().into_iter().flat_map(|one| evaluation.features_in(one)).collect();
        // The features are neighbours in one list, so that their addresses tell its order. Sorting
        // is stable: of the rest, the first experience in config order comes first.
        let place = |one: &FeatureDecision<'_>| std::ptr::from_ref(one.feature());
        enabled.sort_by_key(|one| (place(one), one.decision().source() != Source::Preview));
        enabled.dedup_by_key(|one| place(one));
        let results: Vec<_> = enabled.into_iter().map(FeatureResult::new).collect();
        for result in &results {
            self.tell_feature(*result);
        }
        results
    }

    /// Returns a feature once for every experience that turns it on for the visitor, in config
    /// order.
    pub fn run_feature_all(&self, key: &str) -> Vec<FeatureResult<'_>> {
        self.run_feature_all_with(key, &RunOptions::new())
    }

    /// Returns a feature once for every experience that turns it on, with these options.
    pub fn run_feature_all_with(
        &self,
        key: &str,
        options: &RunOptions<'_>,
    ) -> Vec<FeatureResult<'_>> {
        let Some(feature) = self.config.features().by_key_or_id(key) else {
            return Vec::new();
        };
        let record = self.seen();
        let mut pass = Pass::new(self, record.as_deref(), options);
        let evaluation = pass.evaluation;
        for carrier in evaluation.carriers_of(feature) {
            pass.decide(carrier);
        }
        let decided = pass.into_decisions().into_iter();
        let enabled = decided.flat_map(|one| evaluation.features_in(one));
        let wanted = enabled.filter(|one| std::ptr::eq(one.feature(), feature));
        let results: Vec<_> = wanted.map(FeatureResult::new).collect();
        for result in &results {
            self.tell_feature(*result);
        }
        results
    }

    /// Returns every feature that a result turns on, in the order of the variation's changes.
    pub fn features_in<'c>(&'c self, result: &ExperienceResult<'c>) -> Vec<FeatureResult<'c>> {
        let options = RunOptions::new();
        let evaluation = self.evaluation(None, &options);
        evaluation.features_in(result.decision()).map(FeatureResult::new).collect()
    }

    /// Makes the changes that decisions came with, and returns what is remembered then.
    #[inline]
    fn settle(&self, delta: Option<&RecordDelta<'_>>) -> Settled {
        match delta {
            None => Settled { written: None },
            Some(delta) => Settled { written: Some(self.apply(delta)) },
        }
    }
}

/// What is remembered once the changes of a call are made; `None` if there were none.
struct Settled {
    written: Option<Written>,
}

impl Settled {
    /// Returns the decision as it stands: where another writer assigned the visitor first, theirs.
    fn of<'c>(&self, decision: Decision<'c>) -> Decision<'c> {
        let written = self.written.as_ref().filter(|_| decision.is_new());
        let winner = written.and_then(|one| one.record.assignment(decision.experience().id()));
        winner.map_or(decision, |variation_id| decision.yield_to(variation_id))
    }
}

/// One pass over several experiences, in which later decisions see the assignments of earlier ones.
struct Pass<'c, 'd> {
    context: &'c Context,
    evaluation: Evaluation<'c, 'd>,
    effects: Effects<'d>,
    pending: Pending<'c>,
    budget: StepBudget,
    decisions: Vec<Decision<'c>>,
    /// Whether experiences that share an id were assigned, which few configs come to.
    repeats: bool,
    count: u64,
    tracks: bool,
}

impl<'c: 'd, 'd> Pass<'c, 'd> {
    fn new(
        context: &'c Context,
        record: Option<&'d VisitorRecord>,
        options: &'d RunOptions<'d>,
    ) -> Self {
        Pass {
            context,
            evaluation: context.evaluation(record, options),
            effects: Effects::new(context, record.unwrap_or_default(), options.storage),
            count: 0,
            tracks: options.tracking,
            pending: Pending::new(),
            budget: StepBudget::new(),
            decisions: Vec::new(),
            repeats: false,
        }
    }

    fn decide(&mut self, experience: &'c Experience) -> Option<Decision<'c>> {
        self.count += 1;
        let evaluation = self.evaluation.pending(&self.pending).step_budget(&self.budget);
        let decision = evaluation.decide(experience, &mut self.effects).ok()?;
        let repeats = decision.is_new() && self.pending.has(decision.experience().id());
        if self.effects.note(decision, repeats) {
            self.pending.note(decision);
            self.repeats |= repeats;
        }
        self.decisions.push(decision);
        Some(decision)
    }

    fn into_decisions(self) -> Vec<Decision<'c>> {
        self.context.shared.counters.count_decisions(self.count);
        let context = self.context;
        let settled = context.settle(self.effects.delta());
        if self.tracks {
            let distinct = self.repeats.then(|| distinct(&self.decisions));
            let exposed = distinct.as_ref().unwrap_or(&self.decisions);
            context.expose(exposed, settled.written.as_ref());
        }
        context.tell_moves(self.effects.moves());
        self.decisions.into_iter().map(|decision| settled.of(decision)).collect()
    }
}

/// Leaves out new assignments in an experience whose id had one before: there is one in the record.
#[cold]
fn distinct<'c>(decisions: &[Decision<'c>]) -> Vec<Decision<'c>> {
    let mut seen = HashSet::new();
    let is_first = |one: &Decision<'c>| one.assignment().is_none_or(|(id, _)| seen.insert(id));
    decisions.iter().copied().filter(is_first).collect()
}
