//! Experiences with their variations, traffic and gates.

use serde_json::{Map, Value, json};

use super::features::Features;
use super::rules;
use super::values::{Vocabulary, odd_text};
use crate::parity::dice::Dice;

/// What experiences may point at: ids that resolve, whatever list they stand in.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Ids of `audiences[]`.
    pub(crate) audiences: Vec<String>,
    /// Ids of `segments[]`.
    pub(crate) segments: Vec<String>,
    /// Ids of `locations[]`.
    pub(crate) locations: Vec<String>,
}

/// Draws one experience in the packed layout.
pub(crate) fn experience(
    dice: &mut Dice,
    index: usize,
    words: &Vocabulary,
    features: &Features,
    targets: &Targets,
) -> Value {
    let id = if dice.chance(5) {
        format!("exp-{}-{index}", odd_text(dice))
    } else {
        (100_200 + index * 13).to_string()
    };
    let key = if dice.chance(5) {
        format!("{}-{index}", odd_text(dice))
    } else {
        format!("experience-{index}")
    };
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(id));
    fields.insert("key".to_owned(), json!(key));
    fields.insert("name".to_owned(), json!(format!("Experience {index}")));
    fields.insert("settings".to_owned(), settings(dice));
    fields.insert("variations".to_owned(), variations(dice, features));
    if dice.chance(70) {
        let version = dice.pick(&[
            json!(11),
            json!(8),
            json!("11"),
            json!("abc"),
            json!(null),
            json!(10.5),
            json!(""),
        ]);
        fields.insert("version".to_owned(), version);
    }
    environment(dice, &mut fields);
    locations(dice, &mut fields, words, targets);
    audiences(dice, &mut fields, targets);
    // The referee finds every experience without a key by the same text, so there is one at most.
    if index == 0 && dice.chance(10) {
        fields.insert("key".to_owned(), Value::Null);
    }
    Value::Object(fields)
}

fn settings(dice: &mut Dice) -> Value {
    let audiences = dice.pick(&["any", "any", "any", "all", "ALL", ""]);
    json!({"matching_options": {"audiences": audiences, "locations": "any"}})
}

fn environment(dice: &mut Dice, fields: &mut Map<String, Value>) {
    match dice.between(0, 99) {
        0..=49 => drop(fields.insert("environment".to_owned(), json!("staging"))),
        50..=54 => drop(fields.insert(
            "environment".to_owned(),
            dice.pick(&[json!("production"), json!("Staging"), json!(" ")]),
        )),
        55..=59 => {
            drop(fields.insert("environment".to_owned(), dice.pick(&[json!(null), json!("")])));
        }
        _ => {}
    }
}

fn locations(
    dice: &mut Dice,
    fields: &mut Map<String, Value>,
    words: &Vocabulary,
    targets: &Targets,
) {
    if dice.chance(30) {
        let mut ids: Vec<Value> =
            dice.some_of(&targets.locations, 0, 3).into_iter().map(Value::from).collect();
        if dice.chance(12) {
            ids.push(json!("90001"));
        }
        fields.insert("locations".to_owned(), Value::Array(ids));
    } else if dice.chance(10) {
        fields.insert("locations".to_owned(), Value::Null);
    }
    if dice.chance(12) {
        let area = match dice.between(0, 9) {
            0 => json!({}),
            1 => Value::Null,
            2..=5 => rules::tautology(dice, words),
            _ => rules::tree(dice, words),
        };
        fields.insert("site_area".to_owned(), area);
    }
}

fn audiences(dice: &mut Dice, fields: &mut Map<String, Value>, targets: &Targets) {
    if dice.chance(35) {
        if dice.chance(20) {
            fields.insert("audiences".to_owned(), dice.pick(&[json!(null), json!([])]));
        }
        return;
    }
    let mut ids = dice.some_of(&targets.audiences, 0, 3);
    if dice.chance(15) {
        ids.extend(dice.some_of(&targets.segments, 1, 2));
    }
    if dice.chance(8) {
        ids.push("80001".to_owned());
    }
    dice.shuffle(&mut ids);
    if let (true, Some(first)) = (dice.chance(5), ids.first().cloned()) {
        ids.push(first);
    }
    fields.insert("audiences".to_owned(), json!(ids));
}

fn variations(dice: &mut Dice, features: &Features) -> Value {
    if dice.chance(2) {
        return json!([]);
    }
    let count = dice.between(1, 4);
    let mut ids = variation_ids(dice, count);
    if let (true, Some(first)) = (count > 1 && dice.chance(4), ids.first().cloned()) {
        ids.push(first);
    }
    let share = Dice::share(100.0, ids.len());
    let style = dice.between(0, 9);
    ids.iter()
        .enumerate()
        .map(|(index, id)| variation(dice, index, id, style, share, features))
        .collect()
}

fn variation_ids(dice: &mut Dice, count: usize) -> Vec<Value> {
    let mut ids: Vec<Value> = match dice.between(0, 9) {
        0..=4 => (0..count).map(|index| json!((100_900 + index * 3).to_string())).collect(),
        5 => (0..count).map(|index| json!(format!("v-{index}"))).collect(),
        _ => dice.some_of(VARIATION_IDS, count, count).into_iter().map(Value::from).collect(),
    };
    dice.shuffle(&mut ids);
    ids
}

fn variation(
    dice: &mut Dice,
    index: usize,
    id: &Value,
    style: usize,
    share: f64,
    features: &Features,
) -> Value {
    let mut fields = Map::new();
    if dice.chance(98) {
        fields.insert("id".to_owned(), id.clone());
    }
    fields.insert("key".to_owned(), json!(format!("variation-{index}")));
    match dice.between(0, 19) {
        0 => drop(fields.insert(
            "status".to_owned(),
            dice.pick(&[json!("stopped"), json!("RUNNING"), json!("paused")]),
        )),
        1 => drop(fields.insert("status".to_owned(), dice.pick(&[json!(null), json!("")]))),
        2..=9 => {}
        _ => drop(fields.insert("status".to_owned(), json!("running"))),
    }
    if let Some(allocation) = allocation(dice, style, share) {
        fields.insert("traffic_allocation".to_owned(), allocation);
    }
    if dice.chance(85) {
        fields.insert("changes".to_owned(), features.changes(dice));
    }
    Value::Object(fields)
}

fn allocation(dice: &mut Dice, style: usize, share: f64) -> Option<Value> {
    match style {
        0..=5 => Some(json!(share)),
        6 => Some(json!(share * dice.fraction())),
        7 => Some(json!(dice.between(0, 60))),
        8 => None,
        _ if dice.chance(20) => None,
        _ => Some(dice.pick(&[
            json!(null),
            json!(0),
            json!(-5),
            json!("50"),
            json!("33.3"),
            json!("0"),
            json!("-1"),
            json!(0.005),
            json!(100),
            json!(150),
            json!(""),
            json!(" "),
            json!(true),
            json!(false),
            json!([]),
            json!([50]),
            json!("1e1"),
            json!("0x10"),
            json!(0.0),
            json!(12.345_678),
        ])),
    }
}

const VARIATION_IDS: &[&str] = &[
    "5",
    "05",
    "10",
    "9",
    "100",
    "4294967294",
    "4294967295",
    "4294967296",
    "-1",
    "1.5",
    "0",
    "1e3",
    "ü",
    "x",
    "🎯",
    "99999999999",
    "00",
    "+7",
    "7 ",
    "b",
    "A",
];
