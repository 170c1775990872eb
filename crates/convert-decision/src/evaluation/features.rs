//! Deciding features.

use convert_config::{Experience, Feature, Identified as _, ProjectConfig};

use crate::decision::{Decision, FeatureDecision};
use crate::evaluation::{Evaluation, own};
use crate::preview::ForcedArm;

impl<'c, 'v> Evaluation<'c, 'v> {
    /// Returns the experiences to decide for a feature, in config order; the one that the visitor
    /// previews comes first if its variation carries the feature.
    /// Experiences that the evaluation is not limited to are left out.
    pub fn carriers_of(
        &self,
        feature: &'c Feature,
    ) -> impl Iterator<Item = &'c Experience> + Clone + use<'c, 'v> {
        let config = self.config;
        let first = self.preview.filter(|arm| carries(arm, feature)).map(|arm| arm.experience);
        let rest = own(config.features(), feature)
            .into_iter()
            .flat_map(|feature| config.carriers_of(feature))
            .filter_map(self.standing())
            .filter(move |carrier| first.is_none_or(|first| !std::ptr::eq(first, *carrier)));
        first.into_iter().chain(rest).filter(self.included())
    }

    /// Returns the feature as a decision enables it; `None` if its variation does not.
    pub fn feature_in(
        &self,
        feature: &'c Feature,
        decision: Decision<'c>,
    ) -> Option<FeatureDecision<'c>> {
        let feature = own(self.config.features(), feature)?;
        self.features_in(decision).find(|enabled| std::ptr::eq(enabled.feature, feature))
    }

    /// Returns every feature that a decision enables, in the order of the variation's changes.
    pub fn features_in(
        &self,
        decision: Decision<'c>,
    ) -> impl Iterator<Item = FeatureDecision<'c>> + use<'c, 'v> {
        let config = self.config;
        self.adopt(decision).into_iter().flat_map(move |(owner, decision)| {
            decision.variation.feature_changes().iter().filter_map(move |change| {
                // A previewed experience may come from a config of its own, where the features are
                // others with the same ids.
                let carried = owner.feature_of(change)?;
                let feature = config.features().by_id(carried.id())?;
                Some(FeatureDecision { feature, change, decision })
            })
        })
    }

    /// Returns a decision with the config that its experience is of: the previewed one's, or the
    /// evaluated one, to whose entities a decision from elsewhere is brought over.
    fn adopt(&self, decision: Decision<'c>) -> Option<(&'c ProjectConfig, Decision<'c>)> {
        let is_its = |arm: &ForcedArm<'_>| std::ptr::eq(arm.experience, decision.experience);
        if let Some(arm) = self.preview.filter(is_its) {
            return Some((arm.config, decision));
        }
        let experience = own(self.config.experiences(), decision.experience)?;
        if std::ptr::eq(experience, decision.experience) {
            return Some((self.config, decision));
        }
        let variation = experience.variation_by_id(decision.variation.id()?)?;
        Some((self.config, Decision { experience, variation, ..decision }))
    }
}

fn carries(arm: &ForcedArm<'_>, feature: &Feature) -> bool {
    let carried = arm.variation.feature_changes().iter();
    carried
        .filter_map(|change| arm.config.feature_of(change))
        .any(|known| known.id() == feature.id())
}
