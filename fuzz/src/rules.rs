//! Rule trees against a slow reading of the same rules.

use arbitrary::{Result, Unstructured};
use convert_config::rule::{Element, RuleTree, Test, Verdict};
use convert_decision::{AttributeLayers, Evaluation, Explanation, NoopObserver, Reason};
use convert_sdk::{Attributes, Identified as _, ProjectConfig, ValueRef};
use serde_json::{Value, json};

use crate::document::{Object, list, one_of, value};

/// Makes rules and attributes of the bytes, and matches them.
pub fn rules(input: &[u8]) {
    let _ = try_rules(&mut Unstructured::new(input));
}

/// Makes a rule tree.
pub(crate) fn tree(choices: &mut Unstructured<'_>) -> Result<Value> {
    let block = |it: &mut Unstructured<'_>| {
        Ok(Object::new().member(it, "OR_WHEN", |it| list(it, 3, element))?.done())
    };
    let branch = |it: &mut Unstructured<'_>| {
        Ok(Object::new().member(it, "AND", |it| list(it, 2, block))?.done())
    };
    Ok(Object::new().member(choices, "OR", |it| list(it, 2, branch))?.done())
}

/// Makes attributes under the names that rules ask for.
pub(crate) fn attributes(choices: &mut Unstructured<'_>) -> Result<Attributes> {
    let mut attributes = Attributes::new();
    for _ in 0..choices.int_in_range(0..=4)? {
        let name = *choices.choose(NAMES)?;
        let json = value(choices, 2)?.to_string();
        let value: convert_sdk::Value<'_> =
            serde_json::from_str(&json).expect("what serde_json wrote can be read");
        attributes.insert(name, value);
    }
    Ok(attributes)
}

fn try_rules(choices: &mut Unstructured<'_>) -> Result<()> {
    let attributes = attributes(choices)?;
    let rules = tree(choices)?;
    let document = json!({
        "account_id": "1", "project": {"id": "2"},
        "goals": [{"id": "3", "key": "goal", "rules": rules}],
    });
    let config = ProjectConfig::from_json(&document.to_string()).expect("the root is in order");
    let goal = config.goals().first().expect("the goal is in order");
    let evaluation =
        Evaluation::new(&config, "visitor").attributes(AttributeLayers::new(&attributes));

    let plain = evaluation.match_goal(goal, &mut NoopObserver);
    assert_eq!(plain, evaluation.match_goal(goal, &mut NoopObserver));
    let explained = Explanation::of_goal(&evaluation, goal.id());
    assert_eq!(explained.reason(), plain.err().unwrap_or(Reason::Resolved), "{explained}");
    let slow = goal.rules().is_some_and(|rules| matches_slowly(rules, &attributes));
    assert_eq!(plain.is_ok(), slow, "{explained}");

    for element in goal.rules().map(RuleTree::elements).unwrap_or_default() {
        let _ = element.to_string();
        for (_, value) in attributes.iter() {
            check_element(element, value);
        }
        assert_eq!(element.matches(None), matches_absent(element));
    }
    Ok(())
}

/// Any branch; in it every block, and at least one; in each any element.
fn matches_slowly(rules: &RuleTree, attributes: &Attributes) -> bool {
    rules.branches().any(|branch| {
        !branch.is_empty()
            && branch.blocks().all(|block| {
                block.elements().iter().any(|element| {
                    element.matches(element.key().and_then(|key| attributes.get(key)))
                })
            })
    })
}

fn check_element(element: &Element, value: ValueRef<'_>) {
    let verdict = element.test().verdict(Some(value));
    assert_eq!(verdict, element.test().verdict(Some(value)));
    let (plainly, negated) = (verdict.is_match(false), verdict.is_match(true));
    let is_possible = !matches!(verdict, Verdict::Impossible(_));
    assert_eq!(plainly != negated, is_possible, "only the impossible is not turned round");
    assert!(plainly || negated || !is_possible);

    let text = value.to_text();
    let operand = element.operand().as_view();
    let lowered = (text.to_lowercase(), operand.to_text().to_lowercase());
    let expected = match element.test() {
        Test::Contains(None) => true,
        Test::Contains(Some(_)) => lowered.0.contains(&lowered.1),
        Test::StartsWith(_) => lowered.0.starts_with(&lowered.1),
        Test::EndsWith(_) => lowered.0.ends_with(&lowered.1),
        Test::Equals(_) => match value {
            ValueRef::List(items) => {
                items.iter().any(|item| item.as_view().strictly_equals(operand))
            }
            ValueRef::Map(members) if !members.is_empty() => {
                members.iter().any(|(name, _)| **name == *operand.to_text())
            }
            _ => lowered.0 == lowered.1,
        },
        Test::Exists => !text.is_empty() && value != ValueRef::Null || is_nested(value),
        Test::DoesNotExist { .. } => {
            !(!text.is_empty() && value != ValueRef::Null || is_nested(value))
        }
        Test::IsIn(options) => text.split('|').any(|part| options.iter().any(|one| one == part)),
        _ => return,
    };
    assert_eq!(verdict, Verdict::from(expected), "{element} against {value:?}");
}

fn matches_absent(element: &Element) -> bool {
    match element.test() {
        Test::Exists => element.is_negated(),
        Test::DoesNotExist { absent_counts: true } => !element.is_negated(),
        _ => false,
    }
}

fn is_nested(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::List(_) | ValueRef::Map(_))
}

fn element(choices: &mut Unstructured<'_>) -> Result<Value> {
    let operator = *choices.choose(OPERATORS)?;
    let operand = |it: &mut Unstructured<'_>| {
        if operator == "regexMatches" {
            return Ok(json!(it.arbitrary::<&str>()?.chars().take(40).collect::<String>()));
        }
        value(it, 2)
    };
    let matching = |it: &mut Unstructured<'_>| {
        let negated = it.arbitrary::<bool>()?;
        Ok(Object::new()
            .member(it, "match_type", |_| Ok(json!(operator)))?
            .member(it, "negated", |_| Ok(json!(negated)))?
            .done())
    };
    Ok(Object::new()
        .member(choices, "rule_type", |it| one_of(it, RULE_TYPES))?
        .member(choices, "key", |it| one_of(it, NAMES))?
        .member(choices, "value", operand)?
        .member(choices, "matching", matching)?
        .done())
}

/// Names of attributes, report segments among them.
pub(crate) const NAMES: &[&str] = &["plan", "age", "a", "A", "", "country", "customSegments", "ß"];
const OPERATORS: &[&str] = &[
    "equals",
    "equalsNumber",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "less",
    "lessEqual",
    "isIn",
    "regexMatches",
    "exists",
    "doesNotExist",
    "not_exists",
    "nonsense",
];
const RULE_TYPES: &[&str] = &[
    "generic_text_key_value",
    "generic_numeric_key_value",
    "country",
    "js_condition",
    "project_time_minute_of_hour",
    "bucketed_into_experience_key",
];
