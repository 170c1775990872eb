//! Decisions through the facade: records, segments, locations, providers, time, explanations.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_sdk::{
    Answer, AttributeProvider, Context, Core, Entity, EntityKind, Identified as _, Moment, Reason,
    RunOptions, SdkConfig, Source, VisitorRecord, WallClock, attributes,
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
