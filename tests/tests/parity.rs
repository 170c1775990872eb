//! One test for every line of PARITY.md.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_sdk::{
    Answer, AttributeProvider, Attributes, Context, Core, Preview, ProjectConfig, RunOptions,
    SdkConfig, Value as Attribute, attributes,
};
use serde_json::{Value, json};

fn project(parts: Value) -> Value {
    let mut project = json!({"account_id": "1", "project": {"id": "2"}});
    for (name, value) in parts.as_object().unwrap() {
        project[name] = value.clone();
    }
    project
}

fn core(parts: Value) -> Core {
    core_with(parts, |config| config)
}

fn core_with(parts: Value, set: impl FnOnce(SdkConfig) -> SdkConfig) -> Core {
    let config = SdkConfig::from_json(&project(parts).to_string()).unwrap();
    Core::initialize(set(config)).unwrap()
}

fn rule(key: &str, operator: &str, value: Value) -> Value {
    let element = json!({
        "rule_type": "generic_text_key_value", "key": key, "value": value,
        "matching": {"match_type": operator, "negated": false},
    });
    json!({"OR": [{"AND": [{"OR_WHEN": [element]}]}]})
}

/// An experience with one arm, `{key}-arm`, and whatever else is given.
fn experience(id: u32, key: &str, parts: Value) -> Value {
    let mut experience = json!({
        "id": id.to_string(), "key": key,
        "variations": [{"id": format!("{id}0"), "key": format!("{key}-arm")}],
    });
    for (name, value) in parts.as_object().unwrap() {
        experience[name] = value.clone();
    }
    experience
}

/// An experience whose only arm turns features on with these variables.
fn carrier(id: u32, key: &str, features: &[(Value, Value)]) -> Value {
    let change = |(feature, variables): &(Value, Value)| {
        json!({"type": "fullStackFeature",
            "data": {"feature_id": feature, "variables_data": variables}})
    };
    let changes: Vec<Value> = features.iter().map(change).collect();
    let arm = json!({"id": format!("{id}0"), "key": format!("{key}-arm"), "changes": changes});
    experience(id, key, json!({"variations": [arm]}))
}

fn gets(visitor: &Context, key: &str) -> bool {
    visitor.run_experience(key).is_some()
}

#[test]
fn location_default() {
    let shop = json!([{"id": "5", "key": "shop", "rules": rule("page", "equals", json!("shop"))}]);
    let core = core(json!({"locations": shop, "experiences": [
        experience(1, "anywhere", json!({})),
        experience(2, "restricted", json!({"locations": ["5"]})),
    ]}));
    let visitor = core.create_context("v");
    assert!(gets(&visitor, "anywhere") && !gets(&visitor, "restricted"));
    let shopper = core.create_context("v").with_location(attributes! { "page" => "shop" });
    assert!(gets(&shopper, "restricted"));
    let ignoring = RunOptions::new().ignore_location(true);
    assert!(visitor.run_experience_with("restricted", &ignoring).is_some());
}

#[test]
fn locations_all() {
    let locations = json!([
        {"id": "5", "key": "shop", "rules": rule("page", "equals", json!("shop"))},
        {"id": "6", "key": "night", "rules": rule("hour", "equals", json!("23"))},
    ]);
    let both = |option: &str| json!({"locations": ["5", 6], "settings": {"matching_options": {"locations": option}}});
    let core = core(json!({"locations": locations, "experiences": [
        experience(1, "any", both("any")), experience(2, "all", both("all")),
    ]}));
    let shopper = core.create_context("v").with_location(attributes! { "page" => "shop" });
    assert!(gets(&shopper, "any") && !gets(&shopper, "all"));
    let late = attributes! { "page" => "shop", "hour" => 23 };
    assert!(gets(&core.create_context("w").with_location(late), "all"));
}

