//! `convertctl evaluate`, as a shell sees it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Run, real_configs, run_with, scratch_with};

const LOYAL: &str = r#"{"segments": {"customSegments": ["6001"]}}"#;

fn evaluate(input: &str) -> Run {
    run_with(&["evaluate", "--config", "demo"], input.as_bytes())
}

fn one(request: &Value) -> Value {
    let found = evaluate(&request.to_string());
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    let lines = found.json_lines();
    assert_eq!(lines.len(), 1);
    lines[0].clone()
}

fn column(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap().iter();
    items.map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

fn experiences(answer: &Value) -> Vec<String> {
    column(answer, "experiences", "experience_key")
}

#[test]
fn an_answer_has_exactly_the_promised_members() {
    let found = evaluate(r#"{"visitor_id": "visitor-001", "attributes": {"plan": "pro"}}"#);
    let recommendations = r#""experience_key":"recommendations""#;
    let (checkout, _) = found.stdout.split_once(recommendations).unwrap();
    assert_eq!(
        checkout,
        concat!(
            r#"{"visitor_id":"visitor-001","experiences":[{"experience_key":"checkout","#,
            r#""experience_id":"3001","variation_key":"one-page","variation_id":"30012"},{"#,
        )
    );
    let (_, features) = found.stdout.split_once(r#""features":["#).unwrap();
    assert!(features.starts_with(concat!(
        r#"{"feature_key":"express-checkout","feature_id":"7001","experience_key":"checkout","#,
        r#""variation_key":"one-page","variables":{"enabled":true,"steps":1}}"#,
    )));
}

#[test]
fn experiences_stand_in_config_order_and_features_in_that_of_their_carriers() {
    let everything = json!({
        "visitor_id": "visitor-001",
        "attributes": {"plan": "pro", "country": "AT", "basket_value": 30, "email": "a@b.example"},
        "location": {"path": "/shop/basket"},
        "record": {"bucketing": {"3002": "30022", "3003": "30032", "3005": "30052"},
            "segments": {"customSegments": ["6001"]}},
    });
    let answer = one(&everything);
    let expected = ["checkout", "free-shipping", "recommendations", "loyalty-prices"];
    let found = experiences(&answer);
    let found: Vec<&str> =
        found.iter().map(String::as_str).filter(|key| *key != "reading-mode").collect();
    assert_eq!(found, expected);
    let carriers = column(&answer, "features", "experience_key");
    let features = column(&answer, "features", "feature_key");
    let pairs: Vec<(&str, &str)> = features
        .iter()
        .zip(&carriers)
        .map(|(feature, carrier)| (feature.as_str(), carrier.as_str()))
        .filter(|(_, carrier)| *carrier != "reading-mode")
        .collect();
    assert_eq!(
        pairs,
        [
            ("express-checkout", "checkout"),
            ("shipping-banner", "free-shipping"),
            ("recommendation-shelf", "recommendations"),
            ("express-checkout", "loyalty-prices"),
            ("shipping-banner", "loyalty-prices"),
        ]
    );
    let variables = &answer["features"][2]["variables"];
    let expected = json!({"enabled": true, "shelves": 2, "weight": 0.75,
        "title": "More by the author",
        "layout": {"columns": 4, "covers": true, "order": ["newest", "price"]}});
    assert_eq!(*variables, expected);
}

#[test]
fn the_order_of_five_thousand_lines_is_kept() {
    let requests: Vec<String> =
        (0..5_000).map(|number| format!(r#"{{"visitor_id": "visitor-{number}"}}"#)).collect();
    let found = evaluate(&requests.join("\n"));
    assert_eq!(found.code, Some(0));
    let ids: Vec<String> = found
        .json_lines()
        .iter()
        .map(|answer| answer["visitor_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..5_000).map(|number| format!("visitor-{number}")).collect::<Vec<_>>());
}

#[test]
fn bad_lines_are_answered_in_their_place() {
    let input = [
        r#"{"visitor_id": "a"}"#,
        "not json",
        "",
        "   ",
        r#"["a"]"#,
        r#"{"attributes": {}}"#,
        r#"{"visitor_id": ["a"]}"#,
        r#"{"visitor_id": "a", "attributes": "x"}"#,
        r#"{"visitor_id": 7, "extra": {"b": [1, 2]}}"#,
    ];
    let found = evaluate(&input.join("\n"));
    assert_eq!(found.code, Some(1));
    assert_eq!(found.stderr, "convertctl: 5 of 9 lines are not requests\n");
    let lines = found.json_lines();
    assert_eq!(lines.len(), 7);
    let numbers: Vec<Option<u64>> = lines.iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(numbers, [None, Some(2), Some(5), Some(6), Some(7), Some(8), None]);
    for fault in lines.iter().filter(|line| line.get("line").is_some()) {
        assert!(fault["error"].is_string() && fault.as_object().unwrap().len() == 2);
    }
    assert_eq!(lines[6]["visitor_id"], "7");
}

#[test]
fn text_that_is_none_is_a_bad_line() {
    let input = [
        b"{\"visitor_id\": \"\xff\"}\n".as_slice(),
        br#"{"visitor_id": "\ud800x"}"#,
        b"\n{\"visitor_id\": \"\\",
    ];
    let found = run_with(&["evaluate", "--config", "demo"], &input.concat());
    assert_eq!(found.code, Some(1));
    let lines = found.json_lines();
    assert_eq!(lines[0], json!({"error": "not UTF-8 at byte 17", "line": 1}));
    assert_eq!(lines[1]["visitor_id"], "\u{fffd}x");
    assert_eq!(lines[2]["line"], 3);
}

#[test]
fn a_line_that_is_too_long_is_answered_by_an_error() {
    let long = "x".repeat(17 * 1024 * 1024);
    let found = evaluate(&format!("{{\"visitor_id\": \"{long}\"}}\n{{\"visitor_id\": \"b\"}}\n"));
    assert_eq!(found.code, Some(1));
    let lines = found.json_lines();
    assert_eq!(lines[0], json!({"error": "the line is longer than 16 MiB", "line": 1}));
    assert_eq!(lines[1]["visitor_id"], "b");
}

#[test]
fn numbers_are_read_as_ecmascript_reads_them() {
    let config = |value: &str| {
        let rule = format!(
            r#"{{"rule_type": "generic_text_key_value", "key": "n", "value": "{value}",
                "matching": {{"match_type": "equals", "negated": false}}}}"#
        );
        format!(
            r#"{{"account_id": "1", "project": {{"id": "2"}}, "audiences": [{{"id": "9",
            "rules": {{"OR": [{{"AND": [{{"OR_WHEN": [{rule}]}}]}}]}}}}], "experiences": [
            {{"id": "3", "key": "n", "audiences": ["9"], "variations": [{{"id": "30"}}]}}]}}"#
        )
    };
    for (value, number) in
        [("5", "5.0"), ("1e+21", "1e21"), ("9007199254740992", "9007199254740993"), ("0", "-0")]
    {
        let path = scratch_with(&format!("number-{value}.json"), &config(value));
        let request = format!(r#"{{"visitor_id": "v", "attributes": {{"n": {number}}}}}"#);
        let found = run_with(&["evaluate", "--config", &path], request.as_bytes());
        assert_eq!(found.json()["experiences"][0]["experience_key"], "n", "{number}");
        // A variation without a key has none in the answer either.
        assert_eq!(found.json()["experiences"][0]["variation_key"], Value::Null);
    }
}

#[test]
fn a_record_keeps_its_visitor_where_they_are() {
    let plain = json!({"visitor_id": "visitor-001", "attributes": {"plan": "pro"}});
    assert_eq!(one(&plain)["experiences"][0]["variation_key"], "one-page");
    let mut sticky = plain.clone();
    sticky["record"] = json!({"bucketing": {"3001": "30011"}});
    let answer = one(&sticky);
    assert_eq!(answer["experiences"][0]["variation_key"], "three-steps");
    assert_eq!(answer["features"][0]["variables"], json!({"enabled": false, "steps": 3}));
    // The paying readers are a permanent audience, so who is bucketed needs no plan any more.
    sticky["attributes"] = json!({});
    assert_eq!(experiences(&one(&sticky))[0], "checkout");
    // A variation that is gone is as good as none.
    sticky["attributes"] = json!({"plan": "pro"});
    sticky["record"] = json!({"bucketing": {"3001": "gone"}});
    assert_eq!(one(&sticky)["experiences"][0]["variation_key"], "one-page");
}

#[test]
fn segments_of_the_record_open_the_segment_gate() {
    let attributes = json!({"email": "reader@mail.example"});
    let mut request = json!({"visitor_id": "v", "attributes": attributes,
        "location": {"path": "/shop"}});
    assert!(!experiences(&one(&request)).contains(&"loyalty-prices".to_owned()));
    request["record"] = serde_json::from_str(LOYAL).unwrap();
    assert!(experiences(&one(&request)).contains(&"loyalty-prices".to_owned()));
    request["location"] = Value::Null;
    assert!(!experiences(&one(&request)).contains(&"loyalty-prices".to_owned()));
}

#[test]
fn exclusion_sees_the_pass_of_features_and_no_decision_alone() {
    let requests: Vec<String> =
        (0..2_000).map(|number| format!(r#"{{"visitor_id": "visitor-{number}"}}"#)).collect();
    let (mut excluded, mut admitted) = (0, 0);
    for answer in evaluate(&requests.join("\n")).json_lines() {
        let decided = experiences(&answer);
        assert!(decided.contains(&"search-ranking".to_owned()), "alone, nothing excludes it");
        let is_recommended = decided.contains(&"recommendations".to_owned());
        let ranking = answer["experiences"].as_array().unwrap().iter();
        let ranking = ranking.filter(|one| one["experience_key"] == "search-ranking");
        let carries = ranking.clone().any(|one| one["variation_key"] == "by-relevance");
        let enabled = column(&answer, "features", "feature_key").contains(&"search".to_owned());
        assert_eq!(enabled, carries && !is_recommended, "{answer}");
        excluded += u32::from(carries && is_recommended);
        admitted += u32::from(enabled);
    }
    assert!(excluded > 400 && admitted > 200, "{excluded} {admitted}");
}

#[test]
fn an_assignment_in_the_record_excludes_both_ways() {
    let request = json!({"visitor_id": "v", "record": {"bucketing": {"3003": "30032"}}});
    assert!(!experiences(&one(&request)).contains(&"search-ranking".to_owned()));
}

#[test]
fn lines_with_equal_visitor_ids_share_nothing() {
    let plain = r#"{"visitor_id": "same", "attributes": {"plan": "pro"}}"#;
    let sticky = r#"{"visitor_id": "same", "attributes": {"plan": "pro", "country": "DE"},
        "record": {"bucketing": {"3001": "30011", "3003": "30031"}}}"#
        .replace('\n', " ");
    let alone = evaluate(plain).stdout;
    let lines = [plain, &sticky].repeat(500).join("\n");
    let together = evaluate(&lines).stdout;
    let plain_answers: Vec<&str> = together.lines().step_by(2).collect();
    assert_eq!(plain_answers.len(), 500);
    assert!(plain_answers.iter().all(|answer| *answer == alone.trim_end()));
}

#[test]
fn the_environment_is_checked_where_it_is_given() {
    let request = br#"{"visitor_id": "visitor-003", "record": {"bucketing": {"3006": "30061"}}}"#;
    let found = |environment: &str| {
        let arguments = ["evaluate", "--config", "demo", "--environment", environment];
        experiences(&run_with(&arguments, request).json())
    };
    assert!(found("staging").contains(&"reading-mode".to_owned()));
    assert!(!found("production").contains(&"reading-mode".to_owned()));
}

#[test]
fn projects_of_the_reference_data_answer() {
    for path in real_configs() {
        let request = br#"{"visitor_id": "visitor-001"}"#;
        let found = run_with(&["evaluate", "--config", &path], request);
        assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""), "{path}");
        assert_eq!(found.json()["visitor_id"], "visitor-001");
    }
}

