//! `convertctl validate`, as a shell sees it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use serde_json::json;
use support::{real_configs, run, run_with, scratch_with};

#[test]
fn the_demo_project_is_flawless() {
    let found = run(&["validate", "demo", "--strict"]);
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));
    for expected in [
        "account  1001\n",
        "project  2001 (Harbour Books)\n",
        "content  6 experiences, 4 features, 2 goals, 5 audiences, 2 locations, 1 segment\n",
        "three-steps 50%, one-page 50%",
        "german-speaking and worthwhile-basket; at shop",
        "customers; in segment loyal-readers; at shop, basket",
        "staff-picks stopped",
        "no diagnostics\n",
    ] {
        assert!(found.stdout.contains(expected), "{expected:?} in\n{}", found.stdout);
    }
}

#[test]
fn json_has_what_the_table_has() {
    let summary = run(&["validate", "demo", "--json"]).json();
    assert_eq!(summary["account_id"], "1001");
    assert_eq!(summary["counts"]["experiences"], 6);
    assert_eq!(summary["diagnostics"], json!([]));
    let recommendations = &summary["experiences"][2];
    assert_eq!(recommendations["layout"], "anchored");
    assert_eq!(recommendations["locations"], json!(null));
    assert_eq!(recommendations["variations"][3]["running"], false);
    assert_eq!(recommendations["variations"][3]["traffic"], 0.0);
    assert_eq!(summary["experiences"][5]["environment"], "staging");
    assert_eq!(summary["experiences"][4]["segments"], json!(["loyal-readers"]));
}

#[test]
fn projects_of_the_reference_data_are_usable_and_without_warnings() {
    for path in real_configs() {
        let summary = run(&["validate", &path, "--json"]);
        assert_eq!(summary.code, Some(0), "{path}");
        let diagnostics = summary.json()["diagnostics"].as_array().unwrap().clone();
        assert!(diagnostics.iter().all(|one| one["severity"] == "note"), "{path}: {diagnostics:?}");
        assert!(!summary.json()["experiences"].as_array().unwrap().is_empty());
    }
}

#[test]
fn strict_turns_diagnostics_into_an_exit_code() {
    let config = r#"{"account_id": 1, "project": {"id": 2}, "experiences": [{"key": "lost"}]}"#;
    let path = scratch_with("diagnostics.json", config);
    let lenient = run(&["validate", &path]);
    assert_eq!(lenient.code, Some(0));
    assert!(lenient.stdout.contains("warning: experiences[0].id: missing"), "{}", lenient.stdout);
    assert_eq!(run(&["validate", &path, "--strict"]).code, Some(2));
}

#[test]
fn an_unusable_config_is_refused_with_its_path() {
    for (config, path) in [
        (r#"{"account_id": "1", "project": {}}"#, "project.id"),
        (r#"{"project": {"id": "1"}}"#, "account_id"),
        (r#"{"account_id": "1", "project": {"id": "2"}, "goals": {}}"#, "goals"),
    ] {
        let found = run_with(&["validate", "-"], config.as_bytes());
        assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""));
        let expected = format!("convertctl: standard input: invalid config at {path}: ");
        assert!(found.stderr.starts_with(&expected), "{}", found.stderr);
        let found = run_with(&["validate", "-", "--json"], config.as_bytes());
        assert_eq!((found.code, &found.json()["error"]["path"]), (Some(1), &json!(path)));
    }
    let found = run_with(&["validate", "-"], b"\xff{}");
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("not UTF-8"), "{}", found.stderr);
}

#[test]
fn a_missing_file_is_named() {
    let found = run(&["validate", "no/such/config.json"]);
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.starts_with("convertctl: no/such/config.json cannot be read: "));
}

#[test]
fn names_in_a_config_do_not_steer_the_terminal() {
    let config = r#"{"account_id": "1", "project": {"id": "2", "name": "\u001b[2J"},
        "experiences": [{"id": "3", "key": "\u001b[31mred", "variations": []}]}"#;
    let found = run_with(&["validate", "-"], config.as_bytes());
    assert!(found.stdout.contains(r"\u{1b}[31mred") && !found.stdout.contains('\u{1b}'));
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    for arguments in [
        &["validate"][..],
        &["unknown"],
        &["explain", "--config", "demo", "--visitor", "v"],
        &["explain", "--config", "demo", "--visitor", "v", "--experience", "a", "--feature", "b"],
        &["explain", "--config", "demo", "--visitor", "v", "--experience", "a", "--attr", "plan"],
        &["simulate", "--config", "demo", "--experience", "checkout", "--visitors", "0"],
        &["evaluate", "--config", "-"],
        &["assign", "--config", "-", "--experience", "checkout"],
        &["assign", "--experience", "checkout"],
        &["fetch"],
        &["fetch", "--config", "demo"],
    ] {
        let found = run(arguments);
        assert_eq!((found.code, found.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(found.stderr.starts_with("error: "), "{arguments:?}: {}", found.stderr);
    }
    for command in ["validate", "evaluate", "explain", "simulate", "assign", "fetch"] {
        let found = run(&[command, "--help"]);
        assert_eq!(found.code, Some(0));
        assert!(found.stdout.contains("Example"), "{command}");
    }
}
