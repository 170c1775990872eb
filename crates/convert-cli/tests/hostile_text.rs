//! Texts from configs, visitors and services that would steer a terminal or forge lines.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test without the answer it asks for fails"
)]

mod support;

use convert_sdk::escape::is_escaped;
use serde_json::{Value, json};
use support::{Run, run, run_with, scratch_with};
use test_support::{LoopbackServer, Reply};

/// Ends a line, clears the screen, turns the text around, and begins a line that looks genuine.
const HOSTILE: &str = "x\r\n\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{2028}\u{7f}convertctl: fine";

/// A config in which every text that is shown anywhere is hostile.
fn config(name: &str) -> String {
    let config = json!({
        "account_id": "1001",
        "project": {"id": HOSTILE, "name": HOSTILE, "settings": {"version": HOSTILE}},
        "audiences": [{"id": "7", "key": HOSTILE, "name": HOSTILE, "rules": {"OR": [{"AND": [{
            "OR_WHEN": [{"rule_type": "generic_text_key_value", "key": HOSTILE, "value": HOSTILE,
                "matching": {"match_type": "equals", "negated": true}}]}]}]}}],
        "locations": [{"id": "8", "key": HOSTILE, "rules": {"OR": []}, HOSTILE: 1}],
        "goals": [{"id": "9", "key": HOSTILE}],
        "features": [{"id": "5", "key": HOSTILE, "variables": [
            {"key": HOSTILE, "type": HOSTILE}]}],
        "experiences": [
            {"id": "3", "key": HOSTILE, "environment": HOSTILE, "audiences": ["7"], "variations": [
                {"id": "30", "key": HOSTILE, "traffic_allocation": 100, "changes": [{
                    "type": "fullStackFeature",
                    "data": {"feature_id": "5", "variables_data": {HOSTILE: HOSTILE}}}]}]},
            {"id": "4", "key": "4", "status": HOSTILE, "audiences": [HOSTILE], "variations": [
                {"id": "40", "key": HOSTILE, "status": HOSTILE}]}],
        HOSTILE: HOSTILE,
    });
    scratch_with(name, &config.to_string())
}

/// Checks that nothing but line feeds is left, and that no line begins with a hostile text.
fn check(run: &Run, what: &str) {
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(|it| is_escaped(it) && it != '\n'), "{what}: {text:?}");
        assert!(!text.contains("\nconvertctl: fine"), "{what}: {text:?}");
    }
}

#[test]
fn a_config_whose_texts_are_hostile_is_shown_escaped_by_every_command() {
    let config = config("hostile.json");
    let config = config.as_str();
    let facts = ["--attr", &format!("{HOSTILE}={HOSTILE}"), "--location", "a=1.10"];
    let visitor = ["--config", config, "--visitor", HOSTILE];
    let experience = ["--experience", HOSTILE];
    let closed = ["--track-base-url", "https://127.0.0.1:1", "--delivery-timeout", "0.01"];
    let calls: [(&str, Vec<&str>); 14] = [
        ("validate", vec![config]),
        ("validate", vec![config, "--json"]),
        ("explain", [&visitor[..], &experience, &facts].concat()),
        ("explain", [&visitor[..], &experience, &facts, &["--json"]].concat()),
        ("explain", [&visitor[..], &["--feature", HOSTILE], &facts].concat()),
        ("explain", [&visitor[..], &["--experience", "4"]].concat()),
        ("explain", [&visitor[..], &["--feature", &HOSTILE[1..]]].concat()),
        ("simulate", [&["--config", config, "--visitors", "10"], &experience[..]].concat()),
        (
            "simulate",
            [&["--config", config, "--visitors", "10", "--json"], &experience[..]].concat(),
        ),
        ("simulate", vec!["--config", config, "--visitors", "10", "--experience", "none"]),
        ("track", [&visitor[..], &["--goal", "none"]].concat()),
        ("track", [&visitor[..], &["--goal", HOSTILE, "--run-experiences"], &closed].concat()),
        ("validate", vec![HOSTILE]),
        ("explain", vec!["x\u{1b}[2J\u{9b}31m\u{202e}"]),
    ];
    for (command, arguments) in calls {
        let run = run(&[&[command], &arguments[..]].concat());
        let what = format!("{command} {arguments:?}");
        assert!(run.stdout.len() + run.stderr.len() > 10, "{what}");
        check(&run, &what);
    }
}

#[test]
fn json_that_is_escaped_is_exact() {
    let config = config("hostile-exact.json");
    let request = json!({"visitor_id": HOSTILE, "attributes": {HOSTILE: "other"}}).to_string();
    let evaluated = run_with(&["evaluate", "--config", &config], request.as_bytes());
    check(&evaluated, "evaluate");
    let answer = evaluated.json();
    assert_eq!(answer["visitor_id"], HOSTILE);
    assert_eq!(answer["experiences"][0]["experience_key"], HOSTILE);
    assert_eq!(answer["features"][0]["variables"], json!({HOSTILE: HOSTILE}));
    let validated = run(&["validate", &config, "--json"]);
    assert_eq!(validated.json()["version"], HOSTILE);
}

#[test]
fn what_a_service_answers_is_escaped_in_messages() {
    let broken = json!({"account_id": "1", "project": {"id": "2"}, HOSTILE: [HOSTILE],
        "experiences": [{"id": HOSTILE, "variations": HOSTILE}]});
    for reply in [Reply::json(broken.to_string()), Reply::json(HOSTILE)] {
        let server = LoopbackServer::start([reply]);
        let authority = scratch_with("hostile.pem", server.authority_pem());
        let reach = ["--base-url", &server.url(), "--root-certificate", &authority];
        let run = run(&[&["validate", "--sdk-key", "1/2"], &reach[..]].concat());
        check(&run, "validate");
    }
}

#[test]
fn what_visitors_send_is_escaped_in_the_table_and_the_lines_of_the_sink() {
    use support::sink::Sink;

    let mut sink = Sink::start("hostile-sink", &["--for-batches", "1"]);
    let run = sink.track(&["--config", "demo", "--visitor", HOSTILE, "--goal", "order-placed"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut sink.output, &mut line).unwrap();
    assert!(!line.trim_end_matches('\n').contains(is_escaped), "{line:?}");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["visitorId"], HOSTILE);
}
