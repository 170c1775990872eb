//! Random rule trees, and the values they compare.

use convert_sdk::{Value, ValueMap};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Json, object, text};

/// Makes the `rules` of an entity; one in thirteen trees has an empty or odd level.
pub(super) fn rules() -> BoxedStrategy<Json> {
    let block = vec(element(), 1..=2).prop_map(|elements| level("OR_WHEN", elements));
    let branch = vec(block, 1..=2).prop_map(|blocks| level("AND", blocks));
    let tree = vec(branch, 1..=2).prop_map(|branches| level("OR", branches));
    prop_oneof![7 => tree, 4 => easy_rules(), 1 => typed_element().prop_map(wrap), 1 => hollow_rules()].boxed()
}

/// Makes a mutual-exclusion rule about one of the first experiences, or about none there is.
pub(super) fn exclusion_rules() -> BoxedStrategy<Json> {
    (0..4_usize, any::<bool>())
        .prop_map(|(target, negated)| {
            let element = object([
                ("rule_type", Some(text("bucketed_into_experience_key"))),
                ("value", Some(text(format!("experience-{target}")))),
                ("matching", Some(matching("equals", negated))),
            ]);
            wrap(element)
        })
        .boxed()
}

/// Makes a value such as attributes and rules have: all kinds, and texts that are traps.
pub(super) fn value() -> BoxedStrategy<Json> {
    let scalar = prop_oneof![
        8 => select(TEXTS).prop_map(text),
        3 => (-3_i64..60).prop_map(Value::from),
        2 => select(NUMBERS).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => "\\PC{0,6}".prop_map(Value::from),
    ];
    prop_oneof![
        12 => scalar.clone(),
        2 => vec(scalar.clone(), 0..3).prop_map(Value::from),
        1 => (select(TEXTS), scalar)
            .prop_map(|(name, value)| Value::Map([(name, value)].into_iter().collect())),
        1 => Just(Value::Map(ValueMap::default())),
    ]
    .boxed()
}

/// Names of attributes; one differs from another only in its case.
pub(super) fn name() -> impl Strategy<Value = &'static str> {
    select(NAMES)
}

/// One comparison; some are malformed, some are for a provider or the clock.
fn element() -> BoxedStrategy<Json> {
    let by_key = (name(), select(OPERATORS), weighted(0.95, value()), any::<bool>());
    let by_pattern = (name(), select(PATTERNS), any::<bool>());
    prop_oneof![
        12 => by_key.prop_map(|(key, operator, value, negated)| {
            keyed(key, operator, value, negated)
        }),
        2 => typed_element(),
        2 => by_pattern.prop_map(|(key, pattern, negated)| {
            keyed(key, "regexMatches", Some(text(pattern)), negated)
        }),
        1 => (name(), value()).prop_map(|(key, matching)| object([
            ("key", Some(text(key))),
            ("value", Some(Value::from(true))),
            ("matching", Some(matching)),
        ])),
    ]
    .boxed()
}

/// A comparison of what a provider or the clock says.
fn typed_element() -> impl Strategy<Value = Json> {
    (select(RULE_TYPES), select(OPERATORS), value(), any::<bool>()).prop_map(
        |(rule_type, operator, value, negated)| {
            object([
                ("rule_type", Some(text(rule_type))),
                ("value", Some(value)),
                ("matching", Some(matching(operator, negated))),
            ])
        },
    )
}

/// Rules that most visitors meet, so that the gates behind them are reached.
fn easy_rules() -> impl Strategy<Value = Json> {
    prop_oneof![
        name().prop_map(|key| wrap(keyed(key, "doesNotExist", None, true))),
        name().prop_map(|key| wrap(keyed("plan", "equals", Some(text(key)), true))),
        Just(wrap(keyed("no-such-name", "doesNotExist", None, false))),
    ]
}

fn hollow_rules() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(object([])),
        Just(level("OR", Vec::new())),
        Just(level("OR", vec![level("AND", Vec::new())])),
        Just(level("OR", vec![level("AND", vec![level("OR_WHEN", Vec::new())])])),
        Just(level("OR", vec![text("odd"), level("AND", vec![Value::from(7)])])),
    ]
}

fn keyed(key: &str, operator: &str, value: Option<Json>, negated: bool) -> Json {
    object([
        ("rule_type", Some(text("generic_text_key_value"))),
        ("key", Some(text(key))),
        ("value", value),
        ("matching", Some(matching(operator, negated))),
    ])
}

fn matching(operator: &str, negated: bool) -> Json {
    object([("match_type", Some(text(operator))), ("negated", Some(Value::from(negated)))])
}

fn wrap(element: Json) -> Json {
    level("OR", vec![level("AND", vec![level("OR_WHEN", vec![element])])])
}

fn level(name: &str, items: Vec<Json>) -> Json {
    object([(name, Some(Value::from(items)))])
}

const NAMES: &[&str] = &["plan", "Plan", "age", "country", "tags", "profile", "größe"];
const RULE_TYPES: &[&str] = &[
    "country",
    "browser_name",
    "os",
    "js_condition",
    "browser_name",
    "local_time_hour_of_day",
    "project_time_day_of_week",
    "weather",
];
const OPERATORS: &[&str] = &[
    "equals",
    "equalsNumber",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "less",
    "lessEqual",
    "isIn",
    "regexMatches",
    "exists",
    "doesNotExist",
    "not_exists",
    "no_such_operator",
];
const TEXTS: &[&str] = &[
    "pro",
    "Pro",
    "free",
    "",
    " ",
    "42",
    "1,000",
    "0,500",
    "-.5",
    "1e3",
    "pro|free",
    "us|ca",
    "US",
    "true",
    "null",
    "[object Object]",
    "Straße",
    "ΟΔΟΣ",
    "İ",
    "🎯",
    "a,b",
];
const NUMBERS: &[f64] = &[0.1, -0.0, 1e21, 5e-7, 999.5, 9_007_199_254_740_992.0];
const PATTERNS: &[&str] =
    &["^pro$", "^(pro|free)", "[0-9]+", "p.o", "a{2,}", "(", "", "\\d+", "^$", "ß|σ"];
