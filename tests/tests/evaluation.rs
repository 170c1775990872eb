//! Decisions through the facade: records, segments, locations, providers, time, explanations.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_sdk::{
    Answer, AttributeProvider, Context, Core, Entity, EntityKind, ExperienceResult, FeatureResult,
    Identified as _, Moment, Preview, Reason, RunOptions, SdkConfig, Source, VisitorRecord,
    WallClock, attributes,
};
use serde_json::{Value, json};

fn core_with(parts: Value, set: impl FnOnce(SdkConfig) -> SdkConfig) -> Core {
    let mut project = json!({"account_id": "1", "project": {"id": "2", "utc_offset": "3600"}});
    for (name, value) in parts.as_object().unwrap() {
        project[name] = value.clone();
    }
    Core::initialize(set(SdkConfig::from_json(&project.to_string()).unwrap())).unwrap()
}

fn core(parts: Value) -> Core {
    core_with(parts, |config| config)
}

fn element(rule_type: &str, key: Value, operator: &str, value: Value, negated: bool) -> Value {
    json!({"rule_type": rule_type, "key": key, "value": value,
        "matching": {"match_type": operator, "negated": negated}})
}

fn any_of(elements: &[Value]) -> Value {
    json!({"OR": [{"AND": [{"OR_WHEN": elements}]}]})
}

fn plan_is(plan: &str) -> Value {
    any_of(&[element("generic_text_key_value", json!("plan"), "equals", json!(plan), false)])
}

fn halves(id: u32, key: &str) -> Value {
    json!({"id": id.to_string(), "key": key, "variations": [
        {"id": format!("{id}0"), "key": "a", "traffic_allocation": 50},
        {"id": format!("{id}1"), "key": "b", "traffic_allocation": 50}]})
}

fn guarded(id: u32, key: &str, audiences: Value) -> Value {
    let mut experience = halves(id, key);
    experience["audiences"] = audiences;
    experience
}

fn reason(visitor: &Context, key: &str) -> &'static str {
    visitor.explain_experience(key).reason().code()
}

fn record(json: Value) -> VisitorRecord {
    serde_json::from_value(json).unwrap()
}

#[test]
fn an_environment_that_is_no_text_is_never_the_one_asked_for() {
    for odd in [json!(5), json!(true), json!([]), json!({}), json!(["5"])] {
        let mut limited = halves(1, "e");
        limited["environment"] = odd.clone();
        let core = core(json!({"experiences": [limited]}));
        let visitor = core.create_context("v");
        for environment in ["5", "true", "", "staging"] {
            let options = RunOptions::new().environment(environment);
            assert!(visitor.run_experience_with("e", &options).is_none(), "{odd} {environment}");
        }
        assert!(visitor.run_experience("e").is_some(), "no environment is asked for");
        let path = core.current_config().diagnostics()[0].path().to_owned();
        assert_eq!(path, "experiences[0].environment");
    }
}

#[test]
fn an_experience_whose_id_is_the_number_0_is_left_out() {
    let mut zero = halves(1, "zero");
    zero["id"] = json!(0);
    let core = core(json!({"experiences": [zero, halves(2, "e")]}));
    let visitor = core.create_context("v");
    assert!(visitor.run_experience("zero").is_none() && visitor.run_experience("e").is_some());
    assert_eq!(core.current_config().diagnostics()[0].path(), "experiences[0].id");
}

#[test]
fn a_visitor_keeps_the_remembered_variation() {
    let core = core(json!({"experiences": [halves(1, "e")]}));
    let visitor = core.create_context("v").with_record(record(json!({"bucketing": {"1": "11"}})));
    let other = core.create_context("v").with_record(record(json!({"bucketing": {"1": 10}})));
    let found = visitor.run_experience("e").unwrap();
    assert_eq!((found.variation_id(), found.source()), ("11", Source::Sticky));
    assert_eq!(found.bucket_value(), None);
    assert_eq!(other.run_experience("e").unwrap().variation_id(), "10");
}

