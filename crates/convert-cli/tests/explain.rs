//! `convertctl explain`, as a shell sees it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use support::{real_configs, run, run_with};

const CHECKOUT: [&str; 7] =
    ["explain", "--config", "demo", "--visitor", "visitor-001", "--experience", "checkout"];

#[test]
fn the_result_comes_first_and_the_steps_after_it() {
    let found = run(&[&CHECKOUT[..], &["--attr", "plan=pro"]].concat());
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    let mut lines = found.stdout.lines();
    assert_eq!(lines.next(), Some("checkout -> one-page (bucketed)"));
    assert_eq!(lines.next(), Some(""));
    for expected in ["audience paying-readers: matched", "rule plan equals \"pro\"", "bucket 9134"]
    {
        assert!(found.stdout.contains(expected), "{expected} in\n{}", found.stdout);
    }
    assert!(!found.stdout.contains("visitor-001"), "the tree shows a fingerprint of the visitor");
}

#[test]
fn no_variation_is_an_answer_too() {
    let found = run(&CHECKOUT);
    assert_eq!(found.code, Some(0));
    let headline =
        "checkout -> no variation: no audience of the experience matches (audience_mismatch)\n";
    assert!(found.stdout.starts_with(headline), "{}", found.stdout);
}

#[test]
fn an_unknown_key_is_said_to_be_unknown() {
    let mut arguments = CHECKOUT;
    arguments[6] = "chekout";
    let found = run(&arguments);
    assert_eq!(found.code, Some(0));
    assert!(found.stdout.contains("experience_not_found"), "{}", found.stdout);
    arguments[5] = "--feature";
    assert!(run(&arguments).stdout.contains("feature_not_found"));
}

#[test]
fn a_feature_is_shown_with_its_variables() {
    let arguments = ["--attr", "plan=\"pro\"", "--feature", "express-checkout"];
    let found = run(&[&CHECKOUT[..5], &arguments].concat());
    let expected = concat!(
        "express-checkout -> on: checkout -> one-page (bucketed)\n",
        "variables {\"enabled\":true,\"steps\":1}\n"
    );
    assert!(found.stdout.starts_with(expected), "{}", found.stdout);
    let found = run(&[&CHECKOUT[..5], &arguments[2..]].concat());
    assert!(found.stdout.starts_with("express-checkout -> off: "), "{}", found.stdout);
}

/// The second experience, which turns the feature on, is for visitors of the first alone.
#[test]
fn a_feature_that_follows_an_assignment_is_shown_with_its_variables() {
    let config = r#"{"account_id": "1", "project": {"id": "2"},
        "features": [{"id": "5", "key": "banner", "variables": [{"key": "size", "type": "integer"}]}],
        "audiences": [{"id": "9", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
            "rule_type": "bucketed_into_experience_key", "value": "first",
            "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
        "experiences": [
            {"id": "3", "key": "first", "variations": [{"id": "30"}, {"id": "31",
                "traffic_allocation": 0,
                "changes": [{"type": "fullStackFeature", "data": {"feature_id": "5"}}]}]},
            {"id": "4", "key": "second", "audiences": ["9"], "variations": [{"id": "40",
                "changes": [{"type": "fullStackFeature",
                    "data": {"feature_id": "5", "variables_data": {"size": "12"}}}]}]}]}"#;
    let arguments = ["explain", "--config", "-", "--visitor", "v", "--feature", "banner"];
    let found = run_with(&arguments, config.as_bytes());
    let expected = "banner -> on: second -> 40 (bucketed)\nvariables {\"size\":12}\n\n";
    assert!(found.stdout.starts_with(expected), "{}", found.stdout);
}

#[test]
fn names_with_line_breaks_stay_on_their_line() {
    let config = r#"{"account_id": "1", "project": {"id": "2", "name": "a\nb"}, "experiences": [
        {"id": "3", "key": "he\nro", "variations": [{"id": "30", "key": "bl\tu\ne"}]}]}"#;
    let first_line = |arguments: &[&str], input: &[u8]| {
        let found = run_with(arguments, input);
        found.stdout.lines().next().unwrap_or_default().to_owned()
    };
    let explain = ["explain", "--config", "-", "--visitor", "v", "--experience", "3"];
    assert_eq!(first_line(&explain, config.as_bytes()), r"3 -> bl\tu\ne (bucketed)");
    let simulate = ["simulate", "--config", "-", "--experience", "3", "--visitors", "1"];
    let heading = r"he\nro: 1 simulated visitor, packed layout, seed 1";
    assert_eq!(first_line(&simulate, config.as_bytes()), heading);
    let found = run_with(&["validate", "-"], config.as_bytes());
    assert!(found.stdout.contains(r"(a\nb)"), "{}", found.stdout);
    assert!(found.stdout.lines().any(|line| line.starts_with(r"he\nro  ")), "{}", found.stdout);
}

