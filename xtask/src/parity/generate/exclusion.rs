//! Cases for the Python SDK: the anchored layout and mutual exclusion, on the ground where its other rules agree.

use serde_json::{Map, Value, json};

use super::rules::element;
use crate::parity::case::{Case, Judge};
use crate::parity::dice::Dice;

/// Draws a case with anchored experiences and exclusion audiences of a single element.
pub(crate) fn case(dice: &mut Dice, visitors: usize) -> Case {
    let count = dice.between(2, 6);
    let audiences: Vec<Value> =
        (0..dice.between(2, 5)).map(|index| audience(dice, index, count)).collect();
    let experiences: Vec<Value> =
        (0..count).map(|index| experience(dice, index, &audiences)).collect();
    let config = json!({
        "account_id": "1",
        "project": {"id": "2"},
        "experiences": experiences,
        "audiences": audiences,
        "features": [{"id": "11", "key": "banner", "variables": [{"key": "caption", "type": "string"}]}],
    });
    let visitors = (0..visitors).map(|_| visitor(dice, &config)).collect();
    Case { judge: Judge::Python, environment: None, config, visitors }
}

fn audience(dice: &mut Dice, index: usize, experiences: usize) -> Value {
    let rule = if dice.chance(60) {
        let target = if dice.chance(10) {
            "unknown".to_owned()
        } else {
            format!("e{}", dice.between(0, experiences - 1))
        };
        json!({
            "rule_type": "bucketed_into_experience_key",
            "value": target,
            "matching": {"match_type": "equals", "negated": dice.chance(60)},
        })
    } else {
        let operator = dice.pick(&["equals", "contains", "startsWith", "endsWith", "matches"]);
        element("plan", operator, dice.chance(50), Some(json!(dice.pick(PLANS))))
    };
    json!({"id": (500 + index).to_string(), "key": format!("a{index}"), "type": "transient", "rules": {"OR": [{"AND": [{"OR_WHEN": [rule]}]}]}})
}

fn experience(dice: &mut Dice, index: usize, audiences: &[Value]) -> Value {
    let ids: Vec<Value> = audiences.iter().filter_map(|one| one.get("id").cloned()).collect();
    let attached = if dice.chance(55) { dice.some_of(&ids, 1, 2) } else { Vec::new() };
    let version = dice.pick(&[
        json!(12),
        json!("12"),
        json!(13.5),
        json!(11),
        json!("11"),
        json!("abc"),
        json!(null),
        json!(11.5),
        json!(100),
    ]);
    json!({
        "id": (100_300 + index).to_string(),
        "key": format!("e{index}"),
        "version": version,
        "audiences": attached,
        "settings": {"matching_options": {"audiences": dice.pick(&["any", "all"])}},
        "variations": variations(dice, index),
    })
}

fn variations(dice: &mut Dice, experience: usize) -> Value {
    let count = dice.between(1, 5);
    let even = Dice::share(100.0, count);
    let style = dice.between(0, 4);
    (0..count)
        .map(|index| {
            let mut fields = Map::new();
            // Ascending integers, so that both packed walk orders are the same.
            fields.insert("id".to_owned(), json!((1_000 + experience * 10 + index).to_string()));
            fields.insert("key".to_owned(), json!(format!("v{index}")));
            match dice.between(0, 5) {
                0 => drop(fields.insert("status".to_owned(), json!("stopped"))),
                1 => {}
                _ => drop(fields.insert("status".to_owned(), json!("running"))),
            }
            if let Some(allocation) = allocation(dice, style, even) {
                fields.insert("traffic_allocation".to_owned(), allocation);
            }
            fields.insert("changes".to_owned(), change(dice, experience, index));
            Value::Object(fields)
        })
        .collect()
}

fn allocation(dice: &mut Dice, style: usize, even: f64) -> Option<Value> {
    match style {
        0 => Some(json!(even)),
        1 => Some(json!(even * dice.fraction())),
        2 => Some(json!(dice.between(0, 100))),
        3 => Some(dice.pick(&[
            json!("50"),
            json!(0),
            json!(33.333_333_333),
            json!("8.333333333333334"),
            json!(0.5),
            json!(100),
        ])),
        _ if dice.chance(40) => None,
        _ => Some(json!(even)),
    }
}

fn change(dice: &mut Dice, experience: usize, index: usize) -> Value {
    if dice.chance(50) {
        json!([{"id": 1, "type": "fullStackFeature", "data": {"feature_id": 11, "variables_data": {"caption": format!("{experience}/{index}")}}}])
    } else {
        json!([])
    }
}

fn visitor(dice: &mut Dice, config: &Value) -> Value {
    let mut bucketing = Map::new();
    for experience in config.get("experiences").and_then(Value::as_array).into_iter().flatten() {
        let id = experience.get("id").and_then(Value::as_str).unwrap_or_default();
        if dice.chance(25) {
            let arm = if dice.chance(15) {
                json!("9")
            } else {
                experience.pointer("/variations/0/id").cloned().unwrap_or_default()
            };
            bucketing.insert(id.to_owned(), arm);
        }
    }
    let attributes = if dice.chance(80) { json!({"plan": dice.pick(PLANS)}) } else { json!({}) };
    json!({
        "visitor_id": format!("{}{}", dice.pick(&["v", "visitor-", "日本-", ""]), dice.between(0, 999_999)),
        "attributes": attributes,
        "location": {},
        "record": {"bucketing": bucketing},
    })
}

const PLANS: &[&str] = &["pro", "Pro", "free", "pro plan", "f", ""];