#[test]
fn a_stale_assignment_is_replaced() {
    let core = core(json!({"experiences": [halves(1, "e")]}));
    let visitor = core.create_context("v").with_record(record(json!({"bucketing": {"1": "gone"}})));
    let found = visitor.run_experience("e").unwrap();
    assert_eq!(found.source(), Source::Bucketed);
    assert!(found.bucket_value().is_some_and(|bucket| bucket < 10_000));
    assert_eq!(visitor.visitor_record().assignment("1"), Some(found.variation_id()));
}

#[test]
fn a_forced_variation_is_remembered_but_passes_the_gates_first() {
    let audiences = json!([{"id": "8", "rules": plan_is("pro")}]);
    let core = core(json!({"audiences": audiences,
        "experiences": [halves(1, "open"), guarded(2, "guarded", json!(["8"]))]}));
    let visitor = core.create_context("v");
    let force = |id| RunOptions::new().force_variation(id);
    assert!(visitor.run_experience_with("guarded", &force("20")).is_none());
    for id in ["10", "11"] {
        let forced = visitor.run_experience_with("open", &force(id)).unwrap();
        assert_eq!((forced.variation_id(), forced.source()), (id, Source::Forced));
        let again = visitor.run_experience_with("open", &force(id)).unwrap();
        assert_eq!(again.source(), Source::Sticky);
    }
    let unknown = visitor.run_experience_with("open", &force("99")).unwrap();
    assert_eq!((unknown.variation_id(), unknown.source()), ("11", Source::Sticky));
}

#[test]
fn permanent_audiences_are_checked_until_the_visitor_is_bucketed() {
    let audiences = json!([
        {"id": "8", "type": "permanent", "rules": plan_is("pro")},
        {"id": "9", "type": "transient", "rules": plan_is("pro")},
    ]);
    let core = core(json!({"audiences": audiences, "experiences": [
        guarded(1, "permanent", json!(["8"])), guarded(2, "transient", json!(["9"])),
    ]}));
    let known = json!({"bucketing": {"1": "10", "2": "20"}});
    let visitor = core.create_context("v").with_record(record(known));
    assert!(visitor.run_experience("permanent").is_some());
    assert!(visitor.run_experience("transient").is_none());
    let stale = record(json!({"bucketing": {"1": "gone"}}));
    assert_eq!(
        reason(&core.create_context("v").with_record(stale), "permanent"),
        "audience_mismatch"
    );
}

#[test]
fn each_gate_has_its_reason() {
    let mut elsewhere = halves(2, "elsewhere");
    elsewhere["environment"] = json!("live");
    let mut nowhere = halves(3, "nowhere");
    nowhere["locations"] = json!(["404"]);
    let mut area = halves(4, "area");
    area["site_area"] = json!({});
    let mut segmented = halves(6, "segmented");
    segmented["audiences"] = json!(["50"]);
    let mut closed = halves(8, "closed");
    closed["variations"] = json!([{"id": "80", "traffic_allocation": 0}]);
    let core = core_with(
        json!({
            "archived_experiences": ["1"], "audiences": [{"id": "8"}],
            "segments": [{"id": "50", "key": "vip"}],
            "experiences": [halves(1, "archived"), elsewhere, nowhere, area,
                guarded(5, "audience", json!(["8"])), segmented,
                {"id": "7", "key": "armless"}, closed, halves(9, "open")],
        }),
        |config| config.environment("staging"),
    );
    let visitor = core.create_context("v");
    for (key, expected) in [
        ("archived", "archived"),
        ("elsewhere", "environment_mismatch"),
        ("nowhere", "location_mismatch"),
        ("area", "location_mismatch"),
        ("audience", "audience_mismatch"),
        ("segmented", "segment_mismatch"),
        ("armless", "no_variations"),
        ("closed", "not_in_traffic"),
        ("open", "resolved"),
        ("none", "experience_not_found"),
    ] {
        assert_eq!(reason(&visitor, key), expected, "{key}");
        assert_eq!(visitor.run_experience(key).is_some(), expected == "resolved", "{key}");
    }
    let nobody = core.create_context("");
    assert_eq!(reason(&nobody, "open"), "empty_visitor_id");
    assert_eq!(reason(&nobody, "archived"), "archived");
    assert!(nobody.run_experience("open").is_none());
    let member =
        core.create_context("v").with_record(record(json!({"segments": {"customSegments": [50]}})));
    assert!(member.run_experience("segmented").is_some());
}

