//! Random serving configs.

use convert_sdk::Value;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::rules::{exclusion_rules, rules, value};
use super::{Json, object, text};

/// What a generated project may have.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Shape {
    /// The largest number of experiences.
    pub experiences: usize,
    /// Whether audiences may exclude by other experiences.
    pub exclusions: bool,
}

impl Shape {
    /// Up to six experiences, mutual exclusion included.
    pub const ANY: Shape = Shape { experiences: 6, exclusions: true };
    /// Up to six experiences that know nothing of one another.
    pub const INDEPENDENT: Shape = Shape { experiences: 6, exclusions: false };

    /// Changes the largest number of experiences.
    #[must_use]
    pub const fn experiences(self, experiences: usize) -> Shape {
        Shape { experiences, ..self }
    }
}

/// Makes whole configs.
pub fn project(shape: Shape) -> impl Strategy<Value = Json> {
    let experiences = vec(Just(()), 1..=shape.experiences)
        .prop_flat_map(|places| (0..places.len()).map(experience).collect::<Vec<_>>());
    let archived = subsequence(vec!["103", "104", "999"], 0..=1);
    (
        experiences,
        audiences(shape),
        carriers("location", 300, 3),
        segments(),
        features(),
        goals(),
        archived,
    )
        .prop_map(
            |(experiences, audiences, locations, segments, features, goals, archived)| {
                object([
                    ("account_id", Some(text("1"))),
                    (
                        "project",
                        Some(object([
                            ("id", Some(text("2"))),
                            ("utc_offset", Some(Value::from(7_200))),
                        ])),
                    ),
                    ("experiences", Some(Value::from(experiences))),
                    ("features", Some(features)),
                    ("goals", Some(goals)),
                    ("audiences", Some(audiences)),
                    ("locations", Some(locations)),
                    ("segments", Some(segments)),
                    ("archived_experiences", Some(ids(archived))),
                ])
            },
        )
}

/// Makes the arms of an anchored experience: parts of the traffic, whether each runs, and two
/// percentages per part, the first not above the second, by which all traffic grows.
///
/// Percentages are multiples of 1/64, so that doubles hold every product and sum exactly.
pub fn anchored_arms() -> impl Strategy<Value = (Vec<(u8, bool)>, f64, f64)> {
    (vec((1_u8..=10, any::<bool>()), 1..=5), 0_u32..=128, 0_u32..=128).prop_map(
        |(arms, one, other)| {
            let parts: u32 = arms.iter().map(|(part, _)| u32::from(*part)).sum();
            let step = |part: u32| f64::from(6_400 * part / (128 * parts)) / 64.0;
            (arms, step(one.min(other)), step(one.max(other)))
        },
    )
}

/// Makes what has no business in a list of experiences, or hardly any.
pub fn junk() -> impl Strategy<Value = Json> {
    let field = select(&[
        "id",
        "variations",
        "audiences",
        "locations",
        "site_area",
        "environment",
        "settings",
        "version",
        "goals",
        "key",
        "status",
        "name",
    ]);
    prop_oneof![
        1 => value(),
        4 => (experience(7), field, value()).prop_map(|(mut experience, name, junk)| {
            if let Value::Map(members) = &mut experience {
                members.edit(|members| {
                    members.retain(|(known, _)| known != name);
                    members.push((name.into(), junk));
                });
            }
            experience
        }),
        1 => (experience(7), vec(value(), 0..3)).prop_map(|(mut experience, junk)| {
            super::edit_items(&mut experience, "variations", |variations| variations.extend(junk));
            experience
        }),
    ]
}

fn experience(index: usize) -> BoxedStrategy<Json> {
    let references = (
        weighted(0.3, id_list(&["200", "201", "202", "203", "204", "299"])),
        weighted(0.1, id_list(&["400", "401"])),
        weighted(0.15, id_list(&["300", "301", "302", "399"])),
        weighted(0.06, rules()),
        weighted(0.5, matching_options()),
    );
    let version = prop_oneof![
        2 => Just(None),
        2 => (9_i64..14).prop_map(|version| Some(Value::from(version))),
        1 => Just(Some(text("12"))),
    ];
    let environment = weighted(0.15, select(&["staging", "live"]));
    (references, version, environment, variations(index))
        .prop_map(
            move |(
                (audiences, segments, locations, site_area, options),
                version,
                environment,
                arms,
            )| {
                let gates = match (audiences, segments) {
                    (None, None) => None,
                    (audiences, segments) => {
                        Some(ids(audiences.into_iter().chain(segments).flatten()))
                    }
                };
                object([
                    ("id", Some(text(format!("10{index}")))),
                    ("key", Some(text(format!("experience-{index}")))),
                    ("name", Some(text(format!("Experience {index}")))),
                    ("version", version),
                    ("environment", environment.map(text)),
                    ("locations", locations.map(ids)),
                    ("site_area", site_area),
                    ("audiences", gates),
                    ("settings", options),
                    ("variations", Some(arms)),
                ])
            },
        )
        .boxed()
}

