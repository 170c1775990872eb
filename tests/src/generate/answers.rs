//! What a visitor is answered, in a form that tests compare.

use std::collections::BTreeMap;

use convert_sdk::{Context, ExperienceResult, FeatureResult, ProjectConfig, RunOptions, Value};

use super::{Json, Visitor, text_of};

/// Everything a visitor is answered, by experience id and feature id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers {
    /// The variation with its source and bucket, or why there is none.
    pub experiences: BTreeMap<String, String>,
    /// Every arm that turns the feature on, with the variables.
    pub features: BTreeMap<String, Vec<String>>,
}

impl Answers {
    /// Asks for everything on a fresh core, with storage off.
    pub fn of(visitor: &Visitor, config: &ProjectConfig) -> Self {
        let context = visitor.context(&visitor.core(config.clone()));
        Answers::of_context(&context, config, &visitor.options())
    }

    /// Asks a context for everything.
    pub fn of_context(context: &Context, config: &ProjectConfig, options: &RunOptions<'_>) -> Self {
        let experiences = config.experiences().iter().map(|experience| {
            let id = convert_sdk::Identified::id(experience);
            (id.to_owned(), experience_answer(context, id, options))
        });
        let features = config.features().iter().map(|feature| {
            let id = convert_sdk::Identified::id(feature);
            let enabled = context.run_feature_all_with(id, options);
            (id.to_owned(), enabled.iter().map(describe_feature).collect())
        });
        Answers { experiences: experiences.collect(), features: features.collect() }
    }
}

/// Says what a visitor gets of an experience, or why nothing.
pub fn experience_answer(context: &Context, id: &str, options: &RunOptions<'_>) -> String {
    match context.run_experience_with(id, options) {
        Some(result) => describe(&result),
        None => context.explain_experience_with(id, options).reason().code().to_owned(),
    }
}

/// Says what a visitor gets of an experience.
pub fn describe(result: &ExperienceResult<'_>) -> String {
    let bucket = result.bucket_value().map_or_else(String::new, |bucket| format!(" {bucket}"));
    format!("{} {}{bucket}", result.variation_id(), result.source())
}

/// Says what turns a feature on, with the variables sorted by name.
pub fn describe_feature(feature: &FeatureResult<'_>) -> String {
    let variables = text_of(&sorted(feature.raw_variables()));
    format!("{} {} {variables}", feature.experience_key(), describe(&feature.experience()))
}

/// Copies a document with the members of every object sorted.
pub fn sorted(document: &Json) -> Json {
    match document {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Map(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Map(members.into())
        }
        other => other.clone(),
    }
}