#[test]
fn matching_options_missing() {
    let audiences = json!([
        {"id": "7", "rules": rule("plan", "equals", json!("pro"))},
        {"id": "8", "rules": rule("plan", "equals", json!("team"))},
    ]);
    let core = core(json!({"audiences": audiences, "experiences": [
        experience(1, "either", json!({"audiences": ["7", "8"]})),
    ]}));
    let attributes = attributes! { "plan" => "team" };
    assert!(gets(&core.create_context("v").with_attributes(attributes), "either"));
    assert!(!gets(&core.create_context("v"), "either"));
}

#[test]
fn environment_default() {
    let live = json!({"experiences": [experience(1, "live", json!({"environment": "live"}))]});
    assert!(gets(&core(live.clone()).create_context("v"), "live"));
    let staging = core_with(live, |config| config.environment("staging"));
    let visitor = staging.create_context("v");
    assert!(!gets(&visitor, "live"));
    let options = RunOptions::new().environment("live");
    assert!(visitor.run_experience_with("live", &options).is_some());
}

#[test]
fn feature_off() {
    let core = core(json!({"features": [{"id": "7", "key": "banner"}], "experiences": []}));
    let visitor = core.create_context("v");
    assert!(visitor.run_feature("banner").is_none());
    assert!(visitor.run_features().is_empty());
    let reason = |key| visitor.explain_feature(key).reason().code();
    assert_eq!(reason("banner"), "feature_not_in_selected_variations");
    assert_eq!(reason("no-such"), "feature_not_found");
}

#[test]
fn feature_carriers() {
    let features = json!([{"id": "7", "key": "banner"}]);
    let core = core(json!({"features": features, "experiences": [
        experience(1, "unrelated", json!({})),
        carrier(2, "first", &[(json!(7), json!({"size": 1}))]),
        carrier(3, "second", &[(json!("7"), json!({"size": 2}))]),
    ]}));
    let visitor = core.create_context("v");
    let banner = visitor.run_feature("banner").unwrap();
    assert_eq!((banner.experience_key(), banner.variable::<u8>("size").unwrap()), ("first", 1));
    let record = visitor.visitor_record();
    let assigned: Vec<&str> = record.assignments().map(|(experience, _)| experience).collect();
    assert_eq!(assigned, ["2"]);
    let all = visitor.run_feature_all("banner");
    let carriers: Vec<&str> = all.iter().map(convert_sdk::FeatureResult::experience_key).collect();
    assert_eq!(carriers, ["first", "second"]);
}

#[test]
fn failed_cast() {
    let features =
        json!([{"id": "7", "key": "banner", "variables": [{"key": "size", "type": "integer"}]}]);
    let project = project(json!({"features": features, "experiences": [
        carrier(1, "e", &[(json!(7), json!({"size": "huge", "untyped": "12"}))]),
    ]}));
    let config = ProjectConfig::from_json(&project.to_string()).unwrap();
    let path = "experiences[0].variations[0].changes[0].data.variables_data.size";
    assert!(config.diagnostics().iter().any(|diagnostic| diagnostic.path() == path));
    let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
    let visitor = core.create_context("v");
    let banner = visitor.run_feature("banner").unwrap();
    assert_eq!(banner.variable::<&str>("size").unwrap(), "huge");
    assert_eq!(banner.variable::<&str>("untyped").unwrap(), "12");
}

#[test]
fn variables_no_object() {
    let features =
        json!([{"id": "7", "key": "banner", "variables": [{"key": "0", "type": "integer"}]}]);
    for given in [json!("text"), json!(5), json!(true), json!(["1"])] {
        let project = project(json!({"features": features, "experiences": [
            carrier(1, "e", &[(json!(7), given)]),
        ]}));
        let config = ProjectConfig::from_json(&project.to_string()).unwrap();
        let path = "experiences[0].variations[0].changes[0].data.variables_data";
        assert!(config.diagnostics().iter().any(|diagnostic| diagnostic.path() == path));
        let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
        let visitor = core.create_context("v");
        let variables: Value = visitor.run_feature("banner").unwrap().variables().unwrap();
        assert_eq!(variables, json!({}));
    }
}

