//! Compiling rule trees.

use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use crate::ecma::{self, Lowered, trim};
use crate::load::reader::{Path, Reader, label_of};
use crate::mark::Mark;
use crate::rule::{
    Condition, EXCLUSION_RULE_TYPE, Element, Exclusion, Flaw, Operand, Options, RuleTree, Test,
    remark_on,
};
use crate::value::Value;
use crate::work::count;

/// Compiles the rules in the member `name`; none if it is absent, or false in ECMAScript's eyes.
pub(super) fn read_rules(owner: &Reader<'_, '_>, name: &str) -> Option<RuleTree> {
    let value = owner.field(name).filter(|value| value.as_view().is_truthy())?;
    let path = Path::Field(owner.path, name);
    let rules = Reader { value, path: &path, sink: owner.sink };
    let mut exclusion = None;
    let (mut elements, mut blocks, mut branches) = (Vec::new(), Vec::new(), Vec::new());
    for_each(&rules, "OR", |branch| {
        for_each(branch, "AND", |block| {
            for_each(block, "OR_WHEN", |element| {
                if exclusion.is_none() {
                    exclusion = read_exclusion(element).map(Box::new);
                }
                elements.push(read_element(element));
            });
            blocks.push(end_of(&elements));
        });
        branches.push(end_of(&blocks));
    });
    let tree = RuleTree::new(elements, blocks, branches, exclusion);
    if !tree.can_match() {
        rules.note("", "no branch can match, so nobody does");
    }
    Some(tree)
}

/// Visits one level of a rule tree. What is no list holds for nobody, just as an empty one.
fn for_each<'v>(owner: &Reader<'_, 'v>, name: &str, mut visit: impl FnMut(&Reader<'_, 'v>)) {
    let items = owner.list(name);
    if items.is_empty() {
        owner.note(name, "missing or empty, so nobody matches");
    }
    let path = Path::Field(owner.path, name);
    for (index, value) in items.iter().enumerate() {
        count(1);
        let path = Path::Item(&path, index);
        visit(&Reader { value, path: &path, sink: owner.sink });
    }
}

/// Where a flat level ends. A config has fewer bytes than would make this overflow.
fn end_of<T>(level: &[T]) -> u32 {
    u32::try_from(level.len()).unwrap_or(u32::MAX)
}

/// Reads the element as a mutual-exclusion rule, if it is one.
fn read_exclusion(element: &Reader<'_, '_>) -> Option<Exclusion> {
    if element.field("rule_type")?.as_str() != Some(EXCLUSION_RULE_TYPE) {
        return None;
    }
    let experience_key = match element.raw("value") {
        Some(value) => SmolStr::from(value.as_view().to_text()),
        None => SmolStr::new_static("undefined"),
    };
    let negated = element.field("matching").and_then(|matching| matching.member("negated"));
    Some(Exclusion {
        experience_key,
        target: None,
        negated: negated.is_some_and(|negated| negated.as_view().is_truthy()),
    })
}

/// Reads what an element says, or finds one that says the same. What is wrong is said for each.
fn read_element(element: &Reader<'_, '_>) -> Element {
    let matching = element.field("matching");
    let operator = matching.and_then(|matching| matching.member("match_type")?.as_str());
    let negated = matching.and_then(|matching| matching.member("negated"));
    let value = element.raw("value");
    // Attributes have textual names, so a key of another type can match none of them.
    let key = element.field("key").and_then(Value::as_str);
    let rule_type = element.field("rule_type").and_then(label_of);
    let said = (key, rule_type.as_deref(), operator, negated, value.map(|value| [value]));
    if element.field("key").is_some() && key.is_none() {
        element.warn("key", "not text, so no attribute has it");
    }
    let read = Element::new(element.sink.condition(&said, || {
        let operand = value.map(|value| Arc::new(value.copied()));
        let test = match (operator, negated) {
            (Some(operator), Some(Value::Bool(_))) => {
                read_test(element, operator, operand.as_ref())
            }
            _ => {
                element.warn("matching", "needs a textual match_type and a boolean negated");
                Test::Never(Flaw::Malformed)
            }
        };
        let remark = remark_on(&test, operator.unwrap_or_default(), value.unwrap_or(&Value::Null));
        Condition {
            remark,
            mark: Mark::of(key.unwrap_or_default()),
            test,
            has_key: key.is_some(),
            negated: matches!(negated, Some(Value::Bool(true))),
            key: key.map(SmolStr::from),
            rule_type: rule_type.clone(),
            operator: operator.map(SmolStr::from),
            operand: operand.unwrap_or_default(),
            text: OnceLock::new(),
        }
    }));
    if let Some(remark) = read.remark() {
        element.note("value", remark);
    }
    read
}

fn read_test(
    element: &Reader<'_, '_>,
    operator: &str,
    value: Option<&Arc<Value<'static>>>,
) -> Test {
    let Some(value) = value else {
        return match operator {
            "exists" => Test::Exists,
            "doesNotExist" => Test::DoesNotExist { absent_counts: true },
            _ => {
                element.warn("value", "missing");
                Test::Never(Flaw::Malformed)
            }
        };
    };
    let operand = || Operand::new(Arc::clone(value));
    let text = value.as_view().to_text();
    match operator {
        "equals" | "equalsNumber" | "matches" => Test::Equals(operand()),
        "contains" => {
            let part = Lowered::new(&text);
            Test::Contains((!trim(part.as_str()).is_empty()).then_some(part))
        }
        "startsWith" => Test::StartsWith(Lowered::new(&text)),
        "endsWith" => Test::EndsWith(Lowered::new(&text)),
        "less" | "lessEqual" => {
            Test::Less { operand: operand(), or_equal: operator == "lessEqual" }
        }
        "isIn" => Test::IsIn(options(value)),
        "regexMatches" => match element.sink.pattern(&text) {
            Ok(pattern) => Test::Regex(pattern),
            Err(error) => {
                element.warn("value", error.to_string());
                Test::Never(Flaw::BadPattern)
            }
        },
        "exists" => Test::Exists,
        "doesNotExist" => Test::DoesNotExist { absent_counts: true },
        "not_exists" => Test::DoesNotExist { absent_counts: false },
        _ => {
            element.warn("matching.match_type", format!("unknown operator `{operator}`"));
            Test::Never(Flaw::UnknownOperator)
        }
    }
}

/// The options of `isIn`: text parted by bars, or a list; anything else has none.
fn options(value: &Value<'_>) -> Options {
    let option = |text: &str| Box::from(ecma::lower(text));
    match value {
        Value::Text(text) => text.split('|').map(option).collect(),
        Value::List(items) => items.iter().map(|item| item.as_view().with_text(option)).collect(),
        _ => Options::default(),
    }
}