#[test]
fn values_are_json_where_they_can_be() {
    let explain = |value: &str| {
        let facts = ["--attr", "country=CH", "--attr", value, "--location", "path=/shop"];
        let mut arguments = CHECKOUT;
        arguments[6] = "free-shipping";
        run(&[&arguments[..], &facts].concat()).stdout
    };
    assert!(explain("basket_value=42.50").contains("(saw 42.5)"));
    assert!(explain("basket_value=\"42.50\"").contains("(saw \"42.50\")"));
    assert!(explain("basket_value=lots").contains("(saw \"lots\", why \"types differ\")"));
    assert!(explain("basket_value=[1,2]").contains("(saw [1,2], why \"types differ\")"));
}

#[test]
fn the_environment_is_checked_where_it_is_given() {
    let mut arguments = CHECKOUT;
    arguments[6] = "reading-mode";
    let found = run(&[&arguments[..], &["--environment", "production"]].concat());
    assert!(found.stdout.contains("environment_mismatch"), "{}", found.stdout);
    assert!(!run(&arguments).stdout.contains("environment_mismatch"));
}

#[test]
fn json_has_outcome_and_steps() {
    let found = run(&[&CHECKOUT[..], &["--attr", "plan=pro", "--json"]].concat()).json();
    assert_eq!(found["outcome"]["variation_key"], "one-page");
    assert_eq!(found["outcome"]["bucket_value"], 9134);
    assert_eq!(found["reason"], "resolved");
    assert!(found["steps"].as_array().is_some_and(|steps| steps.len() > 5));
}

#[test]
fn explanation_and_evaluation_agree() {
    for visitor in 0..20 {
        let id = format!("visitor-{visitor}");
        let request = format!(r#"{{"visitor_id": "{id}"}}"#);
        let answer = run_with(&["evaluate", "--config", "demo"], request.as_bytes()).json();
        let mut arguments = CHECKOUT;
        (arguments[4], arguments[6]) = (&id, "recommendations");
        let explained = run(&[&arguments[..], &["--json"]].concat()).json();
        let experiences = answer["experiences"].as_array().unwrap();
        let decided = experiences.iter().find(|one| one["experience_key"] == "recommendations");
        let decided = decided.map(|one| one["variation_key"].clone()).unwrap_or_default();
        assert_eq!(explained["outcome"]["variation_key"], decided, "{id}");
    }
}

#[test]
fn a_config_on_standard_input_is_explained() {
    let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
        {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
    let arguments = ["explain", "--config", "-", "--visitor", "v", "--experience", "3"];
    let found = run_with(&arguments, config.as_bytes());
    assert!(found.stdout.starts_with("3 -> blue (bucketed)\n"), "{}", found.stdout);
    let found = run_with(&arguments, b"{}");
    assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
    assert!(found.stderr.starts_with("convertctl: standard input: invalid config at account_id"));
}

#[test]
fn projects_of_the_reference_data_are_explained() {
    for path in real_configs() {
        let arguments = ["explain", "--config", &path, "--visitor", "v", "--experience"];
        let found = run(&[&arguments[..], &["test-experience-ab-fullstack-4", "--json"]].concat());
        assert_eq!(found.code, Some(0), "{path}");
        assert_eq!(found.json()["key"], "test-experience-ab-fullstack-4");
    }
}