#[test]
fn preview_features() {
    let features = json!([{"id": "7", "key": "banner"}]);
    let changes = json!([{"type": "fullStackFeature",
        "data": {"feature_id": "7", "variables_data": {"size": 9}}}]);
    let draft = json!({"environment": "nowhere", "audiences": ["8"], "variations": [
        {"id": "10", "key": "off", "status": "running"},
        {"id": "11", "key": "on", "status": "stopped", "changes": changes}]});
    let core = core_with(
        json!({"features": features, "audiences": [{"id": "8"}],
            "experiences": [
                carrier(2, "live", &[(json!("7"), json!({"size": 1}))]), experience(1, "draft", draft)]}),
        |config| config.environment("live"),
    );
    let mut visitor = core.create_context("v");
    assert!(!gets(&visitor, "draft"));
    visitor.set_preview(Preview::parse("1.11").unwrap()).unwrap();
    assert_eq!(visitor.run_experience("draft").unwrap().variation_key(), "on");
    assert_eq!(visitor.run_feature("banner").unwrap().variable::<u8>("size").unwrap(), 9);
    assert_eq!(visitor.run_features()[0].experience_key(), "draft");
    assert!(gets(&visitor, "live"));
    assert!(visitor.visitor_record().is_empty(), "a preview left a trace");
    assert!(visitor.set_preview(Preview::new("1", "12")).is_err());
    assert!(!gets(&visitor, "draft"), "a failed preview is no preview");
}

#[test]
fn preview_segments() {
    let german = json!([{"id": "8", "rules": rule("country", "equals", json!("DE"))}]);
    let core = core(json!({"audiences": german, "experiences": [
        experience(1, "draft", json!({})), experience(2, "german", json!({"audiences": ["8"]})),
    ]}));
    let mut visitor = core.create_context("v").with_attributes(attributes! { "country" => "FR" });
    visitor.set_preview(Preview::parse("1.10").unwrap()).unwrap();
    visitor.set_segments(attributes! { "country" => "DE" });
    assert!(gets(&visitor, "german"), "what is set while previewing counts");
    assert!(!gets(&core.create_context("v"), "german"), "but is not recorded");
    visitor.clear_preview();
    assert!(gets(&core.create_context("v"), "german"), "until the preview ends");
}

/// Answers `js_condition` with what the key of the rule says.
struct Conditions;

