//! The pure function from a config, a visitor and options to a decision.

use convert_bucketing::value_from_hash;
use convert_config::rule::StepBudget;
use convert_config::{Catalog, Experience, Identified, Mark, ProjectConfig, Variation};

mod features;
pub(crate) mod gates;
mod goals;
mod pass;
mod rules;
mod segments;
mod settings;
mod walk;

pub use self::pass::Pending;
pub use self::settings::{CallOptions, Surroundings};

use self::walk::Walk;
use crate::attributes::Attributes;
use crate::decision::{Decision, Source};
use crate::explain::Step;
use crate::layers::AttributeLayers;
use crate::observer::Observer;
use crate::preview::ForcedArm;
use crate::provider::AttributeProvider;
use crate::reason::Reason;
use crate::record::VisitorRecord;

/// Everything a decision follows from. Cheap to make and to copy; borrows all of it.
///
/// Experiences, features and decisions handed to it should come from its own config. One of another
/// config, an older snapshot say, stands for the config's own entity with the same id; where there
/// is none, nothing is found.
///
/// ```
/// use convert_config::ProjectConfig;
/// use convert_decision::{Evaluation, Reason, NoopObserver};
///
/// let config = ProjectConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?;
/// let evaluation = Evaluation::new(&config, "visitor-1");
/// let reason = evaluation.decide_by_key("hero", &mut NoopObserver).unwrap_err();
/// assert_eq!(reason, Reason::ExperienceNotFound);
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'c, 'v> {
    config: &'c ProjectConfig,
    visitor_id: &'v str,
    attributes: AttributeLayers<'v>,
    location: &'v Attributes,
    record: &'v VisitorRecord,
    pub(crate) pending: Option<&'v Pending<'c>>,
    pub(crate) remembers: bool,
    options: &'v CallOptions<'v>,
    surroundings: &'v Surroundings,
    budget: Option<&'v StepBudget>,
    preview: Option<ForcedArm<'c>>,
}

impl<'c, 'v> Evaluation<'c, 'v> {
    /// Starts from a config and a visitor of whom nothing else is known.
    #[inline]
    pub fn new(config: &'c ProjectConfig, visitor_id: &'v str) -> Self {
        Evaluation {
            config,
            visitor_id,
            attributes: AttributeLayers::new(&NOTHING),
            location: &NOTHING,
            record: Default::default(),
            pending: None,
            remembers: true,
            options: &const { CallOptions::new() },
            surroundings: &NO_SURROUNDINGS,
            budget: None,
            preview: None,
        }
    }

    /// Sets what audience rules see. Defaults to nothing.
    #[must_use]
    #[inline]
    pub fn attributes(self, attributes: AttributeLayers<'v>) -> Self {
        Evaluation { attributes, ..self }
    }

    /// Sets what location rules see. Defaults to nothing, which restricted experiences never match.
    #[must_use]
    #[inline]
    pub fn location(self, location: &'v Attributes) -> Self {
        Evaluation { location, ..self }
    }

    /// Sets the visitor's record. Defaults to an empty one.
    #[must_use]
    #[inline]
    pub fn record(self, record: &'v VisitorRecord) -> Self {
        Evaluation { record, ..self }
    }

    /// Sets assignments made earlier in the same pass, which mutual exclusion sees although the
    /// record does not have them yet. Defaults to none.
    #[must_use]
    #[inline]
    pub fn pending(self, pending: &'v Pending<'c>) -> Self {
        Evaluation { pending: Some(pending), ..self }
    }

    /// Sets whether assignments are kept, so that within one pass over several experiences mutual
    /// exclusion sees those made earlier. Defaults to `true`. A single decision does not depend on
    /// it. Mutual exclusion asks for what is stored, so that without storing each experience of a
    /// pass is decided as if alone, as in the JavaScript SDK.
    #[must_use]
    #[inline]
    pub fn remembers(self, remembers: bool) -> Self {
        Evaluation { remembers, ..self }
    }

    /// Sets what the call asks for. Defaults to nothing particular.
    #[must_use]
    #[inline]
    pub fn options(self, options: &'v CallOptions<'v>) -> Self {
        Evaluation { options, ..self }
    }

    /// Sets what the application has set for all its decisions. Defaults to nothing.
    #[must_use]
    #[inline]
    pub fn surroundings(self, surroundings: &'v Surroundings) -> Self {
        Evaluation { surroundings, ..self }
    }

    /// Sets the steps that all decisions of a pass share. Defaults to a budget of its own for each
    /// decision, [`StepBudget::STEPS`] steps.
    #[must_use]
    #[inline]
    pub fn step_budget(self, budget: &'v StepBudget) -> Self {
        Evaluation { budget: Some(budget), ..self }
    }

    /// Sets the variation that the visitor previews. Defaults to none.
    #[must_use]
    #[inline]
    pub fn preview(self, preview: Option<ForcedArm<'c>>) -> Self {
        Evaluation { preview, ..self }
    }

