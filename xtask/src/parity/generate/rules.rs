//! Rule trees: mostly sound, sometimes broken the way hand-made configs are.

use serde_json::{Map, Value, json};

use super::values::Vocabulary;
use crate::parity::dice::Dice;

/// Draws a rule tree; one in twenty has an empty or missing level.
pub(crate) fn tree(dice: &mut Dice, words: &Vocabulary) -> Value {
    if dice.chance(3) {
        return dice.pick(&[
            json!({}),
            json!({"OR": []}),
            json!({"AND": []}),
            json!({"OR": {}}),
            json!([]),
            json!("OR"),
        ]);
    }
    let branches: Vec<Value> = (0..dice.between(1, 3)).map(|_| branch(dice, words)).collect();
    json!({ "OR": branches })
}

/// Draws a tree that matches every visitor, whatever the attributes.
pub(crate) fn tautology(dice: &mut Dice, words: &Vocabulary) -> Value {
    let key = words.key(dice);
    let present = element(key, "exists", false, None);
    let absent = element(key, "exists", true, None);
    json!({"OR": [{"AND": [{"OR_WHEN": [present, absent]}]}]})
}

/// Builds one well-formed rule element.
pub(crate) fn element(key: &str, operator: &str, negated: bool, value: Option<Value>) -> Value {
    let mut built = json!({
        "rule_type": "generic_text_key_value",
        "key": key,
        "matching": {"match_type": operator, "negated": negated},
    });
    if let (Some(value), Some(fields)) = (value, built.as_object_mut()) {
        fields.insert("value".to_owned(), value);
    }
    built
}

fn branch(dice: &mut Dice, words: &Vocabulary) -> Value {
    if dice.chance(2) {
        return dice.pick(&[
            json!({}),
            json!({"AND": []}),
            json!({"AND": "x"}),
            json!({"AND": [{}]}),
            json!(7),
        ]);
    }
    let blocks: Vec<Value> = (0..dice.between(1, 2)).map(|_| block(dice, words)).collect();
    json!({ "AND": blocks })
}

fn block(dice: &mut Dice, words: &Vocabulary) -> Value {
    if dice.chance(2) {
        return dice.pick(&[json!({}), json!({"OR_WHEN": []}), json!({"OR_WHEN": null})]);
    }
    let elements: Vec<Value> = (0..dice.between(1, 3)).map(|_| any_element(dice, words)).collect();
    json!({ "OR_WHEN": elements })
}

fn any_element(dice: &mut Dice, words: &Vocabulary) -> Value {
    let operator = if dice.chance(4) { dice.pick(UNKNOWN_OPERATORS) } else { dice.pick(OPERATORS) };
    let value = operand(dice, words, operator);
    let existence = matches!(operator, "exists" | "doesNotExist");
    let value = if existence && dice.chance(60) { None } else { Some(value) };
    let key = if dice.chance(5) {
        dice.pick(&["", "missing", "COUNTRY", "toString"])
    } else {
        words.key(dice)
    };
    let mut built = element(key, operator, dice.chance(35), value);
    if dice.chance(7) {
        break_element(dice, &mut built);
    }
    built
}

fn operand(dice: &mut Dice, words: &Vocabulary, operator: &str) -> Value {
    match operator {
        "regexMatches" if dice.chance(75) => Value::from(dice.pick(PATTERNS)),
        "isIn" if dice.chance(50) => {
            let size = dice.between(0, 3);
            let items: Vec<Value> = (0..size).map(|_| words.value(dice)).collect();
            if dice.chance(50) { Value::Array(items) } else { Value::from(joined(&items)) }
        }
        _ => words.value(dice),
    }
}

fn joined(items: &[Value]) -> String {
    let texts: Vec<String> = items
        .iter()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect();
    texts.join("|")
}

/// Takes away or spoils one part of an element, which makes it invalid or leaves it without a key.
fn break_element(dice: &mut Dice, built: &mut Value) {
    let Some(fields) = built.as_object_mut() else { return };
    match dice.between(0, 8) {
        0 => drop(fields.remove("value")),
        1 => drop(fields.remove("matching")),
        2 => drop(fields.remove("key")),
        3 => {
            drop(
                fields.insert("key".to_owned(), dice.pick(&[json!(5), json!(null), json!(["a"])])),
            );
        }
        4 => drop(fields.remove("rule_type")),
        5 => drop(
            fields
                .insert("matching".to_owned(), dice.pick(&[json!([]), json!("equals"), json!({})])),
        ),
        6 => break_matching(
            fields,
            "negated",
            dice.pick(&[json!(null), json!("true"), json!(0), json!(1)]),
        ),
        7 => break_matching(
            fields,
            "match_type",
            dice.pick(&[json!(null), json!(5), json!(["equals"])]),
        ),
        _ => drop(fields.insert("rule_type".to_owned(), json!(null))),
    }
}

fn break_matching(fields: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(matching) = fields.get_mut("matching").and_then(Value::as_object_mut) {
        if value.is_null() {
            matching.remove(name);
        } else {
            matching.insert(name.to_owned(), value);
        }
    }
}

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
];

const UNKNOWN_OPERATORS: &[&str] =
    &["greater", "EQUALS", "equals ", "", "notEquals", "toString", "constructor"];

// Patterns that mean the same whether characters beyond the basic plane count once or twice.
const PATTERNS: &[&str] = &[
    "",
    "^us$",
    "US",
    "u.",
    "[0-9]+",
    "\\d{2,}",
    "^$",
    "(a|b)c",
    "ß",
    "ẞ",
    "s",
    "k",
    "\u{212a}",
    "ſ",
    "σ",
    "ς",
    "İ",
    "\\bca\\b",
    "[",
    "(",
    "*",
    ".*",
    "\\w+",
    "[object Object]",
    "a{,2}",
    "\\u0061",
    "^(?:us|ca)(?!.)",
    "(a)(b)?\\1",
    "^[^a]*$",
    "日",
    "\\s",
    "5$",
    "^-?\\d+(\\.\\d+)?$",
    "null|true",
    "a{1,2}b?",
    "\\/",
    "(?<=a)b",
    "\\x61",
    "(?i)a",
    "[\\d-a]",
];
