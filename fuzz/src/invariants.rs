//! What must hold of every loaded config and of every decision made from it.

use arbitrary::{Result, Unstructured};
use convert_sdk::{
    Attributes, Context, Core, Experience, ExperienceResult, Explanation, Identified as _, Moment,
    Preview, ProjectConfig, Reason, RunOptions, SdkConfig, Source, VisitorRecord, WallClock,
};
use serde_json::Value;

use crate::document::Object;
use crate::project::ENVIRONMENTS;
use crate::rules::attributes;

/// Checks what holds of a config alone.
pub(crate) fn check_config(config: &ProjectConfig) {
    assert!(!config.account_id().is_empty() && !config.project_id().is_empty());
    assert!(config.diagnostics().len() <= 2_002);
    for diagnostic in config.diagnostics() {
        assert!(!diagnostic.to_string().is_empty());
    }
    assert_eq!(config.entity_counts().experiences, config.experiences().len());
    for experience in config.experiences() {
        assert!(config.experiences().by_id(experience.id()).is_some());
        assert!(experience.key().is_none_or(|key| config.experiences().by_key(key).is_some()));
        check_traffic(experience);
    }
    for feature in config.features() {
        for carrier in config.carriers_of(feature) {
            let mut changes = carrier.variations().iter().flat_map(|arm| arm.feature_changes());
            assert!(changes.any(|change| config.turns_on(change, feature)));
        }
    }
}

/// Decides everything for a few visitors and checks what holds of the answers.
pub(crate) fn check_decisions(config: &ProjectConfig, choices: &mut Unstructured<'_>) {
    for visitor_id in ["visitor-1", "", "Zoë 🎯"] {
        let Ok(visitor) = Asked::from(choices, visitor_id) else { return };
        visitor.check(config);
    }
}

/// A visitor, and how they are asked about.
struct Asked {
    id: &'static str,
    attributes: Attributes,
    location: Attributes,
    record: VisitorRecord,
    environment: Option<&'static str>,
    forced: Option<String>,
    ignores_location: bool,
}

/// A clock that stands still, so that asking twice is asking the same.
struct Stopped;

impl WallClock for Stopped {
    fn now(&self) -> Moment {
        Moment::new(1_700_000_000, 3_600)
    }
}

impl Asked {
    fn from(choices: &mut Unstructured<'_>, id: &'static str) -> Result<Self> {
        Ok(Asked {
            id,
            attributes: attributes(choices)?,
            location: attributes(choices)?,
            record: record(choices)?,
            environment: if choices.arbitrary()? {
                Some(choices.choose(ENVIRONMENTS)?)
            } else {
                None
            },
            forced: if choices.ratio(1, 4)? { Some(digit(choices)?) } else { None },
            ignores_location: choices.ratio(1, 4)?,
        })
    }

    fn check(&self, config: &ProjectConfig) {
        let mut settings = SdkConfig::from_data(config.clone()).wall_clock(Stopped);
        if let Some(environment) = self.environment {
            settings = settings.environment(environment);
        }
        let core = Core::initialize(settings).expect("direct data makes a core");
        let mut options = RunOptions::new().storage(false).ignore_location(self.ignores_location);
        if let Some(forced) = &self.forced {
            options = options.force_variation(forced);
        }
        let visitor = self.context(&core);
        let before = visitor.visitor_record();
        check_record(&before);
        self.check_experiences(config, &visitor, &options);
        self.check_features(config, &visitor, &options);
        for goal in config.goals().iter().take(MOST) {
            check_explanation(&visitor.explain_goal_with(goal.id(), &options));
        }
        assert_eq!(visitor.visitor_record(), before, "without storage nothing is remembered");
        check_preview(config, self.context(&core), &options);
        check_memory(&self.context(&core), &options.storage(true));
    }

    fn context(&self, core: &Core) -> Context {
        core.create_context(self.id)
            .with_record(self.record.clone())
            .with_attributes(self.attributes.clone())
            .with_location(self.location.clone())
    }

