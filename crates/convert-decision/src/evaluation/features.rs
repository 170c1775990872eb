//! Deciding features.

use convert_config::{Experience, Feature, Identified as _};

use crate::decision::{Decision, FeatureDecision};
use crate::evaluation::Evaluation;
use crate::preview::ForcedArm;

impl<'c, 'v> Evaluation<'c, 'v> {
    /// Returns the experiences to decide for a feature, in config order; the one that the visitor
    /// previews comes first if its variation carries the feature.
    /// Experiences that the evaluation is not limited to are left out.
    pub fn carriers_of(
        &self,
        feature: &'c Feature,
    ) -> impl Iterator<Item = &'c Experience> + Clone + use<'c, 'v> {
        let previewed = self.preview.filter(|arm| carries(arm, feature)).map(|arm| arm.experience);
        let rest = self
            .config
            .carriers_of(feature)
            .filter(move |carrier| previewed.is_none_or(|first| first.id() != carrier.id()));
        let keys = self.experience_keys;
        let is_included = move |one: &&Experience| {
            keys.is_none_or(|keys| one.key().is_some_and(|key| keys.contains(&key)))
        };
        previewed.into_iter().chain(rest).filter(is_included)
    }

    /// Returns the feature as a decision enables it; `None` if its variation does not.
    pub fn feature_in(
        &self,
        feature: &'c Feature,
        decision: Decision<'c>,
    ) -> Option<FeatureDecision<'c>> {
        self.features_in(decision).find(|enabled| std::ptr::eq(enabled.feature, feature))
    }

    /// Returns every feature that a decision enables, in the order of the variation's changes.
    pub fn features_in(
        &self,
        decision: Decision<'c>,
    ) -> impl Iterator<Item = FeatureDecision<'c>> + use<'c, 'v> {
        let config = self.config;
        // A previewed experience may come from a config of its own, where the features are others
        // with the same ids.
        let owner = self.previewed(decision.experience).map_or(config, |arm| arm.config);
        decision.variation.feature_changes().iter().filter_map(move |change| {
            let carried = owner.feature_of(change)?;
            let feature = config.features().by_id(carried.id())?;
            Some(FeatureDecision { feature, change, decision })
        })
    }
}

fn carries(arm: &ForcedArm<'_>, feature: &Feature) -> bool {
    let carried = arm.variation.feature_changes().iter();
    carried
        .filter_map(|change| arm.config.feature_of(change))
        .any(|known| known.id() == feature.id())
}