    /// Returns the config that is evaluated.
    pub fn config(&self) -> &'c ProjectConfig {
        self.config
    }

    /// Returns the visitor's id.
    pub fn visitor_id(&self) -> &'v str {
        self.visitor_id
    }

    /// Decides the experience with this key, or with this id where no experience has the key. The
    /// previewed experience goes before one of the config with the same key or id.
    ///
    /// # Errors
    ///
    /// Returns the reason why there is no variation for the visitor; that is a normal outcome.
    #[inline(never)]
    pub fn decide_by_key<O: Observer<'c>>(
        &self,
        key: &str,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        if self.preview.is_some() {
            return self.decide_previewing(key, observer);
        }
        match self.config.experiences().by_key_or_id(key) {
            Some(experience) => self.decide_here(experience, observer),
            None => Err(Reason::ExperienceNotFound),
        }
    }

    #[cold]
    fn decide_previewing<O: Observer<'c>>(
        &self,
        key: &str,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        match self.find_experience(key) {
            Some(experience) => self.decide(experience, observer),
            None => Err(Reason::ExperienceNotFound),
        }
    }

    /// Decides an experience of the config, or the previewed one.
    ///
    /// # Errors
    ///
    /// Returns the reason why there is no variation for the visitor; that is a normal outcome.
    #[inline]
    pub fn decide<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        if let Some(arm) = self.previewed(experience) {
            return self.decide_preview(arm, observer);
        }
        let known = own(self.config.experiences(), experience);
        self.decide_own(known.ok_or(Reason::ExperienceNotFound)?, observer)
    }

    /// Decides an experience that is the config's own and not previewed.
    #[inline(never)]
    fn decide_own<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        self.decide_here(experience, observer)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from two places")]
    fn decide_here<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        let sticky = self.record.variation_of(experience);
        let own_budget = StepBudget::new();
        let mut walk = Walk::new(observer, self.budget.unwrap_or(&own_budget));
        self.check_gates(experience, sticky.is_some(), &mut walk)?;
        self.choose(experience, sticky, observer)
    }

    /// Chooses the variation: the forced one, else the stored one, else by hash.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from one place")]
    fn choose<O: Observer<'c>>(
        &self,
        experience: &'c Experience,
        sticky: Option<&'c Variation>,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        let decided = |variation, source, bucket_value, is_new| Decision {
            experience,
            variation,
            source,
            bucket_value,
            is_new,
        };
        let wanted = self.options.forced_variation;
        let forced = wanted.and_then(|id| experience.variation_by_id(id));
        if let Some(unknown) = wanted.filter(|_| forced.is_none()) {
            observer.step_start(|| Step::unknown_force(unknown));
            observer.step_end(|| "no such id");
        }
        match (forced, sticky) {
            (Some(forced), Some(sticky)) if !std::ptr::eq(forced, sticky) => {
                observer.step_start(|| Step::forced(forced, Some(sticky)));
                observer.step_end(|| "chosen");
                return Ok(decided(forced, Source::Forced, None, true));
            }
            (Some(forced), None) => {
                observer.step_start(|| Step::forced(forced, None));
                observer.step_end(|| "chosen");
                return Ok(decided(forced, Source::Forced, None, true));
            }
            (_, Some(sticky)) => {
                observer.step_start(|| Step::stored(sticky, forced.is_some()));
                observer.step_end(|| "chosen");
                return Ok(decided(sticky, Source::Sticky, None, false));
            }
            (None, None) => {}
        }
        let hash = experience.buckets().hasher().hash(self.visitor_id);
        let bucket_value = value_from_hash(hash);
        let variation = experience.variation_at(bucket_value);
        let stored = || self.record.assignment(experience.id());
        observer.step_start(|| Step::bucketing(experience, hash).gone(stored()));
        observer.step_end(|| if variation.is_some() { "chosen" } else { "not in traffic" });
        let variation = variation.ok_or(Reason::NotInTraffic)?;
        Ok(decided(variation, Source::Bucketed, Some(bucket_value), true))
    }

    fn decide_preview<O: Observer<'c>>(
        &self,
        arm: ForcedArm<'c>,
        observer: &mut O,
    ) -> Result<Decision<'c>, Reason> {
        self.check_visitor_id(observer)?;
        observer.step_start(|| Step::preview(arm.variation));
        observer.step_end(|| "chosen");
        Ok(Decision {
            experience: arm.experience,
            variation: arm.variation,
            source: Source::Preview,
            bucket_value: None,
            is_new: false,
        })
    }

    #[inline]
    fn find_experience(&self, key: &str) -> Option<&'c Experience> {
        match self.preview {
            None => self.config.experiences().by_key_or_id(key),
            Some(arm) => self.find_with_preview(arm.experience, key),
        }
    }

    #[cold]
    fn find_with_preview(&self, previewed: &'c Experience, key: &str) -> Option<&'c Experience> {
        let experiences = self.config.experiences();
        let previewed = Some(previewed);
        previewed
            .filter(|experience| experience.key() == Some(key))
            .or_else(|| experiences.by_key(key))
            .or_else(|| previewed.filter(|experience| experience.id() == key))
            .or_else(|| experiences.by_id(key))
    }

    /// Returns the environment that experiences must belong to.
    #[inline]
    fn environment(&self) -> Option<(Mark, &'v str)> {
        match self.options.environment {
            None => self.surroundings.marked_environment(),
            Some(name) => Some((Mark::of(name), name)),
        }
    }

    #[inline]
    fn provider(&self) -> Option<&'v dyn AttributeProvider> {
        self.surroundings.asked()
    }

    /// Returns the previewed arm, if this is the experience it belongs to.
    #[inline]
    fn previewed(&self, experience: &Experience) -> Option<ForcedArm<'c>> {
        self.preview.filter(|arm| arm.experience.id() == experience.id())
    }
}

/// Returns the entity itself if it is of this list, else the list's own entity with its id. What is
/// of another config must not be looked at: its references are positions in that config's lists.
#[inline]
fn own<'c, T: Identified>(list: &'c Catalog<T>, entity: &'c T) -> Option<&'c T> {
    if list.as_ptr_range().contains(&std::ptr::from_ref(entity)) {
        return Some(entity);
    }
    list.by_id(entity.id())
}

static NOTHING: Attributes = Attributes::new();
static NO_SURROUNDINGS: Surroundings = Surroundings::new();