#[test]
fn segments_latch_in_config_order() {
    let core = core(json!({"segments": [
        {"id": "1", "key": "never", "rules": plan_is("none")},
        {"id": "2", "key": "pros", "rules": plan_is("pro")},
        {"id": "3", "key": "after", "rules": plan_is("none")},
        {"id": "4", "key": "unasked", "rules": plan_is("pro")},
    ]}));
    let visitor = core.create_context("v");
    let keys = ["after", "pros", "never"];
    assert!(visitor.run_custom_segments(&keys).unwrap().is_empty());
    let call = [("plan", "pro".into())];
    let options = RunOptions::new().attributes(&call);
    assert_eq!(visitor.run_custom_segments_with(&keys, &options).unwrap(), ["2", "3"]);
    assert!(visitor.run_custom_segments_with(&keys, &options).unwrap().is_empty());
    let json = serde_json::to_string(&visitor.visitor_record()).unwrap();
    assert_eq!(json, r#"{"segments":{"customSegments":["2","3"]}}"#);
}

#[test]
fn report_segments_live_in_the_record() {
    let in_germany = any_of(&[element(
        "generic_text_key_value",
        json!("country"),
        "equals",
        json!("DE"),
        false,
    )]);
    let core = core(json!({"audiences": [{"id": "8", "rules": in_germany}],
        "experiences": [guarded(1, "german", json!(["8"]))]}));
    let unstored = RunOptions::new().storage(false);
    let first =
        core.create_context("v").with_attributes(attributes! { "country" => "DE", "shoe" => 43 });
    assert!(first.run_experience_with("german", &unstored).is_some());
    let json = serde_json::to_string(&first.visitor_record()).unwrap();
    assert_eq!(json, r#"{"segments":{"country":"DE"}}"#);
    let second = core.create_context("v");
    assert!(second.run_experience_with("german", &unstored).is_some());
    second.set_segments(attributes! { "country" => "FR" });
    assert!(second.run_experience_with("german", &unstored).is_none());
    let call = [("country", "DE".into())];
    assert!(second.run_experience_with("german", &unstored.attributes(&call)).is_some());
    assert_eq!(first.attributes().len(), 2);
}

#[test]
fn locations_are_entered_and_left() {
    let page = |page: &str| {
        any_of(&[element("generic_text_key_value", json!("page"), "equals", json!(page), false)])
    };
    let mut e = halves(1, "e");
    e["locations"] = json!(["5", "6"]);
    let core = core(json!({"experiences": [e], "locations": [
        {"id": "5", "key": "shop", "rules": page("shop")},
        {"id": "6", "key": "blog", "rules": page("blog")},
    ]}));
    let at = |page: &str| core.create_context("v").with_location(attributes! { "page" => page });
    let places =
        |visitor: &Context| visitor.visitor_record().locations().collect::<Vec<_>>().join(",");
    let shopper = at("shop");
    assert!(shopper.run_experience("e").is_some());
    assert_eq!(places(&shopper), "shop");
    let reader = at("blog");
    assert!(reader.run_experience("e").is_some());
    assert_eq!(places(&reader), "blog");
    let nowhere = at("home");
    assert!(nowhere.run_experience("e").is_none());
    assert_eq!(places(&nowhere), "");
}

/// Knows one country, leaves cookies open, and computes conditions.
struct Provider;

impl AttributeProvider for Provider {
    fn answer(&self, rule_type: &str, key: Option<&str>, _visitor_id: &str) -> Answer {
        match (rule_type, key) {
            ("country", None) => Answer::Value("US".into()),
            ("js_condition", _) => Answer::Value(true.into()),
            ("cookie", Some("consent")) => Answer::NeedMoreData,
            ("weather_condition", _) => Answer::NoDataFound,
            ("local_time_hour_of_day", _) => Answer::Value(7.into()),
            _ => Answer::Unknown,
        }
    }
}

#[test]
fn a_provider_answers_by_rule_type() {
    let none = Value::Null;
    let country = || element("country", Value::Null, "equals", json!("us"), false);
    let cookie = |negated| element("cookie", json!("consent"), "equals", json!("yes"), negated);
    let weather = element("weather_condition", none.clone(), "equals", json!("rain"), false);
    let condition = element("js_condition", none.clone(), "equals", json!("anything"), true);
    let os = element("os", none, "equals", json!("linux"), true);
    let rules = [
        any_of(&[country()]),
        any_of(&[cookie(true)]),
        any_of(std::slice::from_ref(&weather)),
        any_of(&[condition]),
        any_of(&[os]),
        any_of(&[cookie(false), country()]),
        any_of(&[cookie(false), weather]),
    ];
    let audiences: Vec<Value> =
        rules.iter().enumerate().map(|(id, rules)| json!({"id": id, "rules": rules})).collect();
    let experiences: Vec<Value> =
        (0..7).map(|id| guarded(id, &format!("e{id}"), json!([id]))).collect();
    let parts = json!({"audiences": audiences, "experiences": experiences});
    let core = core_with(parts.clone(), |config| config.attribute_provider(Provider));
    let visitor = core.create_context("v");
    for (key, expected) in [
        ("e0", "resolved"),
        ("e1", "need_more_data"),
        ("e2", "no_data_found"),
        ("e3", "resolved"),
        ("e4", "audience_mismatch"),
        ("e5", "resolved"),
        ("e6", "no_data_found"),
    ] {
        assert_eq!(reason(&visitor, key), expected, "{key}");
    }
    let consenting = visitor
        .explain_experience_with("e1", &RunOptions::new().attributes(&[("consent", "no".into())]));
    assert_eq!(consenting.reason(), Reason::Resolved, "an attribute comes before the provider");
    let without = core_with(parts, |config| config);
    assert_eq!(reason(&without.create_context("v"), "e0"), "audience_mismatch");
}

/// Sunday, 1 March 2026, 23:45:59 UTC, two hours west of which is local.
struct Clock;

impl WallClock for Clock {
    fn now(&self) -> Moment {
        Moment::new(1_772_408_759, -7_200)
    }
}

#[test]
fn time_rules_read_the_clock() {
    let rules = [
        ("project_time_day_of_week", "equalsNumber", 1),
        ("project_time_hour_of_day", "equalsNumber", 0),
        ("project_time_minute_of_hour", "equalsNumber", 45),
        ("local_time_day_of_week", "equalsNumber", 7),
        ("local_time_hour_of_day", "less", 22),
        ("local_time_minute_of_hour", "lessEqual", 45),
    ];
    let rules = rules.map(|(rule_type, operator, value)| {
        any_of(&[element(rule_type, Value::Null, operator, json!(value), false)])
    });
    let audiences: Vec<Value> =
        rules.iter().enumerate().map(|(id, rules)| json!({"id": id, "rules": rules})).collect();
    let mut e = guarded(1, "e", json!([0, 1, 2, 3, 4, 5]));
    e["settings"] = json!({"matching_options": {"audiences": "all"}});
    let parts = json!({"audiences": audiences, "experiences": [e]});
    let core = core_with(parts.clone(), |config| config.wall_clock(Clock));
    let explanation = core.create_context("v").explain_experience("e");
    assert_eq!(explanation.reason(), Reason::Resolved, "{explanation}");
    let provided = core_with(parts, |config| config.wall_clock(Clock).attribute_provider(Provider));
    assert_eq!(provided.create_context("v").explain_experience("e").reason(), Reason::Resolved);
}

#[test]
fn explanations_show_each_step_and_hide_the_visitor() {
    let audiences = json!([{"id": "8", "key": "pros", "rules": plan_is("pro")}]);
    let core = core(
        json!({"audiences": audiences, "goals": [{"id": "4", "key": "bought", "rules": plan_is("pro")}],
        "experiences": [guarded(1, "e", json!(["8"]))]}),
    );
    let visitor =
        core.create_context("secret-visitor").with_attributes(attributes! { "plan" => "PRO" });
    let explanation = visitor.explain_experience("e");
    let text = explanation.to_string();
    for part in [
        "plan equals \"pro\": matched (saw \"PRO\")",
        "layout \"packed\"",
        "a [0, 5000)",
        "audience pros",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let json = serde_json::to_string(&explanation).unwrap();
    let debug = format!("{explanation:?}");
    assert!(!text.contains("secret-visitor") && !json.contains("secret-visitor"));
    assert!(!debug.contains("PRO"), "{debug}");
    let outcome = explanation.outcome().unwrap();
    assert_eq!(
        Some(outcome.variation_id().unwrap()),
        visitor.run_experience("e").map(|e| e.variation_id())
    );
    assert_eq!(visitor.explain_goal("bought").reason(), Reason::Resolved);
    assert_eq!(core.create_context("v").explain_goal("bought").reason(), Reason::RuleMismatch);
    assert_eq!(visitor.explain_goal("none").reason(), Reason::GoalNotFound);
}

#[test]
fn entities_are_found_by_key_and_id() {
    let core = core(json!({"experiences": [halves(1, "e"), halves(2, "f")],
        "goals": [{"id": "4", "key": "bought"}]}));
    let visitor = core.create_context("v");
    let Some(Entity::Variation(arm)) = visitor.config_entity(EntityKind::Variation, "a") else {
        panic!("no variation");
    };
    assert_eq!(arm.id(), Some("10"));
    let Some(Entity::Variation(arm)) = visitor.config_entity_by_id(EntityKind::Variation, "21")
    else {
        panic!("no variation");
    };
    assert_eq!(arm.key(), Some("b"));
    let Some(Entity::Goal(goal)) = visitor.config_entity(EntityKind::Goal, "bought") else {
        panic!("no goal");
    };
    assert_eq!(goal.id(), "4");
    assert!(visitor.config_entity(EntityKind::Audience, "bought").is_none());
}

fn country_is(country: &str) -> Value {
    any_of(&[element("t", json!("country"), "equals", json!(country), false)])
}

fn member_json(visitor: &Context) -> String {
    serde_json::to_string(&visitor.visitor_record()).unwrap()
}

/// Experience 1 for Germans, 2 for the French, 3 for members of segment 50, and 4 for everybody.
fn countries() -> Core {
    core(json!({
        "audiences": [{"id": "8", "rules": country_is("DE")}, {"id": "9", "rules": country_is("FR")}],
        "segments": [{"id": "50", "key": "french", "rules": country_is("FR")}],
        "experiences": [guarded(1, "german", json!(["8"])), guarded(2, "french", json!(["9"])),
            guarded(3, "member", json!(["50"])), halves(4, "open")],
    }))
}

fn keys_of(visitor: &Context) -> Vec<&str> {
    visitor.run_experiences().iter().map(ExperienceResult::experience_key).collect()
}

#[test]
fn segments_that_are_set_reach_the_record_the_rules_and_later_contexts() {
    let core = countries();
    let visitor = core.create_context("v");
    visitor.set_segments(attributes! { "country" => "FR", "shoe" => 43 });
    assert_eq!(member_json(&visitor), r#"{"segments":{"country":"FR"}}"#);
    assert_eq!(visitor.run_custom_segments(&["french"]).unwrap(), ["50"]);
    assert_eq!(member_json(&visitor), r#"{"segments":{"country":"FR","customSegments":["50"]}}"#);
    assert_eq!(keys_of(&visitor), ["french", "member", "open"]);
    let later = core.create_context("v");
    assert_eq!(later.visitor_record(), visitor.visitor_record());
    assert_eq!(keys_of(&later), ["french", "member", "open"]);
    let kept = serde_json::from_str(&member_json(&later)).unwrap();
    let elsewhere = countries().create_context("v").with_record(kept);
    assert!(elsewhere.run_experiences().iter().all(|result| result.source() == Source::Sticky));
    assert_eq!(elsewhere.run_experiences().len(), 3);
}

#[test]
fn segments_set_while_previewing_count_at_once_and_are_recorded_when_it_ends() {
    let core = countries();
    let mut visitor = core.create_context("v").with_attributes(attributes! { "country" => "DE" });
    visitor.set_preview(Preview::new("4", "40")).unwrap();
    let before = member_json(&visitor);
    assert_eq!(keys_of(&visitor), ["german", "open"]);

    visitor.set_attributes(attributes! { "country" => "FR", "plan" => "pro" });
    assert_eq!(keys_of(&visitor), ["french", "open"]);
    assert_eq!(visitor.explain_experience("french").reason(), Reason::Resolved);
    assert_eq!(visitor.run_custom_segments(&["french"]).unwrap(), ["50"]);
    visitor.set_segments(attributes! { "customSegments" => vec!["50"] });
    assert_eq!(keys_of(&visitor), ["french", "member", "open"]);
    assert_eq!(member_json(&visitor), before, "a preview leaves no trace");
    assert_eq!(member_json(&core.create_context("v")), before, "a preview leaves no trace");

    visitor.set_preview(Preview::new("4", "41")).unwrap();
    assert_eq!(member_json(&visitor), before, "one preview follows another");
    visitor.clear_preview();
    let said = r#"{"segments":{"country":"FR","customSegments":["50"]}}"#;
    assert_eq!(member_json(&visitor), said);
    assert_eq!(member_json(&core.create_context("v")), said);
    assert_eq!(keys_of(&visitor), ["french", "member", "open"]);
}

#[test]
fn what_a_dropped_or_failed_preview_was_told() {
    let core = countries();
    let mut dropped = core.create_context("v");
    dropped.set_preview(Preview::new("4", "40")).unwrap();
    dropped.set_segments(attributes! { "country" => "FR" });
    drop(dropped);
    assert!(core.create_context("v").visitor_record().is_empty());

    let mut failing = core.create_context("v");
    failing.set_preview(Preview::new("4", "40")).unwrap();
    failing.set_segments(attributes! { "country" => "FR" });
    assert!(failing.set_preview(Preview::new("4", "404")).is_err());
    assert_eq!(member_json(&failing), r#"{"segments":{"country":"FR"}}"#);
}

#[test]
fn a_cleared_preview_decides_and_remembers_as_before() {
    let core = countries();
    let mut visitor = core.create_context("v");
    let plain = core.create_context("v");
    let plain = plain.run_experience_with("open", &RunOptions::new().storage(false)).unwrap();
    let other = if plain.variation_id() == "40" { "41" } else { "40" };
    visitor.set_preview(Preview::new("4", other)).unwrap();
    let shown = visitor.run_experience("open").unwrap();
    assert_eq!((shown.variation_id(), shown.source()), (other, Source::Preview));
    assert!(visitor.visitor_record().is_empty());
    visitor.clear_preview();
    let found = visitor.run_experience("open").unwrap();
    assert_eq!((found.variation_id(), found.source()), (plain.variation_id(), Source::Bucketed));
    assert_eq!(visitor.visitor_record().assignment("4"), Some(plain.variation_id()));
}

#[test]
fn a_site_area_is_matched_against_the_location_unless_ignored() {
    let mut e = halves(1, "e");
    e["site_area"] = any_of(&[element("t", json!("page"), "equals", json!("shop"), false)]);
    let core = core(json!({"experiences": [e]}));
    let at = |page: &str| core.create_context(page).with_location(attributes! { "page" => page });
    assert_eq!(reason(&at("shop"), "e"), "resolved");
    assert!(at("shop").run_experience("e").is_some());
    assert_eq!(reason(&at("blog"), "e"), "location_mismatch");
    let (ignoring, shop) =
        (RunOptions::new().ignore_location(true), attributes! { "page" => "shop" });
    assert!(at("blog").run_experience_with("e", &ignoring).is_some());
    let reader = at("news");
    assert!(reader.run_experience("e").is_none());
    assert!(reader.run_experience_with("e", &RunOptions::new().location(&shop)).is_some());
    // Attributes are no location.
    let shopper = core.create_context("v").with_attributes(shop);
    assert_eq!(reason(&shopper, "e"), "location_mismatch");
}

fn carrying(id: u32, key: &str, features: &[u32]) -> Value {
    let changes: Vec<Value> = features
        .iter()
        .map(|feature| json!({"type": "fullStackFeature", "data": {"feature_id": feature}}))
        .collect();
    json!({"id": id, "key": key, "variations": [{"id": id * 10, "key": "on", "changes": changes}]})
}

#[test]
fn experience_keys_limit_every_carrier_and_every_pass() {
    let core = core(json!({"features": [{"id": 7, "key": "banner"}],
        "experiences": [carrying(1, "a", &[7]), carrying(2, "b", &[7]), carrying(3, "c", &[7])]}));
    let visitor = core.create_context("v");
    let keys = ["c", "b", "none"];
    let limited = RunOptions::new().experience_keys(&keys);
    let carriers = visitor.run_feature_all_with("banner", &limited);
    let carriers: Vec<&str> = carriers.iter().map(FeatureResult::experience_key).collect();
    assert_eq!(carriers, ["b", "c"]);
    assert_eq!(visitor.visitor_record().assignment("1"), None, "the others are not decided");
    let first = visitor.run_feature_with("banner", &limited).unwrap();
    assert_eq!(first.experience_key(), "b");
    assert_eq!(visitor.run_features_with(&limited)[0].experience_key(), "b");
    assert_eq!(visitor.run_experiences_with(&limited).len(), 2);
    assert!(visitor.run_feature_all_with("banner", &limited.experience_keys(&[])).is_empty());
    assert_eq!(visitor.run_feature_all("banner").len(), 3);
}

#[test]
fn a_call_s_environment_goes_before_the_sdk_s() {
    let (mut live, mut staging) = (halves(1, "live"), halves(2, "staging"));
    live["environment"] = json!("live");
    staging["environment"] = json!("staging");
    let core =
        core_with(json!({"experiences": [live, staging]}), |config| config.environment("live"));
    let visitor = core.create_context("v");
    assert!(
        visitor.run_experience("live").is_some() && visitor.run_experience("staging").is_none()
    );
    let call = RunOptions::new().environment("staging");
    assert!(visitor.run_experience_with("live", &call).is_none());
    assert!(visitor.run_experience_with("staging", &call).is_some());
}

#[test]
fn features_come_in_the_order_in_which_the_config_lists_them() {
    let core = core(json!({
        "features": [{"id": 5, "key": "e"}, {"id": 1, "key": "a"}, {"id": 3, "key": "c"}],
        "experiences": [carrying(1, "first", &[3]), carrying(2, "second", &[1, 3, 5])],
    }));
    let visitor = core.create_context("v");
    let found = visitor.run_features();
    let found: Vec<_> = found.iter().map(|on| (on.feature_key(), on.experience_key())).collect();
    assert_eq!(found, [("e", "second"), ("a", "second"), ("c", "first")]);
    let mut previewing = core.create_context("v");
    previewing.set_preview(Preview::new("2", "20")).unwrap();
    let found = previewing.run_features();
    let found: Vec<_> = found.iter().map(|on| (on.feature_key(), on.experience_key())).collect();
    assert_eq!(found, [("e", "second"), ("a", "second"), ("c", "second")], "a preview goes first");
}

#[test]
fn an_open_answer_of_one_audience_goes_before_a_match_of_another() {
    let cookie = any_of(&[element("cookie", json!("consent"), "equals", json!("yes"), false)]);
    let weather = any_of(&[element("weather_condition", Value::Null, "equals", json!("x"), false)]);
    let core = core_with(
        json!({"audiences": [{"id": "7", "rules": plan_is("pro")}, {"id": "8", "rules": cookie},
                {"id": "9", "rules": weather}],
            "experiences": [guarded(1, "match_first", json!(["7", "8"])),
                guarded(2, "both_open", json!(["9", "8"])), guarded(3, "matches", json!(["7"]))]}),
        |config| config.attribute_provider(Provider),
    );
    let visitor = core.create_context("v").with_attributes(attributes! { "plan" => "pro" });
    assert_eq!(reason(&visitor, "match_first"), "need_more_data");
    assert!(visitor.run_experience("match_first").is_none());
    assert_eq!(reason(&visitor, "both_open"), "need_more_data", "the first in the config's order");
    assert_eq!(reason(&visitor, "matches"), "resolved");
}

#[test]
fn a_variation_is_forced_though_it_is_stopped_and_by_id_alone() {
    let arms = json!([{"id": "10", "key": "on", "traffic_allocation": 100},
        {"id": "11", "key": "stopped", "status": "stopped", "traffic_allocation": 100},
        {"id": "12", "key": "closed", "traffic_allocation": 0}]);
    let core = core(json!({"experiences": [{"id": "1", "key": "e", "variations": arms}]}));
    for id in ["11", "12"] {
        let visitor = core.create_context(id);
        let forcing = RunOptions::new().force_variation(id);
        let forced = visitor.run_experience_with("e", &forcing).unwrap();
        assert_eq!((forced.variation_id(), forced.source()), (id, Source::Forced));
        let after = visitor.run_experience("e").unwrap();
        assert_eq!((after.variation_id(), after.source()), (id, Source::Sticky));
    }
    let visitor = core.create_context("v");
    let by_key = RunOptions::new().force_variation("stopped");
    let explanation = visitor.explain_experience_with("e", &by_key).to_string();
    assert!(explanation.contains("forced variation stopped: no such id"), "{explanation}");
    assert_eq!(visitor.run_experience_with("e", &by_key).unwrap().variation_id(), "10");
}

#[test]
fn mutual_exclusion_sees_what_a_pass_stores_and_nothing_else() {
    let excluded = any_of(&[element(
        "bucketed_into_experience_key",
        Value::Null,
        "equals",
        json!("first"),
        true,
    )]);
    let core = core(json!({"audiences": [{"id": "8", "rules": excluded}],
        "features": [{"id": 7, "key": "banner"}],
        "experiences": [carrying(1, "first", &[]), guarded(2, "second", json!(["8"])),
            carrying(3, "third", &[7])]}));
    let (alone, both) = (["first", "second", "third"], ["first", "third"]);
    let unstored = RunOptions::new().storage(false);
    let visitor = core.create_context("v");
    let found = visitor.run_experiences_with(&unstored);
    let found: Vec<&str> = found.iter().map(ExperienceResult::experience_key).collect();
    assert_eq!(found, alone, "nothing is stored that exclusion could see");
    let mut previewing = core.create_context("v");
    previewing.set_preview(Preview::new("3", "30")).unwrap();
    assert_eq!(keys_of(&previewing), alone, "a preview stores nothing");
    assert_eq!(keys_of(&visitor), both);
    previewing.clear_preview();
    let again = previewing.run_experiences_with(&unstored);
    assert_eq!(again.len(), 3, "its context has not seen what another one stored");
}
