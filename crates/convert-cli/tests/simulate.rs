//! `convertctl simulate`, as a shell sees it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use serde_json::Value;
use support::{run, run_with, scratch};

const RECOMMENDATIONS: [&str; 7] =
    ["simulate", "--config", "demo", "--experience", "recommendations", "--visitors", "20000"];

fn visitors(report: &Value) -> Vec<u64> {
    let variations = report["variations"].as_array().unwrap().iter();
    variations
        .map(|one| one["visitors"].as_u64().unwrap())
        .chain([report["not_bucketed"]["visitors"].as_u64().unwrap()])
        .collect()
}

#[test]
fn every_visitor_is_counted_once_and_the_shares_are_as_expected() {
    let report = run(&[&RECOMMENDATIONS[..], &["--json"]].concat()).json();
    let counts = visitors(&report);
    assert_eq!(counts.iter().sum::<u64>(), 20_000);
    assert_eq!(counts[3], 0, "nobody gets a stopped variation");
    let expected: Vec<f64> = report["variations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["expected_share"].as_f64().unwrap())
        .collect();
    assert_eq!(expected, [0.2, 0.2, 0.2, 0.0]);
    assert_eq!(report["not_bucketed"]["expected_share"], 0.4);
    for (count, expected) in counts.iter().zip([4_000_u64, 4_000, 4_000, 0, 8_000]) {
        assert!(count.abs_diff(expected) < 400, "{counts:?}");
    }
    assert_eq!(report["sample_ratio"]["degrees_of_freedom"], 3);
    assert!(report["sample_ratio"]["p_value"].as_f64().unwrap() > 0.01);
    assert_eq!(report["reason"], Value::Null);
}

#[test]
fn a_seed_always_makes_the_same_visitors() {
    let with = |seed: &str| run(&[&RECOMMENDATIONS[..], &["--json", "--seed", seed]].concat());
    assert_eq!(with("7").stdout, with("7").stdout);
    assert_ne!(visitors(&with("7").json()), visitors(&with("8").json()));
}

#[test]
fn the_chart_shows_counts_and_verdict() {
    let found = run(&RECOMMENDATIONS);
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    for expected in ["recommendations: 20,000 simulated", "bestsellers", "(not bucketed)", "█"] {
        assert!(found.stdout.contains(expected), "{expected} in\n{}", found.stdout);
    }
    assert!(found.stdout.contains("chi-square") && found.stdout.contains("as expected"));
    let widest = found.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{}", found.stdout);
}

#[test]
fn gates_apply_and_say_why_nobody_passes() {
    let checkout =
        ["simulate", "--config", "demo", "--experience", "checkout", "--visitors", "1000"];
    let found = run(&checkout);
    assert_eq!(found.code, Some(0));
    let reason = "no visitor passes the gates: no audience of the experience matches";
    assert!(found.stdout.contains(reason), "{}", found.stdout);
    let report = run(&[&checkout[..], &["--json"]].concat()).json();
    assert_eq!(
        (&report["reason"], &report["sample_ratio"]),
        (&"audience_mismatch".into(), &Value::Null)
    );
    assert_eq!(visitors(&report), [0, 0, 1_000]);
    let report = run(&[&checkout[..], &["--json", "--attr", "plan=pro"]].concat()).json();
    assert_eq!(visitors(&report)[2], 0);
    let elsewhere = ["--environment", "production", "--location", "path=/help"];
    let mut shipping = checkout;
    shipping[4] = "free-shipping";
    let report = run(&[&shipping[..], &elsewhere, &["--json"]].concat()).json();
    assert_eq!(report["reason"], "location_mismatch");
}

#[test]
fn one_outcome_leaves_nothing_to_test() {
    let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
        {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
    let arguments = ["simulate", "--config", "-", "--experience", "hero", "--visitors", "10"];
    let found = run_with(&arguments, config.as_bytes());
    assert!(found.stdout.contains("no split to test"), "{}", found.stdout);
}

#[test]
fn an_unknown_experience_is_refused_with_those_there_are() {
    let mut arguments = RECOMMENDATIONS;
    arguments[4] = "recomendations";
    let found = run(&arguments);
    assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
    let expected = "convertctl: no experience `recomendations`; the config has checkout, free-";
    assert!(found.stderr.starts_with(expected), "{}", found.stderr);
}

#[test]
fn the_picture_is_well_formed_and_shows_the_same() {
    let file = scratch("recommendations.svg");
    let found = run(&[&RECOMMENDATIONS[..], &["--svg", &file, "--json"]].concat());
    let svg = std::fs::read_to_string(&file).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    let bestsellers = found.json()["variations"][2]["visitors"].to_string();
    let grouped = format!("{},{}", &bestsellers[..1], &bestsellers[1..]);
    for expected in ["recommendations", "bestsellers", "(not bucketed)", &grouped] {
        assert!(texts.iter().any(|text| text.contains(expected)), "{expected} in\n{svg}");
    }
    let addresses = svg.matches("http").count();
    assert_eq!(addresses, 1, "nothing but the namespace is an address");
    assert!(!svg.contains("href") && !svg.contains("<script"));
}

#[test]
fn a_picture_of_hostile_names_is_well_formed() {
    let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
        {"id": "3", "key": "<b>&\"'\u0001\uffff", "variations": [
            {"id": "30", "key": "</svg><script>", "traffic_allocation": 50},
            {"id": "31", "key": "]]>\u001b\u0085", "traffic_allocation": 50}]}]}"#;
    let file = scratch("hostile.svg");
    let arguments =
        ["simulate", "--config", "-", "--experience", "3", "--visitors", "100", "--svg", &file];
    let found = run_with(&arguments, config.as_bytes());
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    let svg = std::fs::read_to_string(&file).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    assert!(document.descendants().all(|node| node.tag_name().name() != "script"));
}

#[test]
fn a_picture_that_cannot_be_written_is_a_failure() {
    let found = run(&[&RECOMMENDATIONS[..], &["--svg", "no/such/folder/a.svg"]].concat());
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("no/such/folder/a.svg cannot be written"), "{}", found.stderr);
}
