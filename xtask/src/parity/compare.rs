//! Compares what a referee and the Rust side answered for one visitor.

use serde_json::Value;

/// A difference, as a sentence for people and for the table of explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What differs.
    pub(crate) what: String,
    /// Why it may differ, when the difference is one of casting.
    pub(crate) explained_by: Option<&'static str>,
}

/// Compares the answers for one visitor; no difference means that they are the same.
pub(crate) fn compare(config: &Value, judged: &Value, found: &Value) -> Vec<Difference> {
    let mut differences: Vec<Difference> = list(judged, "throws")
        .iter()
        .map(|thrown| plain(format!("referee threw {thrown}")))
        .collect();
    if let Some(thrown) = judged.get("throws").and_then(Value::as_str) {
        differences.push(plain(format!("referee threw {thrown}")));
    }
    experiences(judged, found, &mut differences);
    features(config, judged, found, &mut differences);
    differences
}

/// Tells whether two JSON values are the same, numbers compared as numbers.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(name, value)| other.get(name).is_some_and(|inner| same(value, inner));
            one.len() == other.len() && one.iter().all(in_other)
        }
        (one, other) => one == other,
    }
}

fn experiences(judged: &Value, found: &Value, differences: &mut Vec<Difference>) {
    let (expected, actual) = (list(judged, "experiences"), list(found, "experiences"));
    let names = ["experience_id", "experience_key", "variation_id", "variation_key"];
    for one in expected.iter().filter(|one| !contains(actual, one, &names)) {
        differences.push(plain(format!("experience only in the referee's answer: {one}")));
    }
    for one in actual.iter().filter(|one| !contains(expected, one, &names)) {
        differences.push(plain(format!("experience only in the Rust answer: {one}")));
    }
    if differences.is_empty() && expected.len() != actual.len() {
        differences.push(plain("experiences are repeated".to_owned()));
    }
    let order =
        |answer: &[Value]| answer.iter().map(|one| field(one, "experience_id")).collect::<Vec<_>>();
    if differences.is_empty() && order(expected) != order(actual) {
        differences.push(plain("experiences are in another order".to_owned()));
    }
}

fn contains(answers: &[Value], wanted: &Value, names: &[&str]) -> bool {
    answers.iter().any(|one| names.iter().all(|name| field(one, name) == field(wanted, name)))
}

fn features(config: &Value, judged: &Value, found: &Value, differences: &mut Vec<Difference>) {
    let (expected, actual) = (list(judged, "features"), list(found, "features"));
    let names = ["feature_id", "feature_key", "experience_key", "variation_key"];
    let identity = |one: &Value| names.map(|name| field(one, name));
    let same_ones = expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(one, other)| identity(one) == identity(other));
    if !same_ones {
        let outline =
            |answer: &[Value]| answer.iter().map(|one| identity(one).join("/")).collect::<Vec<_>>();
        differences.push(plain(format!(
            "features: referee {:?}, Rust {:?}",
            outline(expected),
            outline(actual)
        )));
        return;
    }
    for (one, other) in expected.iter().zip(actual) {
        variables(config, one, other, differences);
    }
}

fn variables(config: &Value, expected: &Value, actual: &Value, differences: &mut Vec<Difference>) {
    let (Some(wanted), Some(given)) = (
        expected.get("variables").and_then(Value::as_object),
        actual.get("variables").and_then(Value::as_object),
    ) else {
        return differences
            .push(plain(format!("variables are no object: {expected} and {actual}")));
    };
    for (name, value) in wanted {
        match given.get(name) {
            Some(found) if same(value, found) => {}
            Some(found) => differences.push(Difference {
                what: format!(
                    "variable {name}: referee {value}, Rust {found} in {}",
                    outline(actual)
                ),
                explained_by: cast_difference(config, actual, name, value, found),
            }),
            None => differences
                .push(plain(format!("variable {name} is missing in {}", outline(actual)))),
        }
    }
    for name in given.keys().filter(|name| !wanted.contains_key(*name)) {
        differences.push(plain(format!("variable {name} is too many in {}", outline(actual))));
    }
}

/// A cast that gives the referee no JSON number may keep the raw value here, and nothing but the raw value.
fn cast_difference(
    config: &Value,
    feature: &Value,
    name: &str,
    judged: &Value,
    found: &Value,
) -> Option<&'static str> {
    let number = judged.get("$number").and_then(Value::as_str)?;
    let experiences = list(config, "experiences")
        .iter()
        .filter(|one| field(one, "key") == field(feature, "experience_key"));
    let variations = experiences.flat_map(|one| list(one, "variations"));
    let changes = variations
        .filter(|one| field(one, "key") == field(feature, "variation_key"))
        .flat_map(|one| list(one, "changes"))
        .filter_map(|change| change.get("data"))
        .filter(|data| field(data, "feature_id") == field(feature, "feature_id"));
    let mut raw =
        changes.filter_map(|data| data.get("variables_data").and_then(|all| all.get(name)));
    let keeps_raw = raw.any(|raw| same(raw, found));
    keeps_raw.then_some(if number == "NaN" { "failed-cast" } else { "infinite-cast" })
}

fn outline(feature: &Value) -> String {
    ["feature_key", "experience_key", "variation_key"].map(|name| field(feature, name)).join("/")
}

fn plain(what: String) -> Difference {
    Difference { what, explained_by: None }
}

/// The text of an id or key; what has no key is written as empty text.
fn field(entity: &Value, name: &str) -> String {
    match entity.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{compare, same};

    fn answer(variation: &str, count: &Value) -> Value {
        json!({
            "experiences": [{"experience_key": "e", "experience_id": "1", "variation_key": variation, "variation_id": "2"}],
            "features": [{"feature_key": "f", "feature_id": "7", "experience_key": "e", "variation_key": variation,
                "variables": {"count": count}}],
        })
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_types_are_not_mixed() {
        assert!(same(&json!([1, {"a": 2}]), &json!([1.0, {"a": 2.0}])));
        assert!(!same(&json!("1"), &json!(1)));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 1})));
    }

    #[test]
    fn another_variation_or_variable_is_a_difference() {
        let one = answer("v", &json!(1));
        assert!(compare(&json!({}), &one, &answer("v", &json!(1.0))).is_empty());
        assert!(!compare(&json!({}), &one, &answer("w", &json!(1))).is_empty());
        assert!(!compare(&json!({}), &one, &answer("v", &json!("1"))).is_empty());
        assert!(!compare(&json!({}), &one, &json!({})).is_empty());
        assert!(!compare(&json!({}), &json!({"throws": "x"}), &json!({})).is_empty());
    }

    #[test]
    fn a_failed_cast_may_keep_the_raw_value_only() {
        let config = json!({"experiences": [{"id": "1", "key": "e", "variations": [{"id": "2", "key": "v",
            "changes": [{"data": {"feature_id": 7, "variables_data": {"count": "abc"}}}]}]}]});
        let judged = answer("v", &json!({"$number": "NaN"}));
        let kept = compare(&config, &judged, &answer("v", &json!("abc")));
        assert_eq!(kept.first().and_then(|one| one.explained_by), Some("failed-cast"));
        let other = compare(&config, &judged, &answer("v", &json!(0)));
        assert_eq!(other.first().and_then(|one| one.explained_by), None);
    }
}
