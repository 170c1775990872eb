//! The golden vectors of the SDK family: hashes, and the arm each visitor belongs to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a missing or malformed vector must fail the test, helpers included"
)]

use std::path::{Path, PathBuf};

use convert_bucketing::{
    Arm, BucketHasher, BucketRange, HASH_SEED, anchored_ranges, bucket_value, murmur3_32,
    packed_ranges, select,
};
use serde_json::Value;

#[test]
fn hashes_match_the_anchors() {
    assert_eq!(murmur3_32(b"testString", HASH_SEED), 2_241_850_228);
    assert_eq!(murmur3_32(b"", HASH_SEED), 3_523_940_263);
    assert_eq!(murmur3_32(b"a", HASH_SEED), 1_551_580_458);
}

#[test]
fn hashes_match_the_reference_data() {
    let cases = vectors("murmur3.json");
    assert_eq!(cases.len(), 75);
    for case in &cases {
        let input = case["input"].as_str().unwrap();
        let seed = u32::try_from(case["seed"].as_u64().unwrap()).unwrap();
        let expected = u32::try_from(case["expected"].as_u64().unwrap()).unwrap();
        assert_eq!(murmur3_32(input.as_bytes(), seed), expected, "{case}");
        assert_eq!(BucketHasher::with_seed(input, seed).hash(""), expected, "{case}");
        assert_eq!(BucketHasher::with_seed("", seed).hash(input), expected, "{case}");
    }
}

#[test]
fn arms_match_the_reference_data() {
    let cases = vectors("allocation.json");
    assert_eq!(cases.len(), 59);
    for case in &cases {
        let value = bucket_value(text(case, "experienceId"), text(case, "visitorId"));
        if let Some(stated) = stated_value(text(case, "description")) {
            assert_eq!(value, stated, "{case}");
        }
        let variations = case["variations"].as_array().unwrap();
        let arm = if case["version"].as_f64().unwrap() > 11.0 {
            anchored_arm(variations, value)
        } else {
            packed_arm(variations, value)
        };
        assert_eq!(arm, case["expected"].as_str(), "{case}");
    }
}

fn anchored_arm(variations: &[Value], value: u16) -> Option<&str> {
    let arms: Vec<Arm> = variations
        .iter()
        .map(|variation| {
            let weight = allocation(variation);
            Arm::new(weight, is_running(variation) && weight > 0.0)
        })
        .collect();
    let ranges: Vec<BucketRange> = anchored_ranges(&arms).collect();
    variations.get(select(&ranges, value)?)?.get("id")?.as_str()
}

fn packed_arm(variations: &[Value], value: u16) -> Option<&str> {
    let admitted: Vec<&Value> = variations
        .iter()
        .filter(|variation| is_running(variation) && allocation(variation) > 0.0)
        .collect();
    let ranges: Vec<BucketRange> =
        packed_ranges(admitted.iter().map(|variation| allocation(variation))).collect();
    admitted.get(select(&ranges, value)?)?.get("id")?.as_str()
}

fn allocation(variation: &Value) -> f64 {
    variation.get("traffic_allocation").map_or(100.0, |value| value.as_f64().unwrap())
}

fn is_running(variation: &Value) -> bool {
    text(variation, "status") == "running"
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

/// Reads the bucket value that most descriptions name: `… value 293 (visitor …`.
fn stated_value(description: &str) -> Option<u16> {
    let (_, rest) = description.split_once("value ")?;
    rest.split(' ').next()?.parse().ok()
}

/// Reads a vector file.
fn vectors(name: &str) -> Vec<Value> {
    let path = shared_data().join("vectors").join(name);
    let json = std::fs::read_to_string(&path);
    let json =
        json.unwrap_or_else(|error| panic!("no reference data: {}: {error}", path.display()));
    serde_json::from_str(&json).unwrap()
}

fn shared_data() -> PathBuf {
    std::env::var_os("CONVERT_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}
