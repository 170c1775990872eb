//! Rules that compare as JavaScript does, and not as their author may expect, explain themselves.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_sdk::{Attributes, Core, ProjectConfig, SdkConfig, Severity, attributes};
use serde_json::{Value, json};

fn project(elements: Value) -> Value {
    json!({"account_id": "1", "project": {"id": "2"},
        "audiences": [{"id": "7", "rules": {"OR": [{"AND": [{"OR_WHEN": elements}]}]}}],
        "experiences": [{"id": "3", "key": "e", "audiences": ["7"], "variations": [{"id": "30"}]}]})
}

fn element(operator: &str, value: Value) -> Value {
    json!({"rule_type": "t", "key": "k", "value": value,
        "matching": {"match_type": operator, "negated": false}})
}

/// Checks that an element is reported at load with its path, and in the explanation of a visitor with
/// these attributes.
fn check(operator: &str, value: Value, attributes: Attributes, matches: bool, expected: &str) {
    let plain = element("equals", json!("nobody"));
    let config = project(json!([plain, element(operator, value.clone())]));
    let config = ProjectConfig::from_json(&config.to_string()).unwrap();
    let path = "audiences[0].rules.OR[0].AND[0].OR_WHEN[1].value";
    let diagnostic = config.diagnostics().iter().find(|one| one.path() == path);
    let diagnostic = diagnostic.unwrap_or_else(|| panic!("{operator} {value}"));
    assert!(diagnostic.reason().contains(expected), "{operator} {value}: {diagnostic}");
    assert_eq!(diagnostic.severity(), Severity::Note);
    assert_eq!(config.diagnostics().len(), 1, "{:?}", config.diagnostics());
    let core = Core::initialize(SdkConfig::from_data(config)).unwrap();
    let visitor = core.create_context("v").with_attributes(attributes);
    assert_eq!(visitor.run_experience("e").is_some(), matches, "{operator} {value}");
    let tree = visitor.explain_experience("e").to_string();
    let lines: Vec<&str> = tree.lines().filter(|line| line.contains("rule k")).collect();
    assert!(!lines[0].contains("note"), "{}", lines[0]);
    assert!(lines[1].contains("note") && lines[1].contains(expected), "{}", lines[1]);
}

#[test]
fn is_in_with_capitals_matches_lower_case_attributes_only() {
    let expected = "values in capitals match only lower-case attributes";
    check("isIn", json!("US|CA"), attributes! { "k" => "US" }, false, expected);
    check("isIn", json!("US|CA"), attributes! { "k" => "us" }, true, expected);
    check("isIn", json!(["us", "CA"]), attributes! { "k" => "CA" }, false, expected);
}

#[test]
fn is_in_of_anything_but_texts_has_nothing_in_it() {
    check("isIn", json!(5), attributes! { "k" => 5 }, false, "neither text nor a list");
    check("isIn", json!("us| ca"), attributes! { "k" => "ca" }, false, "white space");
}

#[test]
fn versions_are_compared_as_text() {
    let expected = "texts are compared letter by letter";
    check("less", json!("1.18.1"), attributes! { "k" => "1.9.0" }, false, expected);
    check("lessEqual", json!("1.18.1"), attributes! { "k" => "1.10.0" }, true, expected);
    check("less", json!("1.18.1"), attributes! { "k" => 1 }, false, expected);
    check("less", json!(true), attributes! { "k" => 0 }, false, "only attributes of its type");
}

#[test]
fn commas_in_numbers_are_read_in_two_ways() {
    check("less", json!("1,000"), attributes! { "k" => 999 }, true, "thousands separators");
    check("less", json!("0,500"), attributes! { "k" => 1 }, false, "decimal point");
}

#[test]
fn blank_and_nested_constants_and_not_exists_say_what_they_match() {
    check("contains", json!(" "), attributes! { "k" => "x" }, true, "everything contains it");
    check("startsWith", json!(""), attributes! { "k" => "x" }, true, "every text starts");
    check("equals", json!([1, 2]), attributes! { "k" => vec![1, 2] }, false, "no list equals it");
    check("equals", json!({"a": 1}), attributes! { "k" => "x" }, false, "[object Object]");
    check("not_exists", json!(""), attributes! {}, false, "false where the attribute is missing");
}

#[test]
fn ordinary_rules_are_not_reported() {
    for (operator, value) in [
        ("isIn", json!("us|ca")),
        ("isIn", json!([1, "us"])),
        ("less", json!("1000.5")),
        ("less", json!(7)),
        ("equals", json!("US")),
        ("contains", json!("US")),
        ("exists", json!("")),
        ("doesNotExist", json!("")),
        ("regexMatches", json!("^[A-Z]+$")),
    ] {
        let config = project(json!([element(operator, value)]));
        let config = ProjectConfig::from_json(&config.to_string()).unwrap();
        assert!(config.diagnostics().is_empty(), "{:?}", config.diagnostics());
    }
}

#[test]
fn rules_that_nobody_can_meet_are_reported() {
    let diagnostics = |config: Value| -> Vec<String> {
        let config = ProjectConfig::from_json(&config.to_string()).unwrap();
        config.diagnostics().iter().map(ToString::to_string).collect()
    };
    let unknown = diagnostics(project(json!([element("nonsense", json!(1))])));
    assert!(
        unknown.contains(&"note: audiences[0].rules: no branch can match, so nobody does".into())
    );
    let mut keyless = element("equals", json!("x"));
    keyless["key"] = json!(5);
    let keyless = diagnostics(project(json!([keyless])));
    assert!(
        keyless[0].ends_with("OR_WHEN[0].key: not text, so no attribute has it"),
        "{keyless:?}"
    );
    let mut ruleless = project(json!([]));
    ruleless["audiences"] = json!([{"id": "7"}]);
    ruleless["locations"] = json!([{"id": "8"}]);
    let expected = [
        "note: audiences[0].rules: missing, so nobody matches",
        "note: locations[0].rules: missing, so nobody matches",
    ];
    assert_eq!(diagnostics(ruleless), expected);
}
