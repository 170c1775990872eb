//! Deciding does not allocate: every allocation of the thread is counted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use allocation_counter::measure;
use convert_bucketing::BucketHasher;
use convert_sdk::attributes;
use convert_sdk::{Attributes, Context, Core, RunOptions, SdkConfig, Source, Value, VisitorRecord};

/// A control: the counter counts, so that the zeroes below mean something.
#[test]
fn what_allocates_is_counted() {
    let text = std::hint::black_box("checkout");
    assert_eq!(measure(|| drop(std::hint::black_box(text.to_owned()))).count_total, 1);
    let context = context();
    let explaining = || drop(context.explain_experience("checkout"));
    assert!(measure(explaining).count_total > 0);
}

/// Two are for the steps, of which there are many, six for the lists of segments, and two for a long
/// attribute that was looked at twice. What the config says is put into words the first time.
#[test]
fn an_explanation_takes_few_allocations() {
    let context = context();
    let explaining = || drop(context.explain_experience("checkout"));
    explaining();
    assert!(measure(explaining).count_total <= 10);
}

/// A control: the decisions below go through the gates that they are meant to go through.
#[test]
fn the_measured_decisions_pass_every_gate() {
    let context = context();
    let explained = context.explain_experience_with("checkout", &fresh()).to_string();
    for step in [
        "rule plan equals \"PRO\": matched",
        "rule country isIn \"de|at\": matched",
        "rule referrer contains \"Example.org\": matched",
        "rule age less 65: matched",
        "rule path startsWith \"/Shop\": matched",
        "segments: passed",
        "bucketing: chosen",
    ] {
        assert!(explained.contains(step), "{step} is missing in {explained}");
    }
    let call = [("plan", Value::from("free")), ("country", Value::from("fr"))];
    let options = fresh().attributes(&call);
    assert!(context.run_experience_with("checkout", &options).is_none());
}

#[test]
fn a_bucket_value_takes_no_allocation() {
    let hasher = BucketHasher::new("100334665");
    let visitors = ["", "v", "visitor-1", "Zoë-🎯", &"long".repeat(50)];
    for visitor in visitors {
        let counted = measure(|| {
            std::hint::black_box(hasher.bucket_value(visitor));
            std::hint::black_box(hasher.hash(visitor));
        });
        assert_eq!(counted.count_total, 0, "{visitor}");
    }
}

#[test]
fn a_fresh_decision_takes_no_allocation() {
    let context = context();
    let decided = allocations_of(&context, "checkout", &fresh());
    assert_eq!(decided, (0, Some(Source::Bucketed)));
}

#[test]
fn attributes_of_the_call_take_no_allocation() {
    let context = context();
    let call = [("plan", Value::from("Pro")), ("age", Value::from(30.5))];
    let decided = allocations_of(&context, "checkout", &fresh().attributes(&call));
    assert_eq!(decided, (0, Some(Source::Bucketed)));
}

#[test]
fn a_mismatch_takes_no_allocation() {
    let context = context();
    let call = [("plan", Value::from("free")), ("country", Value::from("fr"))];
    let decided = allocations_of(&context, "checkout", &fresh().attributes(&call));
    assert_eq!(decided, (0, None));
    assert_eq!(allocations_of(&context, "no-such-experience", &fresh()), (0, None));
}

#[test]
fn a_remembered_decision_takes_no_allocation() {
    let context = context();
    assert!(context.run_experience("checkout").is_some());
    let decided = allocations_of(&context, "checkout", &RunOptions::new());
    assert_eq!(decided, (0, Some(Source::Sticky)));
    let decided = allocations_of(&context, "checkout", &fresh());
    assert_eq!(decided, (0, Some(Source::Sticky)));
}

#[test]
fn texts_beyond_ascii_in_lower_case_take_no_allocation() {
    let context = context();
    let call = [("plan", Value::from("größe")), ("country", Value::from("de"))];
    let decided = allocations_of(&context, "checkout", &fresh().attributes(&call));
    assert_eq!(decided, (0, Some(Source::Bucketed)));
}

/// Decides once to warm the thread up, then counts.
fn allocations_of(context: &Context, key: &str, options: &RunOptions<'_>) -> (u64, Option<Source>) {
    let mut source = None;
    context.run_experience_with(key, options);
    let counted = measure(|| {
        source = context.run_experience_with(key, options).map(|result| result.source());
    });
    (counted.count_total, source)
}

fn fresh() -> RunOptions<'static> {
    RunOptions::new().storage(false)
}

/// A visitor in one custom segment, at a location, with attributes of every kind rules look at.
fn context() -> Context {
    let record: VisitorRecord =
        serde_json::from_str(r#"{"segments": {"customSegments": ["401", "402"]}}"#).unwrap();
    let location: Attributes = attributes! { "path" => "/shop/basket" };
    Core::initialize(SdkConfig::from_json(PROJECT).unwrap())
        .unwrap()
        .create_context("visitor-1")
        .with_record(record)
        .with_location(location)
        .with_attributes(attributes! {
            "plan" => "Pro",
            "country" => "de",
            "referrer" => "https://www.example.org/a-long-way-from-home",
            "age" => 42,
        })
}

/// Two audiences, of which both must match: one of 2×2 elements, one of one.
const PROJECT: &str = r#"{
    "account_id": "1",
    "project": {"id": "2"},
    "audiences": [
        {"id": "200", "key": "buyers", "rules": {"OR": [{"AND": [
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "plan", "value": "PRO",
                    "matching": {"match_type": "equals", "negated": false}},
                {"rule_type": "generic_text_key_value", "key": "country", "value": "de|at",
                    "matching": {"match_type": "isIn", "negated": false}}]},
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "referrer", "value": "Example.com",
                    "matching": {"match_type": "contains", "negated": false}},
                {"rule_type": "generic_numeric_key_value", "key": "age", "value": 65,
                    "matching": {"match_type": "less", "negated": false}}]}]}]}},
        {"id": "201", "key": "readers", "rules": {"OR": [{"AND": [
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "country", "value": "de|at",
                    "matching": {"match_type": "isIn", "negated": false}}]},
            {"OR_WHEN": [
                {"rule_type": "generic_text_key_value", "key": "referrer", "value": "Example.org",
                    "matching": {"match_type": "contains", "negated": false}}]}]}]}}],
    "locations": [
        {"id": "300", "key": "shop", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"rule_type": "generic_text_key_value", "key": "path", "value": "/Shop",
                "matching": {"match_type": "startsWith", "negated": false}}]}]}]}}],
    "segments": [
        {"id": "400", "key": "new", "rules": null},
        {"id": "402", "key": "loyal", "rules": null}],
    "experiences": [{
        "id": "100", "key": "checkout", "version": 12,
        "locations": ["300"],
        "audiences": ["200", "201", "400", "402"],
        "settings": {"matching_options": {"audiences": "all"}},
        "variations": [
            {"id": "1000", "key": "original", "traffic_allocation": 50},
            {"id": "1001", "key": "one-page", "traffic_allocation": 50}]}]
}"#;
