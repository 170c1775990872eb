//! `convertctl assign`, as a shell sees it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use serde_json::Value;
use support::{Run, real_configs, run_with, scratch_with};

fn assign(config: &str, experience: &str, input: &[u8]) -> Run {
    run_with(&["assign", "--config", config, "--experience", experience], input)
}

#[test]
fn ungated_experiences_are_assigned_as_they_are_evaluated() {
    let ids: Vec<String> = (0..3_000).map(|number| format!("visitor {number} é🎯")).collect();
    let requests: Vec<String> =
        ids.iter().map(|id| serde_json::json!({ "visitor_id": id }).to_string()).collect();
    let requests = requests.join("\n");
    let answers = run_with(&["evaluate", "--config", "demo"], requests.as_bytes()).json_lines();
    for experience in ["recommendations", "reading-mode"] {
        let assigned = assign("demo", experience, ids.join("\n").as_bytes());
        assert_eq!((assigned.code, assigned.stderr.as_str()), (Some(0), ""));
        assert_eq!(assigned.stdout.lines().count(), ids.len());
        let mut without = 0;
        for ((line, id), answer) in assigned.stdout.lines().zip(&ids).zip(&answers) {
            let decided = answer["experiences"].as_array().unwrap().iter();
            let mut decided = decided.filter(|one| one["experience_key"] == experience);
            let key = decided.next().and_then(|one| one["variation_key"].as_str());
            assert_eq!(line, format!("{id}\t{}", key.unwrap_or_default()));
            without += u32::from(key.is_none());
        }
        assert!(without > 300, "some visitors are not in the traffic");
    }
}

#[test]
fn gates_are_ignored() {
    let found = assign("demo", "checkout", b"visitor-001\n");
    assert_eq!(found.stdout, "visitor-001\tone-page\n");
}

#[test]
fn every_line_is_an_id_as_it_is() {
    let found = assign("demo", "3001", b" visitor-001\r\n\nvisitor-001");
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with(" visitor-001\t"));
    assert_eq!(lines[1..], ["\t", "visitor-001\tone-page"]);
}

#[test]
fn a_key_with_a_line_break_makes_no_second_line() {
    let json = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
        {"id": "3", "variations": [{"id": "30", "key": "bl\tu\ne"}]}]}"#;
    let config = scratch_with("assign-line-break.json", json);
    let found = assign(&config, "3", b"a\nb\n");
    assert_eq!(found.stdout, "a\tbl\\tu\\ne\nb\tbl\\tu\\ne\n");
}

#[test]
fn what_is_no_text_is_left_out_and_reported() {
    let found = assign("demo", "checkout", b"a\n\xff\xfe\nb\n");
    assert_eq!(found.code, Some(1));
    assert_eq!(found.stdout.lines().count(), 2);
    let expected = concat!(
        "convertctl: line 2: not UTF-8 at byte 1\n",
        "convertctl: 1 of 3 lines are no visitor ids and were left out\n"
    );
    assert_eq!(found.stderr, expected);
}

#[test]
fn variations_without_a_key_are_named_by_id() {
    let config = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
        {"id": "3", "key": "hero", "variations": [{"id": "30"}]}]}"#;
    let path = support::scratch_with("keyless.json", config);
    assert_eq!(assign(&path, "hero", b"v").stdout, "v\t30\n");
}

#[test]
fn an_unknown_experience_is_refused() {
    let found = assign("demo", "unknown", b"a\n");
    assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
    assert!(found.stderr.starts_with("convertctl: no experience `unknown`; the config has "));
}

#[test]
fn projects_of_the_reference_data_split_visitors_in_half() {
    let ids: Vec<String> = (0..4_000).map(|number| number.to_string()).collect();
    for path in real_configs() {
        let summary = support::run(&["validate", &path, "--json"]).json();
        let experiences = summary["experiences"].as_array().unwrap().iter();
        let is_half = |one: &&Value| one["variations"][0]["traffic"] == 50.0;
        for experience in experiences.filter(is_half) {
            let first = experience["variations"][0]["key"].as_str().unwrap();
            let key = experience["key"].as_str().unwrap();
            let found = assign(&path, key, ids.join("\n").as_bytes());
            let count = found.stdout.lines().filter(|line| line.ends_with(first)).count();
            assert!(count.abs_diff(2_000) < 200, "{path} {key}: {count}");
        }
    }
}
