//! What loading accepts, what it steps over, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_config::{Diagnostic, Identified, LocationGate, ProjectConfig, Severity, Value};

fn load(json: &str) -> ProjectConfig {
    ProjectConfig::from_json(json).unwrap()
}

/// Loads a project whose root has these members besides the required ones.
fn project(members: &str) -> ProjectConfig {
    load(&format!(r#"{{"account_id": "1", "project": {{"id": "2"}}, {members}}}"#))
}

fn check_refused(json: &str, path: &str, reason: &str) {
    let error = ProjectConfig::from_json(json).unwrap_err();
    assert_eq!(error.path(), path, "{json}: {error}");
    assert!(error.reason().contains(reason), "{json}: {error}");
}

fn check_diagnostic(config: &ProjectConfig, path: &str, severity: Severity) {
    let found =
        config.diagnostics().iter().any(|one| one.path() == path && one.severity() == severity);
    assert!(found, "no {severity} at {path} in {:#?}", config.diagnostics());
}

#[test]
fn an_unusable_root_is_refused_with_its_path() {
    check_refused("", "", "not a JSON document");
    check_refused("{\"account_id\": \"1\",}", "", "line 1 column 20");
    check_refused("[]", "", "not an object");
    check_refused("null", "", "not an object");
    check_refused(r#"{"project": {"id": "2"}}"#, "account_id", "missing or empty");
    check_refused(r#"{"account_id": null, "project": {"id": "2"}}"#, "account_id", "missing");
    check_refused(r#"{"account_id": "", "project": {"id": "2"}}"#, "account_id", "empty");
    check_refused(r#"{"account_id": [], "project": {"id": "2"}}"#, "account_id", "neither");
    check_refused(r#"{"account_id": "1"}"#, "project.id", "missing or empty");
    check_refused(r#"{"account_id": "1", "project": 5}"#, "project.id", "missing or empty");
    check_refused(r#"{"account_id": "1", "project": {"id": ""}}"#, "project.id", "empty");
    check_refused(r#"{"account_id": "1", "project": {"id": " "}}"#, "project.id", "empty");
    check_refused(
        "{\"account_id\": \"\u{feff}\\t\", \"project\": {\"id\": 2}}",
        "account_id",
        "empty",
    );
    for list in [
        "experiences",
        "features",
        "goals",
        "audiences",
        "locations",
        "segments",
        "archived_experiences",
    ] {
        let json = format!(r#"{{"account_id": "1", "project": {{"id": "2"}}, "{list}": {{}}}}"#);
        check_refused(&json, list, "not a list");
    }
}

#[test]
fn an_error_body_is_refused_with_what_it_says() {
    check_refused(r#"{"error": "no such project"}"#, "error", "no such project");
    check_refused(r#"{"data": {"error": {"code": 1}}}"#, "data.error", r#"{"code":1}"#);
    check_refused(
        r#"{"data": {"code": 404, "message": "gone"}}"#,
        "data.message",
        "answered: gone",
    );
    check_refused(r#"{"data": {"error": "no such project"}}"#, "data.error", "no such project");
    check_refused(r#"{"error": {"code": 1, "message": "gone"}}"#, "error", "answered: gone");
    check_refused(r#"{"error": true, "message": "gone"}"#, "error", "answered: gone");
    check_refused(r#"{"data": {"error": 404, "message": "gone"}}"#, "data.error", "answered: gone");
    check_refused(r#"{"code": 404, "message": "gone\n\u0007"}"#, "message", "answered: gone");
}

#[test]
fn nesting_is_limited() {
    let deep = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"account_id": "1", "project": {{"id": "2"}}, "x": {value}}}"#)
    };
    assert!(ProjectConfig::from_json(&deep(100)).is_ok());
    check_refused(&deep(1_000), "", "recursion limit");
    check_refused(&deep(1_000_000), "", "recursion limit");
}

#[test]
fn a_mark_and_a_wrapper_are_accepted() {
    let flat = r#"{"account_id": 1, "project": {"id": 2.0}}"#;
    for json in [flat.to_owned(), format!("\u{feff}{flat}"), format!(r#"{{"data": {flat}}}"#)] {
        let config = load(&json);
        assert_eq!((config.account_id(), config.project_id()), ("1", "2"));
    }
    check_refused(r#"{"data": {"project": {"id": 2}}}"#, "data.account_id", "missing");
    check_refused(r#"{"data": {"account_id": 1}}"#, "data.project.id", "missing");
    let list = r#"{"data": {"account_id": 1, "project": {"id": 2}, "goals": {}}}"#;
    check_refused(list, "data.goals", "not a list");
    let faulty = r#"{"data": {"account_id": 1, "project": {"id": 2}, "goals": [0]}}"#;
    check_diagnostic(&load(faulty), "data.goals[0]", Severity::Warning);
    let unrelated = load(r#"{"account_id": 1, "project": {"id": 2}, "data": {"goals": [0]}}"#);
    assert!(unrelated.diagnostics().is_empty() && unrelated.goals().is_empty());
    let error = ProjectConfig::from_json(b"\xff{}".as_slice()).unwrap_err();
    assert!(error.reason().contains("not UTF-8 at byte 1"), "{error}");
}

#[test]
fn any_deserializer_will_do() {
    let json = serde_json::json!({"account_id": "1", "project": {"id": "2"}, "goals": [{"id": 3}]});
    let config: ProjectConfig = serde_json::from_value(json).unwrap();
    assert_eq!(config.goals().len(), 1);
    let error = serde_json::from_str::<ProjectConfig>("{}").unwrap_err();
    assert!(error.to_string().contains("account_id"), "{error}");
}

#[test]
fn numbers_are_read_as_ecmascript_reads_them() {
    let config = project(
        r#""experiences": [{"id": 9007199254740993, "key": 1e21, "variations": [
            {"id": "a", "traffic_allocation": 33.333333333333336}, {"id": "b", "traffic_allocation": 1e999}]}]"#,
    );
    let experience = &config.experiences()[0];
    assert_eq!((experience.id(), experience.key()), ("9007199254740992", Some("1e+21")));
    assert_eq!(
        experience.variations()[0].traffic_allocation().unwrap().to_bits(),
        33.333_333_333_333_336_f64.to_bits()
    );
    assert!(config.has_warnings(), "the number past the range of doubles was not reported");
}

#[test]
fn lone_surrogates_are_replaced_and_reported() {
    let config = project(r#""goals": [{"id": "1", "key": "half \ud83d", "name": "\ud83d\ude00"}]"#);
    let goal = config.goals().by_key("half \u{fffd}").unwrap();
    assert_eq!(goal.name(), Some("😀"));
    check_diagnostic(&config, "goals[0].key", Severity::Warning);
    assert_eq!(config.diagnostics().len(), 1, "{:#?}", config.diagnostics());
    let config = project(r#""x": {"y": [0, 1e999]}, "\ud800": 1, "goals": [{"id": "\udc00"}]"#);
    for path in ["x.y[1]", "\u{fffd}", "goals[0].id"] {
        check_diagnostic(&config, path, Severity::Warning);
    }
    let wrapped = r#"{"data": {"account_id": "1", "project": {"id": "2", "name": "\ud800"}}}"#;
    check_diagnostic(&load(wrapped), "data.project.name", Severity::Warning);
}

#[test]
fn lone_surrogates_in_the_json_of_a_variable_are_replaced_and_reported() {
    let config = project(
        r#""features": [{"id": "7", "variables": [{"key": "layout", "type": "json"}]}],
        "experiences": [null, {"id": "1", "variations": [{"id": "2", "changes": [5, {"type": "fullStackFeature",
            "data": {"feature_id": 7, "variables_data": {"layout": "{\"icon\": \"\\ud83d\", \"n\": 1e999}"}}}]}]}]"#,
    );
    let arm = &config.experiences()[0].variations()[0];
    let layout = arm.feature_changes()[0].variables().member("layout").unwrap();
    assert_eq!(layout.member("icon"), Some(&Value::from("\u{fffd}")));
    let path = "experiences[1].variations[0].changes[1].data.variables_data.layout";
    check_diagnostic(&config, path, Severity::Warning);
}

#[test]
fn one_broken_experience_leaves_the_others() {
    let config = project(
        r#""experiences": [null, 5, {"key": "no-id"}, {"id": {}, "key": "odd-id"}, {"id": "", "key": "blank"},
            {"id": "6", "key": "odd-environment", "environment": 5}, {"id": "7", "key": "sound"}]"#,
    );
    assert_eq!(config.experiences().len(), 2);
    assert!(config.experience("sound").is_some());
    for path in [
        "experiences[0]",
        "experiences[1]",
        "experiences[2].id",
        "experiences[3].id",
        "experiences[4].id",
        "experiences[5].environment",
    ] {
        check_diagnostic(&config, path, Severity::Warning);
    }
}

#[test]
fn repeated_ids_and_keys_find_the_first() {
    let config = project(
        r#""goals": [{"id": 1, "key": "a"}, {"id": "1", "key": "b"}, {"id": 2, "key": "a"}]"#,
    );
    assert_eq!(config.goals().by_id("1").and_then(|goal| goal.key()), Some("a"));
    assert_eq!(config.goals().by_key("a").map(Identified::id), Some("1"));
    check_diagnostic(&config, "goals[1].id", Severity::Warning);
    check_diagnostic(&config, "goals[2].key", Severity::Warning);
}

#[test]
fn broken_rules_are_reported_where_they_are() {
    let config = project(
        r#""audiences": [{"id": "1", "rules": {"OR": [{"AND": [{"OR_WHEN": [
            {"key": "a", "value": 1, "matching": {"match_type": "resembles", "negated": false}},
            {"key": "a", "value": 1, "matching": {"match_type": "equals"}},
            {"key": "a", "matching": {"match_type": "equals", "negated": true}},
            {"key": "a", "value": "(", "matching": {"match_type": "regexMatches", "negated": true}}]}]}]}}]"#,
    );
    let element = |index: usize, field: &str| {
        format!("audiences[0].rules.OR[0].AND[0].OR_WHEN[{index}].{field}")
    };
    check_diagnostic(&config, &element(0, "matching.match_type"), Severity::Warning);
    check_diagnostic(&config, &element(1, "matching"), Severity::Warning);
    check_diagnostic(&config, &element(2, "value"), Severity::Warning);
    check_diagnostic(&config, &element(3, "value"), Severity::Warning);
}

#[test]
fn location_gates_follow_ids_before_areas() {
    let gate = |members: &str| {
        let config = project(&format!(r#""experiences": [{{"id": "1", {members}}}]"#));
        match config.experiences()[0].location_gate() {
            LocationGate::Open => "open",
            LocationGate::At { .. } => "at",
            LocationGate::SiteArea(_) => "area",
        }
    };
    for (members, expected) in [
        (r#""locations": ["404"], "site_area": null"#, "at"),
        (r#""locations": ["404"], "site_area": {}"#, "at"),
        (r#""locations": [null]"#, "at"),
        (r#""locations": [{}], "site_area": {}"#, "at"),
        (r#""locations": [], "site_area": {}"#, "area"),
        (r#""locations": null, "site_area": []"#, "area"),
        (r#""locations": "5", "site_area": "x""#, "area"),
        (r#""site_area": 0"#, "open"),
        (r#""site_area": """#, "open"),
        (r#""locations": []"#, "open"),
    ] {
        assert_eq!(gate(members), expected, "{members}");
    }
}

#[test]
fn what_is_no_list_is_reported_once() {
    let config = project(
        r#""experiences": [{"id": "1", "locations": "5", "audiences": 5, "goals": {}, "variations": 5},
            {"id": "2", "locations": [{}], "variations": [{"id": "3", "changes": "x"}]}]"#,
    );
    let paths: Vec<_> = config.diagnostics().iter().map(Diagnostic::path).collect();
    let expected = [
        "experiences[0].variations",
        "experiences[0].locations",
        "experiences[0].goals",
        "experiences[0].audiences",
        "experiences[1].variations[0].changes",
        "experiences[1].locations",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_change_token_and_the_offset_are_read() {
    let config = load(
        r#"{"account_id": "1", "project": {"id": "2", "utc_offset": "-18000",
            "settings": {"version": "2026-06-11T00:00:13+00:00-334"}}}"#,
    );
    assert_eq!(config.version(), Some("2026-06-11T00:00:13+00:00-334"));
    assert_eq!(config.utc_offset(), -18_000);
    let without = load(
        r#"{"account_id": "1", "project": {"id": "2", "utc_offset": 3600, "settings": {"version": null}}}"#,
    );
    assert_eq!((without.version(), without.utc_offset()), (None, 3_600));
}
