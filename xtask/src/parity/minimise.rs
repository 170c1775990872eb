//! Makes a failing case as small as it can be while it still fails.

use serde_json::Value;

use super::case::Case;

/// Takes parts away, one after another, as long as `fails` holds for what is left.
///
/// # Errors
/// Passes on what `fails` could not judge.
pub(crate) fn minimise(
    case: &Case,
    mut fails: impl FnMut(&Case) -> Result<bool, String>,
) -> Result<Case, String> {
    let mut smallest = case.clone();
    loop {
        let mut shrunk = false;
        for candidate in smaller(&smallest) {
            if fails(&candidate)? {
                smallest = candidate;
                shrunk = true;
                break;
            }
        }
        if !shrunk {
            return Ok(smallest);
        }
    }
}

/// Every case with one part less, the biggest parts first.
fn smaller(case: &Case) -> Vec<Case> {
    let config =
        without_one(&case.config, 8).into_iter().map(|config| Case { config, ..case.clone() });
    let visitors = case.visitors.first().map(|visitor| without_one(visitor, 3)).unwrap_or_default();
    let keeps_id = |visitor: &Value| visitor.get("visitor_id").is_some();
    let visitors = visitors
        .into_iter()
        .filter(keeps_id)
        .map(|visitor| Case { visitors: vec![visitor], ..case.clone() });
    visitors.chain(config).collect()
}

/// Every value that `value` becomes by taking one member or element away, down to `depth` levels.
fn without_one(value: &Value, depth: usize) -> Vec<Value> {
    let mut smaller = Vec::new();
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(index);
                smaller.push(Value::Array(fewer));
            }
        }
        Value::Object(fields) => {
            for name in fields.keys().filter(|name| !KEPT.contains(&name.as_str())) {
                let mut fewer = fields.clone();
                fewer.remove(name);
                smaller.push(Value::Object(fewer));
            }
        }
        _ => return smaller,
    }
    if depth > 0 {
        smaller.extend(deeper(value, depth));
    }
    smaller
}

fn deeper(value: &Value, depth: usize) -> Vec<Value> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| {
                without_one(item, depth - 1).into_iter().map(move |inner| {
                    let mut changed = items.clone();
                    if let Some(place) = changed.get_mut(index) {
                        *place = inner;
                    }
                    Value::Array(changed)
                })
            })
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, item)| {
                without_one(item, depth - 1).into_iter().map(move |inner| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), inner);
                    Value::Object(changed)
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

// Without these a config or an experience is refused, which would hide what is looked for.
const KEPT: &[&str] = &[
    "account_id",
    "project",
    "id",
    "key",
    "settings",
    "matching_options",
    "audiences",
    "visitor_id",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::minimise;
    use crate::parity::case::{Case, Judge};

    #[test]
    fn only_what_makes_it_fail_is_left() {
        let config = json!({"account_id": "1", "experiences": [{"id": "1"}, {"id": "2", "bad": [1, 2, 3], "good": 5}]});
        let visitors = vec![json!({"visitor_id": "v", "attributes": {"a": 1}})];
        let case = Case { judge: Judge::JavaScript, environment: None, config, visitors };
        let smallest = minimise(&case, |case| Ok(case.config.to_string().contains('3'))).unwrap();
        assert_eq!(
            smallest.config,
            json!({"account_id": "1", "experiences": [{"id": "2", "bad": [3]}]})
        );
        assert_eq!(smallest.visitors, vec![json!({"visitor_id": "v"})]);
    }
}
