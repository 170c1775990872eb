//! Visitors: ids, attributes, locations and what is already known of them.

use serde_json::{Map, Value, json};

use super::values::{Vocabulary, odd_text};
use crate::parity::dice::Dice;

/// Draws one visitor of `config`.
pub(crate) fn visitor(dice: &mut Dice, words: &Vocabulary, config: &Value) -> Value {
    let mut fields = Map::new();
    fields.insert("visitor_id".to_owned(), json!(visitor_id(dice)));
    fields.insert("attributes".to_owned(), attributes(dice, words, 60));
    fields.insert("location".to_owned(), attributes(dice, words, 55));
    if dice.chance(45) {
        fields.insert("record".to_owned(), record(dice, config));
    }
    Value::Object(fields)
}

fn visitor_id(dice: &mut Dice) -> String {
    match dice.between(0, 99) {
        0 => String::new(),
        1..=9 => format!("{}{}", odd_text(dice), dice.between(0, 999)),
        10..=15 => odd_text(dice).to_owned(),
        _ => format!("visitor-{}", dice.seed() % 1_000_000),
    }
}

fn attributes(dice: &mut Dice, words: &Vocabulary, percent: u32) -> Value {
    let mut drawn = Map::new();
    for key in words.keys() {
        if dice.chance(percent) {
            drawn.insert((*key).to_owned(), words.value(dice));
        }
    }
    Value::Object(drawn)
}

fn record(dice: &mut Dice, config: &Value) -> Value {
    let mut fields = Map::new();
    let mut bucketing = Map::new();
    for experience in list(config, "experiences") {
        if let (true, Some(id)) = (dice.chance(30), experience.get("id").and_then(Value::as_str)) {
            bucketing.insert(id.to_owned(), stored_variation(dice, experience));
        }
    }
    if dice.chance(10) {
        bucketing.insert("gone".to_owned(), json!("1"));
    }
    fields.insert("bucketing".to_owned(), Value::Object(bucketing));
    if dice.chance(70) {
        let held = list(config, "segments").iter().filter(|_| dice.chance(50));
        let mut held: Vec<Value> = held.filter_map(|one| one.get("id").cloned()).collect();
        if dice.chance(2) {
            // Another SDK's store may hold numbers, which the referee does not take for the ids.
            held = held
                .iter()
                .filter_map(|id| id.as_str()?.parse::<u32>().ok())
                .map(Value::from)
                .collect();
        }
        let mut segments = Map::new();
        segments.insert("customSegments".to_owned(), Value::Array(held));
        for name in ["country", "browser", "source"] {
            if dice.chance(30) {
                segments.insert(name.to_owned(), json!(odd_text(dice)));
            }
        }
        fields.insert("segments".to_owned(), Value::Object(segments));
    }
    if dice.chance(40) {
        let active: Vec<Value> = list(config, "locations")
            .iter()
            .filter(|_| dice.chance(50))
            .filter_map(|one| one.get("key").cloned())
            .collect();
        fields.insert("locations".to_owned(), Value::Array(active));
    }
    Value::Object(fields)
}

fn stored_variation(dice: &mut Dice, experience: &Value) -> Value {
    if dice.chance(15) {
        return json!("900900");
    }
    let ids: Vec<Value> =
        list(experience, "variations").iter().filter_map(|one| one.get("id").cloned()).collect();
    let stored = dice.pick(&ids);
    match (dice.chance(10), stored.as_str().map(str::parse::<u32>)) {
        // Other stores hold ids as numbers; only spellings that survive the round trip are the same id.
        (true, Some(Ok(number)))
            if stored.as_str() == Some(number.to_string().as_str()) && number != 0 =>
        {
            json!(number)
        }
        _ if stored.is_null() => json!("1"),
        _ => stored,
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
