//! What bounds a decision, whatever the config, the visitor and the application bring.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that meets the unexpected should stop at once"
)]

use convert_sdk::{Answer, AttributeProvider, Attributes, Core, Reason, SdkConfig, attributes};
use serde_json::{Value, json};

fn core(parts: Value, set: impl FnOnce(SdkConfig) -> SdkConfig) -> Core {
    let mut project = json!({"account_id": "1", "project": {"id": "2"}});
    for (name, value) in parts.as_object().unwrap() {
        project[name] = value.clone();
    }
    Core::initialize(set(SdkConfig::from_json(&project.to_string()).unwrap())).unwrap()
}

fn element(key: &str, operator: &str, value: &str, negated: bool) -> Value {
    json!({"rule_type": "generic_text_key_value", "key": key, "value": value,
        "matching": {"match_type": operator, "negated": negated}})
}

/// Rules that need every one of these elements.
fn all_of(elements: Vec<Value>) -> Value {
    let blocks: Vec<Value> =
        elements.into_iter().map(|element| json!({"OR_WHEN": [element]})).collect();
    json!({"OR": [{"AND": blocks}]})
}

/// So long that [`costly`] takes about a fifth of a budget.
const TEXT_LENGTH: usize = 23;

/// An element that holds for [`text`], after some two million steps of the backtracking engine.
fn costly(number: usize) -> Value {
    element("text", "regexMatches", &format!(r"^(a|aa)+(?!x{number})$"), true)
}

fn text() -> Attributes {
    attributes! { "text" => format!("{}b", "a".repeat(TEXT_LENGTH)), "plan" => "pro" }
}

fn experience(id: usize, audience: &str) -> Value {
    json!({"id": id.to_string(), "key": format!("e{id}"), "audiences": [audience],
        "variations": [{"id": format!("{id}0"), "key": "a"}]})
}

#[test]
fn all_patterns_of_a_decision_share_one_budget_of_steps() {
    let few = all_of((0..2).map(costly).collect());
    let many = all_of((0..100).map(costly).collect());
    let core = core(
        json!({
            "audiences": [{"id": "few", "rules": few}, {"id": "many", "rules": many}],
            "experiences": [experience(1, "few"), experience(2, "many")],
        }),
        |config| config,
    );
    let visitor = core.create_context("visitor-1").with_attributes(text());
    for _ in 0..2 {
        // Each decision has a budget of its own.
        assert!(visitor.run_experience("e1").is_some());
        assert_eq!(core.stats().step_limits_hit, 0);
    }
    assert!(visitor.run_experience("e2").is_none());
    assert_eq!(core.stats().step_limits_hit, 1, "one decision, reported once");
    let explanation = visitor.explain_experience("e2");
    assert_eq!(explanation.reason(), Reason::AudienceMismatch);
    let tree = explanation.to_string();
    let line = tree.lines().find(|line| line.contains("step limit reached")).unwrap();
    assert!(line.contains("text not regexMatches") && line.contains("not matched"), "{line}");
}

#[test]
fn elements_behind_the_step_limit_are_false_and_the_explanation_says_why() {
    let mut elements: Vec<Value> = (0..100)
        .map(|n| {
            // Fails for the text, after as many steps.
            element("text", "regexMatches", &format!(r"^(a|aa)+(?!x{n})$"), false)
        })
        .collect();
    elements.push(element("plan", "equals", "pro", false));
    let any = json!({"OR": [{"AND": [{"OR_WHEN": elements}]}]});
    let core = core(
        json!({"audiences": [{"id": "a", "rules": any}], "experiences": [experience(1, "a")]}),
        |config| config,
    );
    let visitor = core.create_context("visitor-1").with_attributes(text());
    assert!(visitor.run_experience("e1").is_none(), "`plan equals pro` comes too late");
    let tree = visitor.explain_experience("e1").to_string();
    let last = tree.lines().rfind(|line| line.contains("rule plan")).unwrap();
    assert!(last.contains("not matched") && last.contains("step limit reached"), "{last}");
}

#[test]
fn a_pass_over_many_experiences_shares_one_budget_of_steps() {
    let audiences: Vec<Value> = (0..100)
        .map(|n| json!({"id": format!("a{n}"), "rules": all_of(vec![costly(n)])}))
        .collect();
    let experiences: Vec<Value> = (0..100).map(|n| experience(n + 1, &format!("a{n}"))).collect();
    let features = json!([{"id": "f", "key": "f"}]);
    let core = core(
        json!({"audiences": audiences, "experiences": experiences, "features": features}),
        |config| config,
    );
    let visitor = core.create_context("visitor-1").with_attributes(text());
    let decided = visitor.run_experiences().len();
    assert!((1..20).contains(&decided), "{decided} of 100");
    assert_eq!(core.stats().step_limits_hit, 1);
    assert!(visitor.run_experience("e100").is_some(), "a later call has steps again");
    assert_eq!(core.stats().step_limits_hit, 1);
}

#[test]
fn an_explanation_cuts_long_values() {
    let elements: Vec<Value> =
        (0..100).map(|n| element("text", "exists", &n.to_string(), true)).collect();
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": elements}]}]});
    let core = core(
        json!({"audiences": [{"id": "a", "rules": rules}], "experiences": [experience(1, "a")]}),
        |config| config,
    );
    let list: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    for attributes in
        [attributes! { "text" => "é".repeat(100_000) }, attributes! { "text" => list }]
    {
        let visitor = core.create_context("visitor-1").with_attributes(attributes);
        let explanation = visitor.explain_experience("e1");
        let tree = explanation.to_string();
        assert!(tree.contains("text not exists") && tree.len() < 250_000, "{}", tree.len());
    }
}

/// Panics whenever it is asked.
struct Panicking;

impl AttributeProvider for Panicking {
    fn answer(&self, _: &str, _: Option<&str>, _: &str) -> Answer {
        panic!("on purpose")
    }
}

#[test]
fn an_attribute_provider_that_panics_has_no_data() {
    let rules = json!({"OR": [{"AND": [{"OR_WHEN": [{"rule_type": "country", "value": "US",
        "matching": {"match_type": "equals", "negated": true}}]}]}]});
    let core = core(
        json!({
            "audiences": [{"id": "a", "rules": rules}],
            "segments": [{"id": "5", "key": "s", "rules": rules}],
            "goals": [{"id": "6", "key": "g", "rules": rules}],
            "experiences": [experience(1, "a"),
                {"id": "2", "key": "open", "variations": [{"id": "20"}]}],
        }),
        |config| config.attribute_provider(Panicking),
    );
    let visitor = core.create_context("visitor-1");
    assert!(visitor.run_experience("e1").is_none());
    assert_eq!(core.stats().provider_panics, 1);
    assert_eq!(visitor.explain_experience("e1").reason(), Reason::NoDataFound);
    assert_eq!(visitor.run_experiences().len(), 1, "other experiences are decided");
    assert_eq!(visitor.run_custom_segments(&["s"]), Err(Reason::NoDataFound));
    assert_eq!(visitor.explain_goal("g").reason(), Reason::NoDataFound);
    assert_eq!(core.stats().provider_panics, 3, "explanations are not counted");
}
