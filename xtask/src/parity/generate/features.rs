//! Declared features and the changes that carry them.

use serde_json::{Map, Value, json};

use super::values::{any_value, odd_text};
use crate::parity::dice::Dice;

/// The features of one case: what is declared, and what changes may name.
#[derive(Debug)]
pub(crate) struct Features {
    declared: Vec<Value>,
    ids: Vec<String>,
}

impl Features {
    /// Draws the features a config declares.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let count = dice.between(1, 4);
        let ids: Vec<String> = (0..count).map(|index| (10_024 + index * 7).to_string()).collect();
        let declared = ids.iter().enumerate().map(|(index, id)| feature(dice, index, id)).collect();
        Self { declared, ids }
    }

    /// The `features` list of the config.
    pub(crate) fn declared(&self) -> Value {
        Value::Array(self.declared.clone())
    }

    /// Draws the `changes` of a variation.
    pub(crate) fn changes(&self, dice: &mut Dice) -> Value {
        if dice.chance(4) {
            return dice.pick(&[
                Value::Null,
                json!([]),
                json!([{}]),
                json!([{"type": "fullStackFeature"}]),
            ]);
        }
        let count = dice.between(0, 3);
        (0..count).map(|_| self.change(dice)).collect()
    }

    fn change(&self, dice: &mut Dice) -> Value {
        let id = dice.between(1_000, 9_999);
        if dice.chance(10) {
            let kind = dice.pick(&["richStructure", "customCode", "fullstackfeature", ""]);
            return json!({"id": id, "type": kind, "data": {"js": "0", "feature_id": self.ids.first()}});
        }
        let data = if dice.chance(3) { Value::Null } else { self.carried(dice) };
        json!({"id": id, "type": "fullStackFeature", "data": data})
    }

    fn carried(&self, dice: &mut Dice) -> Value {
        let id = dice.pick(&self.ids);
        let written = if dice.chance(1) && dice.chance(20) {
            dice.pick(&[json!("99999"), json!(99_998)])
        } else if dice.chance(40) {
            id.parse::<u64>().map_or(Value::Null, Value::from)
        } else {
            Value::from(id)
        };
        let mut data = Map::new();
        data.insert(
            "feature_id".to_owned(),
            if dice.chance(2) { dice.pick(&[json!(null), json!(0), json!("")]) } else { written },
        );
        match dice.between(0, 19) {
            0 => {}
            1 => drop(data.insert("variables_data".to_owned(), Value::Null)),
            _ => drop(data.insert("variables_data".to_owned(), variables(dice))),
        }
        Value::Object(data)
    }
}

fn feature(dice: &mut Dice, index: usize, id: &str) -> Value {
    let mut variables = Vec::new();
    for (name, kind) in VARIABLES {
        if dice.chance(80) {
            let kind = if dice.chance(5) { dice.pick(&["date", "", "Boolean"]) } else { kind };
            variables.push(json!({"key": name, "type": kind}));
        }
    }
    let key = if dice.chance(10) {
        format!("f-{}-{index}", odd_text(dice))
    } else {
        format!("feature-{index}")
    };
    let mut built =
        json!({"id": id, "key": key, "name": format!("Feature {index}"), "variables": variables});
    if let (true, Some(fields)) = (dice.chance(4), built.as_object_mut()) {
        fields.remove("variables");
    }
    built
}

fn variables(dice: &mut Dice) -> Value {
    let mut data = Map::new();
    for (name, kind) in VARIABLES {
        if dice.chance(55) {
            data.insert((*name).to_owned(), variable(dice, kind));
        }
    }
    if dice.chance(8) {
        data.insert("undeclared".to_owned(), any_value(dice));
    }
    Value::Object(data)
}

fn variable(dice: &mut Dice, kind: &str) -> Value {
    if dice.chance(if matches!(kind, "integer" | "float") { 1 } else { 12 }) {
        return any_value(dice);
    }
    match kind {
        "boolean" => dice.pick(&values(BOOLEANS)),
        "integer" => number(dice, INTEGERS),
        "float" => number(dice, FLOATS),
        "string" => any_value(dice),
        _ => dice.pick(&values(JSONS)),
    }
}

/// Reads a list of values that stands as JSON below.
fn values(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn number(dice: &mut Dice, typed: &str) -> Value {
    match dice.between(0, 99) {
        0 => Value::from(dice.pick(NO_NUMBERS)),
        1..=45 => dice.pick(&values(typed)),
        _ => Value::from(dice.pick(NUMBER_TEXTS)),
    }
}

const VARIABLES: &[(&str, &str)] = &[
    ("enabled", "boolean"),
    ("count", "integer"),
    ("price", "float"),
    ("caption", "string"),
    ("extra", "json"),
    ("größe", "string"),
];

const NO_NUMBERS: &[&str] = &["abc", "0x", "- 5", "", "Infinity", "-Infinity", "NaN", "١٢"];

const NUMBER_TEXTS: &[&str] = &[
    "12",
    "12.75",
    "-12.75",
    "0x1F",
    "-0x1f",
    " 12px",
    "1e3",
    "1e",
    "1e+2x",
    "5.",
    "+5",
    "007",
    "1,000",
    "12.5.6",
    "\u{a0}7",
    "\u{feff}7",
    "\n8",
    "9007199254740993",
    "123456789012345678901234567890",
    "0.1e-2",
    "-0",
    "3.0",
    "0b11",
    "1_000",
    "12e5",
];

const BOOLEANS: &str =
    r#"[true, false, "true", "false", "TRUE", "0", "1", "", 0, 1, null, [], {}, "no", 0.0, -0.0]"#;

const INTEGERS: &str = r#"[true, false, 7, 12.75, -12.75, 1e21, 1e-7, ["7"], [1, 2]]"#;

const FLOATS: &str =
    r#"[true, false, 7, 12.75, 1e21, ["7.5"], ".5", "-.5", 123456789012345680000]"#;

const JSONS: &str = r#"[
    {"a": 1}, [1, 2], 5, true, null, "", "{\"a\":1,\"b\":[true,null]}", "[1,2", "null", "\"x\"", "01", "5", " [1] ",
    "{\"a\":1,\"a\":2}", "-0", "1e3", "1.50", "{'a':1}", "\"\\u00e9\\ud83c\\udfaf\"", "NaN", "undefined",
    "12345678901234567890", "{} x", "\ufeff1", "\u00a01"
]"#;

#[cfg(test)]
mod tests {
    use super::{BOOLEANS, FLOATS, INTEGERS, JSONS, values};

    #[test]
    fn the_lists_of_values_can_be_read() {
        assert!([BOOLEANS, INTEGERS, FLOATS, JSONS].iter().all(|json| values(json).len() > 8));
    }
}
