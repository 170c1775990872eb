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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::NoopObserver;
    use crate::preview::Preview;
    use crate::reason::Reason;

    fn load(json: &str) -> ProjectConfig {
        ProjectConfig::from_json(json).unwrap()
    }

    /// The same ids as in [`later`], in other places: what is looked up by position goes wrong.
    fn earlier() -> ProjectConfig {
        load(
            r#"{"account_id": "1", "project": {"id": "2"},
            "audiences": [{"id": "8", "rules": {"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "t",
                "key": "plan", "value": "", "matching": {"match_type": "contains", "negated": false}}]}]}]}}],
            "features": [{"id": "6", "key": "banner"}, {"id": "5", "key": "gone"}],
            "experiences": [{"id": "4", "key": "gone", "variations": [{"id": "40", "changes": [
                {"type": "fullStackFeature", "data": {"feature_id": 5}}]}]},
            {"id": "3", "key": "old", "audiences": ["8"], "variations": [{"id": "30", "key": "old",
                "changes": [{"type": "fullStackFeature", "data": {"feature_id": 6}}]}]}]}"#,
        )
    }

    fn later() -> ProjectConfig {
        load(
            r#"{"account_id": "1", "project": {"id": "2"},
            "audiences": [{"id": "7"}, {"id": "8", "rules": {"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "t",
                "key": "plan", "matching": {"match_type": "doesNotExist", "negated": false}}]}]}]}}],
            "features": [{"id": "9", "key": "other"}, {"id": "6", "key": "banner"}],
            "experiences": [{"id": "3", "key": "new", "audiences": ["8"], "variations": [
                {"id": "30", "key": "new", "changes": [
                    {"type": "fullStackFeature", "data": {"feature_id": 6}}]}]}]}"#,
        )
    }

    #[test]
    fn what_is_of_another_config_stands_for_what_has_its_id() {
        let (earlier, later) = (earlier(), later());
        let evaluation = Evaluation::new(&later, "v");
        let old = earlier.experience("old").unwrap();
        let decision = evaluation.decide(old, &mut NoopObserver).unwrap();
        assert_eq!(decision.experience().key(), Some("new"));
        assert_eq!(decision.variation().key(), Some("new"));
        let gone = earlier.experience("gone").unwrap();
        let reason = evaluation.decide(gone, &mut NoopObserver).unwrap_err();
        assert_eq!(reason, Reason::ExperienceNotFound);

        let banner = earlier.features().by_key("banner").unwrap();
        let carriers: Vec<_> = evaluation.carriers_of(banner).map(Experience::key).collect();
        assert_eq!(carriers, [Some("new")]);
        let enabled = evaluation.feature_in(banner, decision).unwrap();
        assert!(std::ptr::eq(enabled.feature(), later.features().by_key("banner").unwrap()));
        let lost = earlier.features().by_key("gone").unwrap();
        assert_eq!(evaluation.carriers_of(lost).count(), 0);
        assert!(evaluation.feature_in(lost, decision).is_none());
    }

    #[test]
    fn a_decision_of_another_config_enables_what_this_one_has() {
        let (earlier, later) = (earlier(), later());
        let evaluation = Evaluation::new(&later, "v");
        let before = Evaluation::new(&earlier, "v");
        let gone = before.decide_by_key("gone", &mut NoopObserver).unwrap();
        assert_eq!(before.features_in(gone).count(), 1);
        assert_eq!(evaluation.features_in(gone).count(), 0);
        let preview = Preview::new("3", "30").resolve(&earlier).unwrap();
        let old = before.preview(Some(preview)).decide_by_key("old", &mut NoopObserver).unwrap();
        let enabled: Vec<_> = evaluation.features_in(old).map(|on| on.feature().key()).collect();
        assert_eq!(enabled, [Some("banner")]);
    }

    #[test]
    fn a_draft_of_another_config_takes_the_place_of_what_has_its_id() {
        let (earlier, later) = (earlier(), later());
        let draft = Preview::new("3", "30").resolve(&earlier).unwrap();
        let evaluation = Evaluation::new(&later, "v").preview(Some(draft));
        let keys: Vec<_> = evaluation.experiences().map(Experience::key).collect();
        assert_eq!(keys, [Some("old")]);
        for name in ["old", "3"] {
            let decision = evaluation.decide_by_key(name, &mut NoopObserver).unwrap();
            assert_eq!(decision.variation().key(), Some("old"), "{name}");
        }
        let banner = later.features().by_key("banner").unwrap();
        let carriers: Vec<_> = evaluation.carriers_of(banner).map(Experience::key).collect();
        assert_eq!(carriers, [Some("old")]);
    }
}
