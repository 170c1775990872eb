//! Configs on which the project differs from the JavaScript SDK on purpose. They are rare, so that the rest is judged strictly.

use serde_json::{Value, json};

use crate::parity::dice::Dice;

/// Brings one deliberate difference into a config.
pub(crate) fn spoil(dice: &mut Dice, config: &mut Value, environment: &mut Option<String>) {
    match dice.between(0, 7) {
        0 => *environment = None,
        1 => numeric_ids(dice, config),
        2 => each(config, &["experiences"], |experience| drop(take(dice, experience, "settings"))),
        3 => null_entities(dice, config),
        4 => duplicate(dice, config),
        5 => each_variation(config, |variation| poison(dice, variation)),
        6 => undeclared(dice, config),
        _ => null_rules(dice, config),
    }
}

fn numeric_ids(dice: &mut Dice, config: &mut Value) {
    let lists = ["experiences", "audiences", "segments", "locations", "features"];
    each(config, &lists, |entity| {
        for name in ["audiences", "locations"] {
            for id in entity.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
                as_number(dice, id);
            }
        }
        entity.get_mut("id").into_iter().for_each(|id| as_number(dice, id));
    });
    each_variation(config, |variation| {
        variation.get_mut("id").into_iter().for_each(|id| as_number(dice, id));
    });
}

fn as_number(dice: &mut Dice, id: &mut Value) {
    let number = id
        .as_str()
        .and_then(|text| text.parse::<u32>().ok().filter(|number| number.to_string() == text));
    if let (true, Some(number)) = (dice.chance(50), number) {
        *id = json!(number);
    }
}

fn null_entities(dice: &mut Dice, config: &mut Value) {
    for list in ["audiences", "segments", "locations"] {
        if let (true, Some(entities)) =
            (dice.chance(50), config.get_mut(list).and_then(Value::as_array_mut))
        {
            entities.insert(0, Value::Null);
        }
    }
    each(config, &["experiences"], |experience| {
        if let (true, Some(variations)) =
            (dice.chance(30), experience.get_mut("variations").and_then(Value::as_array_mut))
        {
            variations.insert(0, Value::Null);
        }
    });
}

fn duplicate(dice: &mut Dice, config: &mut Value) {
    let list = dice.pick(&["audiences", "locations", "features", "segments"]);
    if let Some(entities) = config.get_mut(list).and_then(Value::as_array_mut) {
        if let (Some(mut first), Some(last)) = (entities.first().cloned(), entities.last().cloned())
        {
            if let (Some(fields), Some(id)) = (first.as_object_mut(), last.get("id").cloned()) {
                fields.insert("id".to_owned(), id);
                fields.insert("key".to_owned(), json!("duplicate"));
            }
            entities.push(first);
        }
    }
}

fn poison(dice: &mut Dice, variation: &mut Value) {
    if let (true, Some(fields)) = (dice.chance(30), variation.as_object_mut()) {
        fields.insert(
            "traffic_allocation".to_owned(),
            dice.pick(&[json!("abc"), json!("5%"), json!({}), json!([1, 2])]),
        );
    }
}

fn undeclared(dice: &mut Dice, config: &mut Value) {
    each_variation(config, |variation| {
        for change in
            variation.get_mut("changes").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let (true, Some(data)) =
                (dice.chance(30), change.get_mut("data").and_then(Value::as_object_mut))
            {
                data.insert("feature_id".to_owned(), json!("99997"));
            }
        }
    });
}

fn null_rules(dice: &mut Dice, config: &mut Value) {
    each(config, &["audiences", "locations"], |entity| {
        let place = dice.pick(&[
            "/rules/OR/0",
            "/rules/OR/0/AND/0",
            "/rules/OR/0/AND/0/OR_WHEN/0",
            "/rules/OR/0/AND/0/OR_WHEN/0/matching",
        ]);
        if let (true, Some(spoiled)) = (dice.chance(40), entity.pointer_mut(place)) {
            *spoiled = Value::Null;
        }
    });
}

fn take(dice: &mut Dice, entity: &mut Value, name: &str) -> Option<Value> {
    let fields = entity.as_object_mut()?;
    if dice.chance(60) { fields.remove(name) } else { fields.insert(name.to_owned(), json!({})) }
}

fn each(config: &mut Value, lists: &[&str], mut change: impl FnMut(&mut Value)) {
    for list in lists {
        for entity in config.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten() {
            change(entity);
        }
    }
}

fn each_variation(config: &mut Value, mut change: impl FnMut(&mut Value)) {
    each(config, &["experiences"], |experience| {
        for variation in
            experience.get_mut("variations").and_then(Value::as_array_mut).into_iter().flatten()
        {
            change(variation);
        }
    });
}
