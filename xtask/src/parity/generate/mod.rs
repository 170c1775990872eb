//! Random cases: configs and visitors that reach every gate, operator and value type.

mod exclusion;
mod experience;
mod features;
mod oddities;
mod rules;
mod values;
mod visitor;

use serde_json::{Value, json};

use self::experience::Targets;
use self::features::Features;
use self::values::Vocabulary;
use super::case::{Case, Judge};
use super::dice::Dice;

/// Draws the case with this `seed`, with `visitors` visitors.
pub(crate) fn case(seed: u64, visitors: usize) -> Case {
    let mut dice = Dice::new(seed);
    if dice.chance(12) {
        exclusion::case(&mut dice, visitors)
    } else {
        let mut case = plain(&mut dice, visitors);
        if dice.chance(6) {
            oddities::spoil(&mut dice, &mut case.config, &mut case.environment);
        }
        case
    }
}

/// Draws a case without deliberate differences with this `seed`, for the JavaScript SDK to judge.
pub(crate) fn plain_case(seed: u64, visitors: usize) -> Case {
    plain(&mut Dice::new(seed), visitors)
}

fn plain(dice: &mut Dice, visitors: usize) -> Case {
    let words = Vocabulary::draw(dice);
    let features = Features::draw(dice);
    let (mut config, targets) = entities(dice, &words);
    let count = dice.between(2, 8);
    let experiences: Vec<Value> = (0..count)
        .map(|index| experience::experience(dice, index, &words, &features, &targets))
        .collect();
    if let Some(fields) = config.as_object_mut() {
        fields.insert("archived_experiences".to_owned(), archived(dice, &experiences));
        fields.insert("experiences".to_owned(), Value::Array(experiences));
        fields.insert("features".to_owned(), features.declared());
    }
    let environment = Some("staging".to_owned());
    let visitors = (0..visitors).map(|_| visitor::visitor(dice, &words, &config)).collect();
    Case { judge: Judge::JavaScript, environment, config, visitors }
}

/// Draws audiences, segments and locations, and the ids experiences may name.
fn entities(dice: &mut Dice, words: &Vocabulary) -> (Value, Targets) {
    let audiences: Vec<Value> = (0..dice.between(1, 5))
        .map(|index| {
            let kind = dice.pick(&[json!("permanent"), json!("transient"), json!("transient"), json!(null)]);
            json!({"id": (7_100 + index).to_string(), "key": format!("audience-{index}"), "type": kind, "rules": ruleset(dice, words, 30)})
        })
        .collect();
    let segments: Vec<Value> = (0..dice.between(0, 3))
        .map(|index| json!({"id": (7_500 + index).to_string(), "key": format!("segment-{index}"), "rules": ruleset(dice, words, 10)}))
        .collect();
    let locations: Vec<Value> = (0..dice.between(0, 4))
        .map(|index| json!({"id": (7_900 + index).to_string(), "key": format!("location-{index}"), "rules": ruleset(dice, words, 40)}))
        .collect();
    let targets = Targets {
        audiences: ids(&audiences),
        segments: ids(&segments),
        locations: ids(&locations),
    };
    let config = json!({
        "account_id": "10022898",
        "project": {"id": "10025986", "type": "fullstack", "settings": {"version": null}},
        "audiences": audiences,
        "segments": segments,
        "locations": locations,
    });
    (config, targets)
}

fn ruleset(dice: &mut Dice, words: &Vocabulary, always: u32) -> Value {
    if dice.chance(4) {
        Value::Null
    } else if dice.chance(always) {
        rules::tautology(dice, words)
    } else {
        rules::tree(dice, words)
    }
}

fn archived(dice: &mut Dice, experiences: &[Value]) -> Value {
    let mut listed: Vec<Value> = Vec::new();
    for id in experiences.iter().filter_map(|one| one.get("id").and_then(Value::as_str)) {
        if dice.chance(4) {
            let number = id.parse::<u64>().ok().filter(|_| dice.chance(50));
            listed.push(number.map_or_else(|| json!(id), Value::from));
        }
    }
    if dice.chance(10) {
        listed.push(json!("1"));
    }
    Value::Array(listed)
}

fn ids(entities: &[Value]) -> Vec<String> {
    entities
        .iter()
        .filter_map(|one| one.get("id").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::case;

    #[test]
    fn the_same_seed_gives_the_same_case() {
        let (one, other) = (case(7, 3), case(7, 3));
        assert_eq!(one.config, other.config);
        assert_eq!(one.visitors, other.visitors);
        assert_ne!(one.config, case(8, 3).config);
    }

    #[test]
    fn a_case_has_the_visitors_asked_for() {
        assert!((0..50).all(|seed| case(seed, 5).visitors.len() == 5));
    }
}
