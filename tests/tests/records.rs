//! What contexts of one visitor remember together.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use convert_sdk::{Context, Core, SdkConfig, VisitorRecord, attributes};
use serde_json::{Value, json};

fn rules(value: &str) -> Value {
    json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "generic_text_key_value", "key": "plan",
        "value": value, "matching": {"match_type": "equals", "negated": false}}]}]}]})
}

fn core() -> Core {
    let segment = |id: &str, plan: &str| json!({"id": id, "key": plan, "rules": rules(plan)});
    let config = json!({"account_id": "1", "project": {"id": "2"},
        "segments": [segment("40", "free"), segment("41", "pro")],
        "experiences": [{"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]});
    Core::initialize(SdkConfig::from_json(&config.to_string()).unwrap()).unwrap()
}

fn segments(context: &Context) -> Value {
    serde_json::to_value(context.visitor_record().segments()).unwrap()
}

#[test]
fn custom_segments_leave_alone_what_another_context_wrote_meanwhile() {
    let core = core();
    let first = core
        .create_context("v")
        .with_attributes(attributes! { "plan" => "free", "country" => "DE" });
    let second = core.create_context("v").with_attributes(attributes! { "plan" => "pro" });
    // The first context's view of the record is older than both of these.
    second.set_segments(attributes! { "country" => "FR", "browser" => "firefox" });
    assert_eq!(second.run_custom_segments(&["pro"]).unwrap(), ["41"]);
    assert_eq!(first.run_custom_segments(&["free"]).unwrap(), ["40"]);
    let later = core.create_context("v");
    assert_eq!(
        segments(&later),
        json!({"country": "FR", "browser": "firefox", "customSegments": ["41", "40"]})
    );
}

#[test]
fn custom_segments_that_are_set_join_those_the_visitor_is_in() {
    let context = core().create_context("v");
    context.set_segments(attributes! { "customSegments" => vec!["1", "2"] });
    context.set_segments(attributes! { "customSegments" => vec!["2", "3"] });
    assert_eq!(segments(&context), json!({"customSegments": ["1", "2", "3"]}));
}

#[test]
fn a_record_of_hostile_size_is_carried_along() {
    let many = |prefix: &str| (0..300_000).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let record = json!({
        "bucketing": many("e").into_iter().map(|id| (id, json!("1"))).collect::<serde_json::Map<_, _>>(),
        "locations": many("l"),
        "segments": {"customSegments": many("s")},
        "goals": many("g").into_iter().map(|id| (id, json!(true))).collect::<serde_json::Map<_, _>>(),
    });
    let record: VisitorRecord = serde_json::from_str(&record.to_string()).unwrap();
    let context = core().create_context("v").with_record(record);
    assert_eq!(context.run_experience("hero").unwrap().variation_id(), "30");
    // Half of them are known: in quadratic time this would take many minutes.
    let more: Vec<String> = (150_000..450_000).map(|n| format!("s{n}")).collect();
    context.set_segments(attributes! { "customSegments" => more });
    let record = context.visitor_record();
    assert_eq!(record.segments().custom().count(), 450_000);
    assert_eq!(record.assignments().count(), 300_001);
}
