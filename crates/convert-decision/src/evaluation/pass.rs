//! Passes over several experiences.

use std::collections::HashSet;

use convert_config::{Experience, Identified as _};
use foldhash::fast::RandomState;

use crate::decision::Decision;
use crate::evaluation::Evaluation;

/// The experiences that a visitor was assigned in earlier in a pass, for mutual exclusion to see.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Pending, NoopObserver};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"},
///     "audiences": [{"id": "9", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
///         "rule_type": "bucketed_into_experience_key", "value": "hero",
///         "matching": {"match_type": "equals", "negated": true}}]}]}]}}],
///     "experiences": [
///         {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]},
///         {"id": "4", "key": "rest", "audiences": ["9"], "variations": [{"id": "40"}]}]}"#)?;
/// let evaluation = Evaluation::new(&config, "visitor-1");
/// assert!(evaluation.decide_by_key("rest", &mut NoopObserver).is_ok());
///
/// let mut pending = Pending::new();
/// pending.note(evaluation.decide_by_key("hero", &mut NoopObserver)?);
/// assert!(evaluation.pending(&pending).decide_by_key("rest", &mut NoopObserver).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pending<'c> {
    // The ids come from the config, so the hash has a random seed.
    experience_ids: HashSet<&'c str, RandomState>,
}

impl<'c> Pending<'c> {
    /// Starts a pass.
    pub fn new() -> Self {
        Pending::default()
    }

    /// Notes a decision, if its assignment is new.
    pub fn note(&mut self, decision: Decision<'c>) {
        if let Some((experience_id, _)) = decision.assignment() {
            self.experience_ids.insert(experience_id);
        }
    }

    /// Returns whether an assignment in the experience with this id was noted.
    pub fn has(&self, experience_id: &str) -> bool {
        self.experience_ids.contains(experience_id)
    }
}

impl<'c, 'v> Evaluation<'c, 'v> {
    /// Returns the experiences that a pass decides, each once: in config order, those that the
    /// evaluation is not limited to left out. A previewed experience stands in the place of the one
    /// with its id, or at the end; others of the config with its id or key give way to it.
    pub fn experiences(&self) -> impl Iterator<Item = &'c Experience> + use<'c, 'v> {
        let experiences = self.config.experiences();
        let previewed = self.preview.map(|arm| arm.experience);
        let draft = previewed.filter(|draft| experiences.by_id(draft.id()).is_none());
        // A previewed experience is shown even where an earlier one has its key.
        let is_previewed = move |one: &Experience| previewed.is_some_and(|it| it.id() == one.id());
        let decided = experiences.iter().filter(move |it| !it.is_shadowed() || is_previewed(it));
        decided.filter_map(self.standing()).chain(draft).filter(self.included())
    }

    /// Returns what says which experience is decided in the place of one of the config's.
    pub(super) fn standing(
        &self,
    ) -> impl Fn(&'c Experience) -> Option<&'c Experience> + Clone + use<'c, 'v> {
        let previewed = self.preview.map(|arm| arm.experience);
        let place = previewed.and_then(|arm| self.config.experiences().by_id(arm.id()));
        move |experience| {
            let Some(previewed) = previewed else { return Some(experience) };
            if place.is_some_and(|place| std::ptr::eq(place, experience)) {
                return Some(previewed);
            }
            let has_key = experience.key().is_some() && experience.key() == previewed.key();
            let gives_way = has_key || experience.id() == previewed.id();
            (!gives_way).then_some(experience)
        }
    }

    /// Returns what says whether the evaluation is limited to other experiences than this one.
    pub(super) fn included(&self) -> impl Fn(&&'c Experience) -> bool + Clone + use<'c, 'v> {
        let keys = self.options.experience_keys;
        let keys: Option<HashSet<&'v str>> = keys.map(|keys| keys.iter().copied().collect());
        move |experience| {
            let listed =
                |keys: &HashSet<&str>| experience.key().is_some_and(|key| keys.contains(key));
            keys.as_ref().is_none_or(listed)
        }
    }
}
