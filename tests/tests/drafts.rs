//! Previews of drafts: experiences that the config in use lacks.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_sdk::{Context, ExperienceResult, Preview, RunOptions, Source};
use convert_tests::live::Refreshed;
use serde_json::{Value, json};
use test_support::ConfigAnswer;

/// An experience with two arms, of which the second carries the feature `banner`.
fn experience(id: u32, key: Option<&str>) -> Value {
    json!({"id": id.to_string(), "key": key, "variations": [
        {"id": format!("{id}0"), "key": "off", "traffic_allocation": 0},
        {"id": format!("{id}1"), "key": "on", "changes": [
            {"type": "fullStackFeature", "data": {"feature_id": 7}}]}]})
}

fn project(experiences: &[Value]) -> String {
    json!({"account_id": "10012345", "project": {"id": "10067890"}, "experiences": experiences,
        "features": [{"id": 7, "key": "banner"}, {"id": 8, "key": "other"}]})
    .to_string()
}

/// Starts with `hero` and `rest` live, and previews an arm of the draft 9.
fn previewing(draft_key: Option<&str>, arm: &str) -> (Refreshed, Context) {
    let live = project(&[experience(1, Some("hero")), experience(2, Some("rest"))]);
    let drafts = project(&[experience(9, draft_key)]);
    let answers = [live, drafts].map(ConfigAnswer::body);
    let live = Refreshed::start_with(answers, |config| config).unwrap();
    let mut visitor = live.core.create_context("visitor-1");
    visitor.set_preview(Preview::new("9", arm)).unwrap();
    (live, visitor)
}

fn shown(visitor: &Context, name: &str) -> Option<(String, String, Source)> {
    let result = visitor.run_experience(name)?;
    Some((result.experience_id().into(), result.variation_id().into(), result.source()))
}

fn ids(visitor: &Context) -> Vec<&str> {
    visitor.run_experiences().iter().map(ExperienceResult::experience_id).collect()
}

#[test]
fn a_draft_is_found_by_key_and_by_id_and_once_among_all() {
    let (_live, visitor) = previewing(Some("draft"), "91");
    let draft = Some(("9".to_owned(), "91".to_owned(), Source::Preview));
    assert_eq!(shown(&visitor, "draft"), draft);
    assert_eq!(shown(&visitor, "9"), draft);
    assert_eq!(ids(&visitor), ["1", "2", "9"]);
    assert!(visitor.explain_experience("9").outcome().is_some());
}

#[test]
fn a_draft_without_a_key_is_found_by_id() {
    let (_live, mut visitor) = previewing(None, "91");
    let draft = Some(("9".to_owned(), "91".to_owned(), Source::Preview));
    assert_eq!(shown(&visitor, "9"), draft);
    assert_eq!(ids(&visitor), ["1", "2", "9"]);
    let limited = RunOptions::new().experience_keys(&["hero"]);
    assert_eq!(visitor.run_experiences_with(&limited).len(), 1);
    assert_eq!(visitor.run_feature_with("banner", &limited).unwrap().experience_key(), "hero");
    visitor.clear_preview();
    assert_eq!(shown(&visitor, "9"), None);
}

#[test]
fn a_draft_takes_the_place_of_the_experience_with_its_key() {
    let (_live, mut visitor) = previewing(Some("hero"), "91");
    let draft = Some(("9".to_owned(), "91".to_owned(), Source::Preview));
    assert_eq!(shown(&visitor, "hero"), draft);
    assert_eq!(ids(&visitor), ["2", "9"]);
    let carriers = |visitor: &Context| -> Vec<String> {
        let all = visitor.run_feature_all("banner");
        all.iter().map(|banner| banner.experience().experience_id().to_owned()).collect()
    };
    assert_eq!(carriers(&visitor), ["9", "2"]);
    let banner = visitor.run_feature("banner").unwrap();
    assert_eq!(banner.experience().experience_id(), "9");
    let features = visitor.run_features();
    let features: Vec<&str> = features.iter().map(|on| on.experience().experience_id()).collect();
    assert_eq!(features, ["9"]);
    visitor.clear_preview();
    assert_eq!(shown(&visitor, "hero").unwrap().1, "11");
    assert_eq!(carriers(&visitor), ["1", "2"]);
}

#[test]
fn a_draft_that_turns_nothing_on_hides_what_the_live_one_turns_on() {
    let (_live, visitor) = previewing(Some("hero"), "90");
    let banner = visitor.run_feature("banner").unwrap();
    assert_eq!(banner.experience().experience_id(), "2");
    assert_eq!(visitor.run_feature_all("banner").len(), 1);
    assert_eq!(visitor.run_features().len(), 1);
    assert!(visitor.visitor_record().is_empty());
}
