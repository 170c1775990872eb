//! The workload of the benchmarks, made from a fixed seed.

use convert_sdk::{Attributes, attributes};
use fastrand::Rng;
use serde_json::{Value, json};

/// A visitor of the workload.
pub(super) struct Visitor {
    pub(super) id: String,
    pub(super) attributes: Attributes,
}

/// A project of `experiences` experiences with four arms each; every second one has an audience of
/// two blocks with two elements each. Half as many features, twice as many audiences.
pub(super) fn project(experiences: usize) -> Value {
    json!({
        "account_id": "10035569",
        "project": {"id": "10034190", "name": "Workload", "utc_offset": "0"},
        "audiences": (0..2 * experiences).map(audience).collect::<Vec<_>>(),
        "features": (0..experiences / 2).map(feature).collect::<Vec<_>>(),
        "experiences": (0..experiences).map(|index| experience(index, experiences)).collect::<Vec<_>>(),
    })
}

/// The project of [`project`] with one more experience, `regex`, whose audience has a pattern.
pub(super) fn project_with_pattern(experiences: usize) -> Value {
    let block = json!({"OR_WHEN": [
        element("email", "regexMatches", &json!(PATTERN))]});
    project_with_audience(experiences, "regex", &json!({"OR": [{"AND": [block]}]}))
}

/// The project of [`project`] with one more experience of this name, whose audience has these rules.
pub(super) fn project_with_audience(experiences: usize, key: &str, rules: &Value) -> Value {
    let mut project = project(experiences);
    push(&mut project, "audiences", json!({"id": "77", "key": key, "rules": rules}));
    let mut experience = experience(0, 1);
    set(&mut experience, "id", json!("100999999"));
    set(&mut experience, "key", json!(key));
    set(&mut experience, "audiences", json!(["77"]));
    push(&mut project, "experiences", experience);
    project
}

/// A project of experiences each of which has an audience with these rules, in their order.
pub(super) fn project_with_audiences(rules: &[Value]) -> Value {
    let mut project = project(0);
    for (at, rules) in rules.iter().enumerate() {
        let id = at.to_string();
        push(&mut project, "audiences", json!({"id": id, "key": id, "rules": rules}));
        let mut experience = experience(at, 1);
        set(&mut experience, "audiences", json!([id]));
        push(&mut project, "experiences", experience);
    }
    project
}

/// A project of about 3 MB with 1,000 experiences.
pub(super) fn large_project() -> String {
    written_project(1_000)
}

/// A project as the service writes it, about 3 KB for each experience.
pub(super) fn written_project(experiences: usize) -> String {
    let mut project = project(experiences);
    let experiences = project.get_mut("experiences").and_then(Value::as_array_mut);
    for (index, experience) in experiences.into_iter().flatten().enumerate() {
        set(experience, "placeholders", json!([]));
        set(experience, "outliers", json!({"order_value": {"detection_type": "none"}}));
        let script = format!("window.experience = {index};").repeat(20);
        set(experience, "global_js", json!(script));
    }
    project.to_string()
}

/// Distinct visitors with five attributes and UUIDs for ids.
pub(super) fn visitors(count: usize) -> Vec<Visitor> {
    let mut random = Rng::with_seed(SEED);
    (0..count).map(|_| visitor(&mut random)).collect()
}

fn visitor(random: &mut Rng) -> Visitor {
    let bits = random.u128(..);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    let id = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    let country = pick(random, &["us", "DE", "fr", "Brazil", "jp", "gb"]);
    let plan = pick(random, &["free", "pro", "Team"]);
    let page = pick(random, &["/checkout/payment", "/products/shoes", "/Checkout", "/"]);
    let email = format!("{}@{}.com", part(0, 8), pick(random, &["example", "mail.example"]));
    let attributes = attributes! {
        "country_code" => country, "plan" => plan, "page" => page, "age" => random.u32(18..80),
        "email" => email,
    };
    Visitor { id, attributes }
}

fn pick<'t>(random: &mut Rng, texts: &[&'t str]) -> &'t str {
    random.choice(texts).copied().unwrap_or_default()
}

fn audience(index: usize) -> Value {
    let geography = json!({"OR_WHEN": [
        element("country_code", "isIn", &json!("us|de|fr|gb")),
        element("plan", "equals", &json!("pro")),
    ]});
    let behaviour = json!({"OR_WHEN": [
        element("page", "contains", &json!("checkout")),
        element("age", "less", &json!(40 + index % 20)),
    ]});
    json!({
        "id": (500_000 + index).to_string(), "key": format!("audience-{index}"),
        "name": format!("Audience {index}"), "type": "transient",
        "rules": {"OR": [{"AND": [geography, behaviour]}]},
    })
}

/// A rule that compares an attribute.
pub(super) fn element(key: &str, operator: &str, value: &Value) -> Value {
    json!({
        "rule_type": "generic_text_key_value", "key": key, "value": value,
        "matching": {"match_type": operator, "negated": false},
    })
}

fn feature(index: usize) -> Value {
    json!({
        "id": (700_000 + index).to_string(), "key": format!("feature-{index}"),
        "name": format!("Feature {index}"),
        "variables": [
            {"key": "enabled", "type": "boolean"}, {"key": "caption", "type": "string"},
            {"key": "size", "type": "integer"}, {"key": "layout", "type": "json"}],
    })
}

fn experience(index: usize, experiences: usize) -> Value {
    let audiences = if index % 2 == 0 { json!([(500_000 + index).to_string()]) } else { json!([]) };
    let arm = |arm: usize| {
        let feature = 700_000 + index % (experiences / 2).max(1);
        json!({
            "id": (1_003_000_000 + 10 * index + arm).to_string(), "key": format!("{index}-variation-{arm}"),
            "name": format!("Variation {arm}"), "status": "running", "traffic_allocation": 25.0,
            "changes": [{"id": 100 * index + arm, "type": "fullStackFeature", "data": {
                "feature_id": feature,
                "variables_data": {"enabled": "true", "caption": format!("Caption {arm}"), "size": "12",
                    "layout": "{\"columns\": [1, 2, 3], \"dense\": false}"}}}],
        })
    };
    json!({
        "id": (100_000_000 + index).to_string(), "key": format!("experience-{index}"),
        "name": format!("Experience {index}"), "type": "a/b_fullstack", "status": "active",
        "environment": "production", "version": 11, "locations": [], "site_area": null,
        "audiences": audiences, "goals": ["100322784"],
        "settings": {"matching_options": {"audiences": "any", "locations": "any"}},
        "variations": (0..4).map(arm).collect::<Vec<_>>(),
    })
}

fn push(project: &mut Value, list: &str, entity: Value) {
    if let Some(entities) = project.get_mut(list).and_then(Value::as_array_mut) {
        entities.push(entity);
    }
}

fn set(entity: &mut Value, member: &str, value: Value) {
    if let Some(members) = entity.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

/// What an address looks like.
pub(super) const PATTERN: &str = r"^[\w.+-]+@([a-z0-9-]+\.)+(com|org|net)$";
/// Fixed, so that every run measures the same work.
const SEED: u64 = 0x00c0_ffee;
