//! The project's own fixtures, computed by the published SDKs, against the facade.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use convert_bucketing::BucketHasher;
use convert_sdk::{
    Attributes, Context, Core, ExperienceResult, Identified as _, Preview, RunOptions, SdkConfig,
    Value as Attribute, VisitorRecord,
};
use serde_json::{Value, json};

#[test]
fn decisions() {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures().join("decisions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 60, "only {} files", files.len());
    for file in files {
        check(&read(&file));
    }
}

#[test]
fn the_anchored_layout() {
    assert!(check_list("anchored.json") >= 15);
}

#[test]
fn mutual_exclusion() {
    assert!(check_list("exclusion.json") >= 8);
}

#[test]
fn previews() {
    assert!(check_list("preview.json") >= 3);
}

#[test]
fn hashes() {
    let pairs = read(&fixtures().join("hash.json"));
    let pairs = pairs.as_array().unwrap();
    assert!(pairs.len() >= 200);
    for pair in pairs {
        let text = |name: &str| pair[name].as_str().unwrap();
        let (experience, visitor) = (text("experience_id"), text("visitor_id"));
        let found = BucketHasher::new(experience).hash(visitor);
        assert_eq!(json!(found), pair["hash"], "{pair}");
        let value = convert_bucketing::bucket_value(experience, visitor);
        assert_eq!(json!(value), pair["bucket_value"], "{pair}");
    }
}

fn check_list(name: &str) -> usize {
    let cases = read(&fixtures().join(name));
    let cases = cases.as_array().unwrap();
    cases.iter().for_each(check);
    cases.len()
}

/// Checks every visitor of a case, each one unknown but for the record the case gives.
fn check(case: &Value) {
    let mut config = SdkConfig::from_json(&case["config"].to_string()).unwrap();
    if let Some(environment) = case["environment"].as_str() {
        config = config.environment(environment);
    }
    let visitors = case["visitors"].as_array().unwrap();
    let expected = case["expected"].as_array().unwrap();
    assert_eq!(visitors.len(), expected.len());
    for (visitor, expected) in visitors.iter().zip(expected) {
        let found = answer(&config, visitor, expected);
        for (name, expected) in expected.as_object().unwrap() {
            let found = found.get(name.as_str()).unwrap_or_else(|| panic!("unknown part {name}"));
            let topic = &case["topic"];
            assert!(
                same(found, expected),
                "{topic}: {name} of {visitor}\nexpected {expected}\nfound    {found}"
            );
        }
    }
}

/// Answers every part of a case that `expected` asks for.
fn answer(config: &SdkConfig, visitor: &Value, expected: &Value) -> BTreeMap<&'static str, Value> {
    let fresh = || context(&Core::initialize(config.clone()).unwrap(), visitor);
    let passing = fresh();
    let results = passing.run_experiences();
    let features: Vec<Value> = results.iter().flat_map(|one| carried(&passing, one)).collect();
    let record = passing.visitor_record();
    let mut found = BTreeMap::from([
        ("experiences", alone(config, &fresh())),
        ("features", Value::Array(features)),
        (
            "bucketing_after",
            record.assignments().map(|(id, arm)| (id.to_owned(), json!(arm))).collect(),
        ),
        ("locations_after", sorted(record.locations(), &expected["locations_after"])),
    ]);
    if let Some(call) = visitor.get("segments_call") {
        found.insert("custom_segments", custom_segments(&fresh(), call));
    }
    if let Some(call) = visitor.get("force_variation") {
        let options = RunOptions::new().force_variation(call["variation_id"].as_str().unwrap());
        let context = fresh();
        let result =
            context.run_experience_with(call["experience_key"].as_str().unwrap(), &options);
        found.insert("forced", json!(result.map(|one| one.variation_id().to_owned())));
    }
    if let Some(preview) = visitor.get("preview") {
        let id = |name: &str| preview[name].as_str().unwrap();
        let mut context = fresh();
        // Some previews name what does not exist, which leaves the visitor without one.
        let _ = context.set_preview(Preview::new(id("experience_id"), id("variation_id")));
        found.insert("preview", context.run_experiences().iter().map(described).collect());
    }
    found
}

/// Decides every experience on its own, without remembering anything.
fn alone(config: &SdkConfig, context: &Context) -> Value {
    let project = Core::initialize(config.clone()).unwrap().current_config();
    let unstored = RunOptions::new().storage(false);
    let names = project.experiences().iter().map(|one| one.key().unwrap_or(one.id()));
    let results = names.filter_map(|name| context.run_experience_with(name, &unstored));
    results.map(|result| described(&result)).collect()
}

fn context(core: &Core, visitor: &Value) -> Context {
    let record: VisitorRecord = visitor
        .get("record")
        .map_or_else(VisitorRecord::new, |record| serde_json::from_value(record.clone()).unwrap());
    let attributes: Attributes = serde_json::from_value(visitor["attributes"].clone()).unwrap();
    let location: Attributes = serde_json::from_value(visitor["location"].clone()).unwrap();
    core.create_context(visitor["visitor_id"].as_str().unwrap())
        .with_record(record)
        .with_attributes(attributes)
        .with_location(location)
}

fn custom_segments(context: &Context, call: &Value) -> Value {
    let keys: Vec<&str> =
        call["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let given = call["attributes"].as_object().cloned().unwrap_or_default();
    let texts: Vec<(&str, String)> =
        given.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
    let attributes: Vec<(&str, Attribute<'_>)> =
        texts.iter().map(|(name, text)| (*name, serde_json::from_str(text).unwrap())).collect();
    context.run_custom_segments_with(&keys, &RunOptions::new().attributes(&attributes)).unwrap();
    context.visitor_record().segments().custom().map(Value::from).collect()
}

fn described(result: &ExperienceResult<'_>) -> Value {
    json!({
        "experience_key": result.experience().key(),
        "experience_id": result.experience_id(),
        "variation_key": result.variation().key(),
        "variation_id": result.variation_id(),
    })
}

fn carried(context: &Context, result: &ExperienceResult<'_>) -> Vec<Value> {
    let features = context.features_in(result);
    let describe = features.iter().map(|one| {
        json!({
            "feature_key": one.feature().key(),
            "feature_id": one.feature_id(),
            "experience_key": result.experience().key(),
            "variation_key": result.variation().key(),
            "variables": one.raw_variables(),
        })
    });
    describe.collect()
}

/// The active locations in the order of `expected` where they are the same set.
fn sorted<'l>(found: impl Iterator<Item = &'l str>, expected: &Value) -> Value {
    let found: BTreeSet<&str> = found.collect();
    let wanted: BTreeSet<&str> =
        expected.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if found == wanted && !expected.is_null() { expected.clone() } else { json!(found) }
}

/// Tells whether two values are the same, numbers compared as numbers and ids as text.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(name, value)| other.get(name).is_some_and(|inner| same(value, inner));
            one.len() == other.len() && one.iter().all(in_other)
        }
        (one, other) => one == other,
    }
}

fn read(file: &Path) -> Value {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}