    fn check_experiences(
        &self,
        config: &ProjectConfig,
        visitor: &Context,
        options: &RunOptions<'_>,
    ) {
        for experience in config.experiences().iter().take(MOST) {
            // A key may be the id of another experience, whose answer this is then.
            let plain = visitor.run_experience_with(experience.id(), options);
            let again = visitor.run_experience_with(experience.id(), options);
            assert_eq!(plain.map(|it| it.into_owned()), again.map(|it| it.into_owned()));
            let explained = visitor.explain_experience_with(experience.id(), options);
            check_explanation(&explained);
            let outcome = explained.outcome();
            assert_eq!(plain.is_some(), outcome.is_some(), "{explained}");
            assert_eq!(plain.is_some(), explained.reason() == Reason::Resolved, "{explained}");
            if let (Some(plain), Some(outcome)) = (&plain, outcome) {
                assert_eq!(Some(plain.variation_id()), outcome.variation_id());
                assert_eq!(plain.source(), outcome.source());
                assert_eq!(plain.bucket_value(), outcome.bucket_value());
            }
            if let Some(plain) = &plain {
                assert!(!self.id.is_empty(), "nobody gets nothing");
                check_result(plain, self.id);
            }
        }
    }

    fn check_features(&self, config: &ProjectConfig, visitor: &Context, options: &RunOptions<'_>) {
        let listed = visitor.run_features_with(options);
        for feature in config.features().iter().take(MOST) {
            let first = visitor.run_feature_with(feature.id(), options);
            let all = visitor.run_feature_all_with(feature.id(), options);
            assert_eq!(first.map(|it| it.into_owned()), all.first().map(|it| it.into_owned()));
            let explained = visitor.explain_feature_with(feature.id(), options);
            check_explanation(&explained);
            assert_eq!(first.is_some(), explained.outcome().is_some(), "{explained}");
            for enabled in &all {
                check_result(&enabled.experience(), self.id);
                let variables: Value = enabled.variables().expect("variables are a map");
                assert!(variables.is_object());
                let carrier = listed.iter().find(|it| it.feature_id() == enabled.feature_id());
                assert!(carrier.is_some(), "what is on is listed");
            }
        }
    }
}

fn check_traffic(experience: &Experience) {
    for (range, arm) in experience.buckets().ranges() {
        let variation = experience.variations().get(arm).expect("every range has its arm");
        assert!(variation.id().is_some(), "arms without an id take no traffic");
        assert!(range.end() <= 10_000, "{range:?}");
    }
    for bucket in (0..10_000).step_by(97) {
        if let Some(variation) = experience.variation_at(bucket) {
            let mut twins = experience.variations().iter().filter(|it| it.id() == variation.id());
            assert!(variation.id().is_some());
            assert!(twins.any(|it| it.is_running()), "only running arms take new visitors");
        }
    }
}

fn check_result(result: &ExperienceResult<'_>, visitor_id: &str) {
    let experience = result.experience();
    let known = experience.variation_by_id(result.variation_id());
    assert!(known.is_some(), "the variation is one of the experience's");
    assert!(!experience.is_archived() || result.source() == Source::Preview);
    let json = serde_json::to_string(result).expect("results are JSON");
    assert!(serde_json::from_str::<Value>(&json).is_ok_and(|json| json.is_object()));
    let Some(bucket) = result.bucket_value() else {
        return assert_ne!(result.source(), Source::Bucketed);
    };
    assert!(bucket < 10_000);
    assert_eq!(result.source(), Source::Bucketed);
    assert_eq!(bucket, experience.buckets().bucket_value(visitor_id));
    let chosen = experience.variation_at(bucket).and_then(|arm| arm.id());
    assert_eq!(chosen, Some(result.variation_id()));
}

