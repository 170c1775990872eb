//! The differences that are meant.
//!
//! Each is a rewriting of the case: the Rust side is right on a case with the difference when the referee gives the same answer on the case
//! without it. So an explanation never excuses more than the one thing it names, and every name is a line of PARITY.md.

use serde_json::{Value, json};

use super::case::Case;

/// One deliberate difference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explanation {
    /// Its line in PARITY.md.
    pub(crate) name: &'static str,
    rewrite: fn(&mut Case),
}

impl Explanation {
    /// The case as the referee must see it; none when the difference does not occur in it.
    pub(crate) fn apply(&self, case: &Case) -> Option<Case> {
        let mut rewritten = case.clone();
        (self.rewrite)(&mut rewritten);
        (rewritten != *case).then_some(rewritten)
    }
}

/// Every deliberate difference that a random case can hold, in the order they are tried.
pub(crate) const EXPLANATIONS: &[Explanation] = &[
    Explanation { name: "environment-default", rewrite: environment_default },
    Explanation { name: "matching-options-missing", rewrite: matching_options_missing },
    Explanation { name: "ids-as-text", rewrite: ids_as_text },
    Explanation { name: "malformed-throws", rewrite: malformed_throws },
    Explanation { name: "undeclared-feature", rewrite: undeclared_feature },
    Explanation { name: "repeated-entity", rewrite: repeated_entity },
];

/// The referee falls back on an environment of its own, so experiences lose theirs.
fn environment_default(case: &mut Case) {
    if case.environment.is_none() {
        each(&mut case.config, &["experiences"], |experience| remove(experience, "environment"));
    }
}

fn matching_options_missing(case: &mut Case) {
    each(&mut case.config, &["experiences"], |experience| {
        if experience
            .pointer("/settings/matching_options")
            .is_none_or(|options| !options.is_object())
        {
            insert(
                experience,
                "settings",
                json!({"matching_options": {"audiences": "any", "locations": "any"}}),
            );
        }
    });
}

fn ids_as_text(case: &mut Case) {
    for visitor in &mut case.visitors {
        let held =
            visitor.pointer_mut("/record/segments/customSegments").and_then(Value::as_array_mut);
        held.into_iter().flatten().for_each(|id| as_text(Some(id)));
    }
    each(&mut case.config, ENTITIES, |entity| {
        as_text(entity.get_mut("id"));
        for name in ["audiences", "locations"] {
            entity
                .get_mut(name)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .for_each(|id| as_text(Some(id)));
        }
        for variation in items(entity, "variations") {
            // Here as there, the number 0 is no id of a variation; the text would be one.
            as_text(variation.get_mut("id").filter(|id| id.as_f64() != Some(0.0)));
        }
    });
}

fn as_text(id: Option<&mut Value>) {
    if let Some(id) = id.filter(|id| id.is_number()) {
        *id = Value::from(id.to_string());
    }
}

/// Drops what is null where an object belongs, and puts an empty object where the place counts.
fn malformed_throws(case: &mut Case) {
    for list in ENTITIES {
        drop_null(case.config.get_mut(*list));
    }
    each(&mut case.config, &["experiences"], |experience| {
        drop_null(experience.get_mut("variations"));
        if experience.get("variations").is_none_or(|list| !list.is_array()) {
            insert(experience, "variations", json!([]));
        }
    });
    each(&mut case.config, &["audiences", "locations", "segments"], |entity| {
        if let Some(rules) = entity.get_mut("rules") {
            fill_nulls(rules, &["OR", "AND", "OR_WHEN"]);
        }
    });
    each(&mut case.config, &["segments"], |segment| {
        if segment.get("rules").is_none_or(Value::is_null) {
            insert(segment, "rules", json!({}));
        }
    });
}

fn fill_nulls(level: &mut Value, names: &[&str]) {
    let Some((name, deeper)) = names.split_first() else {
        return match level.get_mut("matching") {
            Some(matching) if matching.is_null() => *matching = json!({}),
            _ => {}
        };
    };
    for inner in level.get_mut(*name).and_then(Value::as_array_mut).into_iter().flatten() {
        if inner.is_null() {
            *inner = json!({});
        }
        fill_nulls(inner, deeper);
    }
}

fn undeclared_feature(case: &mut Case) {
    let declared: Vec<String> =
        items(&mut case.config, "features").filter_map(|one| one.get("id").map(text)).collect();
    each(&mut case.config, &["experiences"], |experience| {
        for variation in items(experience, "variations") {
            if let Some(changes) = variation.get_mut("changes").and_then(Value::as_array_mut) {
                let names_declared = |change: &Value| {
                    change.pointer("/data/feature_id").is_none_or(|id| declared.contains(&text(id)))
                };
                changes.retain(names_declared);
            }
        }
    });
}

fn repeated_entity(case: &mut Case) {
    for list in ENTITIES {
        if let Some(entities) = case.config.get_mut(*list).and_then(Value::as_array_mut) {
            let mut seen = Vec::new();
            entities.retain(|entity| {
                let id = entity.get("id").map(text).unwrap_or_default();
                let first = !seen.contains(&id);
                seen.push(id);
                first
            });
        }
    }
}

fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn each(config: &mut Value, lists: &[&str], mut change: impl FnMut(&mut Value)) {
    for list in lists {
        items(config, list).for_each(&mut change);
    }
}

fn items<'v>(entity: &'v mut Value, name: &str) -> impl Iterator<Item = &'v mut Value> {
    entity.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn drop_null(list: Option<&mut Value>) {
    if let Some(entities) = list.and_then(Value::as_array_mut) {
        entities.retain(|entity| !entity.is_null());
    }
}

fn insert(entity: &mut Value, name: &str, value: Value) {
    if let Some(fields) = entity.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn remove(entity: &mut Value, name: &str) {
    if let Some(fields) = entity.as_object_mut() {
        fields.remove(name);
    }
}

const ENTITIES: &[&str] = &["experiences", "audiences", "segments", "locations", "features"];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::EXPLANATIONS;
    use crate::parity::generate;
    use crate::workspace;

    #[test]
    fn every_explanation_is_a_line_of_the_parity_page() {
        let page = fs::read_to_string(workspace::root().join("PARITY.md")).unwrap();
        for name in EXPLANATIONS.iter().map(|one| one.name).chain(["failed-cast", "infinite-cast"])
        {
            assert!(page.contains(&format!("| `{name}` |")), "{name} is not in PARITY.md");
        }
    }

    #[test]
    fn an_explanation_applied_once_has_nothing_left_to_explain() {
        for case in (0..300).map(|seed| generate::case(seed, 1)) {
            for explanation in EXPLANATIONS {
                if let Some(rewritten) = explanation.apply(&case) {
                    assert!(explanation.apply(&rewritten).is_none(), "{}", explanation.name);
                }
            }
        }
    }
}