#[test]
fn the_test_project_of_the_reference_data_decides_as_its_rules_say() {
    let path = real_configs().into_iter().find(|path| path.contains("sdk-test-config")).unwrap();
    let request = br#"{"visitor_id": "visitor-001", "attributes": {"varName3": "something"},
        "location": {"url": "https://convert.com/"}}"#;
    let request = String::from_utf8(request.to_vec()).unwrap().replace('\n', " ");
    let found = run_with(&["evaluate", "--config", &path], request.as_bytes());
    assert!(!found.json()["experiences"].as_array().unwrap().is_empty(), "{}", found.stdout);
}

#[test]
fn nobody_reading_is_a_quiet_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["evaluate", "--config", "demo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let requests = "{\"visitor_id\": \"v\"}\n".repeat(20_000);
    // The program may be gone before it has read everything.
    let _ = stdin.write_all(requests.as_bytes());
    drop(stdin);
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaints.as_str()), (Some(0), ""));
}

#[test]
fn an_answer_comes_before_the_next_question_is_asked() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_convertctl"))
        .args(["evaluate", "--config", "demo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for visitor in ["first", "second"] {
        writeln!(stdin, "{{\"visitor_id\": \"{visitor}\"}}").unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("{{\"visitor_id\":\"{visitor}\"")), "{answer}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