impl AttributeProvider for Conditions {
    fn answer(&self, rule_type: &str, key: Option<&str>, _visitor_id: &str) -> Answer {
        let answer = key.and_then(|key| serde_json::from_str::<Attribute<'_>>(key).ok());
        match (rule_type, answer) {
            ("js_condition", Some(answer)) => Answer::Value(answer.into_owned()),
            _ => Answer::Unknown,
        }
    }
}

#[test]
fn js_condition() {
    let condition = |answer: &Value| {
        json!({"OR_WHEN": [{"rule_type": "js_condition", "key": answer.to_string(), "value": "x",
            "matching": {"match_type": "equals", "negated": true}}]})
    };
    let nobody = json!({"OR_WHEN": []});
    for (answer, matches) in [
        (json!(true), true),
        (json!("yes"), true),
        (json!(1), true),
        (json!([]), true),
        (json!(false), false),
        (json!(0), false),
        (json!(""), false),
        (json!(null), false),
    ] {
        let alone = json!({"OR": [{"AND": [condition(&answer)]}]});
        let with_more = json!({"OR": [{"AND": [condition(&answer), nobody]}]});
        let audiences = json!([{"id": "8", "rules": alone}, {"id": "9", "rules": with_more}]);
        let core = core_with(
            json!({"audiences": audiences, "experiences": [
                experience(1, "alone", json!({"audiences": ["8"]})),
                experience(2, "with_more", json!({"audiences": ["9"]})),
            ]}),
            |config| config.attribute_provider(Conditions),
        );
        let visitor = core.create_context("v");
        assert_eq!(gets(&visitor, "alone"), matches, "{answer}");
        assert!(!gets(&visitor, "with_more"), "{answer} does not end the list");
    }
}

#[test]
fn call_attributes() {
    let audiences = json!([{"id": "8", "rules": rule("tags", "equals", json!("old"))}]);
    let core = core(json!({"audiences": audiences,
        "experiences": [experience(1, "e", json!({"audiences": ["8"]}))]}));
    let visitor = core.create_context("v").with_attributes(attributes! { "tags" => vec!["old"] });
    let call = [("tags", Attribute::from(vec!["new"]))];
    let options = RunOptions::new().attributes(&call).storage(false);
    assert!(visitor.run_experience_with("e", &options).is_none());
    assert!(gets(&visitor, "e"));
}

#[test]
fn ids_as_text() {
    let audiences = json!([{"id": 8, "rules": rule("plan", "equals", json!("pro"))}]);
    let arms = json!([{"id": 10, "key": "numeric"}]);
    let core = core(json!({"audiences": audiences, "archived_experiences": [2], "experiences": [
        experience(1, "guarded", json!({"audiences": ["8"], "variations": arms})),
        experience(2, "archived", json!({})),
    ]}));
    assert!(!gets(&core.create_context("v"), "guarded"));
    let pro = core.create_context("v").with_attributes(attributes! { "plan" => "pro" });
    assert_eq!(pro.run_experience("guarded").unwrap().variation_id(), "10");
    assert_eq!(pro.run_experience("guarded").unwrap().source().name(), "sticky");
    assert!(!gets(&pro, "archived"));
}

#[test]
fn undeclared_feature() {
    let project = project(json!({"experiences": [carrier(1, "e", &[(json!("404"), json!({}))])]}));
    let config = ProjectConfig::from_json(&project.to_string()).unwrap();
    assert!(config.has_warnings());
    let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
    assert!(core.create_context("v").run_features().is_empty());
    assert!(gets(&core.create_context("v"), "e"));
}

#[test]
fn repeated_entity() {
    let features = json!([{"id": "7", "key": "first"}, {"id": "7", "key": "second"}]);
    let core = core(json!({"features": features, "experiences": [
        carrier(1, "same", &[(json!("7"), json!({}))]), experience(2, "same", json!({})),
    ]}));
    let visitor = core.create_context("v");
    assert_eq!(visitor.run_experience("same").unwrap().experience_id(), "1");
    assert_eq!(visitor.run_features()[0].feature_key(), "first");
    assert_eq!(core.current_config().diagnostics().len(), 2);
}

#[test]
fn repeated_key() {
    let features = json!([{"id": "7", "key": "banner"}]);
    let core = core(json!({"features": features, "experiences": [
        experience(1, "hero", json!({})), carrier(2, "hero", &[(json!("7"), json!({}))]),
    ]}));
    let visitor = core.create_context("v");
    let answers = visitor.run_experiences();
    let ids: Vec<&str> = answers.iter().map(convert_sdk::ExperienceResult::experience_id).collect();
    assert_eq!(ids, ["1"]);
    assert!(visitor.run_features().is_empty() && visitor.run_feature("banner").is_none());
    assert_eq!(visitor.run_experience("2").unwrap().experience_id(), "2");
    let mut previewing = core.create_context("w");
    previewing.set_preview(Preview::new("2", "20")).unwrap();
    let shown = previewing.run_experiences();
    assert_eq!((shown.len(), shown[0].experience_id()), (1, "2"));
}

#[test]
fn malformed_throws() {
    let broken = json!([
        {"id": "1", "rules": {"OR": [null]}},
        {"id": "2", "rules": {"OR": [{"AND": [null]}]}},
        {"id": "3", "rules": {"OR": [{"AND": [{"OR_WHEN": [null, {"matching": null}]}]}]}},
    ]);
    let core = core(json!({
        "audiences": broken,
        "segments": [{"id": "6", "key": "ruleless", "rules": null}],
        "experiences": [
            experience(1, "one", json!({"audiences": ["1"]})),
            experience(2, "two", json!({"audiences": ["2"]})),
            experience(3, "three", json!({"audiences": ["3"]})),
            experience(4, "armless", json!({"variations": {"length": 1}})),
            experience(5, "nulls", json!({"variations": [null, {"id": "50", "key": "fine"}]})),
            experience(6, "sound", json!({})),
        ],
    }));
    let visitor = core.create_context("v");
    for key in ["one", "two", "three", "armless"] {
        assert!(!gets(&visitor, key), "{key}");
    }
    assert!(gets(&visitor, "nulls") && gets(&visitor, "sound"));
    assert_eq!(visitor.run_custom_segments(&["ruleless"]).unwrap(), [""; 0]);
}

#[test]
fn null_keys() {
    let mut keyless = experience(1, "gone", json!({}));
    keyless["key"] = json!(null);
    let core = core(json!({"experiences": [keyless]}));
    let visitor = core.create_context("v");
    assert!(!gets(&visitor, "null") && !gets(&visitor, "undefined") && !gets(&visitor, ""));
    assert!(gets(&visitor, "1"));
    assert_eq!(visitor.run_experiences().len(), 1);
}

#[test]
fn infinite_cast() {
    let features = json!([{"id": "7", "key": "f", "variables": [{"key": "x", "type": "float"}]}]);
    let core = core(json!({"features": features,
        "experiences": [carrier(1, "e", &[(json!(7), json!({"x": "Infinity"}))])]}));
    let visitor = core.create_context("v");
    let variables = serde_json::to_string(visitor.run_feature("f").unwrap().raw_variables());
    assert_eq!(variables.unwrap(), r#"{"x":"Infinity"}"#);
}

#[test]
fn context_record() {
    let core = core(json!({"experiences": [experience(1, "e", json!({
        "variations": [{"id": "10", "traffic_allocation": 50}, {"id": "11", "traffic_allocation": 50}],
    }))]}));
    let (first, second) = (core.create_context("v"), core.create_context("v"));
    first.set_segments(attributes! { "country" => "DE" });
    assert!(second.visitor_record().segments().is_empty());
    let options = RunOptions::new().force_variation("11");
    let forced = first.run_experience_with("e", &options).unwrap();
    let found = second.run_experience("e").unwrap();
    assert_eq!((forced.variation_id(), found.variation_id()), ("11", "11"));
    // The answer to its own change brought the second context up to date.
    assert!(second.visitor_record().segments().find("country").is_some());
    first.set_segments(attributes! { "country" => "FR" });
    let country = |context: &Context| {
        let record = context.visitor_record();
        record.segments().find("country").map(|value| value.to_text().into_owned())
    };
    assert_eq!(country(&second).as_deref(), Some("DE"));
    assert_eq!(country(&core.create_context("v")).as_deref(), Some("FR"));
}

/// Returns whether an audience with this pattern takes a visitor with this text.
fn searches(pattern: &str, text: &str) -> bool {
    let audiences = json!([{"id": "8", "rules": rule("text", "regexMatches", json!(pattern))}]);
    let core = core(json!({"audiences": audiences,
        "experiences": [experience(1, "e", json!({"audiences": ["8"]}))]}));
    let attributes: Attributes = attributes! { "text" => text };
    gets(&core.create_context("v").with_attributes(attributes), "e")
}

#[test]
fn astral_characters() {
    assert!(searches("^.$", "é") && !searches("^.$", "🎯") && searches("^..$", "🎯"));
}

#[test]
fn refused_patterns() {
    assert!(searches(&"a?".repeat(1_000), "b"));
    assert!(!searches(&"a?".repeat(10_000), "b"));
    assert!(!searches(&format!("{}a{}", "(".repeat(101), ")".repeat(101)), "a"));
}

#[test]
fn step_limit() {
    assert!(searches(r"^(a+)+\1$", "aaaa"));
    assert!(!searches(r"^(?=(a+)+$)b", &"a".repeat(50_000)));
    assert!(!searches(r"^((a|aa)+)\1b$", &"a".repeat(50_000)));
}