fn check_explanation(explanation: &Explanation) {
    let tree = explanation.to_string();
    assert!(tree.contains(explanation.reason().code()));
    let json = serde_json::to_string(explanation).expect("explanations are JSON");
    let read: Value = serde_json::from_str(&json).expect("JSON can be read");
    assert_eq!(read["reason"], explanation.reason().code());
}

/// A preview shows its arm and leaves no trace.
fn check_preview(config: &ProjectConfig, mut visitor: Context, options: &RunOptions<'_>) {
    let mut arms = config.experiences().iter().flat_map(|experience| {
        experience.variations().iter().filter_map(|arm| Some((experience.id(), arm.id()?)))
    });
    let Some((experience, arm)) = arms.next() else { return };
    if visitor.set_preview(Preview::new(experience, arm)).is_err() {
        return;
    }
    let before = visitor.visitor_record();
    let options = options.storage(true);
    visitor.run_features_with(&options);
    let shown = visitor.run_experiences_with(&options);
    if let Some(shown) = shown.iter().find(|it| it.experience_id() == experience) {
        assert_eq!((shown.variation_id(), shown.source()), (arm, Source::Preview));
    } else {
        assert!(visitor.visitor_id().is_empty());
    }
    assert_eq!(visitor.visitor_record(), before);
}

/// What is decided is remembered, and the memory survives JSON.
fn check_memory(visitor: &Context, options: &RunOptions<'_>) {
    let decided = visitor.run_experiences_with(options);
    let record = visitor.visitor_record();
    for result in &decided {
        let twins = decided.iter().filter(|it| it.experience_id() == result.experience_id());
        if twins.count() == 1 {
            assert_eq!(record.assignment(result.experience_id()), Some(result.variation_id()));
        }
    }
    let _ = visitor.run_custom_segments_with(&["k0", "k1", "k2", "k3"], options);
    visitor.run_features_with(options);
    check_record(&visitor.visitor_record());
}

/// Writing and reading a record changes nothing.
fn check_record(record: &VisitorRecord) {
    let json = serde_json::to_string(record).expect("records are JSON");
    let read: VisitorRecord = serde_json::from_str(&json).expect("records can be read");
    assert_eq!(serde_json::to_string(&read).expect("records are JSON"), json);
    assert_eq!(read.assignments().collect::<Vec<_>>(), record.assignments().collect::<Vec<_>>());
    assert_eq!(read.locations().collect::<Vec<_>>(), record.locations().collect::<Vec<_>>());
    assert_eq!(read.goals().collect::<Vec<_>>(), record.goals().collect::<Vec<_>>());
}

/// Records as any SDK of the family may have written them, or as none would.
fn record(choices: &mut Unstructured<'_>) -> Result<VisitorRecord> {
    let bucketing = |it: &mut Unstructured<'_>| {
        let count = it.int_in_range(0..=4)?;
        let pair = |_| Ok((digit(it)?, Value::from(digit(it)?)));
        Ok(Value::Object((0..count).map(pair).collect::<Result<_>>()?))
    };
    let ids = |it: &mut Unstructured<'_>| crate::document::list(it, 3, crate::document::id);
    let segments = |it: &mut Unstructured<'_>| {
        Ok(Object::new().member(it, "customSegments", ids)?.rare(it, "country", ids)?.done())
    };
    let json = Object::new()
        .member(choices, "bucketing", bucketing)?
        .rare(choices, "locations", ids)?
        .member(choices, "segments", segments)?
        .rare(choices, "goals", |it| crate::document::value(it, 2))?
        .rare(choices, "theirs", |it| crate::document::value(it, 2))?
        .done();
    Ok(serde_json::from_value(json).expect("any object is a record"))
}

fn digit(choices: &mut Unstructured<'_>) -> Result<String> {
    Ok(choices.int_in_range(0..=9)?.to_string())
}

/// Entities of a kind that are looked at: a config may have very many.
const MOST: usize = 24;