fn matching_options() -> impl Strategy<Value = Json> {
    let choice = || weighted(0.8, select(&["any", "all"]).prop_map(text));
    (choice(), choice()).prop_map(|(audiences, locations)| {
        let options = object([("audiences", audiences), ("locations", locations)]);
        object([("matching_options", Some(options))])
    })
}

/// Arms with their ids in any order; one in thirty experiences has none.
fn variations(experience: usize) -> BoxedStrategy<Json> {
    let count = prop_oneof![1 => Just(0_usize), 30 => 1_usize..=4];
    count
        .prop_flat_map(move |count| {
            let order = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            (order, vec(arm(), count)).prop_map(move |(order, arms)| {
                let arms =
                    order.into_iter().zip(arms).map(|(place, (allocation, status, changes))| {
                        object([
                            ("id", Some(text(format!("10{experience}{place}")))),
                            ("key", Some(text(format!("variation-{experience}-{place}")))),
                            ("traffic_allocation", allocation),
                            ("status", status),
                            ("changes", changes),
                        ])
                    });
                Value::List(arms.collect())
            })
        })
        .boxed()
}

fn arm() -> BoxedStrategy<(Option<Json>, Option<Json>, Option<Json>)> {
    let allocation = prop_oneof![
        6 => select(&[50.0, 50.0, 25.0, 33.33, 100.0, 100.0, 0.01]).prop_map(|n| Some(Value::from(n))),
        1 => Just(None),
        1 => Just(Some(Value::from(0))),
        1 => Just(Some(Value::Null)),
    ];
    let status = weighted(0.5, prop_oneof![4 => Just("running"), 1 => Just("stopped")]);
    (allocation, status, weighted(0.6, vec(change(), 0..3)))
        .prop_map(|(allocation, status, changes)| {
            (allocation, status.map(text), changes.map(Value::from))
        })
        .boxed()
}

fn change() -> BoxedStrategy<Json> {
    let variables = (weighted(0.8, value()), weighted(0.8, value()), weighted(0.3, value()));
    let kind = prop_oneof![5 => Just("fullStackFeature"), 1 => Just("defaultCode")];
    (kind, select(&["500", "501", "502", "599"]), variables)
        .prop_map(|(kind, feature, (size, on, other))| {
            let variables = object([("size", size), ("on", on), ("other", other)]);
            object([
                ("type", Some(text(kind))),
                (
                    "data",
                    Some(object([
                        ("feature_id", Some(text(feature))),
                        ("variables_data", Some(variables)),
                    ])),
                ),
            ])
        })
        .boxed()
}

/// Four audiences by rules, permanent or not, and one that may exclude by an experience.
fn audiences(shape: Shape) -> BoxedStrategy<Json> {
    let last = if shape.exclusions { exclusion_rules().boxed() } else { rules().boxed() };
    let kinds = vec(weighted(0.6, select(&["permanent", "transient"])), 5);
    (vec(weighted(0.95, rules()), 4), last, kinds)
        .prop_map(|(mut rules, last, kinds)| {
            rules.push(Some(last));
            let audiences =
                rules.into_iter().zip(kinds).enumerate().map(|(index, (rules, kind))| {
                    object([
                        ("id", Some(text(format!("20{index}")))),
                        ("key", Some(text(format!("audience-{index}")))),
                        ("type", kind.map(text)),
                        ("rules", rules),
                    ])
                });
            Value::List(audiences.collect())
        })
        .boxed()
}

/// Entities that carry nothing but rules.
fn carriers(kind: &'static str, first: usize, count: usize) -> BoxedStrategy<Json> {
    vec(weighted(0.95, rules()), count)
        .prop_map(move |rules| {
            let entities = rules.into_iter().enumerate().map(|(index, rules)| {
                object([
                    ("id", Some(text((first + index).to_string()))),
                    ("key", Some(text(format!("{kind}-{index}")))),
                    ("rules", rules),
                ])
            });
            Value::List(entities.collect())
        })
        .boxed()
}

fn segments() -> impl Strategy<Value = Json> {
    carriers("segment", 400, 2)
}

fn goals() -> impl Strategy<Value = Json> {
    carriers("goal", 600, 2)
}

fn features() -> impl Strategy<Value = Json> {
    let kind = || select(&["boolean", "integer", "float", "string", "json", "colour"]);
    vec((kind(), kind()), 3).prop_map(|kinds| {
        let variable = |key, kind| object([("key", Some(text(key))), ("type", Some(text(kind)))]);
        let features = kinds.into_iter().enumerate().map(|(index, (size, on))| {
            let variables = vec![variable("size", size), variable("on", on)];
            object([
                ("id", Some(text(format!("50{index}")))),
                ("key", Some(text(format!("feature-{index}")))),
                ("variables", Some(Value::from(variables))),
            ])
        });
        Value::List(features.collect())
    })
}

fn id_list(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(all, 1..=2.min(all.len()))
}

fn ids(ids: impl IntoIterator<Item = &'static str>) -> Json {
    Value::List(ids.into_iter().map(text).collect())
}
