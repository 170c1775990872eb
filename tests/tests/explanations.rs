//! What explanations show, line by line.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_sdk::{
    Answer, AttributeProvider, Context, Core, Preview, Reason, RunOptions, SdkConfig,
    VisitorRecord, attributes,
};
use serde_json::{Value, json};

/// One experience behind every gate, one that follows from another, and a goal.
fn project() -> Value {
    let rule = |key: &str, value: Value| {
        json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "generic_text_key_value", "key": key,
            "value": value, "matching": {"match_type": "equals", "negated": false}}]}]}]})
    };
    let asked = json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "country", "value": "DE",
        "matching": {"match_type": "equals", "negated": false}}]}]}]});
    json!({
        "account_id": "1", "project": {"id": "2"},
        "locations": [{"id": "51", "key": "shop", "rules": rule("page", json!("shop"))}],
        "audiences": [
            {"id": "61", "key": "pros", "type": "transient", "rules": rule("plan", json!("pro"))},
            {"id": "62", "key": "new", "type": "permanent", "rules": rule("age", json!(1))},
            {"id": "63", "key": "germans", "type": "transient", "rules": asked}],
        "segments": [{"id": "71", "key": "buyers", "rules": null}],
        "features": [{"id": "5", "key": "banner"}],
        "goals": [{"id": "9", "key": "bought", "rules": rule("total", json!(5))}],
        "experiences": [
            {"id": "3", "key": "gated", "environment": "live", "version": 12,
             "locations": ["51", "59"], "audiences": ["62", "61", "71", "69"],
             "settings": {"matching_options": {"audiences": "all", "locations": "any"}},
             "variations": [{"id": "30", "key": "a", "traffic_allocation": 50},
                            {"id": "31", "key": "b", "traffic_allocation": 50}]},
            {"id": "4", "key": "asking", "audiences": ["63"], "variations": [{"id": "40",
                "changes": [{"type": "fullStackFeature", "data": {"feature_id": "5"}}]}]}]})
}

fn visitor(id: &str, set: impl FnOnce(SdkConfig) -> SdkConfig) -> Context {
    let config = SdkConfig::from_json(&project().to_string()).unwrap().environment("live");
    Core::initialize(set(config)).unwrap().create_context(id)
}

fn plain(id: &str) -> Context {
    visitor(id, |config| config)
}

