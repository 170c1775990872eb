//! Patterns answer as node does: on the recorded fixture, and on random pairs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use convert_config::pattern::Pattern;
use serde_json::Value;

mod pattern_cases;

#[test]
fn the_fixture_agrees() {
    let text = std::fs::read_to_string(root().join("fixtures/regex.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 400, "only {} cases", cases.len());
    let differing: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (pattern, text) =
                (case["pattern"].as_str().unwrap(), case["text"].as_str().unwrap());
            difference(pattern, text, &case["expected"])
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn the_fixture_has_every_input() {
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(root().join("fixtures").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let inputs = read("regex-inputs.json");
    let answered: Vec<Value> = read("regex.json")
        .iter()
        .map(|case| Value::from(vec![case["pattern"].clone(), case["text"].clone()]))
        .collect();
    assert_eq!(inputs, answered);
}

/// `CONVERT_PATTERN_CASES` and `CONVERT_PATTERN_SEED` make it a campaign.
#[test]
fn random_pairs_agree_with_node() {
    let setting = |name, default| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let count = setting("CONVERT_PATTERN_CASES", 3_000);
    let mut random = fastrand::Rng::with_seed(setting("CONVERT_PATTERN_SEED", 9_999));
    let mut pairs: Vec<(String, String)> = Vec::new();
    while (pairs.len() as u64) < count {
        let pattern = pattern_cases::pattern(&mut random);
        for _ in 0..4 {
            let text = pattern_cases::text(&mut random, &pattern);
            pairs.push((pattern.clone(), text));
        }
    }
    let answers = ask_node(&pairs);
    assert_eq!(answers.len(), pairs.len());
    let (given_up, differing): (Vec<String>, Vec<String>) = pairs
        .iter()
        .zip(&answers)
        .filter_map(|((pattern, text), expected)| difference(pattern, text, expected))
        .partition(|difference| difference.contains(": \"gave up"));
    let of = |wanted: &Value| answers.iter().filter(|&answer| answer == wanted).count();
    println!(
        "{} pairs: {} true, {} false, {} invalid; {} given up, {} differ",
        pairs.len(),
        of(&Value::from(true)),
        of(&Value::from(false)),
        of(&Value::from("invalid")),
        given_up.len(),
        differing.len()
    );
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    // Now and then a random pattern is one that takes exponential time.
    assert!(given_up.len() * 5_000 <= pairs.len(), "{}", given_up.join("\n"));
}

fn difference(pattern: &str, text: &str, expected: &Value) -> Option<String> {
    let (actual, engine) = match Pattern::compile(pattern) {
        Err(error) if error.is_invalid() => (Value::from("invalid"), "none"),
        Err(error) => (Value::from(error.to_string()), "none"),
        Ok(compiled) => {
            let engine = if compiled.is_linear() { "linear" } else { "backtracking" };
            let answer = match compiled.is_match(&text.to_lowercase()) {
                Ok(answer) => Value::from(answer),
                Err(error) => Value::from(error.to_string()),
            };
            (answer, engine)
        }
    };
    (actual != *expected)
        .then(|| format!("{pattern:?} on {text:?}: {actual} ({engine}), node {expected}"))
}

fn ask_node(pairs: &[(String, String)]) -> Vec<Value> {
    let mut node = Command::new("node")
        .arg(root().join("xtask/js/regex.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is not installed; apt-get install nodejs");
    let input = serde_json::to_vec(pairs).unwrap();
    node.stdin.take().unwrap().write_all(&input).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
