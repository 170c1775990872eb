//! One visitor's view of the SDK.

use std::fmt;
use std::sync::Arc;

use convert_config::ProjectConfig;
use convert_decision::{
    AttributeLayers, Attributes, Evaluation, Explanation, Reason, Segments, VisitorRecord,
};

mod announce;
mod effects;
mod experience;
mod feature;
mod options;
mod preview;
mod run;
mod track;

pub use self::experience::{ExperienceResult, OwnedExperienceResult};
pub use self::feature::{FeatureResult, OwnedFeatureResult, VariableError};
pub use self::options::RunOptions;

use self::effects::Reports;
use self::preview::Previewed;
use crate::entity::{self, Entity, EntityKind};
use crate::handle::Shared;
use crate::visitor_store::{RecordCell, RecordDelta, Written, apply_to_cell};

/// One visitor: what is known of them, and the config snapshot they are decided from.
///
/// A context sees the config as it was when it was made. The visitor's record it sees as it was
/// then, plus what it did itself; and where the store answers a change it makes, which the one in
/// memory always does, as the store has it after that change, with what other contexts of the
/// visitor have recorded until then. Make one per request or session; it is `Send + Sync`.
///
/// Nothing it does blocks, but for [`Context::set_preview`], and what an external store is asked
/// for: see [`StoreConfig`](crate::StoreConfig).
///
/// ```
/// use convert_core::{Core, SdkConfig};
/// use convert_decision::attributes;
///
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
/// #     {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
/// let core = Core::initialize(SdkConfig::from_json(config)?)?;
/// let visitor = core
///     .create_context("visitor-1")
///     .with_attributes(attributes! { "country" => "DE", "age" => 42 });
/// assert!(visitor.run_experience("hero").is_some());
/// assert!(visitor.run_experience("no-such-experience").is_none());
/// # Ok::<(), convert_core::Error>(())
/// ```
pub struct Context {
    shared: Arc<Shared>,
    config: Arc<ProjectConfig>,
    visitor_id: String,
    attributes: Attributes,
    location: Attributes,
    preview: Option<Previewed>,
    record: RecordCell,
    /// Whether the application keeps the record, so that this process remembers nothing.
    in_hand: bool,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, visitor_id: String) -> Self {
        let config = shared.live.config();
        let mut context = Context {
            shared,
            config,
            visitor_id,
            attributes: Attributes::new(),
            location: Attributes::new(),
            preview: None,
            record: RecordCell::default(),
            in_hand: false,
        };
        if !context.visitor_id.is_empty() && context.reaches_records() {
            context.record = RecordCell::new(context.shared.records.load(&context.record_key()));
        }
        context
    }

    /// Adds attributes, replacing those of the same names. Report segments among them (`country`,
    /// `browser`, …) are recorded for the visitor as well; while previewing, they are recorded once
    /// the preview is cleared.
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.set_attributes(attributes);
        self
    }

    /// Sets what location rules see. Defaults to nothing, which restricted experiences never match.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<Attributes>) -> Self {
        self.location = location.into();
        self
    }

    /// Uses a record that the application has kept, instead of what this process remembers. From then
    /// on nothing is remembered here or written to a store; attributes that are report segments and
    /// were given before have been, so that this comes first.
    #[must_use]
    pub fn with_record(mut self, record: VisitorRecord) -> Self {
        self.in_hand = true;
        self.record = RecordCell::new(Some(Arc::new(record)));
        self.record_segments(Segments::from(self.attributes().clone()));
        self
    }

    /// Adds attributes, as [`Context::with_attributes`] does.
    pub fn set_attributes(&mut self, attributes: impl Into<Attributes>) {
        let attributes = attributes.into();
        let names_segment = attributes.iter().any(|(name, _)| Segments::is_name(name));
        if names_segment {
            self.record_segments(Segments::from(attributes.clone()));
            self.record.settle();
        }
        self.attributes.merge(attributes);
    }

    /// Sets report segments of the visitor, replacing those of the same names; a list of custom
    /// segments is added to those the visitor is in. Attributes that are no report segments are
    /// left out. While previewing, rules see them, and they are recorded once the preview is
    /// cleared.
    pub fn set_segments(&self, segments: impl Into<Segments>) {
        let segments = segments.into();
        if !segments.is_empty() {
            self.record_segments(segments.clone());
            self.tell_segments(&segments, &[]);
        }
    }

    /// Adds the visitor to the custom segments with these keys whose rules match, and returns the
    /// ids of those added.
    ///
    /// The segments are tried in config order; the first that matches and all after it are added.
    /// While previewing, nothing is recorded.
    ///
    /// # Errors
    ///
    /// Returns the attribute provider's reason if it leaves a segment's rules open.
    pub fn run_custom_segments(&self, keys: &[&str]) -> Result<Vec<String>, Reason> {
        self.run_custom_segments_with(keys, &RunOptions::new())
    }

    /// Adds the visitor to custom segments, with a call's attributes laid over the context's.
    ///
    /// # Errors
    ///
    /// Returns the attribute provider's reason if it leaves a segment's rules open.
    pub fn run_custom_segments_with(
        &self,
        keys: &[&str],
        options: &RunOptions<'_>,
    ) -> Result<Vec<String>, Reason> {
        if self.visitor_id.is_empty() {
            return Err(Reason::EmptyVisitorId);
        }
        let record = self.seen();
        let evaluation = self.evaluation(record.as_deref(), options);
        let added = evaluation.select_segments(keys, &mut Reports(&self.shared.counters))?;
        if !added.is_empty() && self.keeps_traces(options.storage) {
            self.apply(&RecordDelta::new().add_custom_segments(added.iter().copied()));
        }
        if !added.is_empty() {
            self.tell_segments(&Segments::default(), &added);
        }
        Ok(added.into_iter().map(str::to_owned).collect())
    }

    /// Returns the visitor's id.
    pub fn visitor_id(&self) -> &str {
        &self.visitor_id
    }

    /// Returns the attributes the context was given.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Returns what is remembered of the visitor, to be kept by the application.
    pub fn visitor_record(&self) -> VisitorRecord {
        self.record.load().as_deref().cloned().unwrap_or_default()
    }

    /// Finds an entity of the config by key.
    pub fn config_entity(&self, kind: EntityKind, key: &str) -> Option<Entity<'_>> {
        entity::by_key(&self.config, kind, key)
    }

    /// Finds an entity of the config by id.
    pub fn config_entity_by_id(&self, kind: EntityKind, id: &str) -> Option<Entity<'_>> {
        entity::by_id(&self.config, kind, id)
    }

    /// Explains what the visitor gets of an experience. Records nothing.
    pub fn explain_experience(&self, key: &str) -> Explanation {
        self.explain_experience_with(key, &RunOptions::new())
    }

    /// Explains what the visitor gets of an experience with these options. Records nothing.
    pub fn explain_experience_with(&self, key: &str, options: &RunOptions<'_>) -> Explanation {
        let record = self.seen();
        Explanation::of_experience(&self.evaluation(record.as_deref(), options), key)
    }

    /// Explains whether a feature is on for the visitor. Records nothing.
    pub fn explain_feature(&self, key: &str) -> Explanation {
        self.explain_feature_with(key, &RunOptions::new())
    }

    /// Explains whether a feature is on for the visitor with these options. Records nothing.
    pub fn explain_feature_with(&self, key: &str, options: &RunOptions<'_>) -> Explanation {
        let record = self.seen();
        Explanation::of_feature(&self.evaluation(record.as_deref(), options), key)
    }

    /// Explains whether a goal's rules match the visitor. Records nothing.
    pub fn explain_goal(&self, key: &str) -> Explanation {
        self.explain_goal_with(key, &RunOptions::new())
    }

    /// Explains whether a goal's rules match the visitor with these options. Records nothing.
    pub fn explain_goal_with(&self, key: &str, options: &RunOptions<'_>) -> Explanation {
        let record = self.seen();
        Explanation::of_goal(&self.evaluation(record.as_deref(), options), key)
    }

    /// Puts together what a decision follows from.
    #[inline]
    fn evaluation<'c: 'v, 'v>(
        &'c self,
        record: Option<&'v VisitorRecord>,
        options: &'v RunOptions<'v>,
    ) -> Evaluation<'c, 'v> {
        let record = record.unwrap_or_default();
        let evaluation = self.evaluation_from(record, options);
        let evaluation = evaluation.remembers(self.keeps_traces(options.storage));
        let Some(previewed) = &self.preview else { return evaluation };
        evaluation.preview(previewed.resolve())
    }

    /// Puts together what a single decision follows from where nothing is previewed.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    fn evaluation_from<'c: 'v, 'v>(
        &'c self,
        record: &'v VisitorRecord,
        options: &'v RunOptions<'v>,
    ) -> Evaluation<'c, 'v> {
        let attributes = AttributeLayers::new(&self.attributes).with_call(options.attributes);
        Evaluation::new(&self.config, &self.visitor_id)
            .attributes(attributes.with_segments(record.segments()))
            .location(options.location.unwrap_or(&self.location))
            .record(record)
            .options(&options.call)
            .surroundings(&self.shared.surroundings)
    }

    /// Whether what is decided may be remembered.
    #[inline]
    fn keeps_traces(&self, storage: bool) -> bool {
        storage && self.preview.is_none() && !self.visitor_id.is_empty()
    }

    fn record_segments(&self, segments: Segments) {
        if segments.is_empty() {
            return;
        }
        match &self.preview {
            Some(previewed) => previewed.say(segments),
            None => drop(self.apply(&RecordDelta::new().segments(segments))),
        }
    }

    /// Changes what is remembered of the visitor, for this context and for later ones.
    fn apply(&self, delta: &RecordDelta<'_>) -> Written {
        if self.in_hand || self.visitor_id.is_empty() || !self.reaches_records() {
            return apply_to_cell(&self.record, delta);
        }
        self.shared.records.write(&self.record_key(), delta, &self.record)
    }

    /// Returns whether records may be read and written: an external store not in a child of `fork()`,
    /// whose connections to it are its parent's.
    fn reaches_records(&self) -> bool {
        if self.shared.records.external().is_none() || !self.shared.is_forked() {
            return true;
        }
        self.shared.refuse_after_fork();
        false
    }

    fn record_key(&self) -> String {
        let (account, project) = (self.config.account_id(), self.config.project_id());
        [account, "-", project, "-", &self.visitor_id].concat()
    }
}

impl fmt::Debug for Context {
    /// Shows neither the visitor's id nor attribute values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("project_id", &self.config.project_id())
            .field("attributes", self.attributes())
            .field("location", &self.location)
            .field("previews", &self.preview.is_some())
            .finish_non_exhaustive()
    }
}