/// Checks the whole tree that is printed.
fn check(explanation: &impl ToString, expected: &[&str]) {
    let text = explanation.to_string();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn every_gate_is_shown_with_what_it_asked_and_what_it_saw() {
    let record = r#"{"bucketing": {"3": "31"}, "segments": {"customSegments": ["71", "72"]}}"#;
    let visitor = plain("visitor-1")
        .with_record(serde_json::from_str::<VisitorRecord>(record).unwrap())
        .with_attributes(attributes! { "plan" => "Pro" })
        .with_location(attributes! { "page" => "shop" });
    check(
        &visitor.explain_experience("gated"),
        &[
            "experience gated for visitor 7fce38c63fcf1dbb: resolved -> b (sticky)",
            "  not archived: passed",
            "  visitor id: passed",
            "  environment: passed (experience \"live\", given \"live\")",
            "  locations: matched (match \"any\", unresolved [\"59\"])",
            "    location shop: matched",
            "      all of: matched",
            "        any of: matched",
            "          rule page equals \"shop\": matched (saw \"shop\")",
            "  audiences: matched (match \"all\", unresolved [\"69\"])",
            "    audience pros: matched",
            "      all of: matched",
            "        any of: matched",
            "          rule plan equals \"pro\": matched (saw \"Pro\")",
            concat!(
                "    audience new: skipped ",
                "(why \"permanent, and the visitor is in the experience already\")"
            ),
            "  segments: passed (wanted [\"71\"], held [\"71\",\"72\"])",
            "  variations: passed",
            "  stored variation b: chosen",
        ],
    );
}

#[test]
fn what_was_not_looked_at_is_said_to_be_skipped() {
    let visitor = plain("visitor-1").with_attributes(attributes! { "plan" => "pro", "age" => 1 });
    let options = RunOptions::new().ignore_location(true);
    let explanation = visitor.explain_experience_with("gated", &options);
    assert_eq!(explanation.reason(), Reason::SegmentMismatch);
    let text = explanation.to_string();
    assert!(text.contains("  locations: skipped (why \"ignore_location\")\n"), "{text}");
    assert!(text.contains("  segments: failed (wanted [\"71\"], held [])\n"), "{text}");
}

#[test]
fn a_missing_attribute_is_not_mistaken_for_a_text() {
    let there = plain("v").with_location(attributes! { "page" => "nothing" });
    let text = there.explain_experience("gated").to_string();
    assert!(text.contains("rule page equals \"shop\": not matched (saw \"nothing\")"), "{text}");
    let explanation = plain("v").explain_experience("gated");
    let text = explanation.to_string();
    assert!(text.contains("rule page equals \"shop\": not matched (saw nothing)"), "{text}");
    let json = serde_json::to_string(&explanation).unwrap();
    assert!(json.contains(r#""absent":["saw"]"#) && !json.contains(r#""saw":"#), "{json}");
}

#[test]
fn an_unknown_forced_variation_is_named() {
    let json = r#"{"account_id": "1", "project": {"id": "2"},
        "experiences": [{"id": "3", "key": "open", "variations": [{"id": "30", "key": "b"}]}]}"#;
    let core = Core::initialize(SdkConfig::from_json(json).unwrap()).unwrap();
    let options = RunOptions::new().force_variation("b");
    let text = core.create_context("v").explain_experience_with("open", &options).to_string();
    assert!(text.contains("  forced variation b: no such id (effect \"ignored\")\n"), "{text}");
    assert!(text.contains("  bucketing: chosen (hash "), "{text}");
}

#[derive(Debug)]
struct Undecided;

impl AttributeProvider for Undecided {
    fn answer(&self, _: &str, _: Option<&str>, _: &str) -> Answer {
        Answer::NeedMoreData
    }
}

#[test]
fn a_feature_is_off_for_the_providers_reason() {
    let visitor = visitor("v", |config| config.attribute_provider(Undecided));
    assert_eq!(visitor.explain_feature("banner").reason(), Reason::NeedMoreData);
    assert_eq!(visitor.explain_experience("asking").reason(), Reason::NeedMoreData);
    assert_eq!(
        plain("v").explain_feature("banner").reason(),
        Reason::FeatureNotInSelectedVariations
    );
}

#[test]
fn nobody_gets_anything_and_every_explanation_says_so() {
    let mut nobody = plain("");
    let failed = "  visitor id: failed\n";
    for explanation in [
        nobody.explain_experience("asking"),
        nobody.explain_feature("banner"),
        nobody.explain_goal("bought"),
    ] {
        assert_eq!(explanation.reason(), Reason::EmptyVisitorId);
        assert!(explanation.to_string().contains(failed), "{explanation}");
    }
    assert_eq!(nobody.explain_goal("sold").reason(), Reason::GoalNotFound);
    nobody.set_preview(Preview::parse("4.40").unwrap()).unwrap();
    let previewed = nobody.explain_experience("asking");
    assert_eq!(previewed.reason(), Reason::EmptyVisitorId);
    assert!(previewed.to_string().contains(failed), "{previewed}");
}

#[test]
fn results_keep_everything_when_they_are_kept() {
    let json = r#"{"account_id": "1", "project": {"id": "2"}, "features": [{"id": "5", "key": "f"}],
        "experiences": [{"id": "3", "key": "e", "name": "E", "variations": [{"id": "30", "key": "v",
            "name": "V", "changes": [{"id": 7, "type": "fullStackFeature", "data": {"feature_id": "5",
                "variables_data": {"size": 3}}}]}]}]}"#;
    let core = Core::initialize(SdkConfig::from_json(json).unwrap()).unwrap();
    let visitor = core.create_context("v");
    let result = visitor.run_experience("e").unwrap();
    let (borrowed, owned) = (json!(result), json!(result.into_owned()));
    assert_eq!(borrowed, owned);
    assert_eq!(owned["changes"][0]["id"], "7");
    assert_eq!(result.into_owned().changes(), result.changes());
    let feature = visitor.run_feature("f").unwrap();
    let (borrowed, owned) = (json!(feature), json!(feature.into_owned()));
    assert_eq!(borrowed, owned);
    assert_eq!((&owned["experience_id"], &owned["variation_id"]), (&json!("3"), &json!("30")));
    let kept = feature.into_owned();
    assert_eq!(kept.experience(), &feature.experience().into_owned());
    assert_eq!((kept.experience_id(), kept.variation_id()), ("3", "30"));
    assert_eq!(json!(kept.experience()), json!(feature.experience()));
    assert_eq!(kept.raw_variables(), feature.raw_variables());
}

#[test]
fn an_explanation_reads_the_same_as_json() {
    let explanation = plain("v").explain_experience("gated");
    let json = json!(explanation);
    assert_eq!(json["reason"], "location_mismatch");
    assert_eq!(json["outcome"], Value::Null);
    let names: Vec<&str> =
        json["steps"].as_array().unwrap().iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(names, ["not archived", "visitor id", "environment", "locations"]);
    assert_eq!(json["steps"][3]["unresolved"], json!(["59"]));
}
