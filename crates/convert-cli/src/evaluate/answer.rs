//! An answer line.

use convert_sdk::{Context, ExperienceResult, FeatureResult, Identified as _, RunOptions, Value};
use serde::Serialize;

use crate::json;

/// What a visitor gets.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'c> {
    visitor_id: &'c str,
    experiences: Vec<DecidedExperience<'c>>,
    features: Vec<EnabledFeature<'c>>,
}

/// Why a line has no answer.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    pub(super) error: String,
    pub(super) line: u64,
}

#[derive(Debug, Serialize)]
struct DecidedExperience<'c> {
    experience_key: Option<&'c str>,
    experience_id: &'c str,
    variation_key: Option<&'c str>,
    variation_id: Option<&'c str>,
}

#[derive(Debug, Serialize)]
struct EnabledFeature<'c> {
    feature_key: Option<&'c str>,
    feature_id: &'c str,
    experience_key: Option<&'c str>,
    variation_key: Option<&'c str>,
    variables: &'c Value<'static>,
}

impl<'c> Answer<'c> {
    /// Decides for the visitor and adds the answer to `out`, as a line.
    pub(super) fn write(visitor: &'c Context, out: &mut Vec<u8>) {
        // Without storage no experience sees the assignments of another, so that this pass decides
        // each on its own. It comes first, since the next one leaves assignments behind.
        let alone = visitor.run_experiences_with(&RunOptions::new().storage(false));
        let together = visitor.run_experiences();
        let features = together.iter().flat_map(|result| visitor.features_in(result));
        let answer = Answer {
            visitor_id: visitor.visitor_id(),
            experiences: alone.iter().map(DecidedExperience::from).collect(),
            features: features.map(EnabledFeature::from).collect(),
        };
        write_line(&answer, out);
    }
}

impl Fault {
    /// Adds the fault to `out`, as a line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_line(self, out);
    }
}

impl<'c> From<&ExperienceResult<'c>> for DecidedExperience<'c> {
    fn from(result: &ExperienceResult<'c>) -> Self {
        let (experience, variation) = (result.experience(), result.variation());
        DecidedExperience {
            experience_key: experience.key(),
            experience_id: experience.id(),
            variation_key: variation.key(),
            variation_id: variation.id(),
        }
    }
}

impl<'c> From<FeatureResult<'c>> for EnabledFeature<'c> {
    fn from(result: FeatureResult<'c>) -> Self {
        let carrier = result.experience();
        EnabledFeature {
            feature_key: result.feature().key(),
            feature_id: result.feature().id(),
            experience_key: carrier.experience().key(),
            variation_key: carrier.variation().key(),
            variables: result.raw_variables(),
        }
    }
}

fn write_line(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(error) = json::write_line(&mut *out, value) {
        // Texts, numbers and maps with textual names always serialise into memory.
        out.truncate(start);
        out.extend_from_slice(format!("{{\"error\":\"{error}\"}}\n").as_bytes());
    }
}
